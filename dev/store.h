/* dev/store.h: Kubernetes objects in memory, spoken to in the REST terms of a kube-apiserver. The
 * simulator calls it directly; the embedded API server puts HTTP in front of it.
 *
 *     store_request --> commit --> log of each type --> store_watch_next, by index
 *                          '-----> observers
 *
 * Pure: no I/O, no clock, no chance of its own. Wall time comes with each call, chance from the
 * generator of the configuration; the same calls give the same bytes. Nothing happens by itself:
 * bookmarks, garbage collection and compaction are functions that the caller calls.
 *
 * Each commit takes the next resource version, one counter for all types, from 1. Versions of
 * objects are immutable, counted, and kept (also of deleted objects) until compaction, so that a
 * paged list, an exact list, a replica that lags and a slow watch see the past as it was.
 * GET, LIST and watch lines are cut from stored text and parse nothing.
 *
 * What differs from a real server: no authorization, no admission but that of terminating
 * namespaces, no schema pruning, no strategic merge patch (415), no Table or PartialObjectMetadata,
 * members keep the order in which they were written, null members are dropped, a POST to a name is
 * 405, a claim gets no pvc-protection finalizer, a dry create shows resourceVersion 0. Apply bodies
 * must be JSON. dev/store_types.c has the few validations that controllers meet. A list that would
 * pass STORE_LIST_BYTES is cut there, with a continue token, as if limit had been given. The caller
 * injects all faults.
 *
 * One thread at a time. Lists come in etcd's order: by the bytes of "namespace/name".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/resources.h"
#include "lib/arena.h"
#include "lib/rng.h"

enum { STORE_LIST_BYTES = 24 << 20 };

struct store;
struct store_watch;

struct store_config {
    struct rng *rng;      /* uids, generateName, cluster addresses; must outlive the store */
    size_t history_max;   /* changes kept for each type; over it the oldest are compacted. 0: all */
    bool no_watch_list;   /* sendInitialEvents is answered 422, as by servers without it */
    bool gone_by_status;  /* a watch from a compacted version is refused with HTTP 410; otherwise,
                             as real servers do, it opens and its first line is an ERROR event */
    bool no_managed_fields; /* answers and events leave metadata.managedFields out (still kept) */
    bool need_namespaces; /* create in an absent namespace is 404; otherwise it is fine */
};

struct store *store_new(const struct store_config *config);
void store_free(struct store *s); /* close watches first; NULL is fine */

/* --- Requests ------------------------------------------------------------------------------- */

struct store_call { /* all borrowed; NULL is absent */
    const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
    const char *path;   /* "/apis/apps/v1/namespaces/n/deployments/x/status?dryRun=All" */
    const char *content_type; /* of PATCH it chooses the kind; else ignored */
    const char *body;
    size_t body_len;
    const char *user_agent; /* up to its '/' it is the field manager of who names none */
    const char *user;       /* for observers */
    int64_t wall_ms;
    uint64_t replica_rv; /* the server that answers has seen the log up to here; 0: all of it.
                            Consistent reads and writes ignore it, reads "at least X" do not */
};

struct store_answer {
    int code;
    const char *body; /* in the call's arena, '\0'-terminated; an object, a list or a Status */
    size_t len;
    int retry_after_s; /* -1: no such header */
};

/* Answers everything but watches (a path with watch=true gets 400). The answer is complete at once:
 * whoever wants it later or never, keeps or drops it. */
void store_request(struct store *s, const struct store_call *call, struct arena *a,
                   struct store_answer *answer);

/* The version of the last commit; 0 before the first. */
uint64_t store_rv(const struct store *s);

/* --- Watches -------------------------------------------------------------------------------- */

/* Opens a watch: path with watch=true or 1. NULL: refused, *refusal says how. No event of it is
 * lost from here on, however late it is read. */
struct store_watch *store_watch_open(struct store *s, const struct store_call *call,
                                     struct arena *a, struct store_answer *refusal);
void store_watch_close(struct store_watch *w); /* NULL is fine */

/* The next line, with its '\n': an event of a version up to up_to (0: any), the initial ones first,
 * then the end mark of a watch-list. The line is the watch's until its next call. False: nothing
 * to read now, or for ever if store_watch_ended. */
bool store_watch_next(struct store_watch *w, uint64_t up_to, const char **line, size_t *len);

/* The version of the line that would come next, without taking it. Initial events and the end mark
 * carry the version at which the watch was opened; an ERROR too. 0: nothing to read. */
uint64_t store_watch_peek(struct store_watch *w);

/* A BOOKMARK line of the greatest version up to up_to (0: any) of which all has been read. False:
 * the watch did not ask for bookmarks, has initial events left, or has ended. */
bool store_watch_bookmark(struct store_watch *w, uint64_t up_to, const char **line, size_t *len);

/* It has given its ERROR line (410: what it had not read was compacted) and gives no more. */
bool store_watch_ended(const struct store_watch *w);

/* --- Objects and commits --------------------------------------------------------------------- */

struct store_label {
    const char *key, *value;
};

struct store_owner {
    const char *api_version, *kind, *name, *uid;
    bool controller;
    bool block; /* blockOwnerDeletion */
};

/* One version of one object. Immutable, but for what stands under "of the store". */
struct store_object {
    const struct resource *type;
    const char *ns; /* "" where the type is not in namespaces */
    const char *name;
    const char *uid;
    uint64_t rv;
    int64_t generation;  /* 0: the type has none */
    int64_t created_ms;  /* creationTimestamp */
    bool deleting;       /* has a deletionTimestamp */
    bool tombstone;      /* the version of its deletion: text is the last state with that rv */
    unsigned finalizers; /* how many */
    const struct store_label *labels;
    size_t label_count;
    const struct store_owner *owners;
    size_t owner_count;
    const char *selectable[SELECTABLE_MAX]; /* values of type->selectable, "" where absent */
    const char *text; /* JSON, '\0'-terminated, always with managedFields */
    size_t len;

    /* Of the store. */
    unsigned refs;
    size_t rv_at, rv_len;         /* resourceVersion's digits in text */
    size_t fields_at, fields_len; /* "managedFields":[...] in text, with one comma; 0: none */
    size_t head_len;              /* of {"apiVersion":"v1","kind":"Pod", */
    uint64_t rv_end;              /* the version that replaced it; 0: it is the newest */
    struct store_object *older;
    struct store_key *key;
};

/* Keep an object past the call that showed it. */
struct store_object *store_object_ref(const struct store_object *o);
void store_object_unref(struct store_object *o); /* NULL is fine */

enum store_event { STORE_ADDED, STORE_MODIFIED, STORE_DELETED };

struct store_commit { /* valid during the call */
    enum store_event event;
    const struct store_object *before; /* NULL for ADDED */
    const struct store_object *after;  /* of DELETED the tombstone */
    const char *method;                /* of the request; "GC" for store_gc_step */
    const char *subresource;           /* "" or "status" ... */
    const char *manager;               /* field manager, given or from the user agent */
    const char *user;                  /* of the call, NULL if it had none */
    int64_t wall_ms;
};

/* Called at each commit in the order of registration, before the answer exists. It may read the
 * store, and must not write to it. Registered once, for ever. */
void store_observe(struct store *s, void (*seen)(void *user, const struct store_commit *commit),
                   void *user);

/* Direct looks, without JSON. The newest live version, borrowed until the next write, or NULL. */
const struct store_object *store_get(const struct store *s, const struct resource *type,
                                     const char *ns, const char *name);
/* Walks the live objects of a type in order: for (size_t i = 0; (o = store_walk(s, t, &i));).
 * No writes meanwhile. */
const struct store_object *store_walk(const struct store *s, const struct resource *type,
                                      size_t *i);
size_t store_count(const struct store *s, const struct resource *type);
bool store_uid_lives(const struct store *s, const char *uid);

/* --- What a cluster does by itself, on request ------------------------------------------------ */

/* Forgets history up to and including the changes of version rv (0: all of it). Reads of states
 * before rv, watches that have not read up to it and continue tokens of before get 410. */
void store_compact(struct store *s, uint64_t rv);

/* etcd restored from a backup: a store as s was at version rv, which counts on from there, with the
 * same configuration and observers. s is gone; close its watches before. Tells no observer. NULL:
 * rv has been compacted, and s is as it was. */
struct store *store_restore(struct store *s, uint64_t rv);

/* Others, of whom we know nothing, have written so often. */
void store_skip(struct store *s, uint64_t versions);

/* The work of the garbage collector and the namespace controller, one write a call: a dependent
 * whose owners are all gone (also: exist under that name with another uid, or in another namespace)
 * is deleted in the background; a dead owner among living ones is taken off; foregroundDeletion
 * and orphan finalizers are served; terminating namespaces are emptied, then removed.
 * False: nothing to do. O(1) for what has not changed. */
bool store_gc_step(struct store *s, int64_t wall_ms);
