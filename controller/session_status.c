#include "controller/session_status.h"

#include <string.h>

#include "controller/plain.h"
#include "lib/clock.h"

enum {
    UNSCHEDULED_GRACE_MS = 3000, /* a pod is unschedulable for a moment in any busy cluster */
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

/* --- why it does not run -------------------------------------------------------------------- */

struct trouble {
    const char *reason; /* NULL: none */
    const char *message;
};

static struct trouble from_refusal(const struct refusal *r)
{
    if (r->ns_terminating) return (struct trouble){"NamespaceTerminating", r->message};
    return (struct trouble){r->quota ? "QuotaExceeded" : "AdmissionRefused", r->message};
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; text && *list; list++) {
        if (strcmp(text, *list) == 0) return true;
    }
    return false;
}

static struct trouble image_trouble(const struct session_facts *f, struct arena *a)
{
    static const char *const reasons[] = {"ErrImagePull",     "ImagePullBackOff",
                                          "InvalidImageName", "ErrImageNeverPull",
                                          "ImageInspectError", "RegistryUnavailable", NULL};
    if (!is_one_of(f->pod->waiting_reason, reasons)) return (struct trouble){0};
    const struct condition *old = &f->session->status.conditions[SESSION_WORKLOAD_READY];
    const char *front = arena_printf(a, "the image \"%s\" cannot be pulled: ",
                                     f->spec.image ? f->spec.image : "?");
    /* The kubelet's words change with each try: the first ones say the most. */
    bool same = str_equal(old->reason, "ImagePullFailed") && old->message &&
                strncmp(old->message, front, strlen(front)) == 0;
    if (same) return (struct trouble){"ImagePullFailed", old->message};
    return (struct trouble){
        "ImagePullFailed",
        arena_printf(a, "%s%s", front,
                     f->pod->waiting_message ? f->pod->waiting_message : f->pod->waiting_reason)};
}

static struct trouble crash_trouble(const struct session_facts *f, struct arena *a)
{
    const struct pod *p = f->pod;
    if (!p->crashed || p->ready) return (struct trouble){0};
    const char *why = p->crash_reason ? p->crash_reason : "Error";
    const char *lines = p->crash_message ? p->crash_message : "";
    if (strcmp(why, "OOMKilled") == 0) {
        return (struct trouble){"OutOfMemory",
                                arena_printf(a, "the program was killed for want of memory: raise "
                                                "spec.resources.limits.memory. Its last lines: "
                                                "%s",
                                             lines)};
    }
    return (struct trouble){"CrashLoop",
                            arena_printf(a, "the program ended with exit code %d (%s)%s%s",
                                         (int)p->exit_code, why,
                                         *lines ? ". Its last lines: " : "", lines)};
}

static struct trouble config_trouble(const struct session_facts *f, struct arena *a)
{
    static const char *const reasons[] = {"CreateContainerConfigError", "CreateContainerError",
                                          "RunContainerError", "CreatePodSandboxError", NULL};
    if (!is_one_of(f->pod->waiting_reason, reasons)) return (struct trouble){0};
    return (struct trouble){
        "ContainerRefused",
        arena_printf(a, "the node cannot make the container: %s",
                     f->pod->waiting_message ? f->pod->waiting_message : f->pod->waiting_reason)};
}

static struct trouble schedule_trouble(const struct session_facts *f, struct step_io *io)
{
    const struct pod *p = f->pod;
    if (p->scheduled != CONDITION_FALSE) return (struct trouble){0};
    int64_t age_ms = io->wall_ms - p->object.meta.created_ms;
    if (age_ms < UNSCHEDULED_GRACE_MS) {
        step_again(io, io->now_ms + UNSCHEDULED_GRACE_MS - (age_ms > 0 ? age_ms : 0));
        return (struct trouble){0};
    }
    if (f->home_in_use) {
        return (struct trouble){"HomeInUse",
                                arena_printf(io->arena,
                                             "the user's home is mounted on another node by "
                                             "another session: hibernate that one, or give the "
                                             "cluster a storage class that many nodes can mount. "
                                             "The scheduler says: %s",
                                             p->unscheduled_message ? p->unscheduled_message : "")};
    }
    return (struct trouble){"Unschedulable",
                            arena_printf(io->arena, "no node can take it: %s",
                                         p->unscheduled_message ? p->unscheduled_message : "")};
}

static struct trouble pod_trouble(const struct session_facts *f, struct step_io *io)
{
    static const char *const over[] = {"Evicted", "Shutdown", "NodeLost", "Terminated", NULL};
    if (!f->pod) return (struct trouble){0};
    struct trouble t = image_trouble(f, io->arena);
    if (!t.reason) t = config_trouble(f, io->arena);
    if (!t.reason) t = crash_trouble(f, io->arena);
    if (!t.reason) t = schedule_trouble(f, io);
    if (!t.reason && is_one_of(f->pod->reason, over)) {
        t = (struct trouble){"Evicted", f->pod->message};
    }
    return t;
}

/* The Deployment could not make its pod; quota is told from admission by the server's own words,
 * for the condition has one reason for both. */
static struct trouble replica_trouble(const struct session_facts *f)
{
    if (f->standing[ROLE_DEPLOYMENT] != CHILD_OURS || !f->deployment->failure || f->pod) {
        return (struct trouble){0};
    }
    bool quota = strstr(f->deployment->failure, "exceeded quota") != NULL;
    return (struct trouble){quota ? "QuotaExceeded" : "AdmissionRefused", f->deployment->failure};
}

static const char *const role_names[ROLE_CHILDREN] = {"Deployment", "Service", "Ingress",
                                                      "PersistentVolumeClaim"};

static struct trouble name_trouble(const struct session_facts *f, struct arena *a)
{
    for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS; role++) {
        if (f->standing[role] != CHILD_FOREIGN) continue;
        return (struct trouble){"NameConflict",
                                arena_printf(a,
                                             "a %s named %s is here and is not this session's: it "
                                             "is left alone; rename or delete it, or create the "
                                             "session under another name",
                                             role_names[role], f->child_name)};
    }
    return (struct trouble){0};
}

static struct trouble host_trouble(const struct session_facts *f, struct arena *a)
{
    if (!f->has_route || strcmp(f->holder, f->session->object.meta.key) == 0) {
        return (struct trouble){0};
    }
    return (struct trouble){"HostTaken",
                            arena_printf(a,
                                         "%s%s belongs to the older session %s: delete or "
                                         "terminate that one, or create this one under another "
                                         "name",
                                         f->host, f->path, f->holder)};
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
        struct trouble t = from_refusal(&refused[ROLE_CLAIM]);
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
        struct trouble t = from_refusal(&refused[ingress ? ROLE_INGRESS : ROLE_SERVICE]);
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

static struct trouble workload_trouble(const struct session_facts *f,
                                       const struct refusal *refused, struct step_io *io)
{
    struct trouble t = {0};
    if (f->problem_reason && !f->can_render) {
        t = (struct trouble){f->problem_reason, arena_strdup(io->arena, f->problem.text)};
    }
    if (!t.reason) t = name_trouble(f, io->arena);
    for (int role = 0; role < ROLE_CHILDREN && !t.reason; role++) {
        if (refused[role].refused) t = from_refusal(&refused[role]);
    }
    if (!t.reason) t = replica_trouble(f);
    if (!t.reason && f->wish == WISH_RUNNING) t = pod_trouble(f, io);
    return t;
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

static bool needs_a_person(const struct session_facts *f, struct trouble workload,
                           struct trouble host, const struct settings *settings)
{
    static const char *const lasting[] = {"NameConflict", "TemplateNotFound", "TemplateInvalid",
                                          "SpecInvalid", "RevisionNotFound", "PathModeRefused",
                                          NULL};
    if (f->wish == WISH_TERMINATED) return false;
    if (host.reason || is_one_of(workload.reason, lasting)) return true;
    bool crashed = is_one_of(workload.reason, (const char *const[]){"CrashLoop", "OutOfMemory", NULL});
    return crashed && f->pod && f->pod->restarts >= settings->crash_limit;
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
    struct trouble workload = workload_trouble(f, refused, io);
    struct trouble host = host_trouble(f, io->arena);
    bool stalled = needs_a_person(f, workload, host, settings);
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
        st->template_revision = f->session->status.template_revision;
    } else {
        st->started_ms = f->start.at_ms;
        st->template_revision = f->start.revision;
        st->template_behind = f->template && !f->template_unjudged && f->template->revision &&
                              !str_equal(f->template->revision, f->start.revision);
        if (f->wish == WISH_RUNNING) start_timings(f, st, io->wall_ms);
    }
    idle_status(f, st, io);
}

/* --- difference, events, body --------------------------------------------------------------- */

static bool times_differ(int64_t a, int64_t b)
{
    return a / 1000 != b / 1000; /* the API keeps whole seconds */
}

static bool texts_differ(const char *a, const char *b)
{
    return !str_equal(a && *a ? a : NULL, b && *b ? b : NULL);
}

static bool conditions_differ(const struct session_status *a, const struct session_status *b)
{
    for (int i = 0; i < SESSION_CONDITION_COUNT; i++) {
        const struct condition *x = &a->conditions[i], *y = &b->conditions[i];
        if (x->status != y->status || texts_differ(x->reason, y->reason) ||
            texts_differ(x->message, y->message)) {
            return true;
        }
    }
    return false;
}

bool session_status_differs(const struct session_status *a, const struct session_status *b)
{
    return texts_differ(a->phase, b->phase) || texts_differ(a->url, b->url) ||
           texts_differ(a->pod_name, b->pod_name) || times_differ(a->started_ms, b->started_ms) ||
           a->observed_generation != b->observed_generation ||
           texts_differ(a->template_revision, b->template_revision) ||
           a->template_behind != b->template_behind || a->has_start != b->has_start ||
           texts_differ(a->idle_by, b->idle_by) ||
           texts_differ(a->idle_blocked_by, b->idle_blocked_by) ||
           times_differ(a->idle_hibernate_ms, b->idle_hibernate_ms) || conditions_differ(a, b);
}

bool session_reason_is_trouble(const char *reason)
{
    /* In a namespace that goes away no event can be made. */
    static const char *const calm[] = {"Ready",      "Starting",             "Hibernated",
                                       "Terminated", "NamespaceTerminating", NULL};
    return reason && !is_one_of(reason, calm);
}

void session_status_events(const struct session_facts *f, const struct session_status *before,
                           const struct session_status *after, struct step_io *io)
{
    const struct condition *was = &before->conditions[SESSION_READY];
    const struct condition *is = &after->conditions[SESSION_READY];
    bool phase_changed = texts_differ(before->phase, after->phase);
    io->about = &f->session->object;
    if (is->status == CONDITION_TRUE && was->status != CONDITION_TRUE) {
        step_event(io, false, "Ready", after->started_ms,
                   arena_printf(io->arena, "ready after %lld ms at %s", (long long)after->ready_ms,
                                after->url ? after->url : ""));
    } else if (session_reason_is_trouble(is->reason) && texts_differ(was->reason, is->reason)) {
        step_event(io, true, is->reason, after->started_ms, is->message);
    } else if (phase_changed && strcmp(after->phase, "Hibernated") == 0) {
        step_event(io, false, "Hibernated", f->session->object.meta.generation,
                   "stopped; home and address stay");
    } else if (phase_changed && strcmp(after->phase, "Terminated") == 0) {
        step_event(io, false, "Terminated", 0, "everything but the home is removed");
    }
}

static void add_text(struct str *out, const char *name, const char *text)
{
    if (!text) return;
    str_add_f(out, ",\"%s\":", name);
    str_add_json(out, text);
}

static void add_time(struct str *out, const char *name, int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];
    if (!wall_ms) return;
    time_format(text, wall_ms);
    add_text(out, name, text);
}

static void add_conditions(struct str *out, const struct session_status *st)
{
    str_add(out, ",\"conditions\":[");
    for (int i = 0; i < SESSION_CONDITION_COUNT; i++) {
        const struct condition *c = &st->conditions[i];
        char since[TIME_TEXT_SIZE];
        time_format(since, c->since_ms);
        str_add_f(out, "%s{\"type\":\"%s\",\"status\":\"%s\",\"observedGeneration\":%lld,",
                  i ? "," : "", session_condition_names[i], condition_status_name(c->status),
                  (long long)st->observed_generation);
        str_add_f(out, "\"lastTransitionTime\":\"%s\",\"reason\":\"%s\",\"message\":", since,
                  c->reason);
        str_add_json(out, c->message ? c->message : "");
        str_add_c(out, '}');
    }
    str_add_c(out, ']');
}

static void add_idle(struct str *out, const struct session_status *st)
{
    if (!st->idle_by && !st->idle_blocked_by) return;
    auto_str inner;
    str_init(&inner, 4096);
    add_text(&inner, "by", st->idle_by);
    add_time(&inner, "hibernateAt", st->idle_hibernate_ms);
    add_text(&inner, "blockedBy", st->idle_blocked_by);
    str_add_f(out, ",\"idle\":{%s}", inner.at + 1); /* without the leading comma */
}

char *session_status_body(struct arena *a, const struct session *s,
                          const struct session_status *st)
{
    auto_str body;
    str_init(&body, 256 * 1024);
    str_add_f(&body,
              "{\"apiVersion\":\"" CARREL_API_VERSION "\",\"kind\":\"Session\",\"metadata\":{"
              "\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"%s\",\"resourceVersion\":\"%s\"},"
              "\"status\":{\"observedGeneration\":%lld,\"templateBehind\":%s",
              s->object.meta.name, s->object.meta.ns, s->object.meta.uid, s->object.meta.rv,
              (long long)st->observed_generation, st->template_behind ? "true" : "false");
    add_text(&body, "phase", st->phase);
    add_text(&body, "url", st->url);
    add_text(&body, "podName", st->pod_name);
    add_time(&body, "startedAt", st->started_ms);
    add_time(&body, "lastActivity", st->last_activity_ms);
    add_text(&body, "templateRevision", st->template_revision);
    add_idle(&body, st);
    if (st->has_start) {
        str_add_f(&body,
                  ",\"start\":{\"queuedMs\":%lld,\"scheduledMs\":%lld,\"pulledMs\":%lld,"
                  "\"readyMs\":%lld}",
                  (long long)st->queued_ms, (long long)st->scheduled_ms,
                  (long long)st->pulled_ms, (long long)st->ready_ms);
    }
    add_conditions(&body, st);
    str_add(&body, "}}");
    return arena_strndup(a, body.at, body.len);
}
