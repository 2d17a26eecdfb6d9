#include "dev/apply_merge.h"

#include <string.h>

static void merge_members(struct arena *a, const struct schema *s, struct json *object,
                          const struct json *config);

static struct json *item_by_name(struct arena *a, const struct schema *s, const struct json *list,
                                 const char *name, size_t *at)
{
    size_t i = 0;
    for (struct json *item = json_first(list); item; item = json_next(item), i++) {
        if (strcmp(fields_item_name(a, s, item), name) != 0) continue;
        if (at) *at = i;
        return item;
    }
    return NULL;
}

static struct json *merged_item(struct arena *a, const struct schema *s, const struct json *live,
                                const struct json *config)
{
    struct json *item = json_copy(a, live ? live : config);
    if (live && s->kind == SCHEMA_MAP) merge_members(a, s, item, config);
    return item;
}

/* Items that both have stand in the configuration's order; those that only the object has keep
 * their place before the next common one. */
static struct json *merge_items(struct arena *a, const struct schema *s, const struct json *live,
                                const struct json *config)
{
    struct json *out = json_array(a);
    const struct json *l = json_first(live);
    for (const struct json *c = json_first(config); c; c = json_next(c)) {
        const char *name = fields_item_name(a, s, c);
        const struct json *same = item_by_name(a, s, live, name, NULL);
        if (same) {
            for (; l && l != same; l = json_next(l)) {
                const char *other = fields_item_name(a, s, l);
                if (item_by_name(a, s, config, other, NULL)) break;
                json_append(a, out, json_copy(a, l));
            }
            if (l == same) l = json_next(l);
        }
        json_append(a, out, merged_item(a, s, same, c));
    }
    for (; l; l = json_next(l)) {
        const char *name = fields_item_name(a, s, l);
        if (!item_by_name(a, s, out, name, NULL)) json_append(a, out, json_copy(a, l));
    }
    return out;
}

static void merge_member(struct arena *a, const struct schema *s, struct json *object,
                         const char *name, const struct json *config)
{
    struct json *live = json_get(object, name);
    bool keyed = s && (s->kind == SCHEMA_MAP || s->kind == SCHEMA_SET);
    bool granular = !s || s->kind == SCHEMA_GRANULAR;
    if (live && granular && json_is_object(live) && json_is_object(config)) {
        merge_members(a, s, live, config);
    } else if (live && keyed && json_is_array(live) && json_is_array(config)) {
        json_set(a, object, name, merge_items(a, s, live, config));
    } else {
        json_set(a, object, name, json_copy(a, config));
    }
}

static void merge_members(struct arena *a, const struct schema *s, struct json *object,
                          const struct json *config)
{
    for (const struct json *m = json_first(config); m; m = json_next(m)) {
        merge_member(a, schema_field(s, json_name(m)), object, json_name(m), m);
    }
}

void apply_merge(struct arena *a, const struct resource *r, struct json *object,
                 const struct json *config)
{
    for (const struct json *m = json_first(config); m; m = json_next(m)) {
        merge_member(a, resource_schema(r, json_name(m)), object, json_name(m), m);
    }
}

/* --- Taking away --- */

static void prune(struct arena *a, const struct schema *s, struct json *value,
                  const struct fields *last, const struct fields *owned);

static void prune_member(struct arena *a, const struct schema *s, struct json *object,
                         const struct fields *last, const struct fields *owned)
{
    struct json *member = json_get(object, last->name);
    if (!member) return;
    if (!fields_any(owned, FIELD_OWNED)) json_remove(object, last->name);
    else prune(a, s, member, last, owned);
}

static void prune_item(struct arena *a, const struct schema *s, struct json *list,
                       const struct fields *last, const struct fields *owned)
{
    size_t at = 0;
    struct json *item = item_by_name(a, s, list, last->name, &at);
    if (!item) return;
    if (!fields_any(owned, FIELD_OWNED) && (last->marks & FIELD_OWNED)) json_remove_at(list, at);
    else if (last->kind == 'k') prune(a, s, item, last, owned);
}

/* s is the row of value, or of the list whose item value is. */
static void prune(struct arena *a, const struct schema *s, struct json *value,
                  const struct fields *last, const struct fields *owned)
{
    for (const struct fields *c = last->first; c; c = c->next) {
        const struct fields *o = fields_find(owned, c->kind, c->name);
        if (c->kind == 'f' && json_is_object(value)) {
            prune_member(a, schema_field(s, c->name), value, c, o);
        } else if ((c->kind == 'k' || c->kind == 'v') && json_is_array(value) && s) {
            prune_item(a, s, value, c, o);
        }
    }
}

void apply_prune(struct arena *a, const struct resource *r, struct json *object,
                 const struct fields *last, const struct fields *owned)
{
    for (const struct fields *c = last->first; c; c = c->next) {
        const struct fields *o = fields_find(owned, c->kind, c->name);
        const struct schema *s = resource_schema(r, c->name);
        if (strcmp(c->name, "metadata") == 0) {
            struct json *meta = json_get(object, "metadata"); /* never taken away whole */
            if (meta) prune(a, s, meta, c, o);
        } else {
            prune_member(a, s, object, c, o);
        }
    }
}
