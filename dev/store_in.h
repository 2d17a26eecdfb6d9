/* dev/store_in.h: what the files of dev/store share, and nobody else. See dev/store.h.
 *
 * A key is a place "namespace/name" of one type; from its newest version hangs the chain of older
 * ones, each holding one reference on the next. A type's log lists its changes by version and
 * borrows from the chains: compaction takes a change off the log and cuts the chain behind it.
 */
#pragma once

#include "dev/store.h"
#include "dev/store_object.h"
#include "dev/store_path.h"
#include "lib/map.h"
#include "lib/str.h"

struct store_key {
    struct store_object *newest; /* perhaps a tombstone */
    struct store_type *type;
    bool queued; /* waits in store.gc_queue */
    char path[];
};

struct store_change {
    uint64_t rv;
    struct store_object *before; /* NULL: it was not there, or a tombstone */
    struct store_object *after;
};

struct store_type {
    const struct resource *resource;
    struct store_key **keys; /* by path */
    size_t key_count, key_cap;
    size_t live;              /* keys whose newest is no tombstone */
    struct store_change *log; /* changes log_first .. log_first + log_count, the first at log_at */
    size_t log_at, log_count, log_cap;
    uint64_t log_first; /* index of the oldest change, counted from the type's beginning */
    uint64_t compacted; /* changes up to this version are forgotten */
};

struct store_observer {
    void (*seen)(void *user, const struct store_commit *commit);
    void *user;
};

struct store_dependents { /* of one owner uid */
    struct store_key **keys;
    size_t count, cap;
    char uid[];
};

struct store {
    struct store_config config;
    uint64_t rv;
    struct store_type *types; /* as resources_all orders them */
    size_t type_count;
    struct map uids;       /* live uid -> store_key; the text is the newest version's */
    struct map dependents; /* owner uid -> store_dependents */
    struct store_key **gc_queue; /* ring; NULL where the key was freed meanwhile */
    size_t gc_at, gc_count, gc_cap;
    struct store_observer observers[8];
    size_t observer_count;
    struct store_print print; /* scratch */
    struct str out;           /* scratch */
    struct arena scratch;     /* for writes that no call brought */
};

struct store_type *store_type_of(const struct store *s, const struct resource *r);

/* "namespace/name" or "name". */
const char *store_key_path(struct arena *a, const struct resource *r, const char *ns,
                           const char *name);
/* Index of the first key whose path is not before path. */
size_t store_key_index(const struct store_type *t, const char *path);
struct store_key *store_key_find(const struct store_type *t, const char *path);
/* Also makes it. */
struct store_key *store_key_ensure(struct store_type *t, const char *path);

/* The newest version unless it is a tombstone. */
struct store_object *store_live(const struct store_key *key);
/* The version that stood at rv, NULL if there was none then. rv >= compacted. */
struct store_object *store_as_of(const struct store_key *key, uint64_t rv);

struct store_writer { /* for observers */
    const char *method, *sub, *manager, *user;
    int64_t wall_ms;
};

/* Makes after (its rv must be s->rv + 1; the reference passes over) the newest version of key. */
void store_commit(struct store *s, struct store_key *key, struct store_object *after,
                  const struct store_writer *writer);

/* Position in the log of the first change after version rv, or the end. */
uint64_t store_log_after(const struct store_type *t, uint64_t rv);
const struct store_change *store_log_at(const struct store_type *t, uint64_t index);

/* Both of dev/store_gc.c: told of each commit, and of a key that goes. */
void store_gc_note(struct store *s, struct store_key *key, const struct store_object *before,
                   const struct store_object *after);
void store_gc_forget(struct store *s, struct store_key *key);

/* One request on its way through dev/store_read.c, store_write.c,
 * store_finish.c and store_delete.c. */
struct store_job {
    struct store *s;
    const struct store_call *call;
    struct arena *a;
    struct store_answer *out;
    struct store_path path;
    struct store_type *type;
    const char *manager;
    const char *manager_sub; /* "" or "status": the subresource as managedFields name it */
    bool dry;
};

void store_get_one(struct store_job *job);
void store_list(struct store_job *job);
void store_create(struct store_job *job);
void store_update(struct store_job *job);
void store_patch(struct store_job *job);
void store_delete(struct store_job *job);
void store_delete_all(struct store_job *job);

/* The rest of a write: now (a tree of job->a) is what shall stand in place of before (NULL:
 * create). Sets what the server sets, checks, prints, commits and answers. */
struct store_plan {
    const char *path; /* of the key */
    const struct store_object *before;
    const struct json *before_tree;
    struct json *now;
    bool fields_done; /* managedFields of now are final (apply) */
    int code;         /* of success: 200 or 201 */
};
void store_finish(struct store_job *job, const struct store_plan *plan);

/* Makes now the next version of type's key path, unless it is what stands there already (before,
 * with before_tree). The end of an object whose last finalizer goes. dry: commits nothing. Returns
 * what to answer with, referenced. */
struct store_object *store_put(struct store *s, struct arena *a, struct store_type *type,
                               const struct store_plan *plan, const struct store_writer *writer,
                               bool dry);

/* Ends a live object. */
void store_bury(struct store *s, struct store_key *key, const struct store_writer *writer);

struct store_writer store_writer_of(const struct store_job *job);
const char *store_now_text(struct store_job *job); /* the call's time, RFC 3339 */

/* The tree of the request's body. False: answered with 400 or 413. */
bool store_body(struct store_job *job, struct json **out);

/* The tree of a stored version. It was printed by us: it parses. */
struct json *store_tree(struct arena *a, const struct store_object *o);

/* Answers with o as it goes out. */
void store_answer_object(struct store_job *job, const struct store_object *o, int code);

struct store_delete_options {
    const char *uid, *rv; /* preconditions; NULL: none */
    const char *propagation;
    int64_t grace_s; /* -1: the type's own */
};
/* The deletion of one live object, with answer. */
void store_delete_one(struct store_job *job, struct store_key *key,
                      const struct store_delete_options *options);
