/* lib/kube/wire.h: the transport of lib/kube/transport.h over libcurl (through lib/http.h), with
 * a multi handle per lane, TLS and credential rules, deadlines, dead-peer detection.
 *
 * Connections: requests LIMIT_IN_FLIGHT, which speak HTTP/1.1; watches ceil(watches/100)+1 over
 * HTTP/2, and as many as there are where the server speaks only HTTP/1.1, so that none waits for
 * another. On a change of CA or client certificate new transfers get new connections and the old
 * ones drain. One wire belongs to one loop.
 */
#pragma once

#include "lib/kube/auth.h"
#include "lib/kube/config.h"
#include "lib/kube/transport.h"
#include "lib/loop.h"

struct kube_wire;

struct kube_wire_config {
    const struct kube_config *kube; /* must outlive the wire */
    struct kube_auth *auth;         /* shared; must outlive the wire */
    struct loop *loop;
    const char *user_agent; /* "carrel/0.1.0 (linux/amd64) carrel/abc1234" */
    int watches_max;        /* how many streams the watches lane must carry at once */
};

MUST_CHECK int kube_wire_new(const struct kube_wire_config *config, struct kube_wire **out,
                             struct err *err);
void kube_wire_free(struct kube_wire *wire); /* cancels what runs, without calling done */
struct kube_transport *kube_wire_transport(struct kube_wire *wire);

/* One request from a thread without a loop (leader election has a thread of its own): a second,
 * blocking user of the same rules with its own connection. */
struct kube_line;
MUST_CHECK int kube_line_new(const struct kube_wire_config *config, struct kube_line **out,
                             struct err *err); /* config->loop may be NULL */
void kube_line_free(struct kube_line *line);
/* Fills *answer; its body belongs to the line until the next call. */
void kube_line_call(struct kube_line *line, const struct kube_call *call,
                    struct kube_answer *answer);
