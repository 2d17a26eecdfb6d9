#include "controller/session_facts.h"

#include <string.h>

static enum session_wish read_wish(const struct session *s)
{
    if (s->state && strcmp(s->state, "hibernated") == 0) return WISH_HIBERNATED;
    if (s->state && strcmp(s->state, "terminated") == 0) return WISH_TERMINATED;
    return WISH_RUNNING;
}

static enum child_standing judge(const struct session *s, const struct kube_object *child)
{
    if (!child) return CHILD_ABSENT;
    const struct kube_meta *m = &child->meta;
    bool of_a_session = m->owner_kind && strcmp(m->owner_kind, "Session") == 0;
    bool ours = of_a_session && str_equal(m->owner_uid, s->object.meta.uid);
    if (ours) return m->deleted_ms ? CHILD_LEAVING : CHILD_OURS;
    bool predecessor = of_a_session && str_equal(m->owner_name, s->object.meta.name);
    return predecessor ? CHILD_LEAVING : CHILD_FOREIGN;
}

static const struct kube_object *newest(const struct kube_object *cached,
                                        const struct kube_object *seen)
{
    if (!cached || !seen) return cached ? cached : seen;
    return kube_rv_cmp(seen->meta.rv, cached->meta.rv) > 0 ? seen : cached;
}

static void find_children(struct session_facts *f, const struct view *v,
                          const struct kube_object *const seen[ROLE_CHILDREN])
{
    const char *ns = f->session->object.meta.ns;
    const struct kube_store *stores[] = {v->deployments, v->services, v->ingresses};
    const struct kube_object *child[3];
    for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS; role++) {
        child[role] = newest(kube_store_find(stores[role], ns, f->child_name), seen[role]);
        f->standing[role] = judge(f->session, child[role]);
    }
    f->deployment = (const struct deployment *)child[ROLE_DEPLOYMENT];
    f->service = (const struct service *)child[ROLE_SERVICE];
    f->ingress = (const struct ingress *)child[ROLE_INGRESS];
}

/* Of pods with our label only those of our Deployment's ReplicaSets count, for anyone may label;
 * and of these only this session's, for a pod outlives its session for a while and the next may
 * have the same name. */
static bool is_our_pod(const struct session_facts *f, const struct pod *p)
{
    const struct kube_meta *m = &p->object.meta;
    size_t n = strlen(f->child_name);
    return !m->deleted_ms && m->owner_kind && strcmp(m->owner_kind, "ReplicaSet") == 0 &&
           m->owner_name && strncmp(m->owner_name, f->child_name, n) == 0 &&
           m->owner_name[n] == '-' && str_equal(p->session_uid, f->session->object.meta.uid);
}

static bool is_newer_pod(const struct pod *p, const struct pod *than)
{
    if (!than) return true;
    if (p->object.meta.created_ms != than->object.meta.created_ms) {
        return p->object.meta.created_ms > than->object.meta.created_ms;
    }
    return strcmp(p->object.meta.name, than->object.meta.name) > 0;
}

/* Of a restart the pod before it counts for nothing, be it ready or in trouble. */
static bool is_of_this_start(const struct session_facts *f, const struct pod *p)
{
    return !f->has_start || str_equal(p->restart_at, f->start.restart_at);
}

static void find_pod(struct session_facts *f, const struct view *v)
{
    struct kube_bucket pods = kube_store_by(v->pods, POD_BY_SESSION, f->session->object.meta.key);
    for (size_t i = 0; i < pods.count; i++) {
        const struct pod *p = (const struct pod *)pods.objects[i];
        bool counts = is_our_pod(f, p) && is_of_this_start(f, p);
        if (counts && is_newer_pod(p, f->pod)) f->pod = p;
    }
}

static void find_home(struct session_facts *f, struct step_io *io)
{
    const char *home = session_home_name(io->arena, f->session->user);
    const char *ns = f->session->object.meta.ns;
    f->claim = (const struct claim *)kube_store_find(io->view->claims, ns, home);
    f->standing[ROLE_CLAIM] = f->claim ? CHILD_OURS : CHILD_ABSENT;
    bool shared = strcmp(io->view->settings->home_access, "ReadWriteMany") == 0;
    if (shared || !f->pod || f->pod->scheduled == CONDITION_TRUE || !f->pod->has_home) return;
    struct kube_bucket sessions =
        kube_store_by(io->view->sessions, SESSION_BY_USER,
                      arena_printf(io->arena, "%s/%s", ns, f->session->user));
    for (size_t i = 0; i < sessions.count && !f->home_in_use; i++) {
        struct kube_bucket pods =
            kube_store_by(io->view->pods, POD_BY_SESSION, sessions.objects[i]->meta.key);
        for (size_t k = 0; k < pods.count; k++) {
            const struct pod *p = (const struct pod *)pods.objects[k];
            if (p != f->pod && p->has_home && p->node && !p->object.meta.deleted_ms) {
                f->home_in_use = true;
            }
        }
    }
}

static const struct kube_object *find_shared(const struct kube_store *store, const struct view *v,
                                             const char *ns, const char *name)
{
    const struct kube_object *o = kube_store_find(store, ns, name);
    if (o || !*v->settings->template_namespace) return o;
    return kube_store_find(store, v->settings->template_namespace, name);
}

static void find_template(struct session_facts *f, const struct view *v)
{
    const char *ns = f->session->object.meta.ns;
    f->template = (const struct template *)find_shared(v->templates, v, ns, f->session->template);
    f->template_unjudged =
        f->template && f->template->observed_generation != f->template->object.meta.generation;
}

static void set_problem(struct session_facts *f, const char *reason, enum err_code code,
                        const char *text)
{
    f->problem_reason = reason;
    err_set(&f->problem, code, "%s", text);
}

/* A start needs a template that is there, judged, and valid; then its revision. */
static const char *revision_for_start(struct session_facts *f, struct arena *a)
{
    if (!f->template) {
        set_problem(f, "TemplateNotFound", ERR_NOT_FOUND,
                    arena_printf(a,
                                 "there is no Template \"%s\" in this namespace or in the shared "
                                 "one: create it, or create the session with another",
                                 f->session->template));
        return NULL;
    }
    if (f->template_unjudged) {
        f->waiting = true;
        return NULL;
    }
    if (!f->template->valid) {
        set_problem(f, "TemplateInvalid", ERR_INVALID,
                    f->template->message ? f->template->message : "the template is invalid");
        return NULL;
    }
    return f->template->revision;
}

/* The Deployment is as whoever of us wrote it last left it, and has as many replicas as are wanted.
 * What the hash of its intent says only its own version knows. */
static bool is_untouched(const struct session_facts *f, struct arena *a)
{
    const struct deployment *d = f->deployment;
    const struct session_plan plan = {.session = f->session};
    char *members;
    return intent_is_untouched(&d->object, &d->child) &&
           d->child.labels == session_labels(a, &plan, &members) &&
           d->replicas == (f->wish == WISH_RUNNING ? 1 : 0);
}

static void decide_start(struct session_facts *f, struct step_io *io, int64_t start_wall_ms)
{
    const struct session *s = f->session;
    bool exists = f->standing[ROLE_DEPLOYMENT] == CHILD_OURS && f->deployment->start;
    if (exists && session_start_read(io->arena, f->deployment->start, &f->start, NULL) == 0) {
        bool wakes = f->wish == WISH_RUNNING && f->deployment->replicas == 0;
        bool restarts = f->wish == WISH_RUNNING && s->restart_at &&
                        !str_equal(s->restart_at, f->start.restart_at);
        f->has_start = true;
        bool newer = f->start.renderer > io->view->settings->renderer;
        f->newer_start = newer && !restarts && is_untouched(f, io->arena);
        if (f->newer_start || (!newer && !wakes && !restarts)) return;
    }
    const char *revision = revision_for_start(f, io->arena);
    if (!revision && (!f->has_start || f->waiting)) return;
    /* Without a usable template a session that ran before starts again from what it had: deleting
     * or breaking a Template stops nobody. */
    if (!revision) revision = f->start.revision;
    f->problem_reason = NULL;
    f->problem = (struct err){0};
    f->start = session_start_new(io->arena, s, revision, start_wall_ms,
                                 io->view->settings->renderer);
    f->has_start = f->new_start = true;
}

static void read_revision(struct session_facts *f, struct step_io *io)
{
    if (!f->has_start) return;
    const struct view *v = io->view;
    f->revision = (const struct revision *)find_shared(v->revisions, v,
                                                       f->session->object.meta.ns,
                                                       f->start.revision);
    if (!f->revision) {
        /* Of a new start the template's reconcile is about to make it. */
        f->waiting = f->new_start && f->template &&
                     str_equal(f->template->revision, f->start.revision);
        if (!f->waiting) {
            set_problem(f, "RevisionNotFound", ERR_NOT_FOUND,
                        arena_printf(io->arena, "the template's revision %s that this session "
                                                "started from is gone: create the Template again",
                                     f->start.revision));
        }
        return;
    }
    struct session_extra extra;
    struct err err = {0};
    bool ok = template_spec_read(io->arena, f->revision->data, &f->spec, &err) == 0 &&
              session_extra_read(io->arena, f->start.resources, f->start.env, f->start.parameters,
                                 &extra, &err) == 0;
    if (ok && f->new_start) ok = session_parameters_check(&f->spec, &extra, &err) == 0;
    if (!ok) {
        set_problem(f, "SpecInvalid", ERR_INVALID, arena_strdup(io->arena, err.text));
        return;
    }
    f->can_render = true;
}

static void check_route(struct session_facts *f, struct step_io *io)
{
    const struct session *s = f->session;
    f->has_route = hosts_claim(io->view->settings, s, f->host, f->path);
    f->holder = hosts_holder(io->view->hosts, s);
    bool path_mode = s->route_mode && strcmp(s->route_mode, "path") == 0;
    if (!f->can_render || !path_mode || f->spec.base_path_aware) return;
    f->can_render = false;
    set_problem(f, "PathModeRefused", ERR_INVALID,
                "route.mode path needs a template with basePathAware: true, for nothing strips the "
                "path before the program sees it: use route.mode host, or such a template");
}

/* A child that we cannot read in full may be what it should be: neither made nor changed. */
static void check_children(struct session_facts *f, struct step_io *io)
{
    const struct kube_object *const children[] = {
        (const struct kube_object *)f->deployment, (const struct kube_object *)f->service,
        (const struct kube_object *)f->ingress};
    for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS && f->wish != WISH_TERMINATED; role++) {
        const struct kube_object *child = children[role];
        if (f->standing[role] != CHILD_OURS || !step_is_unreadable(child)) continue;
        f->can_render = false;
        set_problem(f, "ChildUnreadable", ERR_INVALID,
                    arena_printf(io->arena, "the %s %s cannot be read and is left alone: %s",
                                 child->type->resource->kind, child->meta.name, child->flaw));
    }
}

bool session_facts_gather(struct session_facts *f, struct step_io *io, int64_t start_wall_ms,
                          const struct kube_object *const seen[ROLE_CHILDREN])
{
    *f = (struct session_facts){0};
    f->session = (const struct session *)kube_store_get(io->view->sessions, io->key);
    if (!f->session || !f->session->user || !f->session->template) return false;
    f->wish = read_wish(f->session);
    f->child_name = session_child_name(io->arena, f->session->object.meta.name);
    find_children(f, io->view, seen);
    find_template(f, io->view);
    if (f->wish != WISH_TERMINATED) {
        decide_start(f, io, start_wall_ms);
        read_revision(f, io);
    }
    find_pod(f, io->view);
    find_home(f, io);
    check_route(f, io);
    check_children(f, io);
    return true;
}
