/* A store as it was a while ago: what an etcd is after it was restored from a backup. */
#include <stdlib.h>

#include "dev/store_in.h"
#include "lib/xalloc.h"

struct kept { /* objects of the past, each with a reference */
    struct store_object **objects;
    size_t count, cap;
};

static void keep(struct kept *k, const struct store_object *o)
{
    if (k->count == k->cap) {
        k->cap = k->cap ? k->cap * 2 : 64;
        k->objects = xrealloc(k->objects, k->cap, sizeof(struct store_object *));
    }
    k->objects[k->count++] = store_object_ref(o);
}

static bool collect(const struct store *s, uint64_t rv, struct kept *k)
{
    for (size_t i = 0; i < s->type_count; i++) {
        if (s->types[i].compacted > rv) return false;
    }
    for (size_t i = 0; i < s->type_count; i++) {
        const struct store_type *t = &s->types[i];
        for (size_t n = 0; n < t->key_count; n++) {
            const struct store_object *o = store_as_of(t->keys[n], rv);
            if (o) keep(k, o);
        }
    }
    return true;
}

/* Puts a version back as it was: its number and its uid too. */
static void put_back(struct store *s, struct store_object *o)
{
    struct store_type *t = store_type_of(s, o->type);
    arena_reset(&s->scratch, 64 * 1024);
    struct store_key *key =
        store_key_ensure(t, store_key_path(&s->scratch, o->type, o->ns, o->name));
    store_object_unref(o->older); /* its past is gone */
    o->older = NULL;
    o->rv_end = 0;
    o->key = key;
    key->newest = o;
    t->live++;
    map_put(&s->uids, o->uid, key);
}

struct store *store_restore(struct store *s, uint64_t rv)
{
    struct kept kept = {0};
    if (!collect(s, rv, &kept)) return NULL;
    struct store *past = store_new(&s->config);
    past->rv = rv;
    past->observer_count = s->observer_count;
    for (size_t i = 0; i < s->observer_count; i++) past->observers[i] = s->observers[i];
    store_free(s);
    for (size_t i = 0; i < past->type_count; i++) past->types[i].compacted = rv;
    for (size_t i = 0; i < kept.count; i++) put_back(past, kept.objects[i]);
    for (size_t i = 0; i < kept.count; i++) { /* owners may stand behind what they own */
        store_gc_note(past, kept.objects[i]->key, NULL, kept.objects[i]);
    }
    free(kept.objects);
    return past;
}

void store_skip(struct store *s, uint64_t versions)
{
    s->rv += versions;
}
