/* controller/lease.h: leader election on a Lease, as a machine that neither waits nor speaks: it
 * says what to send and when, and is told what was answered. lease_thread.c drives it on a thread
 * and a connection of its own, the simulator on virtual time.
 *
 *     wait ──due──► GET ─► (free or expired) POST / PUT ─► held ──due──► PUT ─► held …
 *                    └───── (held by another) ─► wait        └─ no success for renew_ms ─► lost
 *
 * Validity counts from when the successful request was sent, by a clock that also counts suspend.
 * Times in the record are never trusted: another's lease has run out when we have seen the same
 * record for its leaseDurationSeconds. A replaced PUT keeps the fields that we do not know.
 * Pure: no clock, no I/O; one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/rng.h"

struct lease_config {
    const char *ns;
    const char *name;     /* of the Lease */
    const char *identity; /* "<host>_<uuid>": never the same twice */
    int64_t lease_ms;     /* 15 s */
    int64_t renew_ms;     /* 10 s: without a success for so long it is lost */
    int64_t retry_ms;     /* 2 s */
};

/* lease > renew > 1.2 * retry, lease at least 1 s; the error names the flag and the rule. */
MUST_CHECK int lease_config_check(const struct lease_config *config, struct err *err);

struct lease;

struct lease_request {
    bool due;           /* false: nothing to send before again_ms */
    int64_t again_ms;
    const char *method; /* "GET", "POST", "PUT" */
    const char *path;
    const char *body;   /* NULL for GET; the machine's until the next call */
    size_t len;
    int64_t timeout_ms;
};

struct lease *lease_new(const struct lease_config *config, struct rng *rng);
void lease_free(struct lease *lease);

/* What to do at now_ms (loop time) and wall_us. After a due request exactly one lease_answer. */
struct lease_request lease_next(struct lease *lease, int64_t now_ms, int64_t wall_us);

/* code 0: no answer came. sent_ms: when the request was handed to the wire. */
void lease_answer(struct lease *lease, int code, const char *body, size_t len, int64_t sent_ms,
                  int64_t now_ms);

/* The write gate: ours, and a success was sent less than renew_ms ago. */
bool lease_held(const struct lease *lease, int64_t now_ms);
/* When the gate shuts unless another success comes; 0: it is shut. */
int64_t lease_until_ms(const struct lease *lease);
/* How often the Lease was of an older version than one seen before: etcd was restored from a
 * backup. It is then lost at once, and nobody's for lease_ms. */
unsigned lease_set_backs(const struct lease *lease);
const char *lease_holder(const struct lease *lease); /* as last seen; "" nobody */

/* From now on lease_next gives the lease back (once all guarded work has stopped), then nothing.
 * True from lease_released once that is done or impossible. */
void lease_release(struct lease *lease);
bool lease_released(const struct lease *lease);
