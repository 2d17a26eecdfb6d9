#include "controller/template.h"

#include <string.h>

#include "controller/session_objects.h"
#include "controller/template_spec.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/map.h"

enum {
    PRUNE_AFTER_MS = 600000, /* longer than a start may be on its way, or our caches behind */
    PRUNE_MORE_MS = 1000,
    NAME_KEEP = 200,
};
enum { TAG_REVISION, TAG_MARK, TAG_PRUNE, TAG_STATUS };

struct template_state {
    unsigned rounds;
    bool look;           /* the revision's name is taken: see by what */
    bool gone;
    bool marked; /* once in this pass */
    const struct kube_object *seen;
};

char *template_revision_name(struct arena *a, const char *name, const char *spec)
{
    struct json *tree = NULL;
    if (!spec || json_parse(a, spec, strlen(spec), &tree, NULL) < 0) return NULL;
    json_sort(tree);
    const char *text = json_to_text(a, tree);
    uint64_t hash = hash_bytes(text, strlen(text), 0);
    return arena_printf(a, "%.*s-%010llx", NAME_KEEP, name,
                        (unsigned long long)(hash & 0xffffffffffu));
}

int64_t template_count_sessions(const struct view *view, const struct template *t)
{
    const struct kube_meta *m = &t->object.meta;
    bool shared = strcmp(m->ns, view->settings->template_namespace) == 0;
    struct kube_bucket sessions = kube_store_by(view->sessions, SESSION_BY_TEMPLATE, m->name);
    int64_t count = 0;
    for (size_t i = 0; i < sessions.count; i++) {
        const char *ns = sessions.objects[i]->meta.ns;
        bool here = strcmp(ns, m->ns) == 0;
        if (here || (shared && !kube_store_find(view->templates, ns, m->name))) count++;
    }
    return count;
}

/* --- requests ------------------------------------------------------------------------------- */

static void send_revision(struct step_io *io, const struct template *t, const char *name)
{
    const struct kube_meta *m = &t->object.meta;
    struct step_request *r = step_send(io, TAG_REVISION);
    step_fill(r, KUBE_CREATE, &revision_type, m->ns, NULL);
    step_body(r, arena_printf(io->arena,
                             "{\"apiVersion\":\"apps/v1\",\"kind\":\"ControllerRevision\","
                             "\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"labels\":{"
                             "\"app.kubernetes.io/part-of\":\"carrel\","
                             "\"app.kubernetes.io/managed-by\":\"carrel\","
                             "\"carrel.dev/template\":\"%s\"}},\"revision\":%lld,\"data\":%s}",
                             name, m->ns, label_value(io->arena, m->name),
                             (long long)m->generation, t->spec));
}

static void send_look(struct step_io *io, const char *ns, const char *name)
{
    struct step_request *r = step_send(io, TAG_REVISION);
    if (!r) return;
    step_fill(r, KUBE_GET, &revision_type, ns, name);
    r->aside = true;
}

static bool is_used(const struct view *view, const char *revision)
{
    return kube_store_by(view->deployments, DEPLOYMENT_BY_REVISION, revision).count > 0;
}

/* Writes since when nobody has named it, or (0) that somebody does. */
static void send_mark(struct step_io *io, const struct kube_object *o, int64_t since_ms)
{
    struct step_request *r = step_send(io, TAG_MARK);
    char since[TIME_TEXT_SIZE + 2] = "null";
    if (!r) return;
    if (since_ms) {
        since[0] = '"';
        time_format(since + 1, since_ms);
        str_copy(since + strlen(since), 2, "\"");
    }
    step_fill(r, KUBE_MERGE, &revision_type, o->meta.ns, o->meta.name);
    step_body(r, arena_printf(io->arena,
                              "{\"metadata\":{\"uid\":\"%s\","
                              "\"annotations\":{\"" ANNOTATION_UNUSED "\":%s}}}",
                              o->meta.uid, since));
}

/* A Deployment that somebody took our label from is not in the cache, and its session could not be
 * kept without the revision. */
static bool may_be_hidden(const struct step_io *io, const char *revision)
{
    const struct kube_object *o;
    for (size_t i = 0; (o = kube_store_next(io->view->sessions, &i));) {
        const struct session *s = (const struct session *)o;
        if (!str_equal(s->status.template_revision, revision)) continue;
        const char *child = session_child_name(io->arena, o->meta.name);
        if (!kube_store_find(io->view->deployments, o->meta.ns, child)) return true;
    }
    return false;
}

/* A revision that nobody names goes in two steps: it is marked, and ten minutes later deleted if
 * it is still unused, for a session may be starting from it at this very moment. */
static void prune_one(const struct template_state *st, struct step_io *io,
                      const struct revision *r, bool used)
{
    bool marked = r->unused_since_ms != 0;
    if (marked == used) {
        if (!st->marked) send_mark(io, &r->object, used ? 0 : io->wall_ms);
        else step_again(io, io->now_ms + PRUNE_AFTER_MS); /* the mark is on its way to the cache */
        return;
    }
    if (used) return;
    int64_t left_ms = PRUNE_AFTER_MS - marks_age_ms(io->view->marks, r, io->now_ms);
    if (left_ms > 0) step_again(io, io->now_ms + left_ms);
    else if (may_be_hidden(io, r->object.meta.name)) step_again(io, io->now_ms + PRUNE_AFTER_MS);
    else step_delete(io, TAG_PRUNE, &r->object, true);
}

static void prune(const struct template_state *st, struct step_io *io, const char *ns,
                  const char *label, const char *current)
{
    const char *key = arena_printf(io->arena, "%s/%s", ns, label);
    struct kube_bucket all = kube_store_by(io->view->revisions, REVISION_BY_TEMPLATE, key);
    for (size_t i = 0; i < all.count; i++) {
        const char *name = all.objects[i]->meta.name;
        bool used = str_equal(name, current) || is_used(io->view, name);
        prune_one(st, io, (const struct revision *)all.objects[i], used);
    }
}

/* --- status --------------------------------------------------------------------------------- */

struct judgement {
    bool valid;
    const char *reason;
    const char *message;
    const char *revision; /* NULL: none */
};

static struct judgement judge(struct arena *a, const struct template *t)
{
    struct template_spec spec;
    struct err err = {0};
    if (template_spec_read(a, t->spec, &spec, &err) < 0 || template_spec_check(&spec, &err) < 0) {
        return (struct judgement){false, "SpecInvalid", arena_strdup(a, err.text), NULL};
    }
    char *revision = template_revision_name(a, t->object.meta.name, t->spec);
    return (struct judgement){true, "Valid", "ready to use", revision};
}

static bool status_stands(const struct template *t, const struct judgement *j, int64_t sessions)
{
    return t->has_status && t->valid == j->valid && t->ready == j->valid &&
           str_equal(t->message, j->message) && str_equal(t->revision, j->revision) &&
           t->sessions == sessions && t->observed_generation == t->object.meta.generation;
}

static void send_status(struct step_io *io, const struct template *t, const struct judgement *j,
                        int64_t sessions)
{
    const struct kube_meta *m = &t->object.meta;
    char since[TIME_TEXT_SIZE];
    time_format(since, t->ready_reason && t->ready == j->valid ? t->ready_since_ms : io->wall_ms);
    auto_str body;
    str_init(&body, 64 * 1024);
    str_add_f(&body,
              "{\"apiVersion\":\"" CARREL_API_VERSION "\",\"kind\":\"Template\",\"metadata\":{"
              "\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"%s\"},\"status\":{\"valid\":%s,"
              "\"sessions\":%lld,\"observedGeneration\":%lld,",
              m->name, m->ns, m->uid, j->valid ? "true" : "false", (long long)sessions,
              (long long)m->generation);
    if (j->revision) str_add_f(&body, "\"revision\":\"%s\",", j->revision);
    str_add(&body, "\"message\":");
    str_add_json(&body, j->message);
    str_add_f(&body,
              ",\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\",\"reason\":\"%s\","
              "\"observedGeneration\":%lld,\"lastTransitionTime\":\"%s\",\"message\":",
              j->valid ? "True" : "False", j->reason, (long long)m->generation, since);
    str_add_json(&body, j->message);
    str_add(&body, "}]}}");
    struct step_request *r = step_send(io, TAG_STATUS);
    step_status(r, &t->object, arena_strndup(io->arena, body.at, body.len));
    if (t->has_status && t->valid && !j->valid) {
        io->about = &t->object;
        step_event(io, true, j->reason, m->generation, j->message);
    }
}

/* --- the step ------------------------------------------------------------------------------- */

static int take_answers(struct template_state *st, struct step_io *io)
{
    for (size_t i = 0; i < io->answer_count; i++) {
        const struct step_answer *answer = &io->answers[i];
        enum err_code code = answer->err.code;
        if (answer->tag == TAG_MARK) st->marked = true;
        if (code == ERR_NONE) {
            if (answer->tag == TAG_REVISION) st->seen = answer->object;
        } else if (code == ERR_EXISTS && answer->tag == TAG_REVISION) {
            st->look = true;
        } else if (code == ERR_NOT_FOUND && answer->tag != TAG_REVISION) {
            st->gone = true; /* its event is on the way */
        } else if (answer->ns_terminating) {
            st->gone = true; /* as good as: the namespace takes it along */
        } else if (answer->tag == TAG_MARK && (code == ERR_CONFLICT || code == ERR_INVALID)) {
            st->gone = true; /* it is another one of that name by now: its event will tell */
        } else if (answer->tag == TAG_PRUNE && code == ERR_CONFLICT) {
            continue; /* it changed or is another one: the next pass looks again */
        } else {
            io->err = answer->err;
            return -1;
        }
    }
    return 0;
}

static const struct kube_object *find_revision(const struct template_state *st,
                                               const struct step_io *io, const struct template *t,
                                               const char *name)
{
    const struct kube_object *o = kube_store_find(io->view->revisions, t->object.meta.ns, name);
    if (!o && st->seen && strcmp(st->seen->meta.name, name) == 0) o = st->seen;
    return o;
}

static void step_gone(const struct template_state *st, struct step_io *io)
{
    const char *slash = strchr(io->key, '/');
    if (!slash) return;
    const char *ns = arena_strndup(io->arena, io->key, (size_t)(slash - io->key));
    prune(st, io, ns, label_value(io->arena, slash + 1), NULL);
}

static void step_there(struct template_state *st, struct step_io *io, const struct template *t)
{
    struct judgement j = judge(io->arena, t);
    const struct kube_object *revision =
        j.revision ? find_revision(st, io, t, j.revision) : NULL;
    if (j.revision && !revision) {
        if (st->look) send_look(io, t->object.meta.ns, j.revision);
        else send_revision(io, t, j.revision);
        return;
    }
    int64_t sessions = template_count_sessions(io->view, t);
    if (!status_stands(t, &j, sessions)) {
        send_status(io, t, &j, sessions);
        return;
    }
    prune(st, io, t->object.meta.ns, label_value(io->arena, t->object.meta.name), j.revision);
}

enum step_result template_step(void *state, struct step_io *io)
{
    struct template_state *st = state;
    if (take_answers(st, io) < 0) return STEP_FAIL;
    if (st->gone) return STEP_DONE;
    if (st->rounds++ >= STEP_ROUNDS_MAX) {
        err_set(&io->err, ERR_CONFLICT, "changed under our hands %d times", STEP_ROUNDS_MAX);
        return STEP_FAIL;
    }
    const struct template *t =
        (const struct template *)kube_store_get(io->view->templates, io->key);
    bool pruned = false;
    for (size_t i = 0; i < io->answer_count; i++) pruned |= io->answers[i].tag == TAG_PRUNE;
    if (pruned) { /* what is gone leaves the cache by its event; there may be more of them */
        if (io->answer_count == STEP_REQUESTS_MAX) step_again(io, io->now_ms + PRUNE_MORE_MS);
        return STEP_DONE;
    }
    if (t && !t->object.meta.deleted_ms) step_there(st, io, t);
    else step_gone(st, io);
    return io->request_count > 0 ? STEP_SEND : STEP_DONE;
}

const struct controller template_controller = {"template", "controller-template",
                                               sizeof(struct template_state), template_step};
