/* test/unit/test_kube_client.h: the fixture of the client's tests: a client on a wire of memory, a
 * gate that the test opens and shuts, and requests in one line each.
 */
#pragma once

#include <string.h>

#include "lib/kube/client.h"
#include "lib/limits.h"
#include "lib/str.h"
#include "test/check.h"
#include "test/unit/fake_transport.h"

static const struct kube_resource pods = {"api/v1", "pods", "v1", "Pod"};

enum { CAP = LIMIT_IN_FLIGHT_WRITES };

struct got { /* what came of one request */
    int times;
    struct kube_result result; /* err and code only stay valid */
    char body[100], reason[40];
    struct kube_client *client; /* not NULL: sends another from inside done */
    struct got *next;
};

struct world {
    struct fake_transport fake;
    struct kube_client *client;
    bool shut; /* the gate */
    int asked; /* how often the gate was */
    int observed, observed_code;
    double observed_s;
};

static inline bool may_write(void *user)
{
    struct world *w = user;
    w->asked++;
    return !w->shut;
}

static inline void observe(void *user, enum kube_verb verb, int code, double seconds)
{
    struct world *w = user;
    (void)verb;
    w->observed++;
    w->observed_code = code;
    w->observed_s = seconds;
}

static inline void world_open_with(struct world *w, double qps, double burst)
{
    *w = (struct world){0};
    fake_open(&w->fake);
    struct kube_client_config config = {.transport = &w->fake.transport,
                                        .timers = &w->fake.timers,
                                        .rng = &w->fake.rng,
                                        .qps = qps,
                                        .burst = burst,
                                        .may_write = may_write,
                                        .gate_user = w,
                                        .observe = observe,
                                        .observe_user = w};
    w->client = kube_client_new(&config);
}

static inline void world_open(struct world *w)
{
    world_open_with(w, 0, 0);
}

static inline void world_close(struct world *w)
{
    kube_client_free(w->client);
    CHECK_INT(timers_next_ms(&w->fake.timers), TIMERS_NEVER);
    fake_close(&w->fake);
}

static inline void on_done(void *user, const struct kube_result *result)
{
    struct got *got = user;
    got->times++;
    got->result = *result;
    str_copy(got->body, sizeof(got->body), result->body ? result->body : "");
    str_copy(got->reason, sizeof(got->reason), result->status.reason ? result->status.reason : "");
    if (!got->client) return;
    struct kube_op op = {.verb = KUBE_GET, .resource = &pods, .ns = "n", .name = "next"};
    kube_send(got->client, &op, on_done, got->next);
    CHECK_INT(got->next->times, 0);
}

static inline struct kube_pending *get(struct world *w, const char *name, struct got *got)
{
    struct kube_op op = {.verb = KUBE_GET, .resource = &pods, .ns = "n", .name = name};
    return kube_send(w->client, &op, on_done, got);
}

static inline struct kube_pending *write_pod(struct world *w, const char *name, struct got *got)
{
    struct kube_op op = {.verb = KUBE_MERGE, .resource = &pods, .ns = "n", .name = name,
                         .body = "{}", .body_len = 2};
    return kube_send(w->client, &op, on_done, got);
}
