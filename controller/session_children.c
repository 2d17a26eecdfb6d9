#include "controller/session_children.h"

#include <string.h>

#include "lib/map.h"

enum { COLLECTOR_MS = 20000 }; /* so long the collector may take for what a predecessor left */

static void send_create(struct step_io *io, int role, const struct intent *intent, const char *ns)
{
    struct step_request *r = step_send(io, role);
    if (!r) return;
    step_fill(r, KUBE_CREATE, intent->type, ns, NULL);
    step_body(r, intent_body(io->arena, intent, ns, NULL, 1));
}

void session_look(struct step_io *io, int role, const char *ns, const char *name)
{
    static const struct kube_type *const types[] = {
        [ROLE_DEPLOYMENT] = &deployment_type,
        [ROLE_SERVICE] = &service_type,
        [ROLE_INGRESS] = &ingress_type,
    };
    struct step_request *r = step_send(io, role);
    if (!r) return;
    step_fill(r, KUBE_GET, types[role], ns, name);
    r->aside = true;
}

/* What we made by POST is ours as an Update; before the first apply that entry becomes an Apply, or
 * fields that we drop later would stay for ever. */
static void send_takeover(struct step_io *io, int role, const struct kube_object *child, int entry)
{
    struct step_request *r = step_send(io, role);
    if (!r) return;
    step_fill(r, KUBE_JSON_PATCH, child->type, child->meta.ns, child->meta.name);
    step_body(r,
              arena_printf(io->arena,
                           "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"%s\"},"
                           "{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\","
                           "\"value\":\"%s\"},"
                           "{\"op\":\"replace\",\"path\":\"/metadata/managedFields/%d/operation\","
                           "\"value\":\"Apply\"}]",
                           child->meta.uid, child->meta.rv, entry));
}

/* spec_stands: as far as we can see the apply will change no spec. */
static void send_apply(struct session_state *st, struct step_io *io, int role,
                       const struct intent *intent, const struct kube_object *child,
                       bool spec_stands)
{
    struct step_request *r = step_send(io, role);
    if (!r) return;
    int64_t generation = child->meta.generation;
    if (generation == 0) generation = 1;
    else if (!st->applied[role] && !spec_stands) generation++;
    st->applied[role] = true;
    step_fill(r, KUBE_APPLY, intent->type, child->meta.ns, child->meta.name);
    r->op.force = true;
    step_body(r, intent_body(io->arena, intent, child->meta.ns, child->meta.uid, generation));
}

static bool service_stands(struct arena *a, const struct session_plan *plan,
                           const struct service *s)
{
    int port = (int)template_port_of(plan->spec);
    const char *selector =
        arena_printf(a, "{\"carrel.dev/session\":\"%s\"}", plan->session->object.meta.name);
    return s->port_count == 1 && s->port == port &&
           s->selector == hash_bytes(selector, strlen(selector), 0) &&
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
    default: break;
    }
    /* Its generation alone would not do: after an apply that changed no spec the one we foresaw may
     * be reached by somebody else's edit. */
    struct route route = session_route(a, plan);
    return intent_stands(intent, &f->ingress->object, &f->ingress->child) &&
           route_stands(&route, &f->ingress->route) &&
           annotations_stand(plan->settings, f->ingress);
}

/* A Deployment counts its annotations, of which one has the intent, so every apply is a change. An
 * Ingress counts its spec alone: what is only worded in another way leaves it where it is. */
static bool spec_stands(struct arena *a, const struct session_facts *f,
                        const struct session_plan *plan, int role)
{
    if (role != ROLE_INGRESS) return false;
    struct route route = session_route(a, plan);
    return intent_is_untouched(&f->ingress->object, &f->ingress->child) &&
           route_stands(&route, &f->ingress->route);
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
        session_look(io, role, ns, intent->name);
        return;
    }
    if (f->standing[role] == CHILD_ABSENT) send_create(io, role, intent, ns);
    if (f->standing[role] != CHILD_OURS) return;
    const struct kube_object *child = child_object(f, role);
    if (must_be_made_anew(st, io->arena, f, plan, role)) {
        step_delete(io, role, child, false);
    } else if (!child_stands(io->arena, f, plan, role, intent)) {
        if (role == ROLE_SERVICE && st->applied[role]) { /* somebody's port beside ours stays */
            step_delete(io, role, child, false);
            return;
        }
        int entry = update_entry(f, role);
        if (entry >= 0) send_takeover(io, role, child, entry);
        else send_apply(st, io, role, intent, child, spec_stands(io->arena, f, plan, role));
    }
}

static void drop_child(struct session_state *st, struct step_io *io,
                       const struct session_facts *f, int role)
{
    if (f->standing[role] != CHILD_OURS || st->deleted[role]) return;
    step_delete(io, role, child_object(f, role), false);
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
    step_fill(r, KUBE_CREATE, &claim_type, f->session->object.meta.ns, NULL);
    step_body(r, session_home_claim(io->arena, plan));
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

static bool is_rendered(const struct session_rendered *r, const struct session_plan *plan)
{
    return r->uid && strcmp(r->uid, plan->session->object.meta.uid) == 0 &&
           strcmp(r->start, plan->start->text) == 0 && strcmp(r->host, plan->host) == 0 &&
           strcmp(r->path, plan->path) == 0 && r->running == plan->running;
}

/* All three, or what was made of the same in an earlier round. */
static int render(struct session_rendered *r, struct arena *a, const struct session_plan *plan,
                  struct err *err)
{
    if (is_rendered(r, plan)) return 0;
    r->uid = NULL;
    if (session_deployment(a, plan, &r->intent[ROLE_DEPLOYMENT], err) < 0) return -1;
    session_service(a, plan, &r->intent[ROLE_SERVICE]);
    session_ingress(a, plan, &r->intent[ROLE_INGRESS]);
    r->uid = arena_strdup(a, plan->session->object.meta.uid);
    r->start = arena_strdup(a, plan->start->text);
    r->host = arena_strdup(a, plan->host);
    r->path = arena_strdup(a, plan->path);
    r->running = plan->running;
    return 0;
}

void session_keep_children(struct session_state *st, struct step_io *io, struct session_facts *f)
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
    const struct intent *intent = st->rendered.intent;
    struct err err = {0};
    if (render(&st->rendered, io->arena, &plan, &err) < 0) {
        f->can_render = false;
        f->problem_reason = "SpecInvalid";
        f->problem = err;
        return;
    }
    bool begun = f->standing[ROLE_DEPLOYMENT] == CHILD_OURS;
    if (!begun && name_is_taken(f)) return; /* half a session helps nobody */
    if (!f->newer_start) {
        keep_child(st, io, f, &plan, ROLE_DEPLOYMENT, &intent[ROLE_DEPLOYMENT]);
    }
    keep_child(st, io, f, &plan, ROLE_SERVICE, &intent[ROLE_SERVICE]);
    if (host_is_ours(f)) keep_child(st, io, f, &plan, ROLE_INGRESS, &intent[ROLE_INGRESS]);
    else drop_child(st, io, f, ROLE_INGRESS);
    keep_home(st, io, f, &plan);
}

void session_put_to_sleep(const struct session_state *st, struct step_io *io,
                          const struct session_facts *f)
{
    const struct deployment *d = f->deployment;
    bool awake = f->standing[ROLE_DEPLOYMENT] == CHILD_OURS && d && d->replicas != 0;
    bool wanted = f->wish == WISH_HIBERNATED && !f->newer_start;
    if (!awake || !wanted || st->refused[ROLE_DEPLOYMENT].refused) return;
    const struct kube_meta *m = &d->object.meta;
    struct step_request *r = step_send(io, ROLE_DEPLOYMENT);
    if (!r) return;
    step_fill(r, KUBE_MERGE, &deployment_type, m->ns, m->name);
    /* Not our applies' manager: with an Update entry beside its Apply entry it loses fields. */
    r->op.manager = CARREL_STATUS_MANAGER;
    step_body(r, arena_printf(io->arena,
                              "{\"metadata\":{\"uid\":\"%s\"},\"spec\":{\"replicas\":0}}",
                              m->uid));
}

bool session_drop_left_behind(struct session_state *st, struct step_io *io,
                              const struct session_facts *f)
{
    for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS; role++) {
        if (f->standing[role] != CHILD_LEAVING || st->deleted[role]) continue;
        const struct kube_object *child = child_object(f, role);
        int64_t left_ms = f->session->object.meta.created_ms + COLLECTOR_MS - io->wall_ms;
        if (child->meta.deleted_ms) continue;
        if (left_ms > COLLECTOR_MS) left_ms = COLLECTOR_MS;
        if (left_ms > 0) step_again(io, io->now_ms + left_ms);
        else if (!st->read) return true;
        else step_delete(io, role, child, false);
    }
    return false;
}

/* A child that lost our label is not in the cache, and must not run on for ever. */
void session_end_child(struct session_state *st, struct step_io *io, const struct session_facts *f,
                      int role)
{
    bool over = str_equal(f->session->status.phase, "Terminated");
    bool unseen = f->standing[role] == CHILD_ABSENT && !st->checked[role] && !st->deleted[role];
    if (unseen && !over) session_look(io, role, f->session->object.meta.ns, f->child_name);
    else drop_child(st, io, f, role);
}
