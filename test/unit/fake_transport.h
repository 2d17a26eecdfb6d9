/* test/unit/fake_transport.h: a wire made of memory, and the time that goes with it.
 *
 * It keeps lib/kube/transport.h's promises and writes down each call. Nothing is answered by
 * itself: the test says which call gets what and when, with fake_answer, fake_fail and fake_data.
 * Time stands still until fake_run moves it; then timers fire in their order, and a transfer whose
 * own timeout passes ends as lost.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/kube/transport.h"
#include "lib/rng.h"
#include "lib/timers.h"

enum fake_state { FAKE_RUNNING, FAKE_ENDED, FAKE_CANCELLED };

struct kube_transfer { /* one call and what became of it; kept until fake_close */
    struct fake_transport *fake;
    enum fake_state state;
    enum kube_lane lane;
    char *method, *path;
    char *content_type, *agent_suffix; /* or NULL */
    char *body;                        /* copied at the start; or NULL */
    int64_t timeout_ms, sent_ms;
    const struct kube_transfer *beside;
    const struct kube_handlers *handlers;
    void *user;
    struct timer deadline;
};

struct fake_transport {
    struct kube_transport transport;
    struct timers timers;
    struct rng rng;
    struct kube_transfer **calls;
    size_t count;
    int rejections;      /* how often a credential was reported as refused */
    bool has_newer;      /* what such a report is answered with */
    uint64_t credential; /* that answers say was sent */
};

void fake_open(struct fake_transport *f);
void fake_close(struct fake_transport *f); /* everything must have ended before */

struct kube_transfer *fake_call(const struct fake_transport *f, size_t i); /* NULL: no such call */
struct kube_transfer *fake_last(const struct fake_transport *f);           /* the newest; or NULL */
size_t fake_running(const struct fake_transport *f);

void fake_answer(struct kube_transfer *call, int code, const char *body);
void fake_answer_later(struct kube_transfer *call, int code, int retry_after_s, const char *body);
void fake_fail(struct kube_transfer *call, enum kube_outcome outcome, const char *text);
/* Bytes of a stream. When the reader refuses them the transfer ends as lost: false then. */
bool fake_data_n(struct kube_transfer *call, const char *bytes, size_t n);
bool fake_data(struct kube_transfer *call, const char *text);

/* Lets time pass, timer by timer. */
void fake_run(struct fake_transport *f, int64_t ms);
