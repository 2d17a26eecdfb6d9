#include "lib/kube/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format.h"
#include "lib/map.h"
#include "lib/str.h"
#include "lib/xalloc.h"

enum { OBSERVERS_MAX = 8 };

struct bucket { /* of an index: its objects in no order that means anything */
    const struct kube_object **objects; /* &one while there is room for no more */
    const struct kube_object *one;      /* most have one: a pod of a session */
    uint32_t count, cap;
    char key[];
};

struct kube_store {
    const struct kube_type *type;
    struct map objects; /* key -> object; the key lives in the object */
    struct map index[KUBE_INDEXES_MAX];
    struct map aside; /* unknown objects of a list that has not ended */
    uint32_t sweep;   /* number of the current list */
    size_t flawed;    /* of objects */
    bool listing, synced;
    char rv[KUBE_RV_SIZE];   /* of the last event */
    char high[KUBE_RV_SIZE]; /* the greatest seen or learned since history was undone, if ever */
    char list_high[KUBE_RV_SIZE]; /* the same when the list began */
    struct {
        void (*changed)(void *, const struct kube_object *, const struct kube_object *);
        void *user;
    } observers[OBSERVERS_MAX];
    size_t observer_count;
};

const struct json_field kube_owner_fields[] = {
    JSON_ROW("kind", JSON_TEXT, struct kube_owner, kind),
    JSON_ROW("name", JSON_TEXT, struct kube_owner, name),
    JSON_ROW("uid", JSON_TEXT, struct kube_owner, uid),
    JSON_ROW("controller", JSON_BOOL, struct kube_owner, controller),
};
const struct json_table kube_owner_table = {kube_owner_fields, 4, sizeof(struct kube_owner), false};

static const struct json_field label_fields[] = {
    JSON_ROW("app.kubernetes.io/managed-by", JSON_TEXT, struct kube_reading, managed_by)};
const struct json_table kube_label_table = {label_fields, 1, 0, false};
static const struct json_field annotation_fields[] = {
    JSON_ROW("k8s.io/initial-events-end", JSON_TEXT, struct kube_reading, initial_end)};
const struct json_table kube_annotation_table = {annotation_fields, 1, 0, false};

/* --- objects -------------------------------------------------------------------------------- */

const struct kube_object *kube_object_ref(const struct kube_object *o)
{
    ((struct kube_object *)(uintptr_t)o)->refs++;
    return o;
}

void kube_object_unref(const struct kube_object *o)
{
    if (!o) return;
    struct kube_object *mine = (struct kube_object *)(uintptr_t)o;
    assert(mine->refs > 0);
    if (--mine->refs == 0) json_pack_free(mine->type->table, mine);
}

const struct kube_reading *kube_object_reading(const struct kube_object *o,
                                               const struct kube_type *type)
{
    return (const void *)((const char *)o + type->kept);
}

static void find_owner(struct kube_meta *m, const struct json_list *list)
{
    const struct kube_owner *owners = list->items;
    for (size_t i = 0; i < list->count; i++) {
        if (!owners[i].controller) continue;
        m->owner_kind = owners[i].kind;
        m->owner_name = owners[i].name;
        m->owner_uid = owners[i].uid;
    }
}

int kube_object_finish(struct kube_object *o, const struct kube_type *type, struct arena *a,
                       struct err *err)
{
    struct kube_meta *m = &o->meta;
    const struct kube_reading *reading = kube_object_reading(o, type);
    o->type = type;
    if (!m->name || !*m->name || !m->uid || !m->rv) {
        return err_set(err, ERR_INVALID, "%s without name, uid or resourceVersion", type->name);
    }
    if (!kube_rv_valid(m->rv)) {
        return err_set(err, ERR_INVALID, "%s %s: bad resourceVersion '%.50s'", type->name, m->name,
                       m->rv);
    }
    if (!m->ns) m->ns = arena_strdup(a, "");
    m->key = *m->ns ? arena_printf(a, "%s/%s", m->ns, m->name) : arena_strdup(a, m->name);
    m->name = m->key + (*m->ns ? strlen(m->ns) + 1 : 0); /* one text for both */
    find_owner(m, &reading->owners);
    o->selected = !type->managed_by || str_equal(reading->managed_by, type->managed_by);
    if (type->finish) type->finish(o, a);
    return 0;
}

int kube_object_read(const struct kube_type *type, const char *json, size_t len, struct arena *a,
                     struct kube_object **out, struct err *err)
{
    struct kube_object *o = arena_zalloc(a, type->table->size);
    if (json_decode(a, json, len, type->table, o, err) < 0) return -1;
    if (kube_object_finish(o, type, a, err) < 0) return -1;
    *out = o;
    return 0;
}

static struct kube_object *pack(const struct kube_object *o)
{
    struct kube_object *copy = json_pack_front(o->type->table, o, o->type->kept);
    copy->refs = 1;
    return copy;
}

/* --- indexes -------------------------------------------------------------------------------- */

static struct bucket *bucket_new(const char *key)
{
    size_t size = strlen(key) + 1;
    struct bucket *b = xcalloc(1, sizeof(*b) + size);
    b->objects = &b->one;
    b->cap = 1;
    memcpy(b->key, key, size);
    return b;
}

static void bucket_free(void *at)
{
    struct bucket *b = at;
    if (b->objects != &b->one) free(b->objects);
    free(b);
}

static void bucket_grow(struct bucket *b)
{
    const struct kube_object **more = xcalloc(b->cap * 2, sizeof(*more));
    memcpy(more, b->objects, b->count * sizeof(*more));
    if (b->objects != &b->one) free(b->objects);
    b->objects = more;
    b->cap *= 2;
}

static uint32_t bucket_add(struct bucket *b, const struct kube_object *o)
{
    if (b->count == b->cap) bucket_grow(b);
    b->objects[b->count] = o;
    return b->count++;
}

/* The last object takes the free place; returns it so that its slot can be corrected. */
static const struct kube_object *bucket_remove(struct bucket *b, uint32_t slot)
{
    const struct kube_object *last = b->objects[--b->count];
    b->objects[slot] = last;
    return last;
}

static void index_add(struct kube_store *s, struct kube_object *o)
{
    char key[KUBE_KEY_SIZE];
    for (int i = 0; i < KUBE_INDEXES_MAX; i++) {
        if (!s->type->index[i] || !s->type->index[i](o, key)) continue;
        struct bucket *b = map_get(&s->index[i], key);
        if (!b) {
            b = bucket_new(key);
            map_put(&s->index[i], b->key, b);
        }
        o->slot[i] = bucket_add(b, o);
    }
}

static void index_remove(struct kube_store *s, const struct kube_object *o)
{
    char key[KUBE_KEY_SIZE];
    for (int i = 0; i < KUBE_INDEXES_MAX; i++) {
        if (!s->type->index[i] || !s->type->index[i](o, key)) continue;
        struct bucket *b = map_get(&s->index[i], key);
        assert(b && b->objects[o->slot[i]] == o);
        const struct kube_object *moved = bucket_remove(b, o->slot[i]);
        ((struct kube_object *)(uintptr_t)moved)->slot[i] = o->slot[i];
        if (b->count > 0) continue;
        map_remove(&s->index[i], key); /* an index that keeps empty sets grows for ever */
        bucket_free(b);
    }
}

/* --- changes -------------------------------------------------------------------------------- */

static void tell(struct kube_store *s, const struct kube_object *before,
                 const struct kube_object *after)
{
    for (size_t i = 0; i < s->observer_count; i++) {
        s->observers[i].changed(s->observers[i].user, before, after);
    }
}

static void remove_object(struct kube_store *s, const char *key)
{
    struct kube_object *o = map_get(&s->objects, key);
    if (!o) return;
    map_remove(&s->objects, key);
    index_remove(s, o);
    s->flawed -= o->flaw != NULL;
    tell(s, o, NULL);
    kube_object_unref(o);
}

static void set_object(struct kube_store *s, struct kube_object *packed)
{
    struct kube_object *old = map_get(&s->objects, packed->meta.key);
    if (old && strcmp(old->meta.uid, packed->meta.uid) != 0) {
        remove_object(s, old->meta.key); /* a successor of the same name is another object */
        old = NULL;
    }
    if (old) {
        map_remove(&s->objects, old->meta.key); /* its key goes with it */
        index_remove(s, old);
        s->flawed -= old->flaw != NULL;
    }
    map_put(&s->objects, packed->meta.key, packed);
    index_add(s, packed);
    s->flawed += packed->flaw != NULL;
    if (!old || !json_same(s->type->table, old, packed)) tell(s, old, packed);
    kube_object_unref(old);
}

static bool is_newer(const struct kube_object *known, const struct kube_object *o)
{
    return !known || kube_rv_cmp(o->meta.rv, known->meta.rv) > 0;
}

static bool same_uid(const struct kube_object *known, const struct kube_object *o)
{
    return known && strcmp(known->meta.uid, o->meta.uid) == 0;
}

static void raise_high(struct kube_store *s, const char *rv)
{
    if (kube_rv_cmp(rv, s->high) > 0) str_copy(s->high, sizeof(s->high), rv);
}

void kube_store_put(struct kube_store *s, struct kube_object *o)
{
    const struct kube_object *known = map_get(&s->objects, o->meta.key);
    if (is_newer(known, o)) set_object(s, pack(o));
    kube_store_advance(s, o->meta.rv);
}

void kube_store_delete(struct kube_store *s, const struct kube_object *last)
{
    const struct kube_object *known = map_get(&s->objects, last->meta.key);
    bool is_last = same_uid(known, last) && kube_rv_cmp(known->meta.rv, last->meta.rv) <= 0;
    if (is_last) remove_object(s, last->meta.key);
    kube_store_advance(s, last->meta.rv);
}

void kube_store_advance(struct kube_store *s, const char *rv)
{
    if (kube_rv_cmp(rv, s->rv) > 0) str_copy(s->rv, sizeof(s->rv), rv);
    raise_high(s, rv);
}

/* In the list that is coming in. */
static bool is_listed(const struct kube_store *s, const struct kube_object *o)
{
    const struct kube_object *known = map_get(&s->objects, o->meta.key);
    if (same_uid(known, o) && known->sweep == s->sweep) return true;
    return same_uid(map_get(&s->aside, o->meta.key), o);
}

const struct kube_object *kube_store_learn(struct kube_store *s, struct kube_object *o)
{
    const struct kube_object *known = map_get(&s->objects, o->meta.key);
    bool watch_is_past = kube_rv_cmp(s->rv, o->meta.rv) >= 0;
    if (o->selected && !watch_is_past && is_newer(known, o)) {
        struct kube_object *packed = pack(o);
        /* Not for that is it listed: a list of a later version that has it not is right. */
        packed->sweep = is_listed(s, o) ? s->sweep : s->sweep - 1;
        set_object(s, packed);
        raise_high(s, o->meta.rv);
    }
    return map_get(&s->objects, o->meta.key);
}

void kube_store_forget(struct kube_store *s, const char *ns, const char *name, const char *uid)
{
    const struct kube_object *known = kube_store_find(s, ns, name);
    if (known && strcmp(known->meta.uid, uid) == 0) remove_object(s, known->meta.key);
}

/* --- lists ---------------------------------------------------------------------------------- */

static void aside_free(void *at)
{
    kube_object_unref(at);
}

void kube_store_list_begin(struct kube_store *s)
{
    map_release(&s->aside, aside_free);
    s->sweep++;
    str_copy(s->list_high, sizeof(s->list_high), s->high);
    s->listing = true;
}

static void put_aside(struct kube_store *s, struct kube_object *o)
{
    struct kube_object *old = map_get(&s->aside, o->meta.key);
    if (!is_newer(old, o)) return;
    if (old) map_remove(&s->aside, old->meta.key);
    struct kube_object *packed = pack(o);
    map_put(&s->aside, packed->meta.key, packed);
    kube_object_unref(old);
}

void kube_store_list_add(struct kube_store *s, struct kube_object *o)
{
    assert(s->listing);
    struct kube_object *known = map_get(&s->objects, o->meta.key);
    bool same = same_uid(known, o);
    if (same) known->sweep = s->sweep;
    if (same && is_newer(known, o)) {
        struct kube_object *packed = pack(o);
        packed->sweep = s->sweep;
        set_object(s, packed);
        kube_object_unref(map_remove(&s->aside, o->meta.key));
    } else if (!same || is_newer(o, known)) {
        put_aside(s, o); /* an older state too: right if the whole list goes back in history */
    }
}

void kube_store_list_drop(struct kube_store *s, const char *key)
{
    kube_object_unref(map_remove(&s->aside, key));
    struct kube_object *known = map_get(&s->objects, key);
    if (known) known->sweep = s->sweep - 1; /* the end of the list removes it */
}

/* `back`: history was undone, so nothing that we know speaks against the list. */
static void remove_unlisted(struct kube_store *s, const char *rv, bool back)
{
    size_t count = 0, i = 0;
    const struct kube_object **gone = xcalloc(s->objects.count + 1, sizeof(struct kube_object *));
    for (const struct map_entry *e; (e = map_next(&s->objects, &i));) {
        const struct kube_object *o = e->value;
        /* What our own write taught us after the list was taken is not in it, and not gone. */
        bool taught_later = !back && kube_rv_cmp(o->meta.rv, rv) > 0;
        if (o->sweep == s->sweep || taught_later) continue;
        gone[count++] = kube_object_ref(o);
    }
    for (size_t k = 0; k < count; k++) {
        remove_object(s, gone[k]->meta.key);
        kube_object_unref(gone[k]);
    }
    free(gone);
}

void kube_store_list_end(struct kube_store *s, const char *rv)
{
    assert(s->listing);
    s->listing = false;
    bool back = kube_rv_cmp(rv, s->list_high) < 0;
    remove_unlisted(s, rv, back);
    size_t i = 0;
    for (const struct map_entry *e; (e = map_next(&s->aside, &i));) {
        struct kube_object *packed = e->value;
        const struct kube_object *known = map_get(&s->objects, packed->meta.key);
        if (back || is_newer(known, packed)) set_object(s, packed);
        else kube_object_unref(packed);
    }
    map_release(&s->aside, NULL);
    str_copy(s->rv, sizeof(s->rv), rv);
    if (back) s->high[0] = '\0';
    raise_high(s, rv);
    s->synced = true;
}

void kube_store_list_fail(struct kube_store *s)
{
    map_release(&s->aside, aside_free);
    s->listing = false;
}

/* --- readers -------------------------------------------------------------------------------- */

struct kube_store *kube_store_new(const struct kube_type *type)
{
    struct kube_store *s = xcalloc(1, sizeof(*s));
    s->type = type;
    return s;
}

static void object_free(void *at)
{
    kube_object_unref(at);
}

void kube_store_free(struct kube_store *s)
{
    if (!s) return;
    for (int i = 0; i < KUBE_INDEXES_MAX; i++) map_release(&s->index[i], bucket_free);
    map_release(&s->aside, aside_free);
    map_release(&s->objects, object_free);
    free(s);
}

const struct kube_object *kube_store_get(const struct kube_store *s, const char *key)
{
    return map_get(&s->objects, key);
}

const struct kube_object *kube_store_find(const struct kube_store *s, const char *ns,
                                          const char *name)
{
    char key[KUBE_KEY_SIZE];
    size_t n = format(key, sizeof(key), "%s%s%s", ns, *ns ? "/" : "", name);
    if (n >= sizeof(key)) return NULL;
    return kube_store_get(s, key);
}

struct kube_bucket kube_store_by(const struct kube_store *s, int index, const char *key)
{
    const struct bucket *b = map_get(&s->index[index], key);
    if (!b) return (struct kube_bucket){0};
    return (struct kube_bucket){b->objects, b->count};
}

const struct kube_object *kube_store_next(const struct kube_store *s, size_t *i)
{
    const struct map_entry *e = map_next(&s->objects, i);
    return e ? e->value : NULL;
}

size_t kube_store_count(const struct kube_store *s)
{
    return s->objects.count;
}

size_t kube_store_flawed(const struct kube_store *s)
{
    return s->flawed;
}

bool kube_store_synced(const struct kube_store *s)
{
    return s->synced;
}

const char *kube_store_rv(const struct kube_store *s)
{
    return s->rv;
}

const char *kube_store_high(const struct kube_store *s)
{
    return s->listing ? s->list_high : s->high;
}

void kube_store_observe(struct kube_store *s,
                        void (*changed)(void *, const struct kube_object *,
                                        const struct kube_object *),
                        void *user)
{
    assert(s->observer_count < OBSERVERS_MAX);
    s->observers[s->observer_count].changed = changed;
    s->observers[s->observer_count++].user = user;
}
