#include "controller/session.h"

#include <string.h>

#include "controller/session_report.h"
#include "controller/session_status.h"
#include "lib/clock.h"

enum {
    WAIT_FOR_TEMPLATE_MS = 5000,
    REFUSED_LOW_MS = 60000,
    REFUSED_HIGH_MS = 300000,
    LEAVING_MS = 5000,
};

struct session_state {
    bool begun;
    int64_t start_wall_ms; /* a start of this pass counts from here */
    unsigned rounds;
    bool look[ROLE_CHILDREN];    /* the name is taken and the cache does not know by what */
    bool deleted[ROLE_CHILDREN]; /* asked for in this pass */
    bool applied[ROLE_CHILDREN]; /* once in this pass: the next apply changes no spec */
    bool home_exists;            /* under a claim that is in no cache of ours */
    bool remake;                 /* the Service cannot be mended by an apply */
    const struct kube_object *seen[ROLE_CHILDREN];
    struct refusal refused[ROLE_COUNT];
    bool gone;
    bool checked[ROLE_CHILDREN]; /* the server was asked for what the cache does not have */
    bool behind; /* the Session is not what the cache has: read it */
    bool read;   /* once in this pass */
};

/* --- answers -------------------------------------------------------------------------------- */

static bool is_refusal(const struct step_answer *answer)
{
    bool no = answer->err.code == ERR_DENIED || answer->err.code == ERR_INVALID;
    return no && answer->code != 0 && answer->verb != KUBE_JSON_PATCH;
}

static void take_success(struct session_state *st, const struct step_answer *answer)
{
    int tag = answer->tag;
    bool child = tag < ROLE_CHILDREN;
    if (child && answer->object) st->seen[tag] = answer->object;
    if (child && answer->verb == KUBE_GET) st->look[tag] = false, st->checked[tag] = true;
    if (child && answer->verb == KUBE_DELETE) st->deleted[tag] = true;
    if (tag == ROLE_SESSION && answer->verb == KUBE_GET) st->behind = false, st->read = true;
    if (tag == ROLE_SESSION && answer->verb == KUBE_DELETE) st->gone = true;
}

/* A child is not what the cache has. True: the next round goes on from that. */
static bool take_surprise(struct session_state *st, const struct step_answer *answer)
{
    int tag = answer->tag;
    enum err_code code = answer->err.code;
    if (code == ERR_EXISTS && tag == ROLE_CLAIM) {
        st->home_exists = true; /* a home that is there is a home */
    } else if (code == ERR_EXISTS || (code == ERR_CONFLICT && tag != ROLE_CLAIM)) {
        st->look[tag] = true;
    } else if (code == ERR_NOT_FOUND && answer->verb == KUBE_GET) {
        st->look[tag] = false;
        st->checked[tag] = true;
    } else if (code == ERR_NOT_FOUND && answer->verb == KUBE_DELETE) {
        st->deleted[tag] = true;
    } else if (tag == ROLE_SERVICE && answer->verb == KUBE_APPLY && answer->code == 422 &&
               answer->field && strncmp(answer->field, "spec.ports", 10) == 0) {
        st->remake = true; /* ports are found by number: a changed one and ours cannot be merged */
    } else {
        return false;
    }
    return true;
}

/* -1: the pass cannot go on, io->err says why. */
static int take_answer(struct session_state *st, struct step_io *io,
                       const struct step_answer *answer)
{
    int tag = answer->tag;
    bool child = tag < ROLE_CHILDREN;
    enum err_code code = answer->err.code;
    if (code == ERR_NONE) {
        take_success(st, answer);
        return 0;
    }
    if (child && take_surprise(st, answer)) return 0;
    if (code == ERR_NOT_FOUND && !child) {
        st->gone = true; /* its event is on the way */
        return 0;
    }
    /* Another version (409), or another Session of that name (422: uids cannot change). */
    bool other = answer->code != 0 && (code == ERR_CONFLICT || code == ERR_INVALID);
    if (other && tag == ROLE_STATUS && !st->read) {
        st->behind = true;
        return 0;
    }
    if (is_refusal(answer) && (child || tag == ROLE_STATUS)) {
        st->refused[tag] =
            (struct refusal){true, answer->quota, answer->ns_terminating, answer->message};
        if (tag != ROLE_STATUS) return 0;
    }
    io->err = answer->err;
    return -1;
}

static int take_answers(struct session_state *st, struct step_io *io)
{
    int failed = 0;
    for (size_t i = 0; i < io->answer_count; i++) {
        if (take_answer(st, io, &io->answers[i]) < 0) failed = -1;
    }
    return failed;
}

/* --- requests ------------------------------------------------------------------------------- */

static void fill_op(struct step_request *r, enum kube_verb verb, const struct kube_type *type,
                    const char *ns, const char *name)
{
    r->type = type;
    r->op = (struct kube_op){.verb = verb,
                             .resource = type->resource,
                             .ns = ns,
                             .name = name,
                             .manager = CARREL_MANAGER,
                             .agent_suffix = "controller-session"};
}

static void set_body(struct step_request *r, char *body)
{
    r->op.body = body;
    r->op.body_len = strlen(body);
}

static void send_create(struct step_io *io, int role, const struct intent *intent, const char *ns)
{
    struct step_request *r = step_send(io, role);
    if (!r) return;
    fill_op(r, KUBE_CREATE, intent->type, ns, NULL);
    set_body(r, intent_body(io->arena, intent, ns, NULL, 1));
}

static void send_look(struct step_io *io, int role, const char *ns, const char *name)
{
    static const struct kube_type *const types[] = {
        [ROLE_DEPLOYMENT] = &deployment_type,
        [ROLE_SERVICE] = &service_type,
        [ROLE_INGRESS] = &ingress_type,
    };
    struct step_request *r = step_send(io, role);
    if (!r) return;
    fill_op(r, KUBE_GET, types[role], ns, name);
    r->aside = true;
}

/* What we made by POST is ours as an Update; before the first apply that entry becomes an Apply, or
 * fields that we drop later would stay for ever. */
static void send_takeover(struct step_io *io, int role, const struct kube_object *child, int entry)
{
    struct step_request *r = step_send(io, role);
    if (!r) return;
    fill_op(r, KUBE_JSON_PATCH, child->type, child->meta.ns, child->meta.name);
    set_body(r, arena_printf(io->arena,
                             "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"%s\"},"
                             "{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\","
                             "\"value\":\"%s\"},"
                             "{\"op\":\"replace\",\"path\":\"/metadata/managedFields/%d/operation\","
                             "\"value\":\"Apply\"}]",
                             child->meta.uid, child->meta.rv, entry));
}

static void send_apply(struct session_state *st, struct step_io *io, int role,
                       const struct intent *intent, const struct kube_object *child)
{
    struct step_request *r = step_send(io, role);
    if (!r) return;
    int64_t generation = child->meta.generation;
    if (generation == 0) generation = 1;
    else if (!st->applied[role]) generation++; /* if the spec changes, as it most likely does */
    st->applied[role] = true;
    fill_op(r, KUBE_APPLY, intent->type, child->meta.ns, child->meta.name);
    r->op.force = true;
    set_body(r, intent_body(io->arena, intent, child->meta.ns, child->meta.uid, generation));
}

static void send_delete(struct step_io *io, int role, const struct kube_object *o, bool precious)
{
    struct step_request *r = step_send(io, role);
    if (!r) return;
    fill_op(r, KUBE_DELETE, o->type, o->meta.ns, o->meta.name);
    const char *version =
        precious ? arena_printf(io->arena, ",\"resourceVersion\":\"%s\"", o->meta.rv) : "";
    set_body(r, arena_printf(io->arena,
                             "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
                             "\"propagationPolicy\":\"Background\","
                             "\"preconditions\":{\"uid\":\"%s\"%s}}",
                             o->meta.uid, version));
}

/* --- children ------------------------------------------------------------------------------- */

static bool service_stands(struct arena *a, const struct session_plan *plan,
                           const struct service *s)
{
    int port = (int)template_port_of(plan->spec);
    const char *selector =
        arena_printf(a, "{\"carrel.dev/session\":\"%s\"}", plan->session->object.meta.name);
    return s->port_count == 1 && s->port == port && str_equal(s->selector, selector) &&
           str_equal(s->type, "ClusterIP") &&
           str_equal(s->target_port, arena_printf(a, "%d", port));
}

static bool annotations_stand(const struct settings *settings, const struct ingress *ingress)
{
    const struct json_pair *there = ingress->annotations.items;
    for (size_t i = 0; i < settings->ingress_annotation_count; i++) {
        const struct setting_pair *want = &settings->ingress_annotations[i];
        bool found = false;
        for (size_t k = 0; k < ingress->annotations.count && !found; k++) {
            found = strcmp(there[k].key, want->name) == 0 &&
                    str_equal(there[k].value, want->value);
        }
        if (!found) return false;
    }
    return true;
}

static bool child_stands(struct arena *a, const struct session_facts *f,
                         const struct session_plan *plan, int role, const struct intent *intent)
{
    switch (role) {
    case ROLE_DEPLOYMENT:
        return intent_stands(intent, &f->deployment->object, &f->deployment->child);
    case ROLE_SERVICE:
        return intent_stands(intent, &f->service->object, &f->service->child) &&
               service_stands(a, plan, f->service);
    default:
        return intent_stands(intent, &f->ingress->object, &f->ingress->child) &&
               annotations_stand(plan->settings, f->ingress);
    }
}

static const struct kube_object *child_object(const struct session_facts *f, int role)
{
    if (role == ROLE_DEPLOYMENT) return (const struct kube_object *)f->deployment;
    if (role == ROLE_SERVICE) return (const struct kube_object *)f->service;
    return (const struct kube_object *)f->ingress;
}

static int update_entry(const struct session_facts *f, int role)
{
    if (role == ROLE_DEPLOYMENT) return f->deployment->child.update_entry;
    if (role == ROLE_SERVICE) return f->service->child.update_entry;
    return f->ingress->child.update_entry;
}

/* A Service cannot change between having a cluster address and having none; and ports are merged by
 * number, so that an apply cannot take back one that somebody changed. */
static bool must_be_made_anew(const struct session_state *st, struct arena *a,
                              const struct session_facts *f, const struct session_plan *plan,
                              int role)
{
    if (role != ROLE_SERVICE) return false;
    if (st->remake) return true;
    if (st->applied[role] && !service_stands(a, plan, f->service)) return true;
    bool headless = f->service->cluster_ip && strcmp(f->service->cluster_ip, "None") == 0;
    return headless != plan->settings->headless;
}

static void keep_child(struct session_state *st, struct step_io *io, const struct session_facts *f,
                       const struct session_plan *plan, int role, const struct intent *intent)
{
    const char *ns = f->session->object.meta.ns;
    if (st->refused[role].refused || st->deleted[role]) return;
    if (st->look[role]) {
        send_look(io, role, ns, intent->name);
        return;
    }
    if (f->standing[role] == CHILD_ABSENT) send_create(io, role, intent, ns);
    if (f->standing[role] != CHILD_OURS) return;
    const struct kube_object *child = child_object(f, role);
    if (must_be_made_anew(st, io->arena, f, plan, role)) {
        send_delete(io, role, child, false);
    } else if (!child_stands(io->arena, f, plan, role, intent)) {
        if (role == ROLE_SERVICE && st->applied[role]) { /* somebody's port beside ours stays */
            send_delete(io, role, child, false);
            return;
        }
        int entry = update_entry(f, role);
        if (entry >= 0) send_takeover(io, role, child, entry);
        else send_apply(st, io, role, intent, child);
    }
}

static void drop_child(struct session_state *st, struct step_io *io,
                       const struct session_facts *f, int role)
{
    if (f->standing[role] != CHILD_OURS || st->deleted[role]) return;
    send_delete(io, role, child_object(f, role), false);
}

static void keep_home(struct session_state *st, struct step_io *io, const struct session_facts *f,
                      const struct session_plan *plan)
{
    /* A home that was made by hand, or by the system before us, has no label of ours and is in no
     * cache: that its pod has a node shows that it is there. */
    bool mounted = f->pod && f->pod->has_home && f->pod->scheduled == CONDITION_TRUE;
    bool there = f->claim || st->home_exists || st->seen[ROLE_CLAIM] || mounted;
    if (!plan->start->persistent_home || there || st->refused[ROLE_CLAIM].refused) return;
    if (f->wish != WISH_RUNNING) return;
    struct step_request *r = step_send(io, ROLE_CLAIM);
    if (!r) return;
    fill_op(r, KUBE_CREATE, &claim_type, f->session->object.meta.ns, NULL);
    set_body(r, session_home_claim(io->arena, plan));
}

static bool host_is_ours(const struct session_facts *f)
{
    return f->has_route && strcmp(f->holder, f->session->object.meta.key) == 0;
}

static bool name_is_taken(const struct session_facts *f)
{
    for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS; role++) {
        if (f->standing[role] == CHILD_FOREIGN) return true;
    }
    return false;
}

static void send_children(struct session_state *st, struct step_io *io, struct session_facts *f)
{
    struct session_plan plan = {
        .session = f->session,
        .settings = io->view->settings,
        .spec = &f->spec,
        .start = &f->start,
        .host = f->host,
        .path = f->path,
        .running = f->wish == WISH_RUNNING,
    };
    struct intent intent;
    struct err err = {0};
    if (session_deployment(io->arena, &plan, &intent, &err) < 0) {
        f->can_render = false;
        f->problem_reason = "SpecInvalid";
        f->problem = err;
        return;
    }
    bool begun = f->standing[ROLE_DEPLOYMENT] == CHILD_OURS;
    if (!begun && name_is_taken(f)) return; /* half a session helps nobody */
    keep_child(st, io, f, &plan, ROLE_DEPLOYMENT, &intent);
    session_service(io->arena, &plan, &intent);
    keep_child(st, io, f, &plan, ROLE_SERVICE, &intent);
    session_ingress(io->arena, &plan, &intent);
    if (host_is_ours(f)) keep_child(st, io, f, &plan, ROLE_INGRESS, &intent);
    else drop_child(st, io, f, ROLE_INGRESS);
    keep_home(st, io, f, &plan);
}

/* A child that lost our label is not in the cache, and must not run on for ever. */
static void end_child(struct session_state *st, struct step_io *io, const struct session_facts *f,
                      int role)
{
    bool over = str_equal(f->session->status.phase, "Terminated");
    bool unseen = f->standing[role] == CHILD_ABSENT && !st->checked[role] && !st->deleted[role];
    if (unseen && !over) send_look(io, role, f->session->object.meta.ns, f->child_name);
    else drop_child(st, io, f, role);
}

/* --- the Session itself --------------------------------------------------------------------- */

static void send_hibernate(struct step_io *io, const struct session *s)
{
    struct step_request *r = step_send(io, ROLE_SESSION);
    if (!r) return;
    fill_op(r, KUBE_JSON_PATCH, &session_type, s->object.meta.ns, s->object.meta.name);
    set_body(r, arena_printf(io->arena,
                             "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"%s\"},"
                             "{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\","
                             "\"value\":\"%s\"},"
                             "{\"op\":\"add\",\"path\":\"/spec/state\","
                             "\"value\":\"hibernated\"}]",
                             s->object.meta.uid, s->object.meta.rv));
}

/* maxSessionDuration: a warning before, then to sleep. */
static void keep_duration(struct step_io *io, const struct session_facts *f)
{
    int64_t limit_ms = 0;
    const struct session *s = f->session;
    if (f->wish != WISH_RUNNING || !f->has_start || f->new_start || !s->max_duration) return;
    if (duration_parse(s->max_duration, &limit_ms, NULL) < 0 || limit_ms == 0) return;
    int64_t warn_ms = io->view->settings->duration_warning_ms;
    if (warn_ms > limit_ms / 4) warn_ms = limit_ms / 4;
    int64_t left_ms = f->start.at_ms + limit_ms - io->wall_ms;
    io->about = &s->object;
    if (left_ms <= 0) {
        step_event(io, false, "MaxDurationReached", f->start.at_ms,
                   arena_printf(io->arena, "ran for its maxSessionDuration of %s: it hibernates",
                                s->max_duration));
        send_hibernate(io, s);
    } else if (left_ms <= warn_ms) {
        step_event(io, true, "MaxDurationSoon", f->start.at_ms,
                   arena_printf(io->arena,
                                "hibernates in %lld s, when its maxSessionDuration of %s is over",
                                (long long)(left_ms + 999) / 1000, s->max_duration));
        step_again(io, io->now_ms + left_ms);
    } else {
        step_again(io, io->now_ms + left_ms - warn_ms);
    }
}

/* A terminated session that has outlived its retention goes, if it is still the one we judged. Its
 * end counts from when TemplateResolved became Unknown, as it is at no other time. */
static void keep_retention(struct step_io *io, const struct session_facts *f)
{
    int64_t keep_ms = 0;
    const struct session *s = f->session;
    bool over = s->status.phase && strcmp(s->status.phase, "Terminated") == 0;
    if (!over || !s->retention || duration_parse(s->retention, &keep_ms, NULL) < 0) return;
    if (keep_ms == 0) return;
    int64_t left_ms =
        s->status.conditions[SESSION_TEMPLATE_RESOLVED].since_ms + keep_ms - io->wall_ms;
    if (left_ms > 0) step_again(io, io->now_ms + left_ms);
    else send_delete(io, ROLE_SESSION, &s->object, true);
}

/* What a status is made from must be what it is written over: a cache that lags behind would take
 * back what another replica has said already. */
static void send_read(struct step_io *io, const struct session *s)
{
    struct step_request *r = step_send(io, ROLE_SESSION);
    fill_op(r, KUBE_GET, &session_type, s->object.meta.ns, s->object.meta.name);
}

static void send_all(struct session_state *st, struct step_io *io, struct session_facts *f)
{
    if (f->wish == WISH_TERMINATED) {
        for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS; role++) end_child(st, io, f, role);
        if (io->request_count == 0) keep_retention(io, f);
        return;
    }
    const char *ns = f->session->object.meta.ns;
    bool unseen = f->standing[ROLE_DEPLOYMENT] == CHILD_ABSENT && !st->checked[ROLE_DEPLOYMENT];
    if (f->can_render) send_children(st, io, f);
    else if (unseen) send_look(io, ROLE_DEPLOYMENT, ns, f->child_name); /* it has the old start */
    if (io->request_count == 0) keep_duration(io, f);
}

static void send_status(struct session_state *st, struct step_io *io,
                        const struct session_facts *f)
{
    struct session_status status;
    session_status_make(f, st->refused, io, &status);
    if (!session_status_differs(&f->session->status, &status)) return;
    session_status_events(f, &f->session->status, &status, io);
    struct step_request *r = step_send(io, ROLE_STATUS);
    fill_op(r, KUBE_APPLY, &session_type, f->session->object.meta.ns, f->session->object.meta.name);
    r->op.sub = "status";
    r->op.manager = CARREL_STATUS_MANAGER;
    r->op.force = true;
    set_body(r, session_status_body(io->arena, f->session, &status));
}

static void retry_refusals(const struct session_state *st, struct step_io *io)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (!st->refused[role].refused) continue;
        step_again(io, io->now_ms + rng_between(io->rng, REFUSED_LOW_MS, REFUSED_HIGH_MS));
    }
}

/* What has our name without our labels is not in the cache: no event will tell that it has gone. */
static void retry_taken_names(const struct session_state *st, struct step_io *io,
                              const struct session_facts *f)
{
    for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS; role++) {
        bool leaves = f->standing[role] == CHILD_LEAVING && st->seen[role];
        if (leaves) step_again(io, io->now_ms + LEAVING_MS);
        if (f->standing[role] != CHILD_FOREIGN) continue;
        step_again(io, io->now_ms + rng_between(io->rng, REFUSED_LOW_MS, REFUSED_HIGH_MS));
    }
}

enum step_result session_step(void *state, struct step_io *io)
{
    struct session_state *st = state;
    struct session_facts f;
    if (!st->begun) st->start_wall_ms = io->wall_ms;
    st->begun = true;
    if (take_answers(st, io) < 0) return STEP_FAIL;
    if (st->gone) return STEP_DONE;
    if (!session_facts_gather(&f, io, st->start_wall_ms, st->seen)) return STEP_DONE;
    if (f.session->object.meta.deleted_ms) return STEP_DONE; /* the collector has its children */
    if (f.waiting) {
        step_again(io, io->now_ms + WAIT_FOR_TEMPLATE_MS);
        return STEP_DONE;
    }
    if (st->rounds++ >= STEP_ROUNDS_MAX) {
        err_set(&io->err, ERR_CONFLICT, "children changed under our hands %d times",
                STEP_ROUNDS_MAX);
        return STEP_FAIL;
    }
    if (st->behind) {
        send_read(io, f.session);
        return STEP_SEND;
    }
    send_all(st, io, &f);
    if (io->request_count == 0) send_status(st, io, &f);
    if (io->request_count > 0) return STEP_SEND;
    retry_refusals(st, io);
    retry_taken_names(st, io, &f);
    return STEP_DONE;
}

const struct controller session_controller = {"session", "controller-session",
                                              sizeof(struct session_state), session_step};
