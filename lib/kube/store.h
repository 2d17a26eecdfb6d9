/* lib/kube/store.h: the objects of one kind as last seen: compact structs by key, with indexes.
 *
 * One writer (the kind's reflector, and kube_store_learn for what our own writes were answered
 * with), readers on the same thread. Objects are immutable and counted: a change replaces the
 * struct, so that a reader may keep one with kube_object_ref as long as it likes.
 *
 * A kind's struct begins with struct kube_object and is read by a json_table whose "metadata" row
 * includes KUBE_META_ROWS. What the table cannot say, the kind's finish derives.
 *
 * What is needed only while an object is read stands behind what is kept: from a member `struct
 * kube_reading reading` on to the struct's end, all of it in JSON_TRANSIENT rows. The store's copy
 * ends before it, so nobody may look at those members of an object that came from a store.
 *
 * A table that begins with KUBE_FLAW_ROW takes objects that it cannot read in full (of another
 * version of the kind, or with a schema that somebody has loosened): they are there, by name, uid
 * and owner, and flaw says what is wrong. Whoever decides from more than that asks for it first.
 *
 * Invariants: an object is replaced by a greater resource version only, but for a whole list that
 * goes back in history; a changed uid is told as removal and addition; the store is readable, if
 * stale, while a new list comes in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/json_table.h"
#include "lib/kube/resource.h"
#include "lib/kube/rv.h"

enum { KUBE_INDEXES_MAX = 3, KUBE_KEY_SIZE = 512 };

struct kube_object;

struct kube_type {
    const char *name; /* "session": for logs and metrics */
    const struct kube_resource *resource;
    const struct json_table *table;
    size_t kept; /* bytes of the struct that the store keeps: where its `reading` begins */
    /* What the label app.kubernetes.io/managed-by must be for an object to be in the watch that
     * fills the store; NULL: all are. An answer that does not match is not learned: its end would
     * never be told. */
    const char *managed_by;
    /* After reading: derives fields; o and its texts are in the arena. May be NULL. */
    void (*finish)(struct kube_object *o, struct arena *a);
    /* An index: writes the key under which o is found, false: not in this index. */
    bool (*index[KUBE_INDEXES_MAX])(const struct kube_object *o, char key[KUBE_KEY_SIZE]);
};

struct kube_owner { /* one owner reference, as read */
    char *kind;
    char *name;
    char *uid;
    bool controller;
};

struct kube_meta {
    char *key; /* "ns/name", or "name" without a namespace */
    char *ns;  /* "" for none */
    char *name;
    char *uid;
    char *rv;
    int64_t generation;
    int64_t created_ms; /* wall clock */
    int64_t deleted_ms; /* deletionTimestamp; 0: lives */
    char *owner_kind;   /* of the controller reference; NULL: none */
    char *owner_name;
    char *owner_uid;
};

struct kube_reading { /* of the metadata, what is not kept */
    struct json_list owners;
    char *managed_by;  /* the label of that name */
    char *initial_end; /* the bookmark that ends a watch-list */
};

struct kube_object {
    const struct kube_type *type;
    unsigned refs;
    uint32_t slot[KUBE_INDEXES_MAX]; /* where in its index's bucket */
    uint32_t sweep;                  /* the last list that had it */
    bool selected;                   /* it is in the watch that fills the store */
    char *flaw;                      /* "spec.user: must be text"; NULL: read in full */
    struct kube_meta meta;
};

extern const struct json_table kube_owner_table;
extern const struct json_table kube_label_table;
extern const struct json_table kube_annotation_table;

/* A row for a field that no JSON member fills, so that json_pack copies the text. */
#define KUBE_DERIVED_TEXT(type, member)                                                            \
    {"\001", JSON_TEXT, .offset = offsetof(type, member)}
/* The first row of a kind's table. */
#define KUBE_FLAW_ROW(type) {"\001", JSON_FLAW, .offset = offsetof(type, object.flaw)}
#define KUBE_META(type, member) offsetof(type, object.meta.member)
#define KUBE_READING(type, member) offsetof(type, reading.member)
#define KUBE_ANNOTATION_ROWS(type)                                                                 \
    {"k8s.io/initial-events-end", JSON_TEXT, JSON_TRANSIENT, KUBE_READING(type, initial_end), 0}
/* The row of "annotations" for kinds that have none of their own. */
#define KUBE_NO_ANNOTATIONS(type)                                                                  \
    {"annotations", JSON_OBJECT, JSON_TRANSIENT, offsetof(type, reading), &kube_annotation_table}
#define KUBE_META_ROWS(type) KUBE_META_ROWS_OF(type, 0, 0)
/* With flags for its own and its owner's uid: JSON_SHARED where objects of other kinds have the
 * same, JSON_TRANSIENT for an owner's that nobody asks for. */
#define KUBE_META_ROWS_OF(type, its, owners_)                                                      \
    {"\001key", JSON_TEXT, 0, KUBE_META(type, key), 0},                                            \
    {"name", JSON_TEXT, 0, KUBE_META(type, name), 0}, /* the end of key: must come right after */  \
    {"namespace", JSON_TEXT, JSON_SHARED, KUBE_META(type, ns), 0},                                 \
    {"uid", JSON_TEXT, its, KUBE_META(type, uid), 0},                                              \
    {"resourceVersion", JSON_TEXT, JSON_NOT_SAME, KUBE_META(type, rv), 0},                         \
    {"generation", JSON_INT, 0, KUBE_META(type, generation), 0},                                   \
    {"creationTimestamp", JSON_TIME, 0, KUBE_META(type, created_ms), 0},                           \
    {"deletionTimestamp", JSON_TIME, 0, KUBE_META(type, deleted_ms), 0},                           \
    {"ownerReferences", JSON_LIST, JSON_TRANSIENT, KUBE_READING(type, owners), &kube_owner_table}, \
    {"labels", JSON_OBJECT, JSON_TRANSIENT, offsetof(type, reading), &kube_label_table},           \
    {"\001ok", JSON_TEXT, JSON_SHARED, KUBE_META(type, owner_kind), 0},                            \
    {"\001on", JSON_TEXT, 0, KUBE_META(type, owner_name), 0},                                      \
    {"\001ou", JSON_TEXT, owners_, KUBE_META(type, owner_uid), 0}

const struct kube_object *kube_object_ref(const struct kube_object *o);
void kube_object_unref(const struct kube_object *o); /* NULL is fine */

/* Completes an object that a table has just filled: key, owner, the kind's own finish. ERR_INVALID
 * when name, uid or resource version are missing or malformed. */
MUST_CHECK int kube_object_finish(struct kube_object *o, const struct kube_type *type,
                                  struct arena *a, struct err *err);

/* What was read besides, of an object in an arena: before the store has taken its copy. */
const struct kube_reading *kube_object_reading(const struct kube_object *o,
                                               const struct kube_type *type);

/* Reads one object of the type from JSON into the arena. */
MUST_CHECK int kube_object_read(const struct kube_type *type, const char *json, size_t len,
                                struct arena *a, struct kube_object **out, struct err *err);

struct kube_store;

struct kube_bucket { /* what an index has under a key; valid until the store changes */
    const struct kube_object *const *objects;
    size_t count;
};

struct kube_store *kube_store_new(const struct kube_type *type);
void kube_store_free(struct kube_store *store); /* NULL is fine */

const struct kube_object *kube_store_get(const struct kube_store *store, const char *key);
const struct kube_object *kube_store_find(const struct kube_store *store, const char *ns,
                                          const char *name);
struct kube_bucket kube_store_by(const struct kube_store *store, int index, const char *key);
/* Walks all: for (size_t i = 0; (o = kube_store_next(store, &i));). No changes meanwhile. */
const struct kube_object *kube_store_next(const struct kube_store *store, size_t *i);
size_t kube_store_count(const struct kube_store *store);
size_t kube_store_flawed(const struct kube_store *store); /* how many of them have a flaw */
bool kube_store_synced(const struct kube_store *store); /* a whole list was taken; stays true */
const char *kube_store_rv(const struct kube_store *store); /* of the last event; "" before */

/* Called after each change with the object before (NULL: new) and after (NULL: gone). Equal structs
 * (all rows but the resource version) are not told. At most 8 observers. */
void kube_store_observe(struct kube_store *store,
                        void (*changed)(void *user, const struct kube_object *before,
                                        const struct kube_object *after),
                        void *user);

/* Takes the object that a write of ours was answered with, so that the next look at the store does
 * not see a time before it. Nothing happens if the watch is already past that version (the object
 * may have gone since). Returns what the store then has under that key, or NULL. */
const struct kube_object *kube_store_learn(struct kube_store *store, struct kube_object *o);

/* Lets go of the object of that uid, which the server has said is not there, before its event
 * comes. A successor of the same name may be here by the time that the answer is. */
void kube_store_forget(struct kube_store *store, const char *ns, const char *name,
                       const char *uid);

/* --- for the reflector ---------------------------------------------------------------------- */

/* A list begins: known objects stay, unknown ones wait aside until it ends. */
void kube_store_list_begin(struct kube_store *store);
void kube_store_list_add(struct kube_store *store, struct kube_object *o);
void kube_store_list_drop(struct kube_store *store, const char *key); /* DELETED while listing */
/* The greatest version that the store has seen or learned; while it lists, when that began: the
 * list is not older, unless etcd was restored. */
const char *kube_store_high(const struct kube_store *store);
/* Adds and removes. rv less than kube_store_high was when the list began: the cluster was restored
 * to an older state, and the list is the truth, whatever versions the store has. */
void kube_store_list_end(struct kube_store *store, const char *rv);
void kube_store_list_fail(struct kube_store *store); /* forgets the list, keeps the store */

/* One event after the list. o is in an arena; the store packs its own copy. */
void kube_store_put(struct kube_store *store, struct kube_object *o);
void kube_store_delete(struct kube_store *store, const struct kube_object *last);
void kube_store_advance(struct kube_store *store, const char *rv); /* a bookmark */
