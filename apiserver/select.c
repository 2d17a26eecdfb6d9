#include "apiserver/select.h"

#include <stdlib.h>
#include <string.h>

#include "lib/format.h"
#include "lib/str.h"

enum { LIMIT_MOST = 1000 };

/* --- Parameters --- */

static int read_limit(const char *text, size_t *out, struct err *err)
{
    char *end;
    long n = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
    if (n < 1 || n > LIMIT_MOST || *end)
        return err_set(err, ERR_INVALID, "limit: write a whole number from 1 to %d", LIMIT_MOST);
    *out = (size_t)n;
    return 0;
}

static int read_sort(struct select *s, const char *text, struct err *err)
{
    s->descending = *text == '-';
    const char *name = text + s->descending;
    for (const struct select_sort *sort = s->kind->sorts; sort->name; sort++) {
        if (strcmp(sort->name, name) != 0) continue;
        s->sort = sort->by;
        return 0;
    }
    err_set(err, ERR_INVALID, "sort: write one of");
    for (const struct select_sort *sort = s->kind->sorts; sort->name; sort++) {
        size_t n = strlen(err->text);
        str_copy(err->text + n, sizeof(err->text) - n, sort == s->kind->sorts ? " " : ", ");
        n = strlen(err->text);
        str_copy(err->text + n, sizeof(err->text) - n, sort->name);
    }
    return -1;
}

/* "value\nkey", made by add_token. */
static int read_token(const char *text, struct arena *a, struct select *s, struct err *err)
{
    char *value = arena_strdup(a, text), *key = strchr(value, '\n');
    if (!key) return err_set(err, ERR_INVALID, "continue: write what the page before ended with");
    *key = '\0';
    s->after_value = value;
    s->after_key = key + 1;
    return 0;
}

static int read_one(struct select *s, const struct query_pair *p, struct arena *a,
                    struct err *err)
{
    for (const struct select_param *param = s->kind->params; param->name; param++) {
        if (strcmp(param->name, p->name) != 0) continue;
        s->equal[param->field] = p->value;
        return 0;
    }
    if (strcmp(p->name, "namespace") == 0) {
        s->ns = p->value;
    } else if (strcmp(p->name, "search") == 0) {
        s->search = p->value;
    } else if (strcmp(p->name, "limit") == 0) {
        return read_limit(p->value, &s->limit, err);
    } else if (strcmp(p->name, "sort") == 0) {
        return read_sort(s, p->value, err);
    } else if (strcmp(p->name, "continue") == 0) {
        return read_token(p->value, a, s, err);
    } else if (strcmp(p->name, "tag") == 0 || strcmp(p->name, "tags") == 0) {
        s->tags = p->value;
    } else {
        return err_set(err, ERR_INVALID, "%.64s: there is no such parameter here", p->name);
    }
    return 0;
}

int select_read(const struct select_kind *kind, const struct query *query, struct arena *a,
                struct select *out, struct err *err)
{
    *out = (struct select){.kind = kind, .sort = SELECT_BY_KEY};
    for (size_t i = 0; i < query->count; i++) {
        if (read_one(out, &query->pairs[i], a, err) < 0) return -1;
    }
    return 0;
}

/* --- What fits --- */

static bool has_tag(const char *tags, const char *tag, size_t n)
{
    for (const char *at = strchr(tags, '\n'); at; at = strchr(at + 1, '\n')) {
        if (strncmp(at + 1, tag, n) == 0 && at[1 + n] == '\n') return true;
    }
    return false;
}

static bool has_tags(const char *tags, const char *wanted)
{
    while (*wanted) {
        size_t n = strcspn(wanted, ",");
        if (n > 0 && !has_tag(tags, wanted, n)) return false;
        wanted += n + (wanted[n] == ',');
    }
    return true;
}

static bool is_in_namespace(const char *key, const char *ns)
{
    size_t n = strlen(ns);
    return strncmp(key, ns, n) == 0 && key[n] == '/';
}

static bool has_words(const struct select *s, const struct snap_item *item)
{
    for (int i = 0; i < SNAP_FIELDS; i++) {
        if (s->kind->search_fields & (1u << i) && strcasestr(item->field[i], s->search))
            return true;
    }
    return false;
}

static bool fits(const struct select *s, const struct snap_item *item)
{
    if (s->ns && *s->ns && !is_in_namespace(item->key, s->ns)) return false;
    if (s->user && strcmp(item->field[s->user_field], s->user) != 0) return false;
    for (int i = 0; i < SNAP_FIELDS; i++) {
        if (s->equal[i] && strcmp(item->field[i], s->equal[i]) != 0) return false;
    }
    if (s->tags && s->kind->tags_field >= 0 && !has_tags(item->field[s->kind->tags_field], s->tags))
        return false;
    return !s->search || has_words(s, item);
}

/* --- In which order --- */

static const char *value_of(const struct snap_item *item, int sort, char buffer[24])
{
    if (sort >= 0) return item->field[sort];
    if (sort == SELECT_BY_KEY) return "";
    format(buffer, 24, "%lld", (long long)item->created_ms); /* of 13 digits till the year 2286 */
    return buffer;
}

static int compare_values(const char *a, const char *a_key, const char *b, const char *b_key,
                          bool descending)
{
    int order = strcmp(a, b);
    if (order == 0) return strcmp(a_key, b_key); /* names go up, whatever the values do */
    return descending ? -order : order;
}

static int compare(const void *a, const void *b, void *user)
{
    const struct select *s = user;
    const struct snap_item *x = *(const struct snap_item *const *)a;
    const struct snap_item *y = *(const struct snap_item *const *)b;
    char of_x[24], of_y[24];
    return compare_values(value_of(x, s->sort, of_x), x->key, value_of(y, s->sort, of_y), y->key,
                          s->descending);
}

static bool is_after(const struct select *s, const struct snap_item *item)
{
    char buffer[24];
    return !s->after_key || compare_values(value_of(item, s->sort, buffer), item->key,
                                           s->after_value, s->after_key, s->descending) > 0;
}

/* --- The page --- */

static const char *token_of(const struct select *s, const struct snap_item *last, struct arena *a)
{
    char buffer[24];
    return arena_printf(a, "%s\n%s", value_of(last, s->sort, buffer), last->key);
}

void select_page(const struct select *s, const struct snapshot *from, struct arena *a,
                 struct select_page *out)
{
    const struct snap_item **items = arena_alloc(a, (from->count + 1) * sizeof(*items));
    size_t fitting = 0, first = 0;
    for (size_t i = 0; i < from->count; i++) {
        if (fits(s, from->items[i])) items[fitting++] = from->items[i];
    }
    if (s->sort != SELECT_BY_KEY || s->descending)
        qsort_r(items, fitting, sizeof(*items), compare, (void *)(uintptr_t)s);
    while (first < fitting && !is_after(s, items[first])) first++;
    size_t count = fitting - first;
    if (s->limit > 0 && count > s->limit) count = s->limit;
    *out = (struct select_page){.items = items + first, .count = count, .total = fitting};
    if (first + count < fitting) out->next = token_of(s, items[first + count - 1], a);
}
