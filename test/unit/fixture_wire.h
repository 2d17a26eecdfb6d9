/* test/unit/fixture_wire.h: a transport that keeps what is sent until the test answers it. */
#pragma once

#include <string.h>

#include "lib/kube/transport.h"
#include "lib/str.h"
#include "lib/timers.h"
#include "test/check.h"

enum { WIRE_CALLS_MAX = 128 };

struct wire_call {
    char method[8];
    char path[512];
    char *body; /* the sender's; valid while live */
    const struct kube_handlers *handlers;
    void *user;
    bool live;
};

struct wire {
    struct kube_transport transport; /* first: found by cast */
    struct wire_call calls[WIRE_CALLS_MAX];
    size_t count; /* ever */
};

static inline struct kube_transfer *wire_start(struct kube_transport *t,
                                               const struct kube_call *call,
                                               const struct kube_handlers *handlers, void *user)
{
    struct wire *w = (struct wire *)(void *)t;
    CHECK(w->count < WIRE_CALLS_MAX);
    struct wire_call *c = &w->calls[w->count++];
    *c = (struct wire_call){.body = (char *)(uintptr_t)call->body, .handlers = handlers,
                            .user = user, .live = true};
    str_copy(c->method, sizeof(c->method), call->method);
    str_copy(c->path, sizeof(c->path), call->path);
    return (struct kube_transfer *)(void *)c;
}

static inline void wire_cancel(struct kube_transport *t, struct kube_transfer *transfer)
{
    (void)t;
    ((struct wire_call *)(void *)transfer)->live = false;
}

static inline void wire_open(struct wire *w)
{
    memset(w, 0, sizeof(*w));
    w->transport = (struct kube_transport){.start = wire_start, .cancel = wire_cancel};
}

static inline void wire_answer_later(struct wire *w, size_t i, int code, int retry_after_s,
                                     const char *body)
{
    CHECK(i < w->count && w->calls[i].live);
    w->calls[i].live = false;
    struct kube_answer answer = {.outcome = code ? KUBE_ANSWERED : KUBE_LOST,
                                 .code = code,
                                 .retry_after_s = retry_after_s,
                                 .body = body,
                                 .len = strlen(body),
                                 .text = code ? "" : "cut"};
    w->calls[i].handlers->done(w->calls[i].user, &answer);
}

/* Answers call i; code 0: it is lost. */
static inline void wire_answer(struct wire *w, size_t i, int code, const char *body)
{
    wire_answer_later(w, i, code, -1, body);
}

static inline size_t wire_live(const struct wire *w)
{
    size_t live = 0;
    for (size_t i = 0; i < w->count; i++) live += w->calls[i].live;
    return live;
}

static inline void wire_pass_time(struct timers *timers, int64_t ms)
{
    int64_t end_ms = timers->now_ms + ms;
    while (timers_next_ms(timers) <= end_ms) {
        int64_t next_ms = timers_next_ms(timers);
        if (next_ms > timers->now_ms) {
            timers->wall_ms += next_ms - timers->now_ms;
            timers->now_ms = next_ms;
        }
        timers_run(timers, 100);
    }
    timers->wall_ms += end_ms - timers->now_ms;
    timers->now_ms = end_ms;
}
