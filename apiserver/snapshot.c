#include "apiserver/snapshot.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/map.h"
#include "lib/xalloc.h"

enum { UNUSED_MS = 60000, LOOK_MS = 20000 };

struct snapshots {
    struct snap_kind kind;
    struct asks *asks;
    struct timers *timers;
    struct kube_store *store;
    struct map changed;   /* keys since the last snapshot; NULL values */
    bool all_changed;
    struct timer forget;
    struct snap_text text; /* what render fills, kept from one to the next */
    pthread_mutex_t lock;  /* for what follows */
    struct snapshot *current;
    uint64_t version;
    bool stale;   /* the cache has changed since current was made */
    int64_t used; /* reads since forget fired last */
};

/* --- Items and snapshots --- */

static void item_unref(struct snap_item *item)
{
    if (__atomic_sub_fetch(&item->refs, 1, __ATOMIC_ACQ_REL) == 0) free(item);
}

static struct snap_item *item_ref(struct snap_item *item)
{
    __atomic_add_fetch(&item->refs, 1, __ATOMIC_RELAXED);
    return item;
}

void snapshot_give_back(const struct snapshot *snapshot)
{
    struct snapshot *s = (struct snapshot *)(uintptr_t)snapshot;
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (size_t i = 0; i < s->count; i++) item_unref(s->items[i]);
    free(s);
}

static struct snapshot *new_snapshot(size_t room)
{
    struct snapshot *s = xmalloc(sizeof(*s) + room * sizeof(s->items[0]));
    *s = (struct snapshot){.refs = 1};
    return s;
}

/* Where the key is, or would be. */
static size_t place_of(const struct snapshot *s, const char *key)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->items[middle]->key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct snap_item *snapshot_get(const struct snapshot *s, const char *key)
{
    size_t i = place_of(s, key);
    return i < s->count && strcmp(s->items[i]->key, key) == 0 ? s->items[i] : NULL;
}

/* --- Making one, on the loop --- */

static const char *put_text(char **at, const char *text)
{
    char *to = *at;
    size_t n = strlen(text) + 1;
    memcpy(to, text, n);
    *at += n;
    return to;
}

/* One block: the item, then its texts. */
static struct snap_item *new_item(struct snapshots *s, const struct kube_object *o)
{
    struct snap_text *t = &s->text;
    memset(t->field, 0, sizeof(t->field));
    t->count = 0;
    str_clear(&t->json);
    s->kind.render(s->kind.user, o, t);
    size_t bytes = strlen(o->meta.key) + strlen(o->meta.rv) + t->json.len + 3;
    for (int i = 0; i < SNAP_FIELDS; i++) {
        if (!t->field[i]) t->field[i] = "";
        bytes += strlen(t->field[i]) + 1;
    }
    struct snap_item *item = xmalloc(sizeof(*item) + bytes);
    char *at = (char *)(item + 1);
    *item = (struct snap_item){.refs = 1,
                               .key = put_text(&at, o->meta.key),
                               .rv = put_text(&at, o->meta.rv),
                               .created_ms = o->meta.created_ms,
                               .count = t->count,
                               .len = (uint32_t)t->json.len};
    for (int i = 0; i < SNAP_FIELDS; i++) item->field[i] = put_text(&at, t->field[i]);
    item->json = put_text(&at, t->json.at);
    return item;
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(struct snap_item *const *)a)->key, (*(struct snap_item *const *)b)->key);
}

static struct snapshot *make_whole(struct snapshots *s)
{
    struct snapshot *fresh = new_snapshot(kube_store_count(s->store));
    const struct kube_object *o;
    for (size_t i = 0; (o = kube_store_next(s->store, &i));) {
        fresh->items[fresh->count++] = new_item(s, o);
    }
    qsort(fresh->items, fresh->count, sizeof(fresh->items[0]), by_key);
    return fresh;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **changed_keys(const struct snapshots *s)
{
    const char **keys = xmalloc((s->changed.count + 1) * sizeof(*keys));
    const struct map_entry *e;
    size_t n = 0;
    for (size_t i = 0; (e = map_next(&s->changed, &i));) keys[n++] = e->key;
    qsort(keys, n, sizeof(*keys), by_text);
    return keys;
}

/* Between the changed keys all is as it was. */
static struct snapshot *make_next(struct snapshots *s, const struct snapshot *last)
{
    size_t count = s->changed.count, from = 0;
    const char **keys = changed_keys(s);
    struct snapshot *fresh = new_snapshot(last->count + count);
    for (size_t k = 0; k <= count; k++) {
        size_t to = k < count ? place_of(last, keys[k]) : last->count;
        for (; from < to; from++) fresh->items[fresh->count++] = item_ref(last->items[from]);
        if (k == count) break;
        if (from < last->count && strcmp(last->items[from]->key, keys[k]) == 0) from++;
        const struct kube_object *o = kube_store_get(s->store, keys[k]);
        if (o) fresh->items[fresh->count++] = new_item(s, o);
    }
    free(keys);
    return fresh;
}

static void forget_changes(struct snapshots *s)
{
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&s->changed, &i));) free(e->value);
    map_release(&s->changed, NULL);
    s->changed = (struct map){0};
}

static void make(void *user)
{
    struct snapshots *s = user;
    if (!s->store || !kube_store_synced(s->store)) return;
    pthread_mutex_lock(&s->lock);
    struct snapshot *last = s->current;
    bool wanted = !last || s->stale;
    s->stale = false;
    pthread_mutex_unlock(&s->lock);
    if (!wanted) return; /* another worker's call was first */

    struct snapshot *fresh = !last || s->all_changed ? make_whole(s) : make_next(s, last);
    forget_changes(s);
    s->all_changed = false;
    fresh->version = ++s->version;
    pthread_mutex_lock(&s->lock);
    s->current = fresh;
    pthread_mutex_unlock(&s->lock);
    snapshot_give_back(last);
    if (!timer_is_set(&s->forget)) timer_set(s->timers, &s->forget, s->timers->now_ms + LOOK_MS);
}

static void drop_current(struct snapshots *s)
{
    pthread_mutex_lock(&s->lock);
    struct snapshot *last = s->current;
    s->current = NULL;
    pthread_mutex_unlock(&s->lock);
    snapshot_give_back(last);
    forget_changes(s);
    s->all_changed = true;
}

static void forget(void *user)
{
    struct snapshots *s = user;
    pthread_mutex_lock(&s->lock);
    bool used = s->used > 0;
    s->used = used ? 0 : s->used - 1;
    bool long_ago = s->used <= -(UNUSED_MS / LOOK_MS);
    pthread_mutex_unlock(&s->lock);
    if (long_ago) {
        drop_current(s);
    } else {
        timer_set(s->timers, &s->forget, s->timers->now_ms + LOOK_MS);
    }
}

/* --- Changes, on the loop --- */

static void mark_stale(struct snapshots *s)
{
    pthread_mutex_lock(&s->lock);
    s->stale = true;
    pthread_mutex_unlock(&s->lock);
}

void snapshots_touch(struct snapshots *s, const char *key)
{
    if (s->all_changed || map_get(&s->changed, key)) return;
    char *copy = xstrdup(key);
    map_put(&s->changed, copy, copy);
    mark_stale(s);
}

static void on_change(void *user, const struct kube_object *before,
                      const struct kube_object *after)
{
    snapshots_touch(user, (after ? after : before)->meta.key);
}

void snapshots_attach(struct snapshots *s, struct kube_store *store)
{
    s->store = store;
    s->all_changed = true; /* all that follows counts as changed until somebody asks */
    mark_stale(s);
    if (store) kube_store_observe(store, on_change, s);
}

/* --- Reading --- */

static struct snapshot *take_current(struct snapshots *s, bool even_stale)
{
    pthread_mutex_lock(&s->lock);
    struct snapshot *current = s->stale && !even_stale ? NULL : s->current;
    if (current) __atomic_add_fetch(&current->refs, 1, __ATOMIC_RELAXED);
    s->used++;
    pthread_mutex_unlock(&s->lock);
    return current;
}

const struct snapshot *snapshot_take(struct snapshots *s)
{
    const struct snapshot *current = take_current(s, false);
    if (current || !ask_call(s->asks, make, s)) return current;
    return take_current(s, true);
}

/* --- Birth and death --- */

struct snapshots *snapshots_new(const struct snap_kind *kind, struct asks *asks,
                                struct timers *timers)
{
    struct snapshots *s = xcalloc(1, sizeof(*s));
    *s = (struct snapshots){.kind = *kind, .asks = asks, .timers = timers, .all_changed = true};
    s->forget = (struct timer){.fire = forget, .user = s};
    str_init(&s->text.json, LIMIT_WATCH_LINE_BYTES);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void snapshots_free(struct snapshots *s)
{
    if (!s) return;
    drop_current(s);
    timer_stop(s->timers, &s->forget);
    str_release(&s->text.json);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
