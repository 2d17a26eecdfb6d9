#include "controller/session.h"

#include <string.h>

#include "controller/session_children.h"
#include "controller/session_report.h"
#include "controller/session_status.h"
#include "lib/clock.h"

enum {
    WAIT_FOR_TEMPLATE_MS = 5000,
    REFUSED_LOW_MS = 60000,
    REFUSED_HIGH_MS = 300000,
    LEAVING_MS = 5000,
};

/* --- answers -------------------------------------------------------------------------------- */

/* The cluster does not want this object. A 401 is about our credential, and what may not be read is
 * a matter of our role: both come back by the queue. */
static bool is_refusal(const struct step_answer *answer)
{
    bool no = answer->err.code == ERR_DENIED || answer->err.code == ERR_INVALID;
    bool ours = answer->code == 0 || answer->code == 401 || answer->verb == KUBE_GET;
    return no && !ours && answer->verb != KUBE_JSON_PATCH;
}

static void take_success(struct session_state *st, const struct step_answer *answer)
{
    int tag = answer->tag;
    bool child = tag < ROLE_CHILDREN;
    bool deleted = child && answer->verb == KUBE_DELETE;
    /* What is gone at once is answered with its last state, what waits for a finalizer says so. */
    bool gone = deleted && !(answer->object && answer->object->meta.deleted_ms);
    if (child && (answer->object || deleted)) st->seen[tag] = gone ? NULL : answer->object;
    if (child && answer->verb == KUBE_GET) st->look[tag] = false, st->checked[tag] = true;
    if (deleted) st->deleted[tag] = true;
    if (tag == ROLE_SESSION && answer->verb == KUBE_GET) st->behind = false, st->read = true;
    if (tag == ROLE_SESSION && answer->verb == KUBE_DELETE) st->gone = true;
}

/* It is another object of that name by now: of an existing one the uid cannot change. */
static bool is_another(const struct step_answer *answer)
{
    return answer->err.code == ERR_CONFLICT ||
           (answer->code == 422 && str_equal(answer->field, "metadata.uid"));
}

/* A child is not what the cache has. True: the next round goes on from that. */
static bool take_surprise(struct session_state *st, const struct step_answer *answer)
{
    int tag = answer->tag;
    enum err_code code = answer->err.code;
    if (code == ERR_EXISTS && tag == ROLE_CLAIM) {
        st->home_exists = true; /* a home that is there is a home */
    } else if (code == ERR_EXISTS || (is_another(answer) && tag != ROLE_CLAIM)) {
        st->look[tag] = true;
        st->applied[tag] = false;
    } else if (code == ERR_NOT_FOUND && answer->verb == KUBE_GET) {
        st->look[tag] = false;
        st->checked[tag] = true;
    } else if (code == ERR_NOT_FOUND && answer->verb == KUBE_DELETE) {
        st->deleted[tag] = true;
        st->seen[tag] = NULL;
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
    if (answer->ns_terminating) {
        st->ns_ends = true;
        return 0;
    }
    if (is_refusal(answer) && (child || tag == ROLE_STATUS)) {
        st->refused[tag] = (struct refusal){true, answer->quota, answer->message};
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

/* --- the Session itself --------------------------------------------------------------------- */

static void send_hibernate(struct step_io *io, const struct session *s)
{
    struct step_request *r = step_send(io, ROLE_SESSION);
    if (!r) return;
    step_fill(r, KUBE_JSON_PATCH, &session_type, s->object.meta.ns, s->object.meta.name);
    step_body(r, arena_printf(io->arena,
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
        step_again_by_wall(io, left_ms);
    } else {
        step_again_by_wall(io, left_ms - warn_ms);
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
    if (left_ms > 0) step_again_by_wall(io, left_ms);
    else step_delete(io, ROLE_SESSION, &s->object, true);
}

/* What a status is made from must be what it is written over: a cache that lags behind would take
 * back what another replica has said already. */
static void send_read(struct step_io *io, const struct session *s)
{
    struct step_request *r = step_send(io, ROLE_SESSION);
    step_fill(r, KUBE_GET, &session_type, s->object.meta.ns, s->object.meta.name);
}

/* The collector takes the children of a Session that is deleted, and their end may reach us before
 * its own: made again, its Deployment would have a pod beside the old one's for a moment. */
static bool may_be_over(const struct session_state *st, const struct session_facts *f)
{
    bool had_one = f->session->status.started_ms > 0;
    return had_one && f->standing[ROLE_DEPLOYMENT] == CHILD_ABSENT &&
           f->wish != WISH_TERMINATED && f->can_render && !st->read;
}

static void send_all(struct session_state *st, struct step_io *io, struct session_facts *f)
{
    if (f->wish == WISH_TERMINATED) {
        for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS; role++)
            session_end_child(st, io, f, role);
        if (io->request_count == 0) keep_retention(io, f);
        return;
    }
    const char *ns = f->session->object.meta.ns;
    bool unseen = f->standing[ROLE_DEPLOYMENT] == CHILD_ABSENT && !st->checked[ROLE_DEPLOYMENT];
    if (f->can_render)
        session_keep_children(st, io, f);
    else if (unseen)
        session_look(io, ROLE_DEPLOYMENT, ns, f->child_name); /* it has the old start */
    if (!f->can_render) session_put_to_sleep(st, io, f);
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
    step_status(r, &f->session->object, session_status_body(io->arena, f->session, &status));
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

/* Each child that goes with the namespace would have us try again what is missing. Not for ever: a
 * server that lags behind may speak of a namespace of that name that was there before. */
static enum step_result rest_in_ending_namespace(struct step_io *io)
{
    step_again(io, io->now_ms + rng_between(io->rng, REFUSED_LOW_MS, REFUSED_HIGH_MS));
    return STEP_REST;
}

enum step_result session_step(void *state, struct step_io *io)
{
    struct session_state *st = state;
    struct session_facts f;
    if (step_leaves_alone(io, kube_store_get(io->view->sessions, io->key))) return STEP_DONE;
    if (!st->begun) st->start_wall_ms = io->wall_ms;
    st->begun = true;
    if (take_answers(st, io) < 0) return STEP_FAIL;
    if (st->gone) return STEP_DONE;
    if (st->ns_ends) return rest_in_ending_namespace(io);
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
    if (st->behind || may_be_over(st, &f)) {
        send_read(io, f.session);
        return STEP_SEND;
    }
    send_all(st, io, &f);
    if (io->request_count == 0 && session_drop_left_behind(st, io, &f)) send_read(io, f.session);
    if (io->request_count == 0) send_status(st, io, &f);
    if (io->request_count > 0) return STEP_SEND;
    retry_refusals(st, io);
    retry_taken_names(st, io, &f);
    return STEP_DONE;
}

const struct controller session_controller = {"session", "controller-session",
                                              sizeof(struct session_state), session_step};
