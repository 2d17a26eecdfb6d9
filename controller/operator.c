#include "controller/operator.h"

#include <stdlib.h>
#include <string.h>

#include "controller/events.h"
#include "controller/runner.h"
#include "controller/telemetry.h"
#include "controller/wake.h"
#include "lib/kube/client.h"
#include "lib/kube/reflector.h"
#include "lib/log.h"
#include "lib/metrics.h"
#include "lib/xalloc.h"

enum {
    SWEEP_MS = 10 * 3600 * 1000,   /* each object is looked at that often without news */
    SWEEP_SPREAD_MS = 3600 * 1000, /* and not all at the same time */
};

struct informer { /* one kind: its store and what fills it */
    struct operator *op;
    const struct kube_type *type;
    struct kube_store *store;
    struct kube_reflector *reflector;
};

struct operator {
    struct operator_env env;
    struct view view;
    struct informer informers[10];
    struct kube_sync_gate gate;
    struct kube_client *client;
    struct events *events;
    struct runner *runners[CONTROLLER_COUNT];
    struct telemetry *telemetry;
    struct timer sweep;
    bool leads, running, told_ready, undone;
};

enum { INFORMER_COUNT = 10 };

static const struct controller *const controllers[CONTROLLER_COUNT] = {
    [CONTROLLER_SESSION] = &session_controller,
    [CONTROLLER_TEMPLATE] = &template_controller,
    [CONTROLLER_CONNECTION] = &connection_controller,
    [CONTROLLER_REPOSITORY] = &repository_controller,
};

/* --- news ----------------------------------------------------------------------------------- */

static void on_wake(void *user, enum controller_id controller, const char *key, int64_t delay_ms,
                    enum workq_prio prio)
{
    struct operator *op = user;
    if (op->running) runner_wake(op->runners[controller], key, delay_ms, prio);
}

static void wake_claimant(void *user, const char *key)
{
    on_wake(user, CONTROLLER_SESSION, key, 0, WORKQ_NORMAL);
}

static void on_session_changed(void *user, const struct kube_object *before,
                               const struct kube_object *after)
{
    struct operator *op = user;
    hosts_change(op->view.hosts, (const struct session *)before, (const struct session *)after,
                 wake_claimant, op);
}

static void on_revision_changed(void *user, const struct kube_object *before,
                                const struct kube_object *after)
{
    struct operator *op = user;
    marks_change(op->view.marks, (const struct revision *)before, (const struct revision *)after,
                 op->env.timers->now_ms);
}

/* Once for each that is new, and again when it changes and is no better. */
static void tell_of_flaw(const struct kube_object *o)
{
    log_warn("object cannot be read and is left alone", kv("kind", o->type->name),
             kv("object", o->meta.key), kv("version", o->meta.rv), kv("error", o->flaw));
}

static void on_changed(void *user, const struct kube_object *before,
                       const struct kube_object *after)
{
    struct operator *op = user;
    if (after && after->flaw) tell_of_flaw(after);
    if (!op->running) return;
    const struct wake wake = {.call = on_wake, .user = op};
    wake_for_change(&op->view, before, after, &wake);
}

static struct kube_store *store_of(const struct operator *op, const struct kube_type *type)
{
    for (int i = 0; i < INFORMER_COUNT; i++) {
        if (op->informers[i].type == type) return op->informers[i].store;
    }
    return NULL;
}

static const struct kube_object *on_learn(void *user, struct kube_object *o)
{
    struct kube_store *store = store_of(user, o->type);
    return store ? kube_store_learn(store, o) : NULL;
}

static const struct kube_store *on_store(void *user, const struct kube_type *type)
{
    return store_of(user, type);
}

static void on_gone(void *user, const struct kube_type *type, const char *ns, const char *name,
                    const char *uid)
{
    struct kube_store *store = store_of(user, type);
    if (store) kube_store_forget(store, ns, name, uid);
}

/* Nothing is written by what a history tells that was undone. */
static bool may_write(void *user)
{
    const struct operator *op = user;
    if (op->undone) return false;
    return !op->env.may_write || op->env.may_write(op->env.gate_user);
}

static struct metric *undone_counter(void)
{
    return metric_get(METRIC_COUNTER, "carrel_history_undone_total",
                      "How often etcd had gone back in history, and all caches were filled anew.",
                      "", NULL);
}

void operator_history_undone(struct operator *op)
{
    if (op->undone) return;
    op->undone = true;
    log_error("etcd has gone back in history, as when it is restored from a backup: starting over");
    if (op->env.metrics) metric_add(undone_counter(), 1);
    if (op->env.undone) op->env.undone(op->env.undone_user);
}

static void on_doubt(void *user, const struct kube_type *type)
{
    struct operator *op = user;
    for (int i = 0; i < INFORMER_COUNT; i++) {
        if (op->informers[i].type == type) kube_reflector_doubt(op->informers[i].reflector);
    }
}

/* --- controllers on and off ----------------------------------------------------------------- */

static void queue_all(struct operator *op, const struct kube_store *store,
                      enum controller_id controller, enum workq_prio prio, int64_t spread_ms)
{
    const struct kube_object *o;
    for (size_t i = 0; (o = kube_store_next(store, &i));) {
        int64_t delay_ms = spread_ms ? rng_between(op->env.rng, 0, spread_ms) : 0;
        runner_wake(op->runners[controller], o->meta.key, delay_ms, prio);
    }
}

/* Templates that are gone may have left revisions behind. */
static void queue_orphans(struct operator *op, int64_t spread_ms)
{
    const struct kube_object *o;
    for (size_t i = 0; (o = kube_store_next(op->view.revisions, &i));) {
        const struct revision *r = (const struct revision *)o;
        if (!r->template || kube_store_find(op->view.templates, o->meta.ns, r->template)) continue;
        auto_str key;
        str_init(&key, KUBE_KEY_SIZE);
        str_add_f(&key, "%s/%s", o->meta.ns, r->template);
        runner_wake(op->runners[CONTROLLER_TEMPLATE], key.at, WAKE_PRUNE_MS + spread_ms,
                    WORKQ_LISTED);
    }
}

static void queue_everything(struct operator *op, enum workq_prio prio, int64_t spread_ms)
{
    queue_all(op, op->view.templates, CONTROLLER_TEMPLATE, prio, spread_ms);
    queue_all(op, op->view.sessions, CONTROLLER_SESSION, prio, spread_ms);
    queue_all(op, op->view.connections, CONTROLLER_CONNECTION, prio, spread_ms);
    queue_all(op, op->view.repositories, CONTROLLER_REPOSITORY, prio, spread_ms);
    queue_orphans(op, spread_ms);
}

static void on_sweep(void *user)
{
    struct operator *op = user;
    queue_everything(op, WORKQ_SWEEP, SWEEP_SPREAD_MS);
    timer_set(op->env.timers, &op->sweep, op->env.timers->now_ms + SWEEP_MS);
}

static void start_controllers(struct operator *op)
{
    op->running = true;
    for (int i = 0; i < CONTROLLER_COUNT; i++) {
        struct runner_config config = {
            .controller = controllers[i],
            .id = (enum controller_id)i,
            .client = op->client,
            .timers = op->env.timers,
            .rng = op->env.rng,
            .view = &op->view,
            .events = op->events,
            .concurrency = op->env.settings->concurrency,
            .metrics = op->env.metrics,
            .learn = on_learn,
            .store = on_store,
            .gone = on_gone,
            .doubt = on_doubt,
            .user = op,
        };
        op->runners[i] = runner_new(&config);
    }
    queue_everything(op, WORKQ_LISTED, 0);
    timer_set(op->env.timers, &op->sweep, op->env.timers->now_ms + SWEEP_MS);
    log_info("controllers started", kv("sessions", (int64_t)kube_store_count(op->view.sessions)));
}

static void stop_controllers(struct operator *op)
{
    op->running = false;
    timer_stop(op->env.timers, &op->sweep);
    kube_client_hold(op->client, true);
    for (int i = 0; i < CONTROLLER_COUNT; i++) {
        runner_free(op->runners[i]);
        op->runners[i] = NULL;
    }
    events_clear(op->events);
    kube_client_hold(op->client, false);
    log_info("controllers stopped");
}

static void set_running(struct operator *op)
{
    bool should = op->leads && operator_synced(op);
    if (should && !op->running) start_controllers(op);
    if (!should && op->running) stop_controllers(op);
}

static void on_synced(void *user)
{
    struct informer *informer = user;
    struct operator *op = informer->op;
    log_debug("cache filled", kv("kind", informer->type->name),
              kv("objects", (int64_t)kube_store_count(informer->store)));
    if (!operator_synced(op)) return;
    set_running(op);
    if (!op->told_ready && op->env.ready) op->env.ready(op->env.ready_user);
    op->told_ready = true;
}

static void on_undone(void *user)
{
    struct informer *informer = user;
    operator_history_undone(informer->op);
}

static void on_trouble(void *user, const char *what, const struct err *err)
{
    const struct informer *informer = user;
    log_warn(what, kv("kind", informer->type->name), kv("error", err->text));
}

/* --- the whole ------------------------------------------------------------------------------ */

static void add_informer(struct operator *op, int i, const struct kube_type *type,
                         const char *selector, struct kube_store **store)
{
    struct informer *informer = &op->informers[i];
    *informer = (struct informer){.op = op, .type = type, .store = kube_store_new(type)};
    *store = informer->store;
    /* The claims to hosts first: who is woken by the change looks at them. */
    if (type == &session_type) kube_store_observe(informer->store, on_session_changed, op);
    if (type == &revision_type) kube_store_observe(informer->store, on_revision_changed, op);
    kube_store_observe(informer->store, on_changed, op);
    struct kube_reflector_config config = {
        .transport = op->env.transport,
        .timers = op->env.timers,
        .rng = op->env.rng,
        .store = informer->store,
        .type = type,
        .ns = op->env.settings->ns,
        .label_selector = selector,
        .gate = &op->gate,
        .pages_only = op->env.settings->pages_only,
        .page_size = op->env.settings->page_size,
        .synced = on_synced,
        .trouble = on_trouble,
        .undone = on_undone,
        .user = informer,
    };
    informer->reflector = kube_reflector_new(&config);
}

static void add_informers(struct operator *op)
{
    struct view *v = &op->view;
    add_informer(op, 0, &template_type, NULL, &v->templates);
    add_informer(op, 1, &revision_type, CARREL_SELECTOR, &v->revisions);
    add_informer(op, 2, &session_type, NULL, &v->sessions);
    add_informer(op, 3, &deployment_type, CARREL_SELECTOR, &v->deployments);
    add_informer(op, 4, &service_type, CARREL_SELECTOR, &v->services);
    add_informer(op, 5, &ingress_type, CARREL_SELECTOR, &v->ingresses);
    add_informer(op, 6, &claim_type, CARREL_SELECTOR, &v->claims);
    add_informer(op, 7, &pod_type, CARREL_SELECTOR, &v->pods);
    add_informer(op, 8, &connection_type, NULL, &v->connections);
    add_informer(op, 9, &repository_type, NULL, &v->repositories);
}

struct operator *operator_new(const struct operator_env *env)
{
    struct operator *op = xcalloc(1, sizeof(*op));
    op->env = *env;
    op->view.settings = env->settings;
    if (env->metrics) undone_counter(); /* seen as 0 before it is ever counted */
    op->view.hosts = hosts_new(env->settings);
    op->view.marks = marks_new();
    op->sweep = (struct timer){.fire = on_sweep, .user = op};
    add_informers(op);
    struct kube_client_config client = {
        .transport = env->transport,
        .timers = env->timers,
        .rng = env->rng,
        .qps = env->settings->qps,
        .burst = env->settings->burst,
        .may_write = may_write,
        .gate_user = op,
        .observe = env->metrics ? telemetry_request : NULL,
    };
    op->client = kube_client_new(&client);
    struct events_config events = {
        .client = op->client, .timers = env->timers, .instance = env->instance};
    op->events = events_new(&events);
    return op;
}

void operator_start(struct operator *op)
{
    for (int i = 0; i < INFORMER_COUNT; i++) kube_reflector_start(op->informers[i].reflector);
    if (op->env.metrics) op->telemetry = telemetry_new(op, op->env.timers);
}

void operator_lead(struct operator *op, bool leads)
{
    op->leads = leads;
    set_running(op);
}

bool operator_leads(const struct operator *op)
{
    return op->leads;
}

bool operator_synced(const struct operator *op)
{
    for (int i = 0; i < INFORMER_COUNT; i++) {
        if (!kube_store_synced(op->informers[i].store)) return false;
    }
    return true;
}

bool operator_idle(const struct operator *op)
{
    for (int i = 0; op->running && i < CONTROLLER_COUNT; i++) {
        if (!runner_idle(op->runners[i])) return false;
    }
    return kube_client_in_flight(op->client) == 0 && events_idle(op->events);
}

const struct view *operator_view(const struct operator *op)
{
    return &op->view;
}

void operator_walk(const struct operator *op,
                   void (*each)(void *user, const struct operator_informer *informer), void *user)
{
    for (int i = 0; i < INFORMER_COUNT; i++) {
        struct operator_informer shown = {
            .name = op->informers[i].type->name,
            .objects = kube_store_count(op->informers[i].store),
            .unreadable = kube_store_flawed(op->informers[i].store),
            .synced = kube_store_synced(op->informers[i].store),
            .stats = kube_reflector_stats(op->informers[i].reflector),
        };
        each(user, &shown);
    }
}

struct operator_counts operator_counts(const struct operator *op)
{
    struct operator_counts c = {.in_flight = kube_client_in_flight(op->client),
                                .cap = kube_client_cap(op->client),
                                .events_dropped = events_dropped(op->events)};
    for (int i = 0; op->running && i < CONTROLLER_COUNT; i++) {
        struct runner_counts r = runner_counts(op->runners[i]);
        c.unknown += r.unknown;
        c.conflicts += r.conflicts;
        c.queued += r.queued;
    }
    return c;
}

void operator_drain(struct operator *op)
{
    for (int i = 0; op->running && i < CONTROLLER_COUNT; i++) runner_drain(op->runners[i]);
}

void operator_show_gauges(const struct operator *op)
{
    for (int i = 0; op->running && i < CONTROLLER_COUNT; i++) runner_show_gauges(op->runners[i]);
}

void operator_free(struct operator *op)
{
    if (!op) return;
    telemetry_free(op->telemetry);
    if (op->running) stop_controllers(op);
    for (int i = 0; i < INFORMER_COUNT; i++) kube_reflector_free(op->informers[i].reflector);
    events_free(op->events);
    kube_client_free(op->client);
    for (int i = 0; i < INFORMER_COUNT; i++) kube_store_free(op->informers[i].store);
    hosts_free(op->view.hosts);
    marks_free(op->view.marks);
    free(op);
}
