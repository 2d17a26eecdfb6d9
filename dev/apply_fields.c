#include "dev/apply_fields.h"

#include <stdlib.h>
#include <string.h>

#include "lib/str.h"

struct fields *fields_new(struct arena *a)
{
    return arena_zalloc(a, sizeof(struct fields));
}

struct fields *fields_find(const struct fields *in, char kind, const char *name)
{
    for (struct fields *f = in ? in->first : NULL; f; f = f->next) {
        if (f->kind == kind && strcmp(f->name, name) == 0) return f;
    }
    return NULL;
}

struct fields *fields_ensure(struct arena *a, struct fields *in, char kind, const char *name)
{
    struct fields *f = fields_find(in, kind, name);
    if (f) return f;
    f = fields_new(a);
    f->kind = kind;
    f->name = name;
    if (in->last) in->last->next = f;
    else in->first = f;
    return in->last = f;
}

bool fields_any(const struct fields *f, unsigned marks)
{
    if (!f) return false;
    if (f->marks & marks) return true;
    for (const struct fields *c = f->first; c; c = c->next) {
        if (fields_any(c, marks)) return true;
    }
    return false;
}

void fields_add(struct arena *a, struct fields *to, const struct fields *from, unsigned marks)
{
    if (from->marks & marks) to->marks |= FIELD_OWNED;
    for (const struct fields *c = from->first; c; c = c->next) {
        if (fields_any(c, marks)) {
            fields_add(a, fields_ensure(a, to, c->kind, c->name), c, marks);
        }
    }
}

bool fields_take_away(struct fields *set, const struct fields *minus, unsigned marks)
{
    bool gone = (set->marks & FIELD_OWNED) && (minus->marks & marks);
    if (gone) set->marks &= ~(unsigned)FIELD_OWNED;
    for (struct fields *c = set->first; c; c = c->next) {
        const struct fields *m = fields_find(minus, c->kind, c->name);
        if (m && fields_take_away(c, m, marks)) gone = true;
    }
    return gone;
}

static bool holds_all(const struct fields *a, const struct fields *b)
{
    if (b && (b->marks & FIELD_OWNED) && !(a && (a->marks & FIELD_OWNED))) return false;
    for (const struct fields *c = b ? b->first : NULL; c; c = c->next) {
        if (!holds_all(fields_find(a, c->kind, c->name), c)) return false;
    }
    return true;
}

bool fields_same(const struct fields *a, const struct fields *b)
{
    return holds_all(a, b) && holds_all(b, a);
}

static int compare(const void *x, const void *y)
{
    const struct fields *const *a = x, *const *b = y;
    static const char order[] = "fkvi";
    const char *one = strchr(order, (*a)->kind), *two = strchr(order, (*b)->kind);
    if (one != two) return one < two ? -1 : 1;
    return strcmp((*a)->name, (*b)->name);
}

void fields_sort(struct arena *a, struct fields *f)
{
    size_t n = 0, i = 0;
    for (struct fields *c = f->first; c; c = c->next) n++;
    if (n == 0) return;
    struct fields **all = arena_alloc(a, n * sizeof(struct fields *));
    for (struct fields *c = f->first; c; c = c->next) {
        fields_sort(a, c);
        all[i++] = c;
    }
    qsort(all, n, sizeof(struct fields *), compare);
    f->first = all[0];
    f->last = all[n - 1];
    for (i = 0; i < n; i++) all[i]->next = i + 1 < n ? all[i + 1] : NULL;
}

/* --- FieldsV1 --- */

static void read_into(struct arena *a, struct fields *f, const struct json *object)
{
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (strcmp(name, ".") == 0) {
            f->marks |= FIELD_OWNED;
            continue;
        }
        if (!name[0] || name[1] != ':') continue;
        struct fields *c = fields_ensure(a, f, name[0], name + 2);
        if (json_count(m) == 0) c->marks |= FIELD_OWNED;
        else read_into(a, c, m);
    }
}

struct fields *fields_read(struct arena *a, const struct json *fields_v1)
{
    struct fields *f = fields_new(a);
    read_into(a, f, fields_v1);
    return f;
}

struct json *fields_print(struct arena *a, const struct fields *f)
{
    struct json *out = json_object(a);
    for (const struct fields *c = f->first; c; c = c->next) {
        if (!fields_any(c, FIELD_OWNED)) continue;
        struct json *below = fields_print(a, c);
        if ((c->marks & FIELD_OWNED) && json_count(below) > 0) {
            struct json *self = json_object(a); /* "." stands first */
            json_set(a, self, ".", json_object(a));
            for (const struct json *m = json_first(below); m; m = json_next(m)) {
                json_set(a, self, json_name(m), json_copy(a, m));
            }
            below = self;
        }
        json_set(a, out, arena_printf(a, "%c:%s", c->kind, c->name), below);
    }
    return out;
}

/* --- Paths in words --- */

static const char *element_text(struct arena *a, const struct fields *f)
{
    if (f->kind == 'f') return arena_printf(a, ".%s", f->name);
    if (f->kind == 'v') return arena_printf(a, "[=%s]", f->name);
    if (f->kind != 'k') return arena_printf(a, "[%s]", f->name);
    struct json *keys;
    auto_str s;
    str_init(&s, 4096);
    str_add_c(&s, '[');
    if (json_parse(a, f->name, strlen(f->name), &keys, NULL) == 0) {
        for (const struct json *k = json_first(keys); k; k = json_next(k)) {
            if (s.len > 1) str_add_c(&s, ',');
            str_add_f(&s, "%s=", json_name(k));
            json_print(&s, k);
        }
    }
    str_add_c(&s, ']');
    return arena_strndup(a, s.at, s.len);
}

static void each_common(struct arena *a, const char *path, const struct fields *set,
                        const struct fields *with, unsigned marks,
                        void (*seen)(void *user, const char *path), void *user)
{
    for (const struct fields *c = set->first; c; c = c->next) {
        const struct fields *w = fields_find(with, c->kind, c->name);
        if (!w || !(c->marks & FIELD_OWNED) || !(w->marks & marks)) continue;
        seen(user, arena_printf(a, "%s%s", path, element_text(a, c)));
    }
    for (const struct fields *c = set->first; c; c = c->next) {
        const struct fields *w = fields_find(with, c->kind, c->name);
        if (!w || !c->first || !fields_any(w, marks)) continue;
        const char *below = arena_printf(a, "%s%s", path, element_text(a, c));
        each_common(a, below, c, w, marks, seen, user);
    }
}

void fields_each_common(struct arena *a, const struct fields *set, const struct fields *with,
                        unsigned marks, void (*seen)(void *user, const char *path), void *user)
{
    each_common(a, "", set, with, marks, seen, user);
}

/* --- Items of lists --- */

const char *fields_item_name(struct arena *a, const struct schema *list, const struct json *item)
{
    if (list->kind == SCHEMA_SET) return json_to_text(a, item);
    auto_str s;
    str_init(&s, 64 << 10);
    str_add_c(&s, '{');
    for (size_t i = 0; i < sizeof(list->keys) / sizeof(list->keys[0]) && list->keys[i]; i++) {
        const char *key = list->keys[i];
        size_t n = strcspn(key, "=");
        const char *name = arena_strndup(a, key, n);
        if (i) str_add_c(&s, ',');
        str_add_json(&s, name);
        str_add_c(&s, ':');
        const struct json *value = json_get(item, name);
        if (value) json_print(&s, value);
        else if (key[n] == '=') str_add_json(&s, key + n + 1);
        else str_add(&s, "null");
    }
    str_add_c(&s, '}');
    return arena_strndup(a, s.at, s.len);
}

static char item_kind(const struct schema *list)
{
    return list->kind == SCHEMA_SET ? 'v' : 'k';
}

/* --- Differences --- */

static bool is_keyed(const struct schema *s)
{
    return s && (s->kind == SCHEMA_MAP || s->kind == SCHEMA_SET);
}

/* A value that is owned as one. */
static bool is_leaf(const struct schema *s, const struct json *before, const struct json *now)
{
    if (s && s->kind == SCHEMA_ATOMIC) return true;
    if (json_count(before) == 0 && json_count(now) == 0) return true;
    if (is_keyed(s)) return (before && !json_is_array(before)) || (now && !json_is_array(now));
    return (before && !json_is_object(before)) || (now && !json_is_object(now));
}

static void diff_value(struct arena *a, const struct schema *s, const struct json *before,
                       const struct json *now, struct fields *in, char kind, const char *name);

static void diff_members(struct arena *a, const struct schema *s, const struct json *before,
                         const struct json *now, struct fields *in)
{
    for (const struct json *m = json_first(now); m; m = json_next(m)) {
        const char *name = json_name(m);
        diff_value(a, schema_field(s, name), json_get(before, name), m, in, 'f', name);
    }
    for (const struct json *m = json_first(before); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (json_get(now, name)) continue;
        diff_value(a, schema_field(s, name), m, NULL, in, 'f', name);
    }
}

static const struct json *find_item(const char *const *names, const struct json *list,
                                    const char *name)
{
    const struct json *item = json_first(list);
    for (size_t i = 0; item; i++, item = json_next(item)) {
        if (strcmp(names[i], name) == 0) return item;
    }
    return NULL;
}

static const char **item_names(struct arena *a, const struct schema *s, const struct json *list)
{
    const char **names = arena_alloc(a, (json_count(list) + 1) * sizeof(*names));
    size_t n = 0;
    for (const struct json *i = json_first(list); i; i = json_next(i)) {
        names[n++] = fields_item_name(a, s, i);
    }
    return names;
}

static void diff_items(struct arena *a, const struct schema *s, const struct json *before,
                       const struct json *now, struct fields *in)
{
    const char **old_names = item_names(a, s, before), **names = item_names(a, s, now);
    size_t i = 0;
    for (const struct json *m = json_first(now); m; m = json_next(m), i++) {
        const struct json *old = find_item(old_names, before, names[i]);
        diff_value(a, s, old, m, in, item_kind(s), names[i]);
    }
    i = 0;
    for (const struct json *m = json_first(before); m; m = json_next(m), i++) {
        if (find_item(names, now, old_names[i])) continue;
        diff_value(a, s, m, NULL, in, item_kind(s), old_names[i]);
    }
}

static void mark_diff(struct fields *f, const struct json *before, const struct json *now)
{
    f->marks |= !before ? FIELD_ADDED : !now ? FIELD_REMOVED : FIELD_CHANGED;
}

/* kind 'k' or 'v': s is the row of the list, before and now are items of it. */
static void diff_value(struct arena *a, const struct schema *s, const struct json *before,
                       const struct json *now, struct fields *in, char kind, const char *name)
{
    if (before && now && json_equal(before, now)) return;
    struct fields *f = fields_ensure(a, in, kind, name);
    if (kind != 'f') { /* an item: an object with the list's fields, or a scalar */
        bool into = kind == 'k' && !s->whole_items;
        if (!into || !before || !now) mark_diff(f, before, now);
        if (into) diff_members(a, s, before, now, f);
        return;
    }
    if (is_leaf(s, before, now)) {
        mark_diff(f, before, now);
        return;
    }
    if ((!before || !now) && !(s && s->always)) mark_diff(f, before, now);
    if (is_keyed(s)) diff_items(a, s, before, now, f);
    else diff_members(a, s, before, now, f);
}

/* What the server owns of metadata; no manager is told to own it. */
static bool is_system(const char *name)
{
    static const char *const system[] = {
        "name",       "namespace",     "uid",           "resourceVersion",   "generation",
        "selfLink",   "managedFields", "clusterName",   "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds"};
    for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++) {
        if (strcmp(system[i], name) == 0) return true;
    }
    return false;
}

static void diff_metadata(struct arena *a, const struct resource *r, const struct json *before,
                          const struct json *now, struct fields *root)
{
    const struct schema *s = resource_schema(r, "metadata");
    struct fields *f = fields_ensure(a, root, 'f', "metadata");
    for (const struct json *m = json_first(now); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (is_system(name)) continue;
        diff_value(a, schema_field(s, name), json_get(before, name), m, f, 'f', name);
    }
    for (const struct json *m = json_first(before); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (is_system(name) || json_get(now, name)) continue;
        diff_value(a, schema_field(s, name), m, NULL, f, 'f', name);
    }
}

static bool is_head(const char *name)
{
    return strcmp(name, "apiVersion") == 0 || strcmp(name, "kind") == 0 ||
           strcmp(name, "metadata") == 0;
}

struct fields *fields_diff(struct arena *a, const struct resource *r, const struct json *before,
                           const struct json *now)
{
    struct fields *root = fields_new(a);
    diff_metadata(a, r, json_get(before, "metadata"), json_get(now, "metadata"), root);
    for (const struct json *m = json_first(now); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (is_head(name)) continue;
        diff_value(a, resource_schema(r, name), json_get(before, name), m, root, 'f', name);
    }
    for (const struct json *m = json_first(before); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (is_head(name) || json_get(now, name)) continue;
        diff_value(a, resource_schema(r, name), m, NULL, root, 'f', name);
    }
    return root;
}

/* --- What a configuration owns --- */

static void own_value(struct arena *a, const struct schema *s, const struct json *value,
                      struct fields *f);

static void own_members(struct arena *a, const struct schema *s, const struct json *object,
                        struct fields *f)
{
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        const char *name = json_name(m);
        own_value(a, schema_field(s, name), m, fields_ensure(a, f, 'f', name));
    }
}

static void own_value(struct arena *a, const struct schema *s, const struct json *value,
                      struct fields *f)
{
    if (is_keyed(s) && json_is_array(value)) {
        for (const struct json *i = json_first(value); i; i = json_next(i)) {
            struct fields *item = fields_ensure(a, f, item_kind(s), fields_item_name(a, s, i));
            item->marks |= FIELD_OWNED;
            if (s->kind == SCHEMA_MAP && !s->whole_items) own_members(a, s, i, item);
        }
    } else if (json_is_object(value) && json_count(value) > 0 && !(s && s->kind == SCHEMA_ATOMIC)) {
        own_members(a, s, value, f);
    } else {
        f->marks |= FIELD_OWNED;
    }
}

struct fields *fields_of(struct arena *a, const struct resource *r, const struct json *config)
{
    struct fields *root = fields_new(a);
    const struct schema *s = resource_schema(r, "metadata");
    struct fields *meta = fields_ensure(a, root, 'f', "metadata");
    const struct json *own = json_get(config, "metadata");
    for (const struct json *m = json_first(own); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (is_system(name)) continue;
        own_value(a, schema_field(s, name), m, fields_ensure(a, meta, 'f', name));
    }
    for (const struct json *m = json_first(config); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (is_head(name)) continue;
        own_value(a, resource_schema(r, name), m, fields_ensure(a, root, 'f', name));
    }
    return root;
}
