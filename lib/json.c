#include "lib/json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json_names.h"
#include "lib/json_scan.h"
#include "lib/limits.h"
#include "lib/xalloc.h"

/* A struct json is a cJSON node. Our own scanner reads the text, so that json_parse accepts what
 * json_check accepts; cJSON keeps the tree. Numbers are nodes of cJSON's raw type, which hold the
 * text: cJSON's own are doubles, and those lose digits. */

static const int64_t EXACT_MAX = (int64_t)1 << 53;

/* --- cJSON's memory --- */

static _Thread_local struct arena *current; /* set only while a cJSON function may allocate */

static void *tree_alloc(size_t size)
{
    assert(current);
    return arena_alloc(current, size);
}

static void tree_free(void *at)
{
    (void)at; /* goes with its arena */
}

__attribute__((constructor)) static void install_hooks(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = tree_alloc, .free_fn = tree_free});
}

static struct json *made(cJSON *node)
{
    current = NULL;
    assert(node);
    return (struct json *)node;
}

static cJSON *node_of(const struct json *value)
{
    return (cJSON *)(uintptr_t)value; /* cJSON's readers are not all const */
}

/* --- Parsing --- */

struct parser {
    struct json_scan scan;
    struct arena *arena;
};

static const char *parse_value(struct parser *r, const char *p, cJSON **out, int depth);

static const char *parse_text(struct parser *r, const char *p, cJSON **out)
{
    struct json_slice text;
    p = json_scan_text(&r->scan, p, &text);
    if (p) *out = cJSON_CreateStringReference(json_slice_text(r->arena, text));
    return p;
}

static const char *parse_array(struct parser *r, const char *p, cJSON **out, int depth)
{
    bool more = false;
    *out = cJSON_CreateArray();
    p = json_scan_open(&r->scan, p, depth, &more);
    while (p && more) {
        cJSON *item = NULL;
        p = parse_value(r, p, &item, depth + 1);
        if (!p) return NULL;
        cJSON_AddItemToArray(*out, item);
        p = json_scan_more(&r->scan, p, ']', &more);
    }
    return p;
}

static const char *parse_object(struct parser *r, const char *p, cJSON **out, int depth)
{
    struct json_names names = {0};
    bool more = false;
    *out = cJSON_CreateObject();
    p = json_scan_open(&r->scan, p, depth, &more);
    while (p && more) {
        struct json_slice slice;
        cJSON *member = NULL;
        const char *at = p;
        p = json_scan_name(&r->scan, p, &slice);
        if (!p) return NULL;
        char *name = json_slice_text(r->arena, slice);
        const char *why = json_names_add(&names, r->arena, name, strlen(name));
        if (why) why = arena_printf(r->arena, "'%.99s' %s", name, why);
        if (why) return json_scan_fail(&r->scan, at, why);
        p = parse_value(r, p, &member, depth + 1);
        if (!p) return NULL;
        member->string = name;
        cJSON_AddItemToArray(*out, member); /* an object is an array whose items have names */
        p = json_scan_more(&r->scan, p, '}', &more);
    }
    return p;
}

static const char *parse_scalar(struct parser *r, const char *p, cJSON **out)
{
    const char *end = json_scan_value(&r->scan, p, 0);
    if (!end) return NULL;
    switch (*p) {
    case 't': *out = cJSON_CreateTrue(); break;
    case 'f': *out = cJSON_CreateFalse(); break;
    case 'n': *out = cJSON_CreateNull(); break;
    default:
        *out = cJSON_CreateRaw("");
        (*out)->valuestring = arena_strndup(r->arena, p, (size_t)(end - p));
    }
    return end;
}

static const char *parse_value(struct parser *r, const char *p, cJSON **out, int depth)
{
    if (json_arena_full(r->arena, 0)) {
        r->scan.code = ERR_TOO_BIG;
        return json_scan_fail(&r->scan, p, "too many values");
    }
    if (p < r->scan.end && *p == '"') return parse_text(r, p, out);
    if (p < r->scan.end && *p == '{') return parse_object(r, p, out, depth);
    if (p < r->scan.end && *p == '[') return parse_array(r, p, out, depth);
    return parse_scalar(r, p, out);
}

int json_parse(struct arena *a, const char *text, size_t n, struct json **out, struct err *err)
{
    struct parser r = {.scan = {.begin = text, .end = text + n}, .arena = a};
    cJSON *root = NULL;
    current = a;
    const char *p = parse_value(&r, json_scan_space(&r.scan, text), &root, 0);
    current = NULL;
    if (p) p = json_scan_end(&r.scan, p);
    if (!p) return json_scan_err(&r.scan, err);
    *out = made(root);
    return 0;
}

/* --- Printing --- */

static void print_number(struct str *out, const char *text)
{
    int64_t number = 0;
    bool whole = json_number_int(text, strlen(text), &number);
    if (whole && number >= -EXACT_MAX && number <= EXACT_MAX) str_add_i(out, number);
    else str_add(out, text);
}

static void print_children(struct str *out, const cJSON *node)
{
    for (const cJSON *c = node->child; c; c = c->next) {
        if (c != node->child) str_add_c(out, ',');
        if (cJSON_IsObject(node)) {
            str_add_json(out, c->string);
            str_add_c(out, ':');
        }
        json_print(out, (const struct json *)c);
    }
}

void json_print(struct str *out, const struct json *value)
{
    const cJSON *node = node_of(value);
    switch (node->type & 0xff) { /* above are flags */
    case cJSON_Object:
        str_add_c(out, '{');
        print_children(out, node);
        str_add_c(out, '}');
        return;
    case cJSON_Array:
        str_add_c(out, '[');
        print_children(out, node);
        str_add_c(out, ']');
        return;
    case cJSON_String: str_add_json(out, node->valuestring); return;
    case cJSON_Raw: print_number(out, node->valuestring); return;
    case cJSON_True: str_add(out, "true"); return;
    case cJSON_False: str_add(out, "false"); return;
    default: str_add(out, "null"); return;
    }
}

char *json_to_text(struct arena *a, const struct json *value)
{
    auto_str text;
    str_init(&text, LIMIT_ARENA_BYTES);
    json_print(&text, value);
    assert(!text.over);
    return arena_strndup(a, text.at, text.len);
}

/* --- Looking --- */

static struct json *get_n(const struct json *object, const char *name, size_t n)
{
    if (!json_is_object(object)) return NULL;
    for (cJSON *c = node_of(object)->child; c; c = c->next) {
        if (strncmp(c->string, name, n) == 0 && c->string[n] == '\0') return (struct json *)c;
    }
    return NULL;
}

struct json *json_get(const struct json *object, const char *name)
{
    return get_n(object, name, strlen(name));
}

struct json *json_path(const struct json *value, const char *dotted)
{
    struct json *at = (struct json *)node_of(value);
    for (;;) {
        size_t n = strcspn(dotted, ".");
        at = get_n(at, dotted, n);
        if (!at || dotted[n] == '\0') return at;
        dotted += n + 1;
    }
}

struct json *json_at(const struct json *array, size_t i)
{
    struct json *item = json_is_array(array) ? json_first(array) : NULL;
    for (; item && i > 0; i--) item = json_next(item);
    return item;
}

size_t json_count(const struct json *value)
{
    size_t count = 0;
    for (const struct json *c = json_first(value); c; c = json_next(c)) count++;
    return count;
}

struct json *json_first(const struct json *value)
{
    return value ? (struct json *)node_of(value)->child : NULL;
}

struct json *json_next(const struct json *child)
{
    return child ? (struct json *)node_of(child)->next : NULL;
}

const char *json_name(const struct json *child)
{
    return child ? node_of(child)->string : NULL;
}

const char *json_text(const struct json *value)
{
    return json_is_text(value) ? node_of(value)->valuestring : NULL;
}

bool json_int(const struct json *value, int64_t *out)
{
    int64_t number = 0;
    if (!json_is_number(value)) return false;
    const char *text = node_of(value)->valuestring;
    if (!json_number_int(text, strlen(text), &number)) return false;
    if (number < -EXACT_MAX || number > EXACT_MAX) return false;
    *out = number;
    return true;
}

bool json_double(const struct json *value, double *out)
{
    if (!json_is_number(value)) return false;
    *out = strtod(node_of(value)->valuestring, NULL);
    return true;
}

bool json_true(const struct json *value)
{
    return cJSON_IsTrue(node_of(value));
}

bool json_is_object(const struct json *value)
{
    return cJSON_IsObject(node_of(value));
}

bool json_is_array(const struct json *value)
{
    return cJSON_IsArray(node_of(value));
}

bool json_is_null(const struct json *value)
{
    return cJSON_IsNull(node_of(value));
}

bool json_is_text(const struct json *value)
{
    return cJSON_IsString(node_of(value));
}

bool json_is_number(const struct json *value)
{
    return cJSON_IsRaw(node_of(value));
}

bool json_is_bool(const struct json *value)
{
    return cJSON_IsBool(node_of(value));
}

/* --- Comparing --- */

static bool same_number(const char *a, const char *b)
{
    int64_t x = 0, y = 0;
    if (strcmp(a, b) == 0) return true;
    bool whole = json_number_int(a, strlen(a), &x);
    if (whole != json_number_int(b, strlen(b), &y)) return false;
    return whole ? x == y : strtod(a, NULL) == strtod(b, NULL);
}

static bool same_children(const struct json *a, const struct json *b)
{
    bool object = json_is_object(a);
    const struct json *x = json_first(a), *y = json_first(b);
    if (json_count(a) != json_count(b)) return false;
    for (; x; x = json_next(x), y = json_next(y)) {
        const struct json *twin = y; /* mostly the order is the same */
        if (object && strcmp(json_name(x), json_name(y)) != 0) twin = json_get(b, json_name(x));
        if (!twin || !json_equal(x, twin)) return false;
    }
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (!a || !b) return a == b;
    const cJSON *x = node_of(a), *y = node_of(b);
    if ((x->type & 0xff) != (y->type & 0xff)) return false;
    if (json_is_text(a)) return strcmp(x->valuestring, y->valuestring) == 0;
    if (json_is_number(a)) return same_number(x->valuestring, y->valuestring);
    return same_children(a, b);
}

/* --- Building --- */

struct json *json_object(struct arena *a)
{
    current = a;
    return made(cJSON_CreateObject());
}

struct json *json_array(struct arena *a)
{
    current = a;
    return made(cJSON_CreateArray());
}

struct json *json_new_text(struct arena *a, const char *text)
{
    current = a;
    return made(cJSON_CreateString(text));
}

struct json *json_new_int(struct arena *a, int64_t number)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%lld", (long long)number);
    current = a;
    return made(cJSON_CreateRaw(digits));
}

struct json *json_new_bool(struct arena *a, bool yes)
{
    current = a;
    return made(cJSON_CreateBool(yes));
}

struct json *json_new_null(struct arena *a)
{
    current = a;
    return made(cJSON_CreateNull());
}

struct json *json_copy(struct arena *a, const struct json *value)
{
    current = a;
    return made(cJSON_Duplicate(node_of(value), true));
}

/* --- Changing --- */

void json_set(struct arena *a, struct json *object, const char *name, struct json *value)
{
    struct json *old = json_get(object, name);
    cJSON *node = node_of(value);
    assert(json_is_object(object) && value && old != value);
    node->string = arena_strdup(a, name);
    if (old) cJSON_ReplaceItemViaPointer(node_of(object), node_of(old), node);
    else cJSON_AddItemToArray(node_of(object), node);
}

void json_set_text(struct arena *a, struct json *object, const char *name, const char *text)
{
    json_set(a, object, name, json_new_text(a, text));
}

void json_set_int(struct arena *a, struct json *object, const char *name, int64_t number)
{
    json_set(a, object, name, json_new_int(a, number));
}

void json_set_bool(struct arena *a, struct json *object, const char *name, bool yes)
{
    json_set(a, object, name, json_new_bool(a, yes));
}

struct json *json_ensure_object(struct arena *a, struct json *object, const char *name)
{
    struct json *there = json_get(object, name);
    if (json_is_object(there)) return there;
    struct json *made_now = json_object(a);
    json_set(a, object, name, made_now);
    return made_now;
}

void json_append(struct arena *a, struct json *array, struct json *value)
{
    (void)a;
    assert(json_is_array(array) && value);
    cJSON_AddItemToArray(node_of(array), node_of(value));
}

/* Debian's cJSON 1.7.15 refuses to insert a fresh item anywhere but in front; so what stands behind
 * goes once round the end. */
void json_insert(struct arena *a, struct json *array, size_t i, struct json *value)
{
    (void)a;
    assert(json_is_array(array) && value);
    size_t count = json_count(array), behind = i < count ? count - i : 0;
    cJSON_AddItemToArray(node_of(array), node_of(value));
    while (behind-- > 0) {
        cJSON *item = cJSON_DetachItemViaPointer(node_of(array), node_of(json_at(array, i)));
        cJSON_AddItemToArray(node_of(array), item);
    }
}

void json_remove(struct json *object, const char *name)
{
    struct json *member = json_get(object, name);
    if (member) cJSON_DetachItemViaPointer(node_of(object), node_of(member));
}

void json_remove_at(struct json *array, size_t i)
{
    struct json *item = json_at(array, i);
    if (item) cJSON_DetachItemViaPointer(node_of(array), node_of(item));
}

static int by_name(const void *x, const void *y)
{
    const cJSON *const *a = x, *const *b = y;
    return strcmp((*a)->string, (*b)->string);
}

static void sort_members(cJSON *object, size_t count)
{
    auto_free cJSON **members = xcalloc(count, sizeof(*members));
    size_t i = 0;
    for (cJSON *c = object->child; c; c = c->next) members[i++] = c;
    qsort(members, count, sizeof(cJSON *), by_name);
    for (i = 0; i < count; i++) {
        members[i]->next = i + 1 < count ? members[i + 1] : NULL;
        members[i]->prev = members[i ? i - 1 : count - 1]; /* cJSON: the first knows the last */
    }
    object->child = members[0];
}

void json_sort(struct json *object)
{
    size_t count = json_count(object);
    for (struct json *c = json_first(object); c; c = json_next(c)) json_sort(c);
    if (json_is_object(object) && count > 1) sort_members(node_of(object), count);
}
