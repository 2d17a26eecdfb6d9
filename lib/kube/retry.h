/* lib/kube/retry.h: after an answer: is it over, or do we ask again, and when? The whole policy is
 * one table (retry.c), after what the server certainly did or may have done. Pure.
 *
 *                            known not executed?   read    safe write   other write
 *   no connection            yes                   again   again        again
 *   401                      yes                   once more if there is a newer credential
 *   429                      yes                   wait, at most 3 times, then ERR_BUSY
 *   503 with Retry-After     yes                   again   again        ERR_UNAVAILABLE
 *   500 502 503 504, lost    unknown               again   ERR_UNKNOWN  ERR_UNKNOWN
 *   anything else            an answer             over
 *
 * Whoever makes a request anew after its ERR_BUSY waits as long as the last 429 said (told.h).
 * ERR_UNKNOWN is never retried blindly: the reconcile looks at the live object and decides anew.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/kube/transport.h"
#include "lib/rng.h"

enum kube_effect {
    KUBE_READ,
    KUBE_WRITE_SAFE,  /* has a precondition or a name that makes a second time harmless */
    KUBE_WRITE_OTHER,
};

struct kube_attempts { /* of one request; zeroed before the first */
    unsigned refused;  /* 429 */
    unsigned failed;   /* everything else that is worth another try */
    bool renewed;      /* a 401 was answered with a newer credential */
};

struct kube_verdict {
    bool again;
    int64_t after_ms;
    enum err_code code; /* when over and failed without an answer to decode; ERR_NONE: decode it */
};

/* newer_credential: only looked at for 401. Counts in *tries. */
struct kube_verdict kube_retry(enum kube_effect effect, const struct kube_answer *answer,
                               bool newer_credential, struct kube_attempts *tries, struct rng *rng);

/* How long a 429 or 503 asks us to wait, at most a minute; 0: no such answer, or it does not say.
 * Whoever asks without kube_retry, as the reflector does, adds it to a back-off of its own. */
int64_t kube_told_ms(const struct kube_answer *answer);

/* Full jitter: 0 .. min(cap, base * 2^n). */
int64_t kube_backoff_ms(unsigned n, int64_t base_ms, int64_t cap_ms, struct rng *rng);
