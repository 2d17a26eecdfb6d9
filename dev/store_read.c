#include "dev/store_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dev/store_select.h"
#include "dev/store_status.h"

static const char TOO_OLD[] = "The resourceVersion for the provided list is too old.";
static const char TOKEN_TOO_OLD[] =
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list.";

bool store_rv_parse(const char *text, uint64_t *out)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 19 || text[n] || (n > 1 && text[0] == '0')) return false;
    *out = strtoull(text, NULL, 10);
    return true;
}

uint64_t store_seen(const struct store_job *job)
{
    uint64_t rv = job->call->replica_rv;
    if (rv == 0 || rv > job->s->rv) rv = job->s->rv;
    return rv < job->type->compacted ? job->type->compacted : rv;
}

void store_range(const struct store_type *t, const struct store_path *p, struct arena *a,
                 size_t *first, size_t *end)
{
    *first = 0;
    *end = t->key_count;
    if (!*p->ns) return;
    *first = store_key_index(t, arena_printf(a, "%s/", p->ns));
    *end = store_key_index(t, arena_printf(a, "%s0", p->ns)); /* '0' follows '/' */
}

/* The answer where a version cannot be read at all. */
static bool bad_rv(struct store_job *job, const char *text)
{
    store_bad_request(job->a, job->out,
                      arena_printf(job->a, "invalid resource version: resourceVersion: Invalid "
                                           "value: \"%s\": strconv.ParseUint: parsing \"%s\": "
                                           "invalid syntax", text, text));
    return false;
}

static bool not_older_than(struct store_job *job, uint64_t wanted, uint64_t *at)
{
    *at = store_seen(job);
    if (wanted <= *at) return true;
    store_too_large_version(job->a, job->out, wanted, *at);
    return false;
}

void store_get_one(struct store_job *job)
{
    struct store_path *p = &job->path;
    uint64_t at = job->s->rv, wanted;
    if (store_path_true(p->watch)) {
        store_bad_request(job->a, job->out, "watch is not a plain request");
        return;
    }
    if (p->rv && *p->rv) {
        if (!store_rv_parse(p->rv, &wanted)) {
            bad_rv(job, p->rv);
            return;
        }
        if (!not_older_than(job, wanted, &at)) return;
    }
    const char *path = store_key_path(job->a, p->type, p->ns, p->name);
    const struct store_key *key = store_key_find(job->type, path);
    const struct store_object *o = key ? store_as_of(key, at) : NULL;
    if (o) store_answer_object(job, o, 200);
    else store_not_found(job->a, job->out, p->type, p->name);
}

/* --- Lists --- */

struct list {
    uint64_t at;       /* the version that the list shows */
    const char *start; /* path of its first key; NULL: from the beginning */
    size_t limit;      /* 0: none */
    struct store_selector selector;
};

static bool option_error(struct store_job *job, const char *message)
{
    const struct store_field_error error = {"resourceVersionMatch", "FieldValueForbidden", message};
    store_invalid_options(job->a, job->out, "ListOptions", &error);
    return false;
}

static bool exact(struct store_job *job, uint64_t wanted, uint64_t *at)
{
    *at = wanted;
    if (wanted > job->s->rv) {
        store_too_large_version(job->a, job->out, wanted, job->s->rv);
        return false;
    }
    if (wanted >= job->type->compacted) return true;
    store_expired(job->a, job->out, TOO_OLD, NULL);
    return false;
}

/* A token is "v1:<version>:<path of the next key>"; version 0 takes up an inconsistent list. */
static bool read_token(struct store_job *job, struct list *list)
{
    const char *token = job->path.cont;
    uint64_t at = 0;
    const char *colon = strncmp(token, "v1:", 3) == 0 ? strchr(token + 3, ':') : NULL;
    const char *digits = colon ? arena_strndup(job->a, token + 3, (size_t)(colon - token - 3)) : "";
    if (!colon || !store_rv_parse(digits, &at) || at > job->s->rv) {
        store_bad_request(job->a, job->out, "continue key is not valid");
        return false;
    }
    list->start = colon + 1;
    list->at = at ? at : job->s->rv;
    if (list->at >= job->type->compacted) return true;
    store_expired(job->a, job->out, TOKEN_TOO_OLD, arena_printf(job->a, "v1:0:%s", list->start));
    return false;
}

static bool resolve_version(struct store_job *job, struct list *list)
{
    const struct store_path *p = &job->path;
    bool has_rv = p->rv && *p->rv, has_match = p->rv_match && *p->rv_match;
    bool is_exact = str_equal(p->rv_match, "Exact");
    uint64_t wanted = 0;
    if (p->cont && *p->cont) {
        if (has_match) {
            return option_error(job, "Forbidden: resourceVersionMatch is forbidden when continue "
                                     "is provided");
        }
        if (!has_rv || str_equal(p->rv, "0")) return read_token(job, list);
        store_bad_request(job->a, job->out,
                          "specifying resource version is not allowed when using continue");
        return false;
    }
    if (has_match && !has_rv) {
        return option_error(job, "Forbidden: resourceVersionMatch is forbidden unless "
                                 "resourceVersion is provided");
    }
    if (has_match && !is_exact && !str_equal(p->rv_match, "NotOlderThan")) {
        const struct store_field_error error = {
            "resourceVersionMatch", "FieldValueNotSupported",
            arena_printf(job->a, "Unsupported value: \"%s\": supported values: \"Exact\", "
                                 "\"NotOlderThan\", \"\"", p->rv_match)};
        store_invalid_options(job->a, job->out, "ListOptions", &error);
        return false;
    }
    list->at = job->s->rv;
    if (!has_rv) return true;
    if (!store_rv_parse(p->rv, &wanted)) return bad_rv(job, p->rv);
    if (is_exact && wanted == 0) {
        return option_error(job, "Forbidden: resourceVersionMatch \"exact\" is forbidden for "
                                 "resourceVersion \"0\"");
    }
    if (wanted > 0 && (is_exact || (!has_match && list->limit > 0))) {
        return exact(job, wanted, &list->at);
    }
    return not_older_than(job, wanted, &list->at);
}

static bool read_list(struct store_job *job, struct list *list)
{
    const struct store_path *p = &job->path;
    uint64_t limit = 0;
    if (p->limit && *p->limit && !store_rv_parse(p->limit, &limit)) {
        store_bad_request(job->a, job->out, "limit must be a whole number");
        return false;
    }
    list->limit = (size_t)limit;
    const char *wrong =
        store_selector_parse(job->a, p->type, p->labels, p->fields, &list->selector);
    if (wrong) {
        store_bad_request(job->a, job->out, wrong);
        return false;
    }
    return resolve_version(job, list);
}

/* How many live at that version from key i on. */
static size_t remaining(const struct store_type *t, size_t i, size_t end, uint64_t at)
{
    size_t n = 0;
    for (; i < end; i++) n += store_as_of(t->keys[i], at) != NULL;
    return n;
}

/* The items, comma between, into s->out; the index of the key after the last one looked at. A full
 * page ends at once: what is left may match nothing, and the last page may be empty. */
static size_t write_items(struct store_job *job, const struct list *list, size_t i, size_t end)
{
    struct store_shape shape = {.no_head = !(job->path.type->flags & RES_CUSTOM),
                                .no_fields = job->s->config.no_managed_fields};
    struct str *out = &job->s->out;
    size_t n = 0;
    for (; i < end; i++) {
        const struct store_object *o = store_as_of(job->type->keys[i], list->at);
        if (!o) continue;
        if ((list->limit && n == list->limit) || out->len > STORE_LIST_BYTES) break;
        if (!store_selects(&list->selector, o)) continue;
        if (n++) str_add_c(out, ',');
        store_object_write(out, o, shape);
    }
    return i;
}

static const char *list_head(struct store_job *job, const struct list *list, size_t i, size_t end)
{
    const struct resource *r = job->path.type;
    auto_str s;
    str_init(&s, 4096);
    str_add_f(&s, "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":"
                  "\"%" PRIu64 "\"", r->kind, resource_api_version(r, job->a), list->at);
    if (i < end) {
        str_add_f(&s, ",\"continue\":\"v1:%" PRIu64 ":%s\"", list->at, job->type->keys[i]->path);
        if (!list->selector.first) {
            str_add_f(&s, ",\"remainingItemCount\":%zu",
                      remaining(job->type, i, end, list->at));
        }
    } else if (r->flags & RES_CUSTOM) {
        str_add(&s, ",\"continue\":\"\"");
    }
    str_add(&s, "},\"items\":[");
    return arena_strndup(job->a, s.at, s.len);
}

void store_list(struct store_job *job)
{
    struct list list = {0};
    if (store_path_true(job->path.watch)) {
        store_bad_request(job->a, job->out, "watch is not a plain request");
        return;
    }
    if (!read_list(job, &list)) return;

    size_t i, end;
    store_range(job->type, &job->path, job->a, &i, &end);
    if (list.start) {
        size_t start = store_key_index(job->type, list.start);
        if (start > i) i = start < end ? start : end;
    }
    struct str *out = &job->s->out;
    str_clear(out);
    i = write_items(job, &list, i, end);

    const char *head = list_head(job, &list, i, end);
    size_t head_len = strlen(head);
    char *body = arena_alloc(job->a, head_len + out->len + 3);
    memcpy(body, head, head_len);
    memcpy(body + head_len, out->at, out->len);
    memcpy(body + head_len + out->len, "]}", 3);
    job->out->body = body;
    job->out->len = head_len + out->len + 2;
    job->out->code = 200;
}
