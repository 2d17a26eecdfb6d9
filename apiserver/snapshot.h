/* apiserver/snapshot.h: what the API answers reads from: the objects of a kind as JSON, sorted by
 * key, frozen. The loop makes a new one when somebody asks and the cache has changed since the
 * last; an object that has not changed keeps the text it has. So a list is a walk over texts, made
 * by the worker that answers, while the loop goes on.
 *
 * Nobody asks, nothing is kept: a minute after the last read the texts are let go.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "apiserver/ask.h"
#include "lib/kube/store.h"

enum { SNAP_FIELDS = 6 };

struct snap_item { /* immutable; lives as long as a snapshot that has it */
    unsigned refs; /* atomic */
    const char *key; /* "ns/name" */
    const char *rv;
    int64_t created_ms;
    const char *field[SNAP_FIELDS]; /* what it is found and sorted by; the kind says; not NULL */
    uint32_t count;                 /* the kind says */
    uint32_t len;
    const char *json;
};

struct snapshot {
    unsigned refs;    /* atomic */
    uint64_t version; /* another one, another number; of this process only */
    size_t count;
    struct snap_item *items[]; /* by key */
};

struct snap_text { /* filled by a kind's render */
    struct str json;
    const char *field[SNAP_FIELDS]; /* borrowed; NULL counts as "" */
    uint32_t count;
};

struct snap_kind {
    const char *name; /* "session" */
    /* On the loop. */
    void (*render)(void *user, const struct kube_object *o, struct snap_text *out);
    void *user;
};

struct snapshots; /* of one kind */

struct snapshots *snapshots_new(const struct snap_kind *kind, struct asks *asks,
                                struct timers *timers);
void snapshots_free(struct snapshots *s); /* no worker may be left; NULL is fine */

/* On the loop. Where the objects are from now on; NULL: nowhere, and reads see what was last. */
void snapshots_attach(struct snapshots *s, struct kube_store *store);
/* On the loop. The text of the object of that key is another one, though the object is the same. */
void snapshots_touch(struct snapshots *s, const char *key);

/* From a worker. NULL: the program is about to end, or the cache has had no list yet. */
const struct snapshot *snapshot_take(struct snapshots *s);
void snapshot_give_back(const struct snapshot *snapshot); /* any thread; NULL is fine */
static inline void snapshot_give_backp(const struct snapshot **s)
{
    snapshot_give_back(*s);
}
#define auto_snapshot __attribute__((cleanup(snapshot_give_backp))) const struct snapshot *

const struct snap_item *snapshot_get(const struct snapshot *s, const char *key); /* or NULL */
