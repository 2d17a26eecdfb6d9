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

/* --- Laying over --- */

struct side { /* one of two lists that are merged */
    const struct json *item; /* where the walk is; NULL: at its end */
    const char **names;      /* of all items */
    size_t at, count;
};

static struct side side_of(struct arena *a, const struct schema *s, const struct json *list)
{
    struct side side = {.item = json_first(list)};
    side.names = arena_alloc(a, (json_count(list) + 1) * sizeof(*side.names));
    for (const struct json *i = side.item; i; i = json_next(i)) {
        side.names[side.count++] = fields_item_name(a, s, i);
    }
    return side;
}

static void advance(struct side *side)
{
    side->item = json_next(side->item);
    side->at++;
}

static bool has_name(const struct side *side, const char *name)
{
    for (size_t i = 0; i < side->count; i++) {
        if (strcmp(side->names[i], name) == 0) return true;
    }
    return false;
}

/* The name of the next item of config that live has too; NULL: none is left. */
static const char *next_common(const struct side *config, const struct side *live)
{
    for (size_t i = config->at; i < config->count; i++) {
        if (has_name(live, config->names[i])) return config->names[i];
    }
    return NULL;
}

static struct json *merged_item(struct arena *a, const struct schema *s, const struct json *live,
                                const struct json *config)
{
    bool into = live && s->kind == SCHEMA_MAP && !s->whole_items;
    struct json *item = json_copy(a, into ? live : config);
    if (into) merge_members(a, s, item, config);
    return item;
}

/* Common items stand in the configuration's order. Those of the object alone come as early as
 * that allows, as the apiserver has it. */
static struct json *merge_items(struct arena *a, const struct schema *s, const struct json *live,
                                const struct json *config)
{
    struct json *out = json_array(a);
    struct side l = side_of(a, s, live), c = side_of(a, s, config);
    while (l.item || c.item) {
        const char *name = l.item ? l.names[l.at] : NULL;
        if (name && !has_name(&c, name)) {
            json_append(a, out, json_copy(a, l.item));
            advance(&l);
            continue;
        }
        const char *common = name ? next_common(&c, &l) : NULL;
        if (name && (!common || strcmp(common, name) != 0)) {
            advance(&l); /* it has had its turn, or will have it in the configuration's order */
            continue;
        }
        const char *own = c.names[c.at];
        const struct json *same = item_by_name(a, s, live, own, NULL);
        json_append(a, out, merged_item(a, s, same, c.item));
        if (name && strcmp(name, own) == 0) advance(&l);
        advance(&c);
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

/* An item goes with the last who owns the item itself, whoever owns some of its fields. */
static void prune_item(struct arena *a, const struct schema *s, struct json *list,
                       const struct fields *last, const struct fields *owned)
{
    size_t at = 0;
    struct json *item = item_by_name(a, s, list, last->name, &at);
    if (!item) return;
    bool mine = (last->marks & FIELD_OWNED) != 0;
    bool anyones = owned && (owned->marks & FIELD_OWNED);
    if (mine && !anyones) json_remove_at(list, at);
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
