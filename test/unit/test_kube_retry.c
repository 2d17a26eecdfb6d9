#include "lib/kube/retry.h"

#include <stddef.h>

#include "test/check.h"

enum { REFUSALS = 3, FAILURES = 5 };

/* What each row of the table promises for one kind of request. */
enum word {
    DECODE,      /* over, the answer says it all */
    ONCE,        /* again at once if there is a newer credential, one time */
    TOLD,        /* again after what the server said, three times; then ERR_BUSY */
    TOLD_DOWN,   /* the same; then ERR_UNAVAILABLE */
    RETRY,       /* again with backoff, five times; then ERR_UNAVAILABLE */
    RECONNECT,   /* the same, and never all at once */
    DOWN,        /* over, ERR_UNAVAILABLE */
    UNKNOWN,     /* over, ERR_UNKNOWN */
};

static const struct {
    enum kube_outcome outcome;
    int code, retry_after_s;
    enum word word[3]; /* of enum kube_effect */
} table[] = {
    {KUBE_NOT_SENT, 0, -1, {RECONNECT, RECONNECT, RECONNECT}},
    {KUBE_LOST, 0, -1, {RETRY, UNKNOWN, UNKNOWN}},
    {KUBE_ANSWERED, 200, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 201, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 400, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 401, -1, {ONCE, ONCE, ONCE}},
    {KUBE_ANSWERED, 403, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 404, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 405, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 406, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 409, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 409, 1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 410, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 413, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 415, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 422, -1, {DECODE, DECODE, DECODE}},
    {KUBE_ANSWERED, 429, -1, {TOLD, TOLD, TOLD}},
    {KUBE_ANSWERED, 429, 0, {TOLD, TOLD, TOLD}},
    {KUBE_ANSWERED, 429, 1, {TOLD, TOLD, TOLD}},
    {KUBE_ANSWERED, 429, 32, {TOLD, TOLD, TOLD}},
    {KUBE_ANSWERED, 429, 3600, {TOLD, TOLD, TOLD}}, /* more than a minute is not waited for */
    {KUBE_ANSWERED, 500, -1, {RETRY, UNKNOWN, UNKNOWN}},
    {KUBE_ANSWERED, 500, 1, {RETRY, UNKNOWN, UNKNOWN}},
    {KUBE_ANSWERED, 502, -1, {RETRY, UNKNOWN, UNKNOWN}},
    {KUBE_ANSWERED, 503, -1, {RETRY, UNKNOWN, UNKNOWN}},
    {KUBE_ANSWERED, 503, 0, {TOLD_DOWN, TOLD_DOWN, DOWN}},
    {KUBE_ANSWERED, 503, 5, {TOLD_DOWN, TOLD_DOWN, DOWN}},
    {KUBE_ANSWERED, 504, -1, {RETRY, UNKNOWN, UNKNOWN}},
    {KUBE_ANSWERED, 504, 2, {RETRY, UNKNOWN, UNKNOWN}},
};
static const size_t rows = sizeof(table) / sizeof(*table);

static struct kube_answer answer_of(size_t row)
{
    return (struct kube_answer){.outcome = table[row].outcome,
                                .code = table[row].code,
                                .retry_after_s = table[row].retry_after_s,
                                .body = "",
                                .text = ""};
}

struct promise {
    unsigned tries;
    int64_t least_ms; /* before each of them */
    int64_t spread_ms;  /* beside the backoff */
    enum err_code then;
};

static struct promise promise_of(enum word word, int retry_after_s)
{
    int64_t told_s = retry_after_s > 60 ? 60 : retry_after_s < 0 ? 0 : retry_after_s;
    switch (word) {
    case TOLD: return (struct promise){REFUSALS, told_s * 1000, 0, ERR_BUSY};
    case TOLD_DOWN: return (struct promise){REFUSALS, told_s * 1000, 0, ERR_UNAVAILABLE};
    case RETRY: return (struct promise){FAILURES, 0, 0, ERR_UNAVAILABLE};
    case RECONNECT: return (struct promise){FAILURES, 0, 500, ERR_UNAVAILABLE};
    case DOWN: return (struct promise){.then = ERR_UNAVAILABLE};
    case UNKNOWN: return (struct promise){.then = ERR_UNKNOWN};
    case ONCE:
    case DECODE: break;
    }
    return (struct promise){.then = ERR_NONE};
}

TEST(kube_retry, each_row_of_the_table_holds_for_each_kind_of_request)
{
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < rows * 3; i++) {
        enum kube_effect effect = (enum kube_effect)(i % 3);
        struct kube_answer answer = answer_of(i / 3);
        struct promise p = promise_of(table[i / 3].word[effect], answer.retry_after_s);
        struct kube_attempts tries = {0};
        int64_t backoff_ms = 100;
        for (unsigned n = 0; n < p.tries; n++, backoff_ms *= 2) {
            struct kube_verdict v = kube_retry(effect, &answer, false, &tries, &rng);
            CHECK(v.again);
            CHECK(v.after_ms >= p.least_ms);
            CHECK(v.after_ms <= p.least_ms + backoff_ms + p.spread_ms);
        }
        struct kube_verdict v = kube_retry(effect, &answer, false, &tries, &rng);
        CHECK(!v.again);
        CHECK_INT(v.code, p.then);
    }
}

TEST(kube_retry, a_newer_credential_is_tried_once_and_only_after_a_401)
{
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < rows * 3; i++) {
        enum kube_effect effect = (enum kube_effect)(i % 3);
        struct kube_answer answer = answer_of(i / 3);
        struct kube_attempts tries = {0};
        struct kube_verdict v = kube_retry(effect, &answer, true, &tries, &rng);
        CHECK_INT(tries.renewed, answer.code == 401);
        if (answer.code != 401) continue;
        CHECK(v.again);
        CHECK_INT(v.after_ms, 0);
        v = kube_retry(effect, &answer, true, &tries, &rng);
        CHECK(!v.again);
        CHECK_INT(v.code, ERR_NONE);
    }
}

TEST(kube_retry, refusals_failures_and_a_new_credential_are_counted_apart)
{
    struct rng rng;
    struct kube_attempts tries = {0};
    struct kube_answer busy = {.outcome = KUBE_ANSWERED, .code = 429, .retry_after_s = 1};
    struct kube_answer down = {.outcome = KUBE_NOT_SENT, .retry_after_s = -1};
    struct kube_answer stale = {.outcome = KUBE_ANSWERED, .code = 401, .retry_after_s = -1};
    rng_seed(&rng, 3);
    for (int i = 0; i < REFUSALS; i++) {
        CHECK(kube_retry(KUBE_READ, &busy, false, &tries, &rng).again);
    }
    for (int i = 0; i < FAILURES; i++) {
        CHECK(kube_retry(KUBE_READ, &down, false, &tries, &rng).again);
    }
    CHECK(kube_retry(KUBE_READ, &stale, true, &tries, &rng).again);
    CHECK(!kube_retry(KUBE_READ, &busy, false, &tries, &rng).again);
    CHECK(!kube_retry(KUBE_READ, &down, false, &tries, &rng).again);
    CHECK(!kube_retry(KUBE_READ, &stale, true, &tries, &rng).again);
}

TEST(kube_retry, backoff_is_anything_from_nothing_to_a_doubling_top_under_the_cap)
{
    struct rng rng;
    rng_seed(&rng, 3);
    for (unsigned n = 0; n < 70; n++) {
        int64_t top = n < 7 ? 100 << n : 10000, least = INT64_MAX, most = -1;
        for (int i = 0; i < 400; i++) {
            int64_t ms = kube_backoff_ms(n, 100, 10000, &rng);
            if (ms < least) least = ms;
            if (ms > most) most = ms;
        }
        CHECK(least >= 0 && least < top / 10);
        CHECK(most <= top && most > top - top / 10);
    }
}
