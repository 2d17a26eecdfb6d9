#include "lib/kube/retry.h"

enum {
    REFUSED_MAX = 3,
    FAILED_MAX = 5,
    BACKOFF_BASE_MS = 100,
    BACKOFF_CAP_MS = 10000,
    RECONNECT_SPREAD_MS = 500, /* so that a restarted server is not met by all at once */
    RETRY_AFTER_MAX_S = 60,
};

int64_t kube_backoff_ms(unsigned n, int64_t base_ms, int64_t cap_ms, struct rng *rng)
{
    int64_t top = base_ms;
    for (unsigned i = 0; i < n && top < cap_ms; i++) top *= 2;
    if (top > cap_ms) top = cap_ms;
    return rng_between(rng, 0, top);
}

int64_t kube_told_ms(const struct kube_answer *answer)
{
    int64_t told_s = answer->code == 429 || answer->code == 503 ? answer->retry_after_s : 0;
    if (told_s > RETRY_AFTER_MAX_S) told_s = RETRY_AFTER_MAX_S;
    return told_s > 0 ? told_s * 1000 : 0;
}

static struct kube_verdict over(enum err_code code)
{
    return (struct kube_verdict){.code = code};
}

static struct kube_verdict again(int64_t after_ms)
{
    return (struct kube_verdict){.again = true, .after_ms = after_ms};
}

static struct kube_verdict try_again(struct kube_attempts *tries, enum err_code then,
                                     struct rng *rng)
{
    if (tries->failed >= FAILED_MAX) return over(then);
    return again(kube_backoff_ms(tries->failed++, BACKOFF_BASE_MS, BACKOFF_CAP_MS, rng));
}

static struct kube_verdict wait_as_told(const struct kube_answer *answer,
                                        struct kube_attempts *tries, enum err_code then,
                                        struct rng *rng)
{
    if (tries->refused >= REFUSED_MAX) return over(then);
    int64_t spread_ms = kube_backoff_ms(tries->refused++, BACKOFF_BASE_MS, BACKOFF_CAP_MS, rng);
    return again(kube_told_ms(answer) + spread_ms);
}

static struct kube_verdict outcome_unknown(enum kube_effect effect, struct kube_attempts *tries,
                                           struct rng *rng)
{
    if (effect != KUBE_READ) return over(ERR_UNKNOWN);
    return try_again(tries, ERR_UNAVAILABLE, rng);
}

struct kube_verdict kube_retry(enum kube_effect effect, const struct kube_answer *answer,
                               bool newer_credential, struct kube_attempts *tries, struct rng *rng)
{
    if (answer->outcome == KUBE_LOST) return outcome_unknown(effect, tries, rng);
    if (answer->outcome == KUBE_NOT_SENT) {
        struct kube_verdict verdict = try_again(tries, ERR_UNAVAILABLE, rng);
        if (verdict.again) verdict.after_ms += rng_between(rng, 0, RECONNECT_SPREAD_MS);
        return verdict;
    }
    switch (answer->code) {
    case 401:
        if (!newer_credential || tries->renewed) return over(ERR_NONE);
        tries->renewed = true;
        return again(0);
    case 429: return wait_as_told(answer, tries, ERR_BUSY, rng);
    case 503:
        if (answer->retry_after_s < 0) return outcome_unknown(effect, tries, rng);
        if (effect == KUBE_WRITE_OTHER) return over(ERR_UNAVAILABLE);
        return wait_as_told(answer, tries, ERR_UNAVAILABLE, rng);
    case 500:
    case 502:
    case 504: return outcome_unknown(effect, tries, rng);
    default: return over(ERR_NONE);
    }
}
