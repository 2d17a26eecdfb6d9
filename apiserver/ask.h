/* apiserver/ask.h: a worker thread of the server asks the loop for something and waits for it: a
 * request to Kubernetes, or a look at what only the loop may touch.
 *
 * ask_kube and ask_call: from worker threads. All else: from the loop's thread. How long they wait
 * is bounded by the Kubernetes client's own deadlines, and by asks_stop.
 */
#pragma once

#include "lib/kube/client.h"
#include "lib/loop.h"

struct asks;

struct ask_answer { /* texts live in the arena that was given */
    struct err err; /* code ERR_NONE: the server said yes */
    int code;       /* HTTP status of the last answer; 0: there was none */
    const char *body;
    size_t len;
    int64_t told_ms;           /* how long we are asked to wait; 0: not at all */
    struct kube_status status; /* of a refusal */
};

struct asks_config {
    struct loop *loop;
    struct kube_client *client; /* the API's alone, so that its limits are not the reconciles' */
    /* On the loop, when Kubernetes has said yes to a request and before its worker hears of it: so
     * that what it wrote is in the caches by the time that it looks. May be NULL. */
    void (*done)(void *user, const struct kube_op *op, const struct kube_result *result);
    void *user;
};

/* What the config names must outlive the asks; the client only till asks_stop. */
struct asks *asks_new(const struct asks_config *config);
/* After the loop has ended for good and the client is freed: whoever waits gets ERR_UNAVAILABLE,
 * and so does who asks from now on. */
void asks_stop(struct asks *asks);
void asks_free(struct asks *asks); /* when no worker is left; NULL is fine */

/* Makes the request and fills *out, whose err tells how it went. Returns 0 or -1 as err says. */
MUST_CHECK int ask_kube(struct asks *asks, const struct kube_op *op, struct arena *a,
                        struct ask_answer *out);

/* Has call(user) made on the loop. False: it was not, for the program is about to end. */
MUST_CHECK bool ask_call(struct asks *asks, void (*call)(void *user), void *user);
