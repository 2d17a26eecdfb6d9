#include "controller/wake.h"

#include <string.h>

#include "lib/format.h"
#include "lib/str.h"

enum {
    COUNT_DELAY_MS = 3000,  /* many sessions of a template at once are one new count */
};

static void call(const struct wake *w, enum controller_id c, const char *key, int64_t delay_ms,
                 enum workq_prio prio)
{
    w->call(w->user, c, key, delay_ms, prio);
}

static void call_in(const struct wake *w, enum controller_id c, const char *ns, const char *name,
                    int64_t delay_ms)
{
    char key[KUBE_KEY_SIZE];
    size_t n = format(key, sizeof(key), "%s/%s", ns, name);
    if (n < KUBE_KEY_SIZE) call(w, c, key, delay_ms, WORKQ_NORMAL);
}

/* A template that is gone has nothing to do but to take its revisions with it, and a session may
 * be starting from one at this very moment. */
static void call_template(const struct view *v, const struct wake *w, const char *ns,
                          const char *name, int64_t delay_ms)
{
    bool gone = !kube_store_find(v->templates, ns, name);
    call_in(w, CONTROLLER_TEMPLATE, ns, name, gone ? WAKE_PRUNE_MS : delay_ms);
}

static void call_bucket(const struct wake *w, enum controller_id c, struct kube_bucket bucket)
{
    for (size_t i = 0; i < bucket.count; i++) {
        call(w, c, bucket.objects[i]->meta.key, 0, WORKQ_NORMAL);
    }
}

/* --- Session -------------------------------------------------------------------------------- */

static enum workq_prio session_prio(const struct kube_object *before,
                                    const struct kube_object *after)
{
    if (!after || after->meta.deleted_ms) return WORKQ_URGENT;
    bool same = before && strcmp(before->meta.uid, after->meta.uid) == 0 &&
                before->meta.generation == after->meta.generation;
    return same ? WORKQ_NORMAL : WORKQ_SOON;
}

static void template_count(const struct view *v, const struct session *s, const struct wake *w)
{
    const char *shared = v->settings->template_namespace;
    if (!s || !s->template) return;
    call_template(v, w, s->object.meta.ns, s->template, COUNT_DELAY_MS);
    if (*shared && strcmp(shared, s->object.meta.ns) != 0) {
        call_template(v, w, shared, s->template, COUNT_DELAY_MS);
    }
}

static void for_session(const struct view *v, const struct kube_object *before,
                        const struct kube_object *after, const struct wake *w)
{
    const struct kube_object *o = after ? after : before;
    call(w, CONTROLLER_SESSION, o->meta.key, 0, session_prio(before, after));
    const struct session *old = (const struct session *)before;
    const struct session *new = (const struct session *)after;
    /* It cannot change, but one that could not be read may have had none. */
    if (old && new && str_equal(old->template, new->template)) return;
    template_count(v, old, w);
    template_count(v, new, w);
    if (old && new) return;
    call_bucket(w, CONTROLLER_CONNECTION,
                kube_store_by(v->connections, CONNECTION_BY_SESSION, o->meta.key));
}

/* --- Template and its revisions ------------------------------------------------------------- */

/* Sessions that look a template of that name up and may find it in ns. */
static void sessions_of(const struct view *v, const char *ns, const char *template,
                        const struct wake *w)
{
    bool shared = strcmp(ns, v->settings->template_namespace) == 0;
    struct kube_bucket sessions = kube_store_by(v->sessions, SESSION_BY_TEMPLATE, template);
    for (size_t i = 0; i < sessions.count; i++) {
        if (!shared && strcmp(sessions.objects[i]->meta.ns, ns) != 0) continue;
        call(w, CONTROLLER_SESSION, sessions.objects[i]->meta.key, 0, WORKQ_NORMAL);
    }
}

static bool matters_to_sessions(const struct template *a, const struct template *b)
{
    if (!a || !b) return true;
    bool judged_a = a->observed_generation == a->object.meta.generation;
    bool judged_b = b->observed_generation == b->object.meta.generation;
    return judged_a != judged_b || a->valid != b->valid || !str_equal(a->revision, b->revision) ||
           !str_equal(a->message, b->message) ||
           strcmp(a->object.meta.uid, b->object.meta.uid) != 0;
}

static void for_template(const struct view *v, const struct kube_object *before,
                         const struct kube_object *after, const struct wake *w)
{
    const struct kube_object *o = after ? after : before;
    call(w, CONTROLLER_TEMPLATE, o->meta.key, after ? 0 : WAKE_PRUNE_MS,
         before ? WORKQ_NORMAL : WORKQ_SOON);
    if (!matters_to_sessions((const struct template *)before, (const struct template *)after)) {
        return;
    }
    sessions_of(v, o->meta.ns, o->meta.name, w);
    const char *shared = v->settings->template_namespace;
    bool hides = *shared && strcmp(shared, o->meta.ns) != 0 && (!before || !after);
    if (hides) call_template(v, w, shared, o->meta.name, COUNT_DELAY_MS);
}

static void for_revision(const struct view *v, const struct kube_object *before,
                         const struct kube_object *after, const struct wake *w)
{
    const struct revision *r = (const struct revision *)(after ? after : before);
    if (!r->template) return;
    call_template(v, w, r->object.meta.ns, r->template, 0);
    if (before && after) return;
    sessions_of(v, r->object.meta.ns, r->template, w);
}

/* --- children ------------------------------------------------------------------------------- */

static void for_child(const struct kube_object *o, const struct wake *w)
{
    static const char prefix[] = "ss-";
    if (strncmp(o->meta.name, prefix, sizeof(prefix) - 1) != 0) return;
    call_in(w, CONTROLLER_SESSION, o->meta.ns, o->meta.name + sizeof(prefix) - 1, 0);
}

static void revision_is_free(const struct view *v, const struct deployment *d,
                             const struct wake *w)
{
    if (!d->revision) return;
    const char *ns = d->object.meta.ns;
    const struct kube_object *o = kube_store_find(v->revisions, ns, d->revision);
    if (!o) o = kube_store_find(v->revisions, v->settings->template_namespace, d->revision);
    const struct revision *r = (const struct revision *)o;
    if (!r || !r->template) return;
    call_in(w, CONTROLLER_TEMPLATE, r->object.meta.ns, r->template, WAKE_PRUNE_MS);
}

static void for_deployment(const struct view *v, const struct kube_object *before,
                           const struct kube_object *after, const struct wake *w)
{
    const struct deployment *old = (const struct deployment *)before;
    const struct deployment *new = (const struct deployment *)after;
    for_child(after ? after : before, w);
    if (old && (!new || !str_equal(old->revision, new->revision))) revision_is_free(v, old, w);
}

static void for_pod(const struct kube_object *before, const struct kube_object *after,
                    const struct wake *w)
{
    const struct pod *old = (const struct pod *)before, *new = (const struct pod *)after;
    if (old && old->session) call_in(w, CONTROLLER_SESSION, before->meta.ns, old->session, 0);
    bool same = old && new && str_equal(old->session, new->session);
    if (new && new->session && !same) {
        call_in(w, CONTROLLER_SESSION, after->meta.ns, new->session, 0);
    }
}

static void for_claim(const struct view *v, const struct kube_object *o, const struct wake *w)
{
    const struct claim *c = (const struct claim *)o;
    char key[KUBE_KEY_SIZE];
    if (!c->user) return;
    size_t n = format(key, sizeof(key), "%s/%s", o->meta.ns, c->user);
    if (n >= KUBE_KEY_SIZE) return;
    call_bucket(w, CONTROLLER_SESSION, kube_store_by(v->sessions, SESSION_BY_USER, key));
}

static void for_connection(const struct kube_object *before, const struct kube_object *after,
                           const struct wake *w)
{
    const struct connection *c = (const struct connection *)(after ? after : before);
    call(w, CONTROLLER_CONNECTION, c->object.meta.key, 0, WORKQ_NORMAL);
    if (before && after) return;
    if (c->session_id) call_in(w, CONTROLLER_SESSION, c->object.meta.ns, c->session_id, 0);
}

void wake_for_change(const struct view *view, const struct kube_object *before,
                     const struct kube_object *after, const struct wake *w)
{
    const struct kube_object *o = after ? after : before;
    const struct kube_type *type = o->type;
    if (type == &session_type) for_session(view, before, after, w);
    else if (type == &template_type) for_template(view, before, after, w);
    else if (type == &revision_type) for_revision(view, before, after, w);
    else if (type == &deployment_type) for_deployment(view, before, after, w);
    else if (type == &pod_type) for_pod(before, after, w);
    else if (type == &claim_type) for_claim(view, o, w);
    else if (type == &connection_type) for_connection(before, after, w);
    else if (type == &repository_type) call(w, CONTROLLER_REPOSITORY, o->meta.key, 0, WORKQ_NORMAL);
    else for_child(o, w);
}
