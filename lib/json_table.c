#include "lib/json_table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json_names.h"
#include "lib/json_scan.h"
#include "lib/map.h"
#include "lib/str.h"

struct place { /* where in the document we are, innermost first */
    const struct place *around;
    const char *name; /* NULL: an item of a list */
    size_t len;
    size_t index;
};

struct reader {
    struct json_scan scan;
    struct arena *arena;
    struct err *err;
    bool told; /* err is set: what the scan noted no longer counts */
};

static const char *read_value(struct reader *r, const char *p, const struct json_field *f,
                              char *base, const struct place *at, int depth);

/* --- Errors --- */

static void add_path(struct str *path, const struct place *at)
{
    if (!at) return;
    add_path(path, at->around);
    if (!at->name) {
        str_add_f(path, "[%zu]", at->index);
        return;
    }
    if (path->len) str_add_c(path, '.');
    str_add_n(path, at->name, at->len < 63 ? at->len : 63);
}

/* Always NULL. */
PRINTF(3, 4)
static const char *fail(struct reader *r, const struct place *at, const char *fmt, ...)
{
    char what[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    auto_str path;
    str_init(&path, 200);
    add_path(&path, at);
    err_set(r->err, r->scan.code ? r->scan.code : ERR_INVALID, "%s", what);
    if (path.len) err_wrap(r->err, "%s", path.at);
    r->told = true;
    return NULL;
}

/* Says where the scan stopped, unless somebody has spoken. Always NULL. */
static const char *fail_scan(struct reader *r, const struct place *at)
{
    if (r->told) return NULL;
    return fail(r, at, "byte %zu: %s", (size_t)(r->scan.bad - r->scan.begin), r->scan.why);
}

static const char *skip(struct reader *r, const char *p, const struct place *at, int depth)
{
    p = json_scan_value(&r->scan, p, depth);
    return p ? p : fail_scan(r, at);
}

/* --- Scalars --- */

static bool is_number(char c)
{
    return c == '-' || (c >= '0' && c <= '9');
}

static const char *read_text(struct reader *r, const char *p, char **out, const struct place *at)
{
    struct json_slice text;
    if (*p != '"') return fail(r, at, "must be text");
    p = json_scan_text(&r->scan, p, &text);
    if (!p) return fail_scan(r, at);
    *out = json_slice_text(r->arena, text);
    return p;
}

static const char *read_scalar(struct reader *r, const char *p, char **out, const struct place *at)
{
    if (*p == '"') return read_text(r, p, out, at);
    if (*p == '{' || *p == '[') return fail(r, at, "must be text, a number or a bool");
    const char *end = skip(r, p, at, 0);
    if (end) *out = arena_strndup(r->arena, p, (size_t)(end - p));
    return end;
}

static const char *read_int(struct reader *r, const char *p, int64_t *out, const struct place *at)
{
    if (!is_number(*p)) return fail(r, at, "must be a whole number");
    const char *end = skip(r, p, at, 0);
    if (end && !json_number_int(p, (size_t)(end - p), out)) {
        return fail(r, at, "must be a whole number of at most 64 bit");
    }
    return end;
}

static const char *read_bool(struct reader *r, const char *p, bool *out, const struct place *at)
{
    if (*p != 't' && *p != 'f') return fail(r, at, "must be true or false");
    const char *end = skip(r, p, at, 0);
    if (end) *out = *p == 't';
    return end;
}

static const char *read_time(struct reader *r, const char *p, int64_t *out, const struct place *at)
{
    char *text = NULL;
    struct err why;
    p = read_text(r, p, &text, at);
    if (p && time_parse(text, out, &why) < 0) return fail(r, at, "%s", why.text);
    return p;
}

/* --- Lists and maps --- */

/* Refuses to go on when the arena is half full: see json_arena_full. */
static const char *check_room(struct reader *r, const char *p, size_t more, const struct place *at)
{
    if (!json_arena_full(r->arena, more)) return p;
    r->scan.code = ERR_TOO_BIG;
    return fail(r, at, "too many values");
}

/* Room for one more item of size bytes at the end, zeroed. *cap is how many there is room for.
 * NULL after an error. */
static void *list_add(struct reader *r, struct json_list *list, size_t *cap, size_t size,
                      const struct place *at)
{
    if (list->count == *cap) {
        *cap = *cap ? *cap * 2 : 4;
        if (!check_room(r, "", *cap * size, at)) return NULL;
        void *items = arena_alloc(r->arena, *cap * size);
        if (list->count) memcpy(items, list->items, list->count * size);
        list->items = items;
    }
    return memset((char *)list->items + list->count++ * size, 0, size);
}

static const char *read_item(struct reader *r, const char *p, const struct json_field *f,
                             void *item, const struct place *at, int depth)
{
    if (f->type == JSON_TEXTS) return check_room(r, p, 0, at) ? read_text(r, p, item, at) : NULL;
    struct json_field object = {.type = JSON_OBJECT, .table = f->table};
    return read_value(r, p, &object, item, at, depth);
}

static const char *read_list(struct reader *r, const char *p, const struct json_field *f,
                             struct json_list *out, const struct place *around, int depth)
{
    struct json_list list = {0};
    struct place at = {.around = around};
    size_t cap = 0, size = f->type == JSON_TEXTS ? sizeof(char *) : f->table->size;
    bool more = false;
    assert(size > 0);
    if (*p != '[') return fail(r, around, "must be a list");
    p = json_scan_open(&r->scan, p, depth, &more);
    for (; p && more; at.index++) {
        if (p == r->scan.end || *p == 'n') {
            p = skip(r, p, &at, depth + 1);
        } else {
            void *item = list_add(r, &list, &cap, size, &at);
            p = item ? read_item(r, p, f, item, &at, depth + 1) : NULL;
        }
        if (p) p = json_scan_more(&r->scan, p, ']', &more);
    }
    if (!p) return fail_scan(r, around);
    *out = list;
    return p;
}

/* A member's name, unescaped if it must be; a second one of that name is an error. */
static const char *read_name(struct reader *r, const char *p, struct json_names *names,
                             struct place *at)
{
    struct json_slice name;
    p = json_scan_name(&r->scan, p, &name);
    if (!p) return fail_scan(r, at->around);
    at->name = name.at;
    at->len = name.len;
    if (name.escaped) {
        char *plain = arena_alloc(r->arena, name.len + 1);
        at->len = json_unescape(plain, name);
        at->name = plain;
    }
    const char *why = json_names_add(names, r->arena, at->name, at->len);
    if (why) return fail(r, at, "%s", why);
    if (p == r->scan.end) return skip(r, p, at, 0); /* fails: the text ends too early */
    return check_room(r, p, 0, at);
}

static const char *read_map(struct reader *r, const char *p, struct json_list *out,
                            const struct place *around, int depth)
{
    struct json_list list = {0};
    struct json_names names = {0};
    struct place at = {.around = around};
    size_t cap = 0;
    bool more = false;
    if (*p != '{') return fail(r, around, "must be an object");
    p = json_scan_open(&r->scan, p, depth, &more);
    while (p && more) {
        p = read_name(r, p, &names, &at);
        if (p && *p == 'n') {
            p = skip(r, p, &at, depth + 1);
        } else if (p) {
            struct json_pair *pair = list_add(r, &list, &cap, sizeof(*pair), &at);
            if (!pair) return NULL;
            pair->key = arena_strndup(r->arena, at.name, at.len);
            p = read_scalar(r, p, &pair->value, &at);
        }
        if (p) p = json_scan_more(&r->scan, p, '}', &more);
    }
    if (!p) return fail_scan(r, around);
    *out = list;
    return p;
}

/* --- Objects --- */

static bool has_name(const struct json_field *f, const struct place *at)
{
    return f->name[0] == at->name[0] && strncmp(f->name, at->name, at->len) == 0 &&
           f->name[at->len] == '\0';
}

static const char *fail_unknown(struct reader *r, const struct json_table *table,
                                const struct place *at)
{
    auto_str known;
    str_init(&known, 150);
    for (size_t i = 0; i < table->count; i++) {
        str_add_f(&known, "%s%s", i ? ", " : "", table->fields[i].name);
    }
    return fail(r, at, "is not known here; known are %s%s", known.at, known.over ? ", ..." : "");
}

/* Gives a member's value to each row of its name. *seen has a bit for each row that got one. */
static const char *read_member(struct reader *r, const char *p, const struct json_table *table,
                               char *base, uint64_t *seen, const struct place *at, int depth)
{
    const char *end = NULL;
    bool known = false;
    for (size_t i = 0; i < table->count; i++) {
        const struct json_field *f = &table->fields[i];
        if (!has_name(f, at)) continue;
        known = true;
        if (*p == 'n') break;
        end = read_value(r, p, f, base + f->offset, at, depth);
        if (!end) return NULL;
        *seen |= (uint64_t)1 << i;
    }
    if (!known && table->refuse_unknown) return fail_unknown(r, table, at);
    return end ? end : skip(r, p, at, depth);
}

static const char *check_required(struct reader *r, const char *p, const struct json_table *table,
                                  uint64_t seen, const struct place *around)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct json_field *f = &table->fields[i];
        if (!(f->flags & JSON_REQUIRED) || seen >> i & 1) continue;
        struct place at = {.around = around, .name = f->name, .len = strlen(f->name)};
        return fail(r, &at, "is missing");
    }
    return p;
}

static bool takes_flaws(const struct json_table *table)
{
    return table->count > 0 && table->fields[0].type == JSON_FLAW;
}

/* A member did not fit its row: notes that in the flaw if the table has one and the text is sound.
 * The place behind the value at p, or NULL. */
static const char *take_flaw(struct reader *r, const char *p, const struct json_table *table,
                             char *base, const struct place *at, int depth)
{
    if (!takes_flaws(table) || r->scan.why || r->scan.code) return NULL;
    char **flaw = (char **)(void *)(base + table->fields[0].offset);
    *flaw = *flaw ? arena_printf(r->arena, "%s; %s", *flaw, r->err->text)
                  : arena_strdup(r->arena, r->err->text);
    *r->err = (struct err){0};
    r->told = false;
    return skip(r, p, at, depth);
}

static const char *read_object(struct reader *r, const char *p, const struct json_table *table,
                               char *base, const struct place *around, int depth)
{
    struct json_names names;
    struct place at = {.around = takes_flaws(table) ? NULL : around};
    uint64_t seen = 0;
    bool more = false;
    assert(table->count <= 64);
    names.count = names.cap = 0; /* not all of it: the array is big */
    names.many = NULL;
    if (*p != '{') return fail(r, around, "must be an object");
    p = json_scan_open(&r->scan, p, depth, &more);
    while (p && more) {
        const char *value = read_name(r, p, &names, &at);
        p = value ? read_member(r, value, table, base, &seen, &at, depth + 1) : NULL;
        if (value && !p) p = take_flaw(r, value, table, base, &at, depth + 1);
        if (p) p = json_scan_more(&r->scan, p, '}', &more);
    }
    if (!p) return fail_scan(r, around);
    return check_required(r, p, table, seen, around);
}

/* --- All types --- */

/* Something of the value's own text: the text itself, its hash, or that it is there. */
static const char *read_whole(struct reader *r, const char *p, const struct json_field *f,
                              char *to, const struct place *at, int depth)
{
    const char *end = skip(r, p, at, depth);
    if (!end) return NULL;
    size_t n = (size_t)(end - p);
    if (f->type == JSON_RAW) {
        *(char **)(void *)to = arena_strndup(r->arena, p, n);
    } else if (f->type == JSON_HASH) {
        uint64_t hash = hash_bytes(p, n, 0);
        *(uint64_t *)(void *)to = hash ? hash : 1;
    } else {
        *(bool *)to = true;
    }
    return end;
}

/* p is at the value's first byte, which is there and does not begin a null. */
static const char *read_value(struct reader *r, const char *p, const struct json_field *f,
                              char *base, const struct place *at, int depth)
{
    void *to = base;
    switch (f->type) {
    case JSON_TEXT: return read_text(r, p, to, at);
    case JSON_SCALAR: return read_scalar(r, p, to, at);
    case JSON_INT: return read_int(r, p, to, at);
    case JSON_BOOL: return read_bool(r, p, to, at);
    case JSON_TIME: return read_time(r, p, to, at);
    case JSON_RAW:
    case JSON_HASH:
    case JSON_PRESENT: return read_whole(r, p, f, base, at, depth);
    case JSON_OBJECT: return read_object(r, p, f->table, base, at, depth);
    case JSON_LIST:
    case JSON_TEXTS: return read_list(r, p, f, to, at, depth);
    case JSON_MAP: return read_map(r, p, to, at, depth);
    case JSON_FLAW: return skip(r, p, at, depth); /* no member is called so on purpose */
    }
    return fail(r, at, "has a row of no type");
}

int json_decode(struct arena *a, const char *text, size_t n, const struct json_table *table,
                void *out, struct err *err)
{
    struct err unheard = {0};
    struct reader r = {
        .scan = {.begin = text, .end = text + n},
        .arena = a,
        .err = err ? err : &unheard,
    };
    const char *p = json_scan_space(&r.scan, text);
    if (p == r.scan.end || *p == 'n') { /* nothing, or null: an object without members */
        p = skip(&r, p, NULL, 0);
        if (p) p = check_required(&r, p, table, 0, NULL);
    } else {
        p = read_object(&r, p, table, out, NULL, 0);
    }
    if (p && !json_scan_end(&r.scan, p)) fail_scan(&r, NULL);
    return r.told ? -1 : 0;
}

int json_check(const char *text, size_t n, struct err *err)
{
    struct json_scan s = {.begin = text, .end = text + n};
    const char *p = json_scan_value(&s, json_scan_space(&s, text), 0);
    if (p) p = json_scan_end(&s, p);
    return p ? 0 : json_scan_err(&s, err);
}
