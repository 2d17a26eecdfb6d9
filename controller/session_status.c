#include "controller/session_status.h"

#include <string.h>

#include "controller/plain.h"
#include "controller/session_trouble.h"
#include "lib/clock.h"

enum {
    OBSERVED_READY_MS = 3000,    /* a readiness younger than this we saw ourselves: use our clock */
    MESSAGE_MAX = 8000,          /* bytes; the schema allows 32768 characters */
};

static char text_empty[] = "";

static void set(struct session_status *st, enum session_condition which,
                enum condition_status status, const char *reason, const char *message)
{
    st->conditions[which] = (struct condition){
        .status = status, .reason = (char *)(uintptr_t)reason,
        .message = message ? (char *)(uintptr_t)message : text_empty};
}

static void set_true(struct session_status *st, enum session_condition which, const char *reason)
{
    set(st, which, CONDITION_TRUE, reason, NULL);
}

static void set_false(struct session_status *st, enum session_condition which,
                      const char *reason, const char *message)
{
    set(st, which, CONDITION_FALSE, reason, message);
}

static void set_unknown(struct session_status *st, enum session_condition which,
                        const char *reason)
{
    set(st, which, CONDITION_UNKNOWN, reason, NULL);
}

/* --- conditions ----------------------------------------------------------------------------- */

static void template_condition(const struct session_facts *f, struct session_status *st,
                               struct arena *a)
{
    if (f->wish == WISH_TERMINATED) {
        set_unknown(st, SESSION_TEMPLATE_RESOLVED, "Terminated");
    } else if (f->problem_reason) {
        set_false(st, SESSION_TEMPLATE_RESOLVED, f->problem_reason,
                  arena_strdup(a, f->problem.text));
    } else if (f->has_start && f->can_render) {
        set_true(st, SESSION_TEMPLATE_RESOLVED, "Resolved");
    } else {
        set_unknown(st, SESSION_TEMPLATE_RESOLVED, "Waiting");
    }
}

static void storage_condition(const struct session_facts *f, const struct refusal *refused,
                              struct session_status *st, struct trouble pod)
{
    bool wants = f->has_start ? f->start.persistent_home : f->session->persistent_home;
    if (!wants) {
        set_true(st, SESSION_STORAGE_READY, "NotNeeded");
    } else if (refused[ROLE_CLAIM].refused) {
        struct trouble t = trouble_of_refusal(&refused[ROLE_CLAIM]);
        set_false(st, SESSION_STORAGE_READY, t.reason, t.message);
    } else if (pod.reason && strcmp(pod.reason, "HomeInUse") == 0) {
        set_false(st, SESSION_STORAGE_READY, "HomeInUse", pod.message);
    } else if (f->claim && f->claim->phase && strcmp(f->claim->phase, "Lost") == 0) {
        set_false(st, SESSION_STORAGE_READY, "HomeLost",
                  "the volume of the user's home is gone: restore it before the claim is deleted");
    } else if (f->claim && f->claim->phase && strcmp(f->claim->phase, "Bound") == 0) {
        set_true(st, SESSION_STORAGE_READY, "Bound");
    } else if (f->pod && f->pod->has_home && f->pod->scheduled == CONDITION_TRUE) {
        set_true(st, SESSION_STORAGE_READY, "Mounted");
    } else {
        set_unknown(st, SESSION_STORAGE_READY, "Binding");
    }
}

static void route_condition(const struct session_facts *f, const struct refusal *refused,
                            struct session_status *st, struct trouble host)
{
    if (f->wish == WISH_TERMINATED) {
        set_false(st, SESSION_ROUTE_READY, "Terminated", NULL);
    } else if (host.reason) {
        set_false(st, SESSION_ROUTE_READY, host.reason, host.message);
    } else if (refused[ROLE_INGRESS].refused || refused[ROLE_SERVICE].refused) {
        bool ingress = refused[ROLE_INGRESS].refused;
        struct trouble t = trouble_of_refusal(&refused[ingress ? ROLE_INGRESS : ROLE_SERVICE]);
        set_false(st, SESSION_ROUTE_READY, t.reason, t.message);
    } else if (f->standing[ROLE_INGRESS] == CHILD_OURS && f->standing[ROLE_SERVICE] == CHILD_OURS) {
        set_true(st, SESSION_ROUTE_READY, "Routed");
    } else {
        set_unknown(st, SESSION_ROUTE_READY, "Waiting");
    }
}

static bool is_up(const struct session_facts *f)
{
    return f->wish == WISH_RUNNING && f->pod && f->pod->ready &&
           f->standing[ROLE_DEPLOYMENT] == CHILD_OURS && !f->new_start;
}

static void workload_condition(const struct session_facts *f, struct session_status *st,
                               struct trouble t)
{
    if (f->wish == WISH_TERMINATED) {
        set_false(st, SESSION_WORKLOAD_READY, "Terminated", NULL);
    } else if (f->wish == WISH_HIBERNATED) {
        set_false(st, SESSION_WORKLOAD_READY, "Hibernated", NULL);
    } else if (is_up(f)) {
        set_true(st, SESSION_WORKLOAD_READY, "PodReady");
    } else if (t.reason) {
        set_false(st, SESSION_WORKLOAD_READY, t.reason, t.message);
    } else {
        set_false(st, SESSION_WORKLOAD_READY, "Starting", NULL);
    }
}

static bool has_children(const struct session_facts *f)
{
    for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS; role++) {
        if (f->standing[role] == CHILD_OURS || f->standing[role] == CHILD_LEAVING) return true;
    }
    return false;
}

static void ready_condition(const struct session_facts *f, struct session_status *st,
                            struct trouble workload, struct trouble host)
{
    struct trouble t = workload.reason ? workload : host;
    const struct condition *route = &st->conditions[SESSION_ROUTE_READY];
    if (f->wish == WISH_TERMINATED) {
        set_false(st, SESSION_READY, "Terminated", NULL);
    } else if (f->wish == WISH_HIBERNATED && !workload.reason) {
        set_false(st, SESSION_READY, "Hibernated", NULL);
    } else if (t.reason && !(is_up(f) && !host.reason)) {
        set_false(st, SESSION_READY, t.reason, t.message);
    } else if (is_up(f) && route->status == CONDITION_FALSE) {
        set_false(st, SESSION_READY, route->reason, route->message);
    } else if (is_up(f) && route->status == CONDITION_TRUE) {
        bool outdated = session_start_is_outdated(&f->start, f->session);
        set(st, SESSION_READY, CONDITION_TRUE, "Ready",
            outdated ? "spec has changed since the session started: annotate it with "
                       "carrel.dev/restart-at to apply that"
                     : NULL);
    } else {
        set_false(st, SESSION_READY, "Starting", NULL);
    }
}

static void stalled_condition(struct session_status *st, bool stalled, struct trouble workload,
                              struct trouble host)
{
    struct trouble t = workload.reason ? workload : host;
    if (stalled) set(st, SESSION_STALLED, CONDITION_TRUE, t.reason, t.message);
    else set_false(st, SESSION_STALLED, "NotStalled", NULL);
}

/* --- the rest of the status ----------------------------------------------------------------- */

static const char *phase_of(const struct session_facts *f, const struct session_status *st)
{
    if (f->wish == WISH_TERMINATED) return has_children(f) ? "Pending" : "Terminated";
    if (st->conditions[SESSION_STALLED].status == CONDITION_TRUE) return "Failed";
    if (f->wish == WISH_HIBERNATED) {
        bool asleep = f->standing[ROLE_DEPLOYMENT] == CHILD_OURS && f->deployment->replicas == 0;
        return asleep ? "Hibernated" : "Pending";
    }
    bool ready = st->conditions[SESSION_READY].status == CONDITION_TRUE;
    /* A session that was up and whose pod is replaced is still a running one. */
    const char *before = f->session->status.phase;
    bool was_up = before && strcmp(before, "Running") == 0 && !f->new_start &&
                  f->has_start && f->start.at_ms / 1000 == f->session->status.started_ms / 1000;
    return ready || was_up ? "Running" : "Pending";
}

static char *url_of(const struct session_facts *f, const struct settings *settings,
                    struct arena *a)
{
    bool routed = f->has_route && strcmp(f->holder, f->session->object.meta.key) == 0;
    if (!routed || !f->can_render) return NULL;
    const char *front = f->spec.has_webapp && f->spec.webapp_path ? f->spec.webapp_path : "/";
    if (settings->port) {
        return arena_printf(a, "%s://%s:%d%s%s", settings->scheme, f->host, settings->port,
                            f->path, front);
    }
    return arena_printf(a, "%s://%s%s%s", settings->scheme, f->host, f->path, front);
}

static int64_t since_start(const struct session_facts *f, int64_t at_ms)
{
    int64_t took_ms = at_ms - f->start.at_ms;
    return at_ms == 0 || took_ms < 0 ? 0 : took_ms;
}

/* Kubernetes keeps whole seconds; of a readiness that we see happen our own clock knows more. */
static void start_timings(const struct session_facts *f, struct session_status *st,
                          int64_t wall_ms)
{
    const struct session_status *old = &f->session->status;
    bool same_run = f->start.at_ms / 1000 == old->started_ms / 1000;
    if (same_run && old->has_start) {
        st->has_start = true;
        st->queued_ms = old->queued_ms;
        st->scheduled_ms = old->scheduled_ms;
        st->pulled_ms = old->pulled_ms;
        st->ready_ms = old->ready_ms;
        return;
    }
    if (!is_up(f)) return;
    const struct pod *p = f->pod;
    bool seen = wall_ms - p->ready_since_ms < OBSERVED_READY_MS;
    st->has_start = true;
    st->queued_ms = since_start(f, p->object.meta.created_ms);
    st->scheduled_ms = since_start(f, p->scheduled_ms);
    st->pulled_ms = since_start(f, p->running_since_ms);
    st->ready_ms = since_start(f, seen ? wall_ms : p->ready_since_ms);
}

static void idle_status(const struct session_facts *f, struct session_status *st,
                        struct step_io *io)
{
    const struct session *s = f->session;
    int64_t limit_ms = 0;
    if (f->wish != WISH_RUNNING) return;
    bool limited = s->max_duration && duration_parse(s->max_duration, &limit_ms, NULL) == 0 &&
                   limit_ms > 0;
    if (limited && f->has_start && !f->new_start) {
        st->idle_hibernate_ms = f->start.at_ms + limit_ms;
        st->idle_by = (char *)(uintptr_t)"MaxSessionDuration";
    }
    bool never = s->idle_timeout && strcmp(s->idle_timeout, "0") == 0;
    struct kube_bucket connections =
        kube_store_by(io->view->connections, CONNECTION_BY_SESSION, io->key);
    if (never) st->idle_blocked_by = (char *)(uintptr_t)"IdleTimeoutOff";
    else if (connections.count == 0) st->idle_blocked_by = (char *)(uintptr_t)"NoActivitySource";
    else st->idle_blocked_by = (char *)(uintptr_t)"Connections";
}

static void keep_transition_times(const struct session_status *old, struct session_status *st,
                                  int64_t wall_ms)
{
    for (int i = 0; i < SESSION_CONDITION_COUNT; i++) {
        bool same = old->conditions[i].status == st->conditions[i].status;
        st->conditions[i].since_ms = same ? old->conditions[i].since_ms : wall_ms;
    }
}

void session_status_make(const struct session_facts *f, const struct refusal *refused,
                         struct step_io *io, struct session_status *st)
{
    const struct settings *settings = io->view->settings;
    *st = (struct session_status){0};
    struct trouble workload = trouble_of_workload(f, refused, io);
    struct trouble host = trouble_of_host(f, io->arena);
    bool stalled = trouble_needs_a_person(f, workload, host, settings);
    template_condition(f, st, io->arena);
    storage_condition(f, refused, st, workload);
    workload_condition(f, st, workload);
    route_condition(f, refused, st, host);
    set_true(st, SESSION_SAVED, "NotNeeded");
    ready_condition(f, st, workload, host);
    stalled_condition(st, stalled, workload, host);
    keep_transition_times(&f->session->status, st, io->wall_ms);
    for (int i = 0; i < SESSION_CONDITION_COUNT; i++) {
        st->conditions[i].message = plain_text(io->arena, st->conditions[i].message, MESSAGE_MAX);
    }

    st->phase = (char *)(uintptr_t)phase_of(f, st);
    st->observed_generation = f->session->object.meta.generation;
    st->last_activity_ms = f->session->status.last_activity_ms;
    if (f->wish == WISH_TERMINATED) return;
    st->url = url_of(f, settings, io->arena);
    if (is_up(f)) st->pod_name = f->pod->object.meta.name;
    if (!f->has_start || f->new_start) { /* none yet, or one that something stands in the way of */
        st->started_ms = f->session->status.started_ms;
        /* Without a start it runs on none, and must not keep one from being pruned. */
        if (f->has_start) st->template_revision = f->session->status.template_revision;
    } else {
        st->started_ms = f->start.at_ms;
        st->template_revision = f->start.revision;
        st->template_behind = f->template && !f->template_unjudged && f->template->revision &&
                              !str_equal(f->template->revision, f->start.revision);
        if (f->wish == WISH_RUNNING) start_timings(f, st, io->wall_ms);
    }
    idle_status(f, st, io);
}
