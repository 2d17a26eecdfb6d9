/* controller/operator.h: the operator as one value: caches, queue, reconciles. It has no thread, no
 * socket and no clock of its own: transport, timers and chance come in, so that cmd/serve.c runs it
 * on a loop and libcurl, and test/sim runs several in one process on virtual time.
 *
 *     transport ─► reflectors ─► stores ─► wake ─► queue ─► steps ─► client ─► transport
 *
 * Caches are warm from operator_start on, whether this replica leads or not. Only between
 * operator_lead(true) and operator_lead(false) is anything reconciled, and each write asks
 * may_write again just before it goes to the wire.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/settings.h"
#include "controller/view.h"
#include "lib/kube/reflector.h"
#include "lib/kube/transport.h"
#include "lib/rng.h"
#include "lib/timers.h"

struct operator;

struct operator_env { /* all must outlive the operator */
    struct kube_transport *transport;
    struct timers *timers;
    struct rng *rng;
    const struct settings *settings;
    /* The write gate: true while the lease is certainly ours. NULL: always (no election). */
    bool (*may_write)(void *user);
    void *gate_user;
    /* All caches have had their first list. May be NULL. */
    void (*ready)(void *user);
    void *ready_user;
    /* The server has proved that etcd was restored from a backup: what the caches hold is of a
     * history that was undone. Called once at most; the callee frees this operator and makes
     * another, not from within the call. May be NULL where that cannot be. */
    void (*undone)(void *user);
    void *undone_user;
    const char *instance; /* who we are, in events: at most 128 bytes */
    bool metrics;         /* count into lib/metrics (production; the simulator counts itself) */
};

struct operator *operator_new(const struct operator_env *env);
void operator_start(struct operator *op);
/* true: queues every object, low priority, and begins. false: cancels what runs, empties the
 * queue; caches go on. Calling it twice with the same value does nothing. */
void operator_lead(struct operator *op, bool leads);
/* Says that etcd was restored, as something else has proved: as if the operator had found out. */
void operator_history_undone(struct operator *op);
bool operator_leads(const struct operator *op);
bool operator_synced(const struct operator *op);
/* Nothing queued (but for later), nothing running. */
bool operator_idle(const struct operator *op);
const struct view *operator_view(const struct operator *op);

struct operator_informer { /* for health and metrics */
    const char *name;
    size_t objects, unreadable;
    bool synced;
    struct kube_reflector_stats stats;
};
void operator_walk(const struct operator *op,
                   void (*each)(void *user, const struct operator_informer *informer), void *user);

struct operator_counts {
    int in_flight, cap;
    size_t queued;
    uint64_t unknown, conflicts, events_dropped;
};
void operator_show_gauges(const struct operator *op);
struct operator_counts operator_counts(const struct operator *op);

/* Takes no new key; what runs may finish (operator_idle tells when). There is no way back. */
void operator_drain(struct operator *op);
/* Ends it at once: no clean-up on the server, as if the process were killed. */
void operator_free(struct operator *op);
