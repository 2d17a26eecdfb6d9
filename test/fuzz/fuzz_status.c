/* Any bytes as the body of a refusal: reading it never fails, every text is there, and the error
 * made of it is one. The first two bytes are the HTTP code. */
#include <assert.h>
#include <string.h>

#include "lib/kube/retry.h"
#include "lib/kube/status.h"
#include "lib/limits.h"

static void check_texts(const struct kube_status *s)
{
    assert(s->kind && s->status && s->reason && s->message && s->name && s->uid);
    const struct kube_cause *causes = s->causes.items;
    for (size_t i = 0; i < s->causes.count; i++) {
        assert(causes[i].reason && causes[i].message && causes[i].field);
        assert(kube_status_has_cause(s, causes[i].reason));
    }
    if (strcmp(s->kind, "Status") == 0) return;
    assert(!*s->kind && s->causes.count == 0 && s->code == 0);
    assert(strlen(s->message) <= LIMIT_STATUS_TEXT_BYTES);
    for (const char *p = s->message; *p; p++) assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

/* Whatever the answer is, a request ends after a few tries. */
static void check_ends(int code, const struct kube_status *s)
{
    struct rng rng;
    rng_seed(&rng, (uint64_t)code);
    for (int effect = KUBE_READ; effect <= KUBE_WRITE_OTHER; effect++) {
        struct kube_attempts tries = {0};
        struct kube_answer answer = {.outcome = KUBE_ANSWERED,
                                     .code = code,
                                     .retry_after_s = (int)(s->retry_after_s & 0xffff) - 1};
        struct kube_verdict verdict = {.again = true};
        for (int i = 0; verdict.again; i++) {
            assert(i < 10);
            verdict = kube_retry((enum kube_effect)effect, &answer, true, &tries, &rng);
            assert(verdict.after_ms >= 0 && verdict.after_ms <= 70000);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    int code = (data[0] << 8 | data[1]) % 1000;
    auto_arena a = {0};
    struct kube_status status;
    struct err err = {0};
    kube_status_read(&a, code, (const char *)data + 2, size - 2, &status);
    check_texts(&status);
    assert(kube_status_err(code, &status, &err) == -1);
    assert(err.code == kube_status_code(code, &status));
    assert((err.code == ERR_NONE) == (code >= 200 && code < 300));
    check_ends(code, &status);
    return 0;
}
