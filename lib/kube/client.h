/* lib/kube/client.h: one request to the API and its one result: paths, verbs, deadlines, retries
 * (retry.h), how many at once (limiter.h), which to make later (told.h), the write gate of the
 * leader.
 *
 * A result comes through done, exactly once, never from inside kube_send; a cancelled request has
 * none. What outlives the call: body and strings of the op must live until done or cancel (the
 * pass's arena does). One thread: the loop's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/kube/resource.h"
#include "lib/kube/status.h"
#include "lib/kube/transport.h"
#include "lib/rng.h"
#include "lib/timers.h"

enum kube_verb {
    KUBE_GET,
    KUBE_LIST,
    KUBE_CREATE,
    KUBE_UPDATE,
    KUBE_APPLY,      /* server-side apply; needs manager */
    KUBE_MERGE,      /* JSON merge patch */
    KUBE_JSON_PATCH, /* RFC 6902 */
    KUBE_DELETE,     /* body: DeleteOptions with preconditions, always */
    KUBE_VERB_COUNT
};

struct kube_op {
    enum kube_verb verb;
    const struct kube_resource *resource;
    const char *ns;
    const char *name;
    const char *sub;     /* "status", or NULL */
    const char *query;   /* further parameters, encoded, without '?'; or NULL */
    const char *manager; /* field manager of any write */
    bool force;          /* of an apply: take fields from other managers */
    bool unsafe;         /* a write whose repetition does harm (generateName) */
    bool ungated;        /* a write that a replica may make without leading */
    const char *body;
    size_t body_len;
    const char *agent_suffix; /* "controller-session" */
};

struct kube_result { /* valid during done */
    struct err err;  /* code ERR_NONE: the server said yes */
    int code;        /* HTTP status of the last answer; 0: there was none */
    const char *body;
    size_t len;
    int64_t told_ms; /* how long the last answer asks us to wait; 0: not at all. The same request
                      * is kept back that long, whoever makes it: another one is not. */
    struct kube_status status; /* of a refusal; texts live in the client's arena until done ends */
};

struct kube_client;
struct kube_pending;

struct kube_client_config {
    struct kube_transport *transport;
    struct timers *timers;
    struct rng *rng;
    double qps, burst; /* 0: none */
    /* Asked when a gated write is submitted and again just before it is handed to the wire. NULL:
     * always open. Shut: ERR_DENIED, and nothing was sent. */
    bool (*may_write)(void *user);
    void *gate_user;
    /* For metrics, after each answer: its code or 0, and how long it took. May be NULL. */
    void (*observe)(void *user, enum kube_verb verb, int code, double seconds);
    void *observe_user;
};

struct kube_client *kube_client_new(const struct kube_client_config *config);
void kube_client_free(struct kube_client *client); /* cancels what runs */

struct kube_pending *kube_send(struct kube_client *client, const struct kube_op *op,
                               void (*done)(void *user, const struct kube_result *result),
                               void *user);
void kube_cancel(struct kube_pending *pending);

/* While held nothing new is handed to the wire: for cancelling many without starting what waits
 * behind them. Requests are taken and wait. */
void kube_client_hold(struct kube_client *client, bool held);

int kube_client_in_flight(const struct kube_client *client);
int kube_client_cap(const struct kube_client *client);
const char *kube_verb_method(enum kube_verb verb); /* "GET", "PATCH", ...: for metrics too */
