/* lib/kube/transport.h: the wire as the client sees it. libcurl is one implementation
 * (lib/kube/wire.h), the simulator another (test/sim). Nothing above this line may call libcurl,
 * ask for the time or roll dice.
 *
 * After a transfer has met its deadline its lane goes over new connections: the old ones may be
 * dead without a sound. What runs on them goes on there.
 *
 * A transfer ends in exactly one call of done, or in cancel. done is never called from inside
 * start or cancel. All on the loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum kube_lane { /* each its own connections: one may not starve another */
    KUBE_LANE_REQUESTS,
    KUBE_LANE_WATCHES,
    KUBE_LANE_COUNT
};

enum kube_outcome {
    KUBE_ANSWERED, /* the server answered: code is its word */
    KUBE_NOT_SENT, /* the server certainly did nothing: no connection, refused stream */
    KUBE_LOST,     /* sent, and nobody knows: reset, deadline, answer cut */
};

struct kube_call { /* borrowed until start returns, but for body, which must outlive the transfer */
    enum kube_lane lane;
    const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
    const char *path;   /* begins with '/', with query; the server's prefix is put in front */
    const char *content_type; /* NULL: no body */
    const char *body;
    size_t body_len;
    int64_t timeout_ms;        /* for the whole transfer */
    const struct kube_transfer *beside; /* go where this one went, to see whether that still
                                         * answers; NULL: where the lane goes now */
    const char *agent_suffix;  /* of the User-Agent, such as "controller-session"; NULL: none */
};

struct kube_answer { /* valid during done only */
    enum kube_outcome outcome;
    int code;          /* HTTP status when answered, else 0 */
    int retry_after_s; /* -1: the header was absent or no whole number */
    const char *body;  /* of a plain request, or of a stream that was refused; '\0'-terminated */
    size_t len;
    bool conn_close;         /* the server said it is going away */
    uint64_t credential;     /* generation of the credential that was sent */
    const char *text;        /* outcome in words, for logs; "" when answered */
    int64_t sent_ms;         /* loop time at which the request was handed to the wire */
};

struct kube_handlers {
    /* Streams only: bytes as they come, in any cut. Not 0: the transfer ends as lost. */
    int (*data)(void *user, const char *bytes, size_t n);
    void (*done)(void *user, const struct kube_answer *answer);
};

struct kube_transfer; /* of the implementation */

struct kube_transport {
    /* handlers->data NULL: the body is collected, at most LIMIT_RESPONSE_BYTES, and given to done.
     * Otherwise a 2xx body goes to data and any other body is collected. */
    struct kube_transfer *(*start)(struct kube_transport *t, const struct kube_call *call,
                                   const struct kube_handlers *handlers, void *user);
    void (*cancel)(struct kube_transport *t, struct kube_transfer *transfer);
    /* The credential of that generation was refused with 401: get a newer one. True if there is
     * one already, so that a retry makes sense now. May be NULL. */
    bool (*rejected)(struct kube_transport *t, uint64_t credential);
};
