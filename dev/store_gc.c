#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dev/store_in.h"
#include "lib/xalloc.h"

/* The collector looks only at keys that a commit put into its queue: a dependent that came or
 * changed owners, the dependents of what went, an owner that waits for them, a namespace that ends.
 * References by uid are kept in store.dependents. */

static void enqueue(struct store *s, struct store_key *key)
{
    if (key->queued) return;
    if (s->gc_count == s->gc_cap) {
        size_t cap = s->gc_cap ? s->gc_cap * 2 : 32;
        struct store_key **queue = xcalloc(cap, sizeof(struct store_key *));
        for (size_t i = 0; i < s->gc_count; i++) {
            queue[i] = s->gc_queue[(s->gc_at + i) % s->gc_cap];
        }
        free(s->gc_queue);
        s->gc_queue = queue;
        s->gc_cap = cap;
        s->gc_at = 0;
    }
    s->gc_queue[(s->gc_at + s->gc_count++) % s->gc_cap] = key;
    key->queued = true;
}

static struct store_key *dequeue(struct store *s)
{
    while (s->gc_count > 0) {
        struct store_key *key = s->gc_queue[s->gc_at];
        s->gc_at = (s->gc_at + 1) % s->gc_cap;
        s->gc_count--;
        if (!key) continue;
        key->queued = false;
        return key;
    }
    return NULL;
}

void store_gc_forget(struct store *s, struct store_key *key)
{
    for (size_t i = 0; key->queued && i < s->gc_count; i++) {
        struct store_key **at = &s->gc_queue[(s->gc_at + i) % s->gc_cap];
        if (*at == key) *at = NULL;
    }
}

/* --- Who depends on whom --- */

static void link_owner(struct store *s, struct store_key *key, const char *uid)
{
    struct store_dependents *d = map_get(&s->dependents, uid);
    if (!d) {
        size_t n = strlen(uid) + 1;
        d = xcalloc(1, sizeof(*d) + n);
        memcpy(d->uid, uid, n);
        map_put(&s->dependents, d->uid, d);
    }
    if (d->count == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 4;
        d->keys = xrealloc(d->keys, d->cap, sizeof(struct store_key *));
    }
    d->keys[d->count++] = key;
}

static void unlink_owner(struct store *s, struct store_key *key, const char *uid)
{
    struct store_dependents *d = map_get(&s->dependents, uid);
    if (!d) return;
    for (size_t i = 0; i < d->count; i++) {
        if (d->keys[i] != key) continue;
        memmove(&d->keys[i], &d->keys[i + 1], (d->count - i - 1) * sizeof(struct store_key *));
        d->count--;
        break;
    }
    if (d->count > 0) return;
    map_remove(&s->dependents, uid);
    free(d->keys);
    free(d);
}

static bool same_owners(const struct store_object *a, const struct store_object *b)
{
    if (a->owner_count != b->owner_count) return false;
    for (size_t i = 0; i < a->owner_count; i++) {
        if (!str_equal(a->owners[i].uid, b->owners[i].uid)) return false;
        if (!str_equal(a->owners[i].name, b->owners[i].name)) return false;
    }
    return true;
}

static struct store_key *namespace_key(const struct store *s, const char *ns)
{
    return store_key_find(store_type_of(s, resource_find("", "v1", "namespaces")), ns);
}

static bool is_namespace(const struct store_object *o)
{
    return str_equal(o->type->kind, "Namespace");
}

/* Wakes those who wait for the end of an object. */
static void note_end(struct store *s, const struct store_object *before)
{
    struct store_dependents *d = map_get(&s->dependents, before->uid);
    for (size_t i = 0; d && i < d->count; i++) enqueue(s, d->keys[i]);
    for (size_t i = 0; i < before->owner_count; i++) {
        struct store_key *owner = map_get(&s->uids, before->owners[i].uid);
        if (owner && owner->newest->deleting) enqueue(s, owner);
    }
    struct store_key *ns = *before->ns ? namespace_key(s, before->ns) : NULL;
    if (store_live(ns) && ns->newest->deleting) enqueue(s, ns);
}

void store_gc_note(struct store *s, struct store_key *key, const struct store_object *before,
                   const struct store_object *after)
{
    bool stays = !after->tombstone;
    if (before && stays && same_owners(before, after)) {
        if (after->deleting) enqueue(s, key);
        return;
    }
    for (size_t i = 0; before && i < before->owner_count; i++) {
        unlink_owner(s, key, before->owners[i].uid);
    }
    for (size_t i = 0; stays && i < after->owner_count; i++) {
        link_owner(s, key, after->owners[i].uid);
    }
    if (stays && (after->owner_count > 0 || after->deleting)) enqueue(s, key);
    if (!stays) note_end(s, before);
}

/* --- Steps --- */

struct collector {
    struct store *s;
    struct store_call call;
    struct store_answer answer;
    struct store_writer writer;
};

static void delete_key(struct collector *c, struct store_key *key, const char *propagation)
{
    const struct store_object *o = key->newest;
    struct store_job job = {.s = c->s, .call = &c->call, .a = &c->s->scratch, .out = &c->answer};
    job.type = key->type;
    job.path = (struct store_path){.type = o->type, .ns = "", .name = "", .sub = ""};
    job.manager = c->writer.manager;
    job.manager_sub = "";
    const struct store_delete_options options = {
        .uid = arena_strdup(job.a, o->uid), .propagation = propagation, .grace_s = -1};
    store_delete_one(&job, key, &options);
}

static void put(struct collector *c, struct store_key *key, struct json *now)
{
    struct arena *a = &c->s->scratch;
    const struct store_plan plan = {.path = arena_strdup(a, key->path),
                                    .before = key->newest,
                                    .before_tree = store_tree(a, key->newest),
                                    .now = now};
    store_object_unref(store_put(c->s, a, key->type, &plan, &c->writer, false));
}

/* Takes the references to uid off an object, or those to owners that are gone. */
static void drop_owner(struct collector *c, struct store_key *key,
                       bool (*drop)(struct collector *c, const struct store_object *o,
                                    const struct store_owner *owner, const char *uid),
                       const char *uid)
{
    struct arena *a = &c->s->scratch;
    const struct store_object *o = key->newest;
    struct json *now = store_tree(a, o), *meta = json_get(now, "metadata");
    struct json *owners = json_get(meta, "ownerReferences");
    for (size_t i = o->owner_count; i-- > 0;) {
        if (drop(c, o, &o->owners[i], uid)) json_remove_at(owners, i);
    }
    if (json_count(owners) == 0) json_remove(meta, "ownerReferences");
    put(c, key, now);
}

static bool has_finalizer(struct collector *c, const struct store_object *o, const char *name)
{
    if (o->finalizers == 0) return false;
    const struct json *tree = store_tree(&c->s->scratch, o);
    const struct json *f = json_first(json_path(tree, "metadata.finalizers"));
    while (f && !str_equal(json_text(f), name)) f = json_next(f);
    return f != NULL;
}

static void drop_finalizer(struct collector *c, struct store_key *key, const char *name)
{
    struct json *now = store_tree(&c->s->scratch, key->newest);
    struct json *meta = json_get(now, "metadata"), *list = json_get(meta, "finalizers");
    for (size_t i = json_count(list); i-- > 0;) {
        if (str_equal(json_text(json_at(list, i)), name)) json_remove_at(list, i);
    }
    if (json_count(list) == 0) json_remove(meta, "finalizers");
    put(c, key, now);
}

enum owner_state { OWNER_SOLID, OWNER_WAITS, OWNER_GONE };

static enum owner_state owner_state(struct collector *c, const struct store_object *o,
                                    const struct store_owner *owner)
{
    const struct resource *type = resource_of_kind(owner->api_version, owner->kind);
    if (!type) return OWNER_SOLID; /* nobody knows: a collector leaves it alone */
    bool cluster = (type->flags & RES_CLUSTER) != 0;
    if (!cluster && !*o->ns) return OWNER_SOLID; /* cannot be: left alone as well */
    const struct store_object *live = store_get(c->s, type, cluster ? "" : o->ns, owner->name);
    if (!live || !str_equal(live->uid, owner->uid)) return OWNER_GONE;
    return live->deleting && has_finalizer(c, live, "foregroundDeletion") ? OWNER_WAITS
                                                                          : OWNER_SOLID;
}

static bool is_not_solid(struct collector *c, const struct store_object *o,
                         const struct store_owner *owner, const char *uid)
{
    (void)uid;
    return owner_state(c, o, owner) != OWNER_SOLID;
}

static bool is_uid(struct collector *c, const struct store_object *o,
                   const struct store_owner *owner, const char *uid)
{
    (void)c;
    (void)o;
    return str_equal(owner->uid, uid);
}

static bool step_dependent(struct collector *c, struct store_key *key)
{
    const struct store_object *o = key->newest;
    size_t of[3] = {0};
    for (size_t i = 0; i < o->owner_count; i++) of[owner_state(c, o, &o->owners[i])]++;
    if (o->owner_count == 0 || (of[OWNER_GONE] == 0 && of[OWNER_WAITS] == 0)) return false;
    if (of[OWNER_SOLID] > 0) {
        drop_owner(c, key, is_not_solid, NULL);
        return true;
    }
    bool parent = of[OWNER_WAITS] > 0 && map_get(&c->s->dependents, o->uid) != NULL;
    delete_key(c, key, parent ? "Foreground" : "Background");
    return true;
}

static bool step_orphan(struct collector *c, struct store_key *key)
{
    const char *uid = arena_strdup(&c->s->scratch, key->newest->uid);
    struct store_dependents *d = map_get(&c->s->dependents, uid);
    if (!d) {
        drop_finalizer(c, key, "orphan");
        return true;
    }
    drop_owner(c, d->keys[0], is_uid, uid);
    enqueue(c->s, key);
    return true;
}

static bool blocks(const struct store_object *o, const char *uid)
{
    for (size_t i = 0; i < o->owner_count; i++) {
        if (str_equal(o->owners[i].uid, uid)) return o->owners[i].block;
    }
    return false;
}

/* Dependents first; those that do not block are not waited for. */
static bool step_foreground(struct collector *c, struct store_key *key)
{
    const char *uid = key->newest->uid;
    struct store_dependents *d = map_get(&c->s->dependents, uid);
    bool waits = false;
    for (size_t i = 0; d && i < d->count; i++) {
        struct store_object *o = store_live(d->keys[i]);
        if (!o->deleting && step_dependent(c, d->keys[i])) {
            enqueue(c->s, key);
            return true;
        }
        waits = waits || (o->deleting && blocks(o, uid));
    }
    if (waits) return false;
    drop_finalizer(c, key, "foregroundDeletion");
    return true;
}

static bool step_namespace(struct collector *c, struct store_key *key)
{
    const char *from = arena_printf(&c->s->scratch, "%s/", key->path);
    size_t n = strlen(from);
    bool waits = false;
    for (size_t i = 0; i < c->s->type_count; i++) {
        struct store_type *t = &c->s->types[i];
        if (t->resource->flags & RES_CLUSTER) continue;
        for (size_t k = store_key_index(t, from);
             k < t->key_count && strncmp(t->keys[k]->path, from, n) == 0; k++) {
            const struct store_object *o = store_live(t->keys[k]);
            if (!o) continue;
            waits = true;
            if (o->deleting) continue;
            enqueue(c->s, key);
            delete_key(c, t->keys[k], "Background");
            return true;
        }
    }
    if (waits) return false;
    struct json *now = store_tree(&c->s->scratch, key->newest);
    struct json *spec = json_ensure_object(&c->s->scratch, now, "spec");
    if (json_count(json_get(spec, "finalizers")) == 0) return false;
    json_remove(spec, "finalizers");
    put(c, key, now);
    return true;
}

static bool step(struct collector *c, struct store_key *key)
{
    const struct store_object *o = store_live(key);
    if (!o) return false;
    if (!o->deleting) return step_dependent(c, key);
    if (is_namespace(o)) return step_namespace(c, key);
    if (has_finalizer(c, o, "orphan")) return step_orphan(c, key);
    if (has_finalizer(c, o, "foregroundDeletion")) return step_foreground(c, key);
    return false;
}

bool store_gc_step(struct store *s, int64_t wall_ms)
{
    struct collector c = {.s = s};
    c.call = (struct store_call){.method = "GC", .user_agent = "garbage-collector",
                                 .wall_ms = wall_ms};
    c.writer = (struct store_writer){.method = "GC", .sub = "", .manager = "garbage-collector",
                                     .wall_ms = wall_ms};
    struct store_key *key;
    while ((key = dequeue(s))) {
        arena_reset(&s->scratch, 1 << 20);
        if (step(&c, key)) return true;
    }
    return false;
}
