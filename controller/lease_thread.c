#include "controller/lease_thread.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/metrics.h"
#include "lib/xalloc.h"

enum { WAIT_MAX_MS = 1000 }; /* looks at the clock at least that often */

struct lease_thread {
    struct lease_thread_config config;
    struct lease *lease;
    struct kube_line *line;
    struct rng rng;
    pthread_t thread;
    int wake_fd;
    atomic_bool stopping;
    atomic_int_fast64_t until_ms; /* the gate is open before it */
    atomic_bool leads;            /* as last told to the loop */
    struct metric *master;
};

static void tell_loop(void *user)
{
    struct lease_thread *t = user;
    t->config.changed(t->config.user, atomic_load(&t->leads));
}

static void tell_undone(void *user)
{
    struct lease_thread *t = user;
    t->config.undone(t->config.user);
}

static void publish(struct lease_thread *t)
{
    int64_t until_ms = lease_until_ms(t->lease);
    atomic_store(&t->until_ms, until_ms);
    bool leads = clock_ms() < until_ms;
    if (leads == atomic_load(&t->leads)) return;
    atomic_store(&t->leads, leads);
    metric_set(t->master, leads);
    log_info(leads ? "leading" : "not leading any more", kv("holder", lease_holder(t->lease)));
    loop_post(t->config.wire.loop, tell_loop, t);
}

static void ask(struct lease_thread *t, const struct lease_request *request)
{
    struct kube_call call = {.lane = KUBE_LANE_REQUESTS,
                             .method = request->method,
                             .path = request->path,
                             .content_type = request->body ? "application/json" : NULL,
                             .body = request->body,
                             .body_len = request->len,
                             .timeout_ms = request->timeout_ms,
                             .agent_suffix = "leader-election"};
    struct kube_answer answer = {0};
    int64_t sent_ms = clock_ms();
    kube_line_call(t->line, &call, &answer);
    int code = answer.outcome == KUBE_ANSWERED ? answer.code : 0;
    if (code == 0) log_debug("no answer about the lease", kv("error", answer.text));
    if (code == 403) {
        log_warn("the lease is forbidden: check the role's leases verbs",
                 kv("lease", t->config.lease.name), kv("namespace", t->config.lease.ns));
    }
    if (code == 401) kube_auth_rejected(t->config.wire.auth, answer.credential, clock_ms());
    lease_answer(t->lease, code, answer.body, answer.len, sent_ms, clock_ms());
}

static void wait_until(struct lease_thread *t, int64_t at_ms)
{
    int64_t left_ms = at_ms - clock_ms();
    if (left_ms <= 0) return;
    if (left_ms > WAIT_MAX_MS) left_ms = WAIT_MAX_MS;
    struct pollfd fd = {.fd = t->wake_fd, .events = POLLIN};
    poll(&fd, 1, (int)left_ms);
}

static void *run(void *user)
{
    struct lease_thread *t = user;
    unsigned set_backs = 0;
    while (!lease_released(t->lease)) {
        if (atomic_load(&t->stopping)) lease_release(t->lease);
        struct lease_request request = lease_next(t->lease, clock_ms(), clock_wall_us());
        publish(t);
        if (request.due) ask(t, &request);
        else if (!lease_released(t->lease)) wait_until(t, request.again_ms);
        publish(t);
        if (lease_set_backs(t->lease) == set_backs) continue;
        set_backs = lease_set_backs(t->lease);
        loop_post(t->config.wire.loop, tell_undone, t); /* after the loss, which stops the writes */
    }
    return NULL;
}

int lease_thread_start(const struct lease_thread_config *config, struct lease_thread **out,
                       struct err *err)
{
    if (lease_config_check(&config->lease, err) < 0) return -1;
    struct lease_thread *t = xcalloc(1, sizeof(*t));
    t->config = *config;
    t->master = metric_get(METRIC_GAUGE, "leader_election_master_status",
                           "1 while this replica leads.", "name=\"carrel\"", NULL);
    rng_seed(&t->rng, rng_entropy());
    t->lease = lease_new(&config->lease, &t->rng);
    t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = t->wake_fd < 0 ? err_set(err, ERR_UNAVAILABLE, "eventfd failed")
                            : kube_line_new(&config->wire, &t->line, err);
    if (rc == 0 && pthread_create(&t->thread, NULL, run, t) != 0) {
        rc = err_set(err, ERR_UNAVAILABLE, "the lease's thread cannot be started");
    }
    if (rc < 0) {
        if (t->wake_fd >= 0) close(t->wake_fd);
        kube_line_free(t->line);
        lease_free(t->lease);
        free(t);
        return -1;
    }
    *out = t;
    return 0;
}

void lease_thread_stop(struct lease_thread *t)
{
    if (!t) return;
    uint64_t one = 1;
    atomic_store(&t->stopping, true);
    if (write(t->wake_fd, &one, sizeof(one)) < 0) log_warn("cannot wake the lease's thread");
    pthread_join(t->thread, NULL);
    close(t->wake_fd);
    kube_line_free(t->line);
    lease_free(t->lease);
    free(t);
}

bool lease_thread_may_write(void *user)
{
    struct lease_thread *t = user;
    return clock_ms() < atomic_load(&t->until_ms);
}
