#include "controller/runner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/history.h"
#include "lib/log.h"
#include "lib/metrics.h"
#include "lib/str.h"
#include "lib/xalloc.h"

enum {
    PASS_MS = 60000,          /* a pass that takes longer has failed */
    ARENA_KEEP = 32 * 1024,   /* of an arena that waits for the next pass */
    ARENAS_MAX = 8,
    TAKE_AT_ONCE = 16,        /* then others on the loop have their turn */
};

struct slot { /* one request of a round */
    struct pass *pass;
    struct kube_pending *pending;
    struct step_request request;
    struct history then;
};

struct pass {
    struct runner *runner;
    struct pass *next, *prev;
    struct arena arena;
    const char *key; /* the queue's */
    uint64_t id;
    void *state;
    int64_t began_ms;
    struct step_io io;
    struct slot slots[STEP_REQUESTS_MAX];
    size_t waiting; /* requests without an answer */
    int64_t told_ms; /* loop time before which the server wants none of them again */
    struct timer deadline;
};

struct runner_metrics {
    struct metric *success, *error, *again, *seconds, *active, *depth, *adds, *retries;
    struct metric *queued_seconds, *work_seconds, *unfinished, *longest;
};

struct runner {
    struct runner_config config;
    struct workq *queue;
    struct timer tick;
    struct pass running; /* ring head */
    size_t running_count;
    struct arena spare[ARENAS_MAX];
    size_t spare_count;
    const char *quiet_key; /* whose own write is being learned */
    uint64_t passes;
    struct runner_counts counts;
    struct runner_metrics m;
    bool ticking, draining;
};

static void run_due(void *user);

/* --- metrics -------------------------------------------------------------------------------- */

static struct metric *counter(const char *name, const char *help, const char *labels)
{
    return metric_get(METRIC_COUNTER, name, help, labels, NULL);
}

static void make_metrics(struct runner *r)
{
    const char *name = r->config.controller->name;
    char c[96], q[96], result[128];
    snprintf(c, sizeof(c), "controller=\"%s\"", name);
    snprintf(q, sizeof(q), "name=\"%s\",controller=\"%s\"", name, name);
    static const char total[] = "controller_runtime_reconcile_total";
    static const char total_help[] = "Reconciles by controller and result.";
    snprintf(result, sizeof(result), "%s,result=\"success\"", c);
    r->m.success = counter(total, total_help, result);
    snprintf(result, sizeof(result), "%s,result=\"error\"", c);
    r->m.error = counter(total, total_help, result);
    snprintf(result, sizeof(result), "%s,result=\"requeue_after\"", c);
    r->m.again = counter(total, total_help, result);
    r->m.seconds = metric_get(METRIC_HISTOGRAM, "controller_runtime_reconcile_time_seconds",
                              "How long a reconcile took, its requests included.", c,
                              &METRIC_BUCKETS_RECONCILE);
    r->m.active = metric_get(METRIC_GAUGE, "controller_runtime_active_workers",
                             "Reconciles that run now.", c, NULL);
    struct metric *max =
        metric_get(METRIC_GAUGE, "controller_runtime_max_concurrent_reconciles",
                   "Reconciles that may run at once.", c, NULL);
    metric_set(max, r->config.concurrency);
    r->m.depth =
        metric_get(METRIC_GAUGE, "workqueue_depth", "Keys that are due and wait.", q, NULL);
    r->m.adds = counter("workqueue_adds_total", "Keys asked for.", q);
    r->m.retries = counter("workqueue_retries_total", "Keys that came back after a failure.", q);
    r->m.queued_seconds = metric_get(METRIC_HISTOGRAM, "workqueue_queue_duration_seconds",
                                     "How long a key that was due waited.", q,
                                     &METRIC_BUCKETS_QUEUE);
    r->m.unfinished = metric_get(METRIC_GAUGE, "workqueue_unfinished_work_seconds",
                                 "Time that the running keys have taken so far.", q, NULL);
    r->m.longest = metric_get(METRIC_GAUGE, "workqueue_longest_running_processor_seconds",
                              "Time that the longest running key has taken so far.", q, NULL);
    r->m.work_seconds = metric_get(METRIC_HISTOGRAM, "workqueue_work_duration_seconds",
                                   "How long a key was worked on.", q, &METRIC_BUCKETS_QUEUE);
}

void runner_show_gauges(struct runner *r)
{
    if (!r->config.metrics) return;
    int64_t now_ms = r->config.timers->now_ms;
    double sum_s = 0, longest_s = 0;
    for (const struct pass *p = r->running.next; p != &r->running; p = p->next) {
        double took_s = (double)(now_ms - p->began_ms) / 1000.0;
        sum_s += took_s;
        if (took_s > longest_s) longest_s = took_s;
    }
    metric_set(r->m.active, (double)r->running_count);
    metric_set(r->m.depth, (double)workq_depth(r->queue, now_ms));
    metric_set(r->m.unfinished, sum_s);
    metric_set(r->m.longest, longest_s);
}

/* --- passes --------------------------------------------------------------------------------- */

static int64_t now(const struct runner *r)
{
    return r->config.timers->now_ms;
}

static void plan_tick(struct runner *r)
{
    int64_t due = workq_next_due_ms(r->queue);
    bool full = r->running_count >= (size_t)r->config.concurrency;
    if (due == WORKQ_NEVER || full || r->draining) timer_stop(r->config.timers, &r->tick);
    else timer_set(r->config.timers, &r->tick, due);
}

static struct pass *pass_new(struct runner *r, const char *key)
{
    struct pass *p = xcalloc(1, sizeof(*p));
    p->runner = r;
    p->key = key;
    p->id = ++r->passes;
    p->began_ms = now(r);
    if (r->spare_count > 0) p->arena = r->spare[--r->spare_count];
    size_t size = r->config.controller->state_size;
    p->state = arena_zalloc(&p->arena, size ? size : 1);
    p->next = &r->running;
    p->prev = r->running.prev;
    p->prev->next = p;
    r->running.prev = p;
    r->running_count++;
    return p;
}

static void pass_free(struct pass *p)
{
    struct runner *r = p->runner;
    timer_stop(r->config.timers, &p->deadline);
    for (size_t i = 0; i < STEP_REQUESTS_MAX; i++) {
        if (p->slots[i].pending) kube_cancel(p->slots[i].pending);
    }
    p->prev->next = p->next;
    p->next->prev = p->prev;
    r->running_count--;
    if (r->spare_count < ARENAS_MAX) {
        arena_reset(&p->arena, ARENA_KEEP);
        r->spare[r->spare_count++] = p->arena;
    } else {
        arena_release(&p->arena);
    }
    free(p);
}

static void count_end(struct runner *r, const struct pass *p, enum step_result result)
{
    bool failed = result == STEP_FAIL, again = p->io.again_ms != STEP_NEVER;
    r->counts.failed += failed;
    r->counts.again += !failed && again;
    r->counts.done += !failed && !again;
    if (!r->config.metrics) return;
    double seconds = (double)(now(r) - p->began_ms) / 1000.0;
    metric_add(failed ? r->m.error : again ? r->m.again : r->m.success, 1);
    if (failed) metric_add(r->m.retries, 1);
    metric_observe(r->m.seconds, seconds);
    metric_observe(r->m.work_seconds, seconds);
}

static void tell_events(struct pass *p)
{
    struct runner *r = p->runner;
    const struct kube_object *about = p->io.about;
    for (size_t i = 0; about && i < p->io.event_count; i++) {
        events_tell(r->config.events, about, &p->io.events[i]);
    }
    p->io.event_count = 0;
    p->io.about = NULL;
}

static void end_pass(struct pass *p, enum step_result result)
{
    struct runner *r = p->runner;
    count_end(r, p, result);
    if (result == STEP_FAIL) {
        log_context(r->config.controller->name, p->key, p->id);
        log_warn("reconcile failed", kv("error", p->io.err.text),
                 kv("failures", (int64_t)workq_failures(r->queue, p->key) + 1));
        log_context(NULL, NULL, 0);
        workq_fail(r->queue, p->key, now(r), p->told_ms);
    } else if (result == STEP_REST) {
        workq_rest(r->queue, p->key, p->io.again_ms);
    } else {
        workq_done(r->queue, p->key, p->io.again_ms == STEP_NEVER ? WORKQ_NEVER : p->io.again_ms);
    }
    pass_free(p);
    plan_tick(r);
}

static void run_step(struct pass *p);

static void keep_message(struct step_answer *answer, const struct kube_result *result,
                         struct arena *a)
{
    answer->message = arena_strdup(a, result->status.message ? result->status.message : "");
    answer->field = "";
    if (result->err.code == ERR_NONE || result->code == 0) return;
    const struct kube_cause *causes = result->status.causes.items;
    if (result->status.causes.count > 0) answer->field = arena_strdup(a, causes[0].field);
    answer->ns_terminating = kube_status_has_cause(&result->status, "NamespaceTerminating");
    answer->quota = result->code == 403 && strstr(answer->message, "exceeded quota");
}

static bool is_asked_for(const struct kube_op *op, const struct kube_object *o)
{
    return !op->name || (str_equal(op->name, o->meta.name) &&
                         strcmp(op->ns ? op->ns : "", o->meta.ns) == 0);
}

/* The object of a 2xx answer, learned; a Status in its place is no object, and what something on
 * the way answers of another name says nothing about ours. */
static void learn(struct pass *p, const struct step_request *request,
                  const struct kube_result *result, struct step_answer *answer)
{
    struct runner *r = p->runner;
    struct kube_object *o = NULL;
    if (!request->type || result->len == 0) return;
    if (kube_object_read(request->type, result->body, result->len, &p->arena, &o, NULL) < 0) return;
    if (!is_asked_for(&request->op, o)) return;
    answer->object = o;
    if (request->aside && !child_is_listed(o)) return;
    r->quiet_key = p->key;
    r->config.learn(r->config.user, o);
    r->quiet_key = NULL;
}

/* A cache that lags behind would have us make children for an owner that is gone, again and again
 * as the collector takes them away. */
static void unlearn(struct pass *p, const struct slot *slot)
{
    const struct step_request *request = &slot->request;
    if (!request->type || !request->op.name || !slot->then.uid) return;
    p->runner->config.gone(p->runner->config.user, request->type, request->op.ns,
                           request->op.name, slot->then.uid);
}

static void remember(struct pass *p, const struct step_request *request, struct history *then)
{
    *then = (struct history){0};
    const struct runner_config *config = &p->runner->config;
    const struct kube_store *store =
        request->type ? config->store(config->user, request->type) : NULL;
    if (!store) return;
    str_copy(then->seen, sizeof(then->seen), kube_store_rv(store));
    if (!request->op.name) return;
    const struct kube_object *o = kube_store_find(store, request->op.ns, request->op.name);
    if (!o) return;
    str_copy(then->rv, sizeof(then->rv), o->meta.rv);
    then->uid = arena_strdup(&p->arena, o->meta.uid);
}

/* An apiserver names what it has not. A balancer's page, and an apiserver that does not serve the
 * kind at the moment, say nothing about the object. */
static bool is_nobodys_404(const struct kube_result *result)
{
    return !*result->status.name;
}

static void on_answer(void *user, const struct kube_result *result)
{
    struct slot *slot = user;
    struct pass *p = slot->pass;
    struct step_answer *answer = &p->io.answers[slot - p->slots];
    slot->pending = NULL;
    *answer = (struct step_answer){.err = result->err,
                                   .code = result->code,
                                   .tag = slot->request.tag,
                                   .verb = slot->request.op.verb};
    keep_message(answer, result, &p->arena);
    int64_t told_ms = result->told_ms > 0 ? now(p->runner) + result->told_ms : 0;
    if (told_ms > p->told_ms) p->told_ms = told_ms;
    p->runner->counts.unknown += result->err.code == ERR_UNKNOWN;
    p->runner->counts.conflicts += result->err.code == ERR_CONFLICT;
    if (result->err.code == ERR_NONE) learn(p, &slot->request, result, answer);
    bool gone = result->code == 404 && !is_nobodys_404(result);
    if (result->code == 404 && !gone) answer->err.code = ERR_UNAVAILABLE;
    if (gone) unlearn(p, slot);
    if (answer->object &&
        history_is_doubtful(&slot->then, slot->request.op.verb, answer->object)) {
        p->runner->config.doubt(p->runner->config.user, answer->object->type);
    }
    if (--p->waiting == 0) run_step(p);
}

static void send_requests(struct pass *p)
{
    size_t count = p->io.request_count;
    p->io.answer_count = p->waiting = count;
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = &p->slots[i];
        *slot = (struct slot){.pass = p, .request = p->io.requests[i]};
        remember(p, &slot->request, &slot->then);
        slot->request.op.agent_suffix = p->runner->config.controller->agent_suffix;
        struct kube_op *op = &slot->request.op; /* its texts may be an object's that is replaced */
        if (op->ns) op->ns = arena_strdup(&p->arena, op->ns);
        if (op->name) op->name = arena_strdup(&p->arena, op->name);
        slot->pending = kube_send(p->runner->config.client, &slot->request.op, on_answer, slot);
    }
}

static void run_step(struct pass *p)
{
    struct runner *r = p->runner;
    p->io.view = r->config.view;
    p->io.arena = &p->arena;
    p->io.rng = r->config.rng;
    p->io.key = p->key;
    p->io.now_ms = now(r);
    p->io.wall_ms = r->config.timers->wall_ms;
    p->io.request_count = 0;
    p->io.again_ms = STEP_NEVER;
    enum step_result result = r->config.controller->step(p->state, &p->io);
    tell_events(p);
    if (result == STEP_SEND) {
        assert(p->io.request_count > 0);
        send_requests(p);
    } else {
        end_pass(p, result);
    }
}

static void on_deadline(void *user)
{
    struct pass *p = user;
    err_set(&p->io.err, ERR_UNAVAILABLE, "no end after %d s", PASS_MS / 1000);
    end_pass(p, STEP_FAIL);
}

static void run_due(void *user)
{
    struct runner *r = user;
    r->ticking = true;
    for (int i = 0; i < TAKE_AT_ONCE && r->running_count < (size_t)r->config.concurrency; i++) {
        int64_t due_ms = workq_next_due_ms(r->queue);
        const char *key = workq_take(r->queue, now(r));
        if (!key) break;
        if (r->config.metrics) {
            metric_observe(r->m.queued_seconds, (double)(now(r) - due_ms) / 1000.0);
        }
        struct pass *p = pass_new(r, key);
        p->deadline = (struct timer){.fire = on_deadline, .user = p};
        timer_set(r->config.timers, &p->deadline, now(r) + PASS_MS);
        run_step(p);
    }
    r->ticking = false;
    plan_tick(r);
}

/* --- outside -------------------------------------------------------------------------------- */

struct runner *runner_new(const struct runner_config *config)
{
    struct runner *r = xcalloc(1, sizeof(*r));
    r->config = *config;
    r->queue = workq_new(WORKQ_BACKOFF, config->rng);
    r->running.next = r->running.prev = &r->running;
    r->tick = (struct timer){.fire = run_due, .user = r};
    if (config->metrics) make_metrics(r);
    return r;
}

void runner_free(struct runner *r)
{
    if (!r) return;
    while (r->running.next != &r->running) pass_free(r->running.next);
    timer_stop(r->config.timers, &r->tick);
    for (size_t i = 0; i < r->spare_count; i++) arena_release(&r->spare[i]);
    workq_free(r->queue);
    free(r);
}

void runner_wake(struct runner *r, const char *key, int64_t delay_ms, enum workq_prio prio)
{
    if (runner_is_quiet(r, key)) return;
    workq_add(r->queue, key, now(r) + delay_ms, prio);
    if (r->config.metrics) metric_add(r->m.adds, 1);
    if (!r->ticking) plan_tick(r);
}

void runner_drain(struct runner *r)
{
    r->draining = true;
    plan_tick(r);
}

bool runner_is_quiet(const struct runner *r, const char *key)
{
    return r->quiet_key && strcmp(r->quiet_key, key) == 0;
}

struct runner_counts runner_counts(const struct runner *r)
{
    struct runner_counts counts = r->counts;
    counts.queued = workq_count(r->queue);
    counts.running = r->running_count;
    return counts;
}

bool runner_idle(const struct runner *r)
{
    return r->running_count == 0 && (r->draining || workq_depth(r->queue, now(r)) == 0);
}
