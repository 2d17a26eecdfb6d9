/* lib/kube/reflector.h: keeps a store equal to what the API has of one kind: list, watch, and what
 * to do when either fails. After kube-client.md 3.3.
 *
 *          ┌────────── 410, too old ───────────┐
 *          ▼                                   │
 *   IDLE ─► SYNC (watch-list, or pages) ─end─► WATCH ──► BACKOFF ─► WATCH from the last version
 *          ▲                                              │
 *          └──── failed: list dropped, BACKOFF ◄──────────┘
 *
 * The first sync is a watch-list without a resource version (a consistent read, never version 0);
 * servers that do not know it get a paged list. The store stays readable during any resync. A list
 * older than one seen before is refused (another apiserver lags behind) until the server has said
 * so ten times or for five minutes. One thread; time, chance and wire come from the config.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/kube/store.h"
#include "lib/kube/transport.h"
#include "lib/rng.h"
#include "lib/timers.h"

struct kube_reflector;

enum kube_reflector_state {
    KUBE_IDLE,
    KUBE_SYNC_STREAM,
    KUBE_SYNC_PAGES,
    KUBE_WATCH,
    KUBE_BACKOFF,
    KUBE_STOPPED
};

struct kube_sync_gate { /* shared by all reflectors of a process: at most two resync at once */
    int running;
};

struct kube_reflector_config {
    struct kube_transport *transport;
    struct timers *timers;
    struct rng *rng;
    struct kube_store *store;
    const struct kube_type *type;
    const char *ns;             /* "" for all namespaces */
    const char *label_selector; /* NULL: all */
    struct kube_sync_gate *gate;
    bool pages_only; /* never try a watch-list */
    int page_size;   /* 0: 500 */
    void (*synced)(void *user);                                 /* the first list is in */
    void (*trouble)(void *user, const char *what, const struct err *err); /* for the log */
    /* The versions have gone back: etcd was restored. A list says so that the server insists on,
     * which is then taken, or kube_reflector_doubt has found out. May be NULL. */
    void (*undone)(void *user);
    void *user;
};

struct kube_reflector_stats {
    enum kube_reflector_state state;
    int64_t last_event_ms; /* loop time of the last byte from the server */
    uint64_t events;
    uint64_t syncs;
    uint64_t relists; /* syncs after the first */
    uint64_t regressions;
    uint64_t protocol_errors;
    struct err last_error; /* why it is in BACKOFF; ERR_NONE when all is well */
};

struct kube_reflector *kube_reflector_new(const struct kube_reflector_config *config);
void kube_reflector_start(struct kube_reflector *r);
void kube_reflector_free(struct kube_reflector *r); /* cancels what runs; NULL is fine */
/* Something contradicts the store. It asks at what version etcd is: below what was seen, history
 * was undone; else the store has missed an event, and the next read of the object will tell. */
void kube_reflector_doubt(struct kube_reflector *r);

struct kube_reflector_stats kube_reflector_stats(const struct kube_reflector *r);
