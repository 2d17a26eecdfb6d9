#include "test/unit/fake_transport.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static void end(struct kube_transfer *call, const struct kube_answer *answer)
{
    assert(call->state == FAKE_RUNNING);
    call->state = FAKE_ENDED;
    timer_stop(&call->fake->timers, &call->deadline);
    call->handlers->done(call->user, answer);
}

static void on_deadline(void *user)
{
    fake_fail(user, KUBE_LOST, "deadline passed");
}

static struct kube_transfer *start(struct kube_transport *t, const struct kube_call *call,
                                   const struct kube_handlers *handlers, void *user)
{
    struct fake_transport *f = (struct fake_transport *)(void *)t;
    struct kube_transfer *mine = xcalloc(1, sizeof(*mine));
    assert(call->path[0] == '/' && call->timeout_ms > 0);
    *mine = (struct kube_transfer){
        .fake = f,
        .lane = call->lane,
        .method = copy(call->method),
        .path = copy(call->path),
        .content_type = copy(call->content_type),
        .agent_suffix = copy(call->agent_suffix),
        .body = call->body ? xstrndup(call->body, call->body_len) : NULL,
        .timeout_ms = call->timeout_ms,
        .beside = call->beside,
        .sent_ms = f->timers.now_ms,
        .handlers = handlers,
        .user = user,
        .deadline = {.fire = on_deadline, .user = mine},
    };
    f->calls = xrealloc(f->calls, f->count + 1, sizeof(*f->calls));
    f->calls[f->count++] = mine;
    timer_set(&f->timers, &mine->deadline, f->timers.now_ms + call->timeout_ms);
    return mine;
}

static void cancel(struct kube_transport *t, struct kube_transfer *call)
{
    assert(call->fake == (struct fake_transport *)(void *)t);
    assert(call->state == FAKE_RUNNING); /* nothing is cancelled twice, or after its end */
    call->state = FAKE_CANCELLED;
    timer_stop(&call->fake->timers, &call->deadline);
}

static bool rejected(struct kube_transport *t, uint64_t credential)
{
    struct fake_transport *f = (struct fake_transport *)(void *)t;
    assert(credential == f->credential);
    f->rejections++;
    return f->has_newer;
}

void fake_open(struct fake_transport *f)
{
    *f = (struct fake_transport){.transport = {start, cancel, rejected}, .credential = 7};
    timers_init(&f->timers);
    f->timers.now_ms = 1000000;
    rng_seed(&f->rng, 1);
}

void fake_close(struct fake_transport *f)
{
    assert(fake_running(f) == 0);
    for (size_t i = 0; i < f->count; i++) {
        struct kube_transfer *call = f->calls[i];
        free(call->method);
        free(call->path);
        free(call->content_type);
        free(call->agent_suffix);
        free(call->body);
        free(call);
    }
    free(f->calls);
    timers_release(&f->timers);
}

struct kube_transfer *fake_call(const struct fake_transport *f, size_t i)
{
    return i < f->count ? f->calls[i] : NULL;
}

struct kube_transfer *fake_last(const struct fake_transport *f)
{
    return f->count ? f->calls[f->count - 1] : NULL;
}

size_t fake_running(const struct fake_transport *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++) n += f->calls[i]->state == FAKE_RUNNING;
    return n;
}

void fake_answer_later(struct kube_transfer *call, int code, int retry_after_s, const char *body)
{
    end(call, &(struct kube_answer){.outcome = KUBE_ANSWERED,
                                    .code = code,
                                    .retry_after_s = retry_after_s,
                                    .body = body,
                                    .len = strlen(body),
                                    .credential = call->fake->credential,
                                    .text = "",
                                    .sent_ms = call->sent_ms});
}

void fake_answer(struct kube_transfer *call, int code, const char *body)
{
    fake_answer_later(call, code, -1, body);
}

void fake_fail(struct kube_transfer *call, enum kube_outcome outcome, const char *text)
{
    end(call, &(struct kube_answer){.outcome = outcome,
                                    .retry_after_s = -1,
                                    .body = "",
                                    .credential = call->fake->credential,
                                    .text = text,
                                    .sent_ms = call->sent_ms});
}

bool fake_data_n(struct kube_transfer *call, const char *bytes, size_t n)
{
    assert(call->state == FAKE_RUNNING && call->handlers->data);
    auto_free char *exact = xmalloc(n); /* so that the sanitizer sees a reader that goes too far */
    memcpy(exact, bytes, n);
    if (call->handlers->data(call->user, exact, n) == 0) return true;
    if (call->state == FAKE_RUNNING) fake_fail(call, KUBE_LOST, "the reader had enough");
    return false;
}

bool fake_data(struct kube_transfer *call, const char *text)
{
    return fake_data_n(call, text, strlen(text));
}

void fake_run(struct fake_transport *f, int64_t ms)
{
    int64_t until = f->timers.now_ms + ms;
    while (timers_next_ms(&f->timers) <= until) {
        if (timers_next_ms(&f->timers) > f->timers.now_ms) {
            f->timers.now_ms = timers_next_ms(&f->timers);
        }
        timers_run(&f->timers, 1);
    }
    f->timers.now_ms = until;
}
