#include "dev/apply.h"

#include <stdlib.h>
#include <string.h>

#include "dev/apply_fields.h"
#include "dev/apply_merge.h"
#include "lib/str.h"

struct entry {
    const char *manager, *operation, *version, *sub, *time;
    struct fields *set;
    const struct json *as_read; /* its JSON, while nothing of it changes; NULL: to be printed */
};

struct entries {
    struct entry *at;
    size_t count;
};

static const char *text_of(const struct json *object, const char *name)
{
    const char *text = json_text(json_get(object, name));
    return text ? text : "";
}

static struct entries read_entries(struct arena *a, const struct json *list)
{
    struct entries e = {.at = arena_zalloc(a, (json_count(list) + 2) * sizeof(*e.at))};
    for (const struct json *m = json_first(list); m; m = json_next(m)) {
        if (!*text_of(m, "operation")) continue;
        e.at[e.count++] = (struct entry){.manager = text_of(m, "manager"),
                                         .operation = text_of(m, "operation"),
                                         .version = text_of(m, "apiVersion"),
                                         .sub = text_of(m, "subresource"),
                                         .time = text_of(m, "time"),
                                         .set = fields_read(a, json_get(m, "fieldsV1")),
                                         .as_read = m};
    }
    return e;
}

static int compare_entries(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    int order = strcmp(a->operation, b->operation);
    if (order == 0) order = strcmp(a->time, b->time);
    if (order == 0) order = strcmp(a->manager, b->manager);
    if (order == 0) order = strcmp(a->version, b->version);
    return order ? order : strcmp(a->sub, b->sub);
}

static struct json *print_entry(struct arena *a, const struct entry *e)
{
    if (e->as_read) return json_copy(a, e->as_read);
    struct json *out = json_object(a);
    json_set_text(a, out, "manager", e->manager);
    json_set_text(a, out, "operation", e->operation);
    json_set_text(a, out, "apiVersion", e->version);
    if (*e->time) json_set_text(a, out, "time", e->time);
    json_set_text(a, out, "fieldsType", "FieldsV1");
    fields_sort(a, e->set);
    json_set(a, out, "fieldsV1", fields_print(a, e->set));
    if (*e->sub) json_set_text(a, out, "subresource", e->sub);
    return out;
}

static void write_entries(struct arena *a, struct entries *e, struct json *object)
{
    struct json *list = json_array(a);
    qsort(e->at, e->count, sizeof(*e->at), compare_entries);
    for (size_t i = 0; i < e->count; i++) {
        if (fields_any(e->at[i].set, FIELD_OWNED)) json_append(a, list, print_entry(a, &e->at[i]));
    }
    struct json *meta = json_ensure_object(a, object, "metadata");
    json_remove(meta, "managedFields");
    if (json_count(list) > 0) json_set(a, meta, "managedFields", list);
}

/* The writer's entry; made at the end of the array, which has room for it. */
static struct entry *own_entry(struct arena *a, const struct resource *r, struct entries *e,
                               const struct apply_writer *w, const char *operation)
{
    const char *version = resource_api_version(r, a);
    for (size_t i = 0; i < e->count; i++) {
        struct entry *m = &e->at[i];
        if (str_equal(m->manager, w->manager) && str_equal(m->operation, operation) &&
            str_equal(m->version, version) && str_equal(m->sub, w->sub)) {
            return m;
        }
    }
    e->at[e->count] = (struct entry){.manager = w->manager,
                                     .operation = operation,
                                     .version = version,
                                     .sub = w->sub,
                                     .time = w->time,
                                     .set = fields_new(a)};
    return &e->at[e->count++];
}

static void touch(struct entry *e, const char *time)
{
    e->as_read = NULL;
    if (time) e->time = time;
}

static void take_from(struct entry *e, const struct fields *diff, unsigned marks)
{
    if (fields_take_away(e->set, diff, marks)) touch(e, NULL);
}

/* What a write through one endpoint may own: the other half is not its own. */
static void keep_half(const struct resource *r, const char *sub, struct fields *set)
{
    bool status = str_equal(sub, "status");
    if (!status && !(r->flags & RES_STATUS)) return;
    for (struct fields *c = set->first; c; c = c->next) {
        if ((strcmp(c->name, "status") == 0) == status) continue;
        c->first = c->last = NULL;
        c->marks = 0;
    }
}

static bool is_reset(const struct json *list)
{
    return json_count(list) == 1 && json_count(json_at(list, 0)) == 0;
}

void apply_track(struct arena *a, const struct resource *r, const struct json *before,
                 struct json *now, const struct apply_writer *writer)
{
    struct json *meta = json_ensure_object(a, now, "metadata");
    const struct json *given = json_get(meta, "managedFields");
    const struct json *old = json_path(before, "metadata.managedFields");
    if (is_reset(given)) {
        json_remove(meta, "managedFields");
        return;
    }
    struct entries e = read_entries(a, json_count(given) > 0 ? given : old);
    if (e.count == 0 && before) { /* nobody asked for tracking since it was reset */
        json_remove(meta, "managedFields");
        return;
    }
    struct fields *diff = fields_diff(a, r, before, now);
    keep_half(r, writer->sub, diff);
    if (fields_any(diff, FIELD_REMOVED)) {
        for (size_t i = 0; i < e.count; i++) take_from(&e.at[i], diff, FIELD_REMOVED);
    }
    if (fields_any(diff, FIELD_ADDED | FIELD_CHANGED)) {
        struct entry *own = own_entry(a, r, &e, writer, "Update");
        for (size_t i = 0; i < e.count; i++) {
            if (&e.at[i] != own) take_from(&e.at[i], diff, FIELD_ADDED | FIELD_CHANGED);
        }
        fields_add(a, own->set, diff, FIELD_ADDED | FIELD_CHANGED);
        touch(own, writer->time);
    }
    write_entries(a, &e, now);
}

/* --- Apply --- */

struct collect {
    struct arena *a;
    const struct entry *entry;
    struct apply_conflict **end;
};

static void add_conflict(void *user, const char *path)
{
    struct collect *c = user;
    struct apply_conflict *conflict = arena_zalloc(c->a, sizeof(*conflict));
    const struct entry *e = c->entry;
    const char *sub = *e->sub ? arena_printf(c->a, " with subresource \"%s\"", e->sub) : "";
    bool update = str_equal(e->operation, "Update");
    const char *using = update ? arena_printf(c->a, " using %s", e->version) : "";
    conflict->manager = arena_printf(c->a, "\"%s\"%s%s", e->manager, sub, using);
    conflict->path = path;
    *c->end = conflict;
    c->end = &conflict->next;
}

/* The same, each manager's together, managers by name. */
static struct apply_conflict *by_manager(struct apply_conflict *first)
{
    struct apply_conflict *sorted = NULL, *next;
    for (struct apply_conflict *c = first; c; c = next) {
        next = c->next;
        struct apply_conflict **at = &sorted;
        while (*at && strcmp((*at)->manager, c->manager) <= 0) at = &(*at)->next;
        c->next = *at;
        *at = c;
    }
    return sorted;
}

static struct apply_conflict *find_conflicts(struct arena *a, const struct entries *e,
                                             const struct entry *own, const struct fields *diff)
{
    struct apply_conflict *first = NULL;
    struct collect c = {.a = a, .end = &first};
    for (size_t i = 0; i < e->count; i++) {
        if (&e->at[i] == own) continue;
        c.entry = &e->at[i];
        fields_sort(a, e->at[i].set);
        fields_each_common(a, e->at[i].set, diff, FIELD_ADDED | FIELD_CHANGED, add_conflict, &c);
    }
    return by_manager(first);
}

/* config without what its endpoint does not take: status, or all but status. */
static struct json *half_of(struct arena *a, const struct resource *r, const struct json *config,
                            const char *sub)
{
    struct json *half = json_copy(a, config);
    apply_drop_nulls(half);
    json_remove(json_get(half, "metadata"), "managedFields");
    json_remove(json_get(half, "metadata"), "creationTimestamp");
    if (str_equal(sub, "status")) {
        struct json *only = json_object(a);
        const struct json *status = json_get(half, "status");
        if (status) json_set(a, only, "status", json_copy(a, status));
        return only;
    }
    if (r->flags & RES_STATUS) json_remove(half, "status");
    return half;
}

/* An object that nobody tracked gets an entry for what it holds, so that nothing is taken from it
 * unseen. */
static void adopt_untracked(struct arena *a, const struct resource *r, const struct json *live,
                            struct entries *e, const char *time)
{
    if (!live || e->count > 0) return;
    struct entry *first = own_entry(
        a, r, e, &(struct apply_writer){"before-first-apply", "", time}, "Update");
    struct fields *all = fields_diff(a, r, NULL, live);
    keep_half(r, "", all);
    fields_add(a, first->set, all, FIELD_ADDED);
}

static struct fields *owned_by_all(struct arena *a, const struct entries *e)
{
    struct fields *all = fields_new(a);
    for (size_t i = 0; i < e->count; i++) fields_add(a, all, e->at[i].set, FIELD_OWNED);
    return all;
}

struct json *apply_config(struct arena *a, const struct resource *r, const struct json *live,
                          const struct json *config, const struct apply_writer *writer, bool force,
                          struct apply_conflict **conflicts)
{
    const struct json *mine = half_of(a, r, config, writer->sub);
    struct entries e = {.at = arena_zalloc(a, 2 * sizeof(*e.at))};
    const struct json *list = json_path(live, "metadata.managedFields");
    if (json_count(list) > 0) {
        e = read_entries(a, list);
    } else {
        e.at = arena_zalloc(a, 3 * sizeof(*e.at));
        adopt_untracked(a, r, live, &e, writer->time);
    }
    struct entry *own = own_entry(a, r, &e, writer, "Apply");
    struct fields *last = own->set, *set = fields_of(a, r, mine);
    keep_half(r, writer->sub, set);

    struct json *out = live ? json_copy(a, live) : json_object(a);
    apply_merge(a, r, out, mine);
    own->set = set;
    if (fields_any(last, FIELD_OWNED)) apply_prune(a, r, out, last, owned_by_all(a, &e));

    struct fields *diff = fields_diff(a, r, live, out);
    *conflicts = force ? NULL : find_conflicts(a, &e, own, diff);
    if (*conflicts) return NULL;
    for (size_t i = 0; i < e.count; i++) {
        if (&e.at[i] == own) continue;
        take_from(&e.at[i], diff, FIELD_ADDED | FIELD_CHANGED | FIELD_REMOVED);
    }
    /* The time is that of the last change of the object, not of its ownership. */
    bool changed = fields_any(diff, FIELD_ADDED | FIELD_CHANGED | FIELD_REMOVED);
    if (!own->as_read && !changed) own->time = "";
    if (changed || !fields_same(last, set)) touch(own, changed ? writer->time : NULL);
    write_entries(a, &e, out);
    return out;
}

void apply_drop_nulls(struct json *value)
{
    struct json *next;
    bool object = json_is_object(value);
    for (struct json *c = json_first(value); c; c = next) {
        next = json_next(c);
        if (object && json_is_null(c)) json_remove(value, json_name(c));
        else apply_drop_nulls(c);
    }
}
