#include "test/sim/safety.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kinds.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/xalloc.h"
#include "test/sim/cluster.h"
#include "test/sim/instance.h"
#include "test/sim/rogue.h"
#include "test/sim/secrets.h"

enum { REQUESTS_PER_MINUTE_MAX = 120 };

struct tally { /* by key */
    unsigned creates;
    unsigned requests; /* in the minute */
    int64_t minute;
    int64_t observed; /* S6: observedGeneration of a Session, by uid */
    char key[];
};

struct safety {
    struct map tallies;
    uint64_t writes;
    unsigned children, pods; /* made */
    bool quiet;
};

static struct tally *tally_of(struct safety *s, const char *key)
{
    struct tally *t = map_get(&s->tallies, key);
    if (t) return t;
    size_t n = strlen(key) + 1;
    t = xcalloc(1, sizeof(*t) + n);
    memcpy(t->key, key, n);
    map_put(&s->tallies, t->key, t);
    return t;
}

static bool is_ours(const struct store_commit *c)
{
    return c->user && text_starts(c->user, "operator-");
}

static const struct store_owner *controller_of(const struct store_object *o)
{
    for (size_t i = 0; i < o->owner_count; i++) {
        if (o->owners[i].controller) return &o->owners[i];
    }
    return NULL;
}

static bool is_child_type(const struct resource *type)
{
    const struct sim_types *t = sim_types();
    return type == t->deployment || type == t->service || type == t->ingress;
}

/* --- S2, S3: what we touch is ours --- */

static void check_child(struct sim *sim, const struct store_commit *c)
{
    const struct store_object *o = c->before ? c->before : c->after;
    const struct store_owner *owner = controller_of(o);
    bool named = text_starts(o->name, "ss-") && owner && str_equal(owner->kind, "Session") &&
                 str_equal(owner->name, o->name + 3);
    /* One that was ours a moment ago: what is on its way by its uid gives it back to us. */
    bool was_ours = !owner && c->before && strstr(o->text, "\"" CARREL_MANAGER "\"");
    if (was_ours) return;
    if (!named) {
        sim_fail(sim, "S2", "%s %ss %s %s/%s, which is no Session's child", c->user, c->method,
                 o->type->kind, o->ns, o->name);
    }
    if (c->before && c->after && !c->after->tombstone) {
        const struct store_owner *now = controller_of(c->after);
        if (!now || !owner || !str_equal(now->uid, owner->uid)) {
            sim_fail(sim, "S2", "%s changes the owner of %s %s/%s", c->user, o->type->kind, o->ns,
                     o->name);
        }
    }
}

static struct session *read_session(struct sim *sim, const struct store_object *o)
{
    struct kube_object *s;
    if (!o) return NULL;
    if (kube_object_read(&session_type, o->text, o->len, &sim->arena, &s, NULL) < 0) return NULL;
    return (struct session *)s;
}

/* Only a Session that has ended goes by itself, when its retention is over. */
static void check_session_end(struct sim *sim, const struct store_commit *c)
{
    struct session *s = read_session(sim, c->before);
    int64_t keep_ms = 0;
    if (!s) return;
    bool ended = str_equal(s->state, "terminated") && str_equal(s->status.phase, "Terminated");
    bool keeps = s->retention && duration_parse(s->retention, &keep_ms, NULL) == 0 && keep_ms > 0;
    int64_t over_ms =
        c->wall_ms - s->status.conditions[SESSION_TEMPLATE_RESOLVED].since_ms - keep_ms;
    bool early = over_ms < 0 && sim->plan.rate[FAULT_CLOCK] <= 0;
    if (ended && keeps && !early) return;
    sim_fail(sim, "S3", "%s deletes the Session %s/%s, which has not ended its time", c->user,
             c->after->ns, c->after->name);
}

static void check_target(struct sim *sim, const struct store_commit *c)
{
    const struct sim_types *t = sim_types();
    const struct store_object *o = c->after;
    if (is_child_type(o->type)) {
        check_child(sim, c);
    } else if (o->type == t->claim) {
        if (c->event != STORE_ADDED) {
            sim_fail(sim, "S3", "%s %ss the home %s/%s", c->user, c->method, o->ns, o->name);
        }
        if (o->owner_count) sim_fail(sim, "S3", "the home %s/%s has an owner", o->ns, o->name);
    } else if (o->type == t->pod) {
        sim_fail(sim, "S2", "%s %ss the pod %s/%s", c->user, c->method, o->ns, o->name);
    } else if (o->type == t->session && c->before && !c->before->deleting &&
               (o->tombstone || o->deleting)) {
        check_session_end(sim, c);
    } else if (c->event == STORE_ADDED && o->type != t->revision) {
        sim_fail(sim, "S2", "%s creates a %s", c->user, o->type->kind);
    }
}

/* --- S8: what is not ours survives --- */

static const char *label_of(const struct store_object *o, const char *key)
{
    for (size_t i = 0; i < o->label_count; i++) {
        if (str_equal(o->labels[i].key, key)) return o->labels[i].value;
    }
    return NULL;
}

static void check_foreign(struct sim *sim, const struct store_commit *c)
{
    if (c->event != STORE_MODIFIED) return;
    if (strstr(c->before->text, "\"newerField\"") && !strstr(c->after->text, "\"newerField\"")) {
        sim_fail(sim, "S8", "%s drops a field of %s %s/%s that it does not know", c->user,
                 c->after->type->kind, c->after->ns, c->after->name);
    }
    const char *before = label_of(c->before, FOREIGN_LABEL);
    if (!before || str_equal(before, label_of(c->after, FOREIGN_LABEL))) return;
    sim_fail(sim, "S8", "%s takes somebody's label off %s %s/%s", c->user, c->after->type->kind,
             c->after->ns, c->after->name);
}

/* --- S1: one pod for a session --- */

static void check_pods(struct sim *sim, const struct store_object *pod)
{
    const char *uid = cluster_session_of(sim, pod);
    const struct store_object *p;
    if (!uid || pod->deleting) return;
    for (size_t i = 0; (p = store_walk(sim->store, sim_types()->pod, &i));) {
        if (p->deleting || p == pod || strstr(p->text, "\"phase\":\"Failed\"")) continue;
        if (!str_equal(cluster_session_of(sim, p), uid)) continue;
        sim_fail(sim, "S1", "two live pods of one session: %s and %s in %s", pod->name, p->name,
                 pod->ns);
    }
}

/* --- S6: what we say is true --- */

static bool condition_changed_alone(const struct condition *before, const struct condition *after)
{
    return before->status == after->status && before->status != CONDITION_ABSENT &&
           before->since_ms != after->since_ms;
}

static void check_conditions(struct sim *sim, const struct session *before,
                             const struct session *after)
{
    for (int i = 0; before && i < SESSION_CONDITION_COUNT; i++) {
        if (!condition_changed_alone(&before->status.conditions[i], &after->status.conditions[i])) {
            continue;
        }
        sim_fail(sim, "S6", "%s of %s has a new transition time without a transition",
                 session_condition_names[i], after->object.meta.key);
    }
}

static void check_status(struct sim *sim, const struct store_commit *c)
{
    struct session *s = read_session(sim, c->after);
    if (!s || c->event != STORE_MODIFIED) return;
    struct tally *t = tally_of(sim->safety, c->after->uid);
    int64_t observed = s->status.observed_generation;
    if (observed > c->after->generation) {
        sim_fail(sim, "S6", "%s has observed generation %" PRId64 " of %" PRId64,
                 s->object.meta.key, observed, c->after->generation);
    }
    if (observed < t->observed) {
        sim_fail(sim, "S6", "observedGeneration of %s goes from %" PRId64 " to %" PRId64,
                 s->object.meta.key, t->observed, observed);
    }
    t->observed = observed;
    check_conditions(sim, read_session(sim, c->before), s);
    bool denies = sim->plan.rate[FAULT_DENIED] > 0 || sim->refusing || sim->wordless;
    if (!denies && strstr(c->after->text, "\"AdmissionRefused\"")) {
        sim_fail(sim, "S6", "%s says that it was refused, and nobody did", s->object.meta.key);
    }
    bool ready = s->status.conditions[SESSION_READY].status == CONDITION_TRUE;
    if (ready && !cluster_session_was_ready(sim, c->after->uid)) {
        sim_fail(sim, "S6", "%s is Ready and never had a ready pod", s->object.meta.key);
    }
}

void safety_seen(struct sim *sim, const struct store_commit *c)
{
    const struct store_object *o = c->after;
    if (o->type == sim_types()->pod && c->event == STORE_ADDED) {
        sim->safety->pods++;
        check_pods(sim, o);
    }
    if (!is_ours(c) || o->type == sim_types()->lease) return;
    if (sim->safety->quiet) {
        sim_fail(sim, "L2", "%s %ss %s %s/%s %s though nothing has happened", c->user, c->method,
                 o->type->kind, o->ns, o->name, c->subresource);
    }
    if (str_equal(o->type->kind, "Event")) return;
    sim->safety->writes++;
    check_target(sim, c);
    check_foreign(sim, c);
    bool is_status = o->type == sim_types()->session && str_equal(c->subresource, "status");
    if (is_status) check_status(sim, c);
    if (c->event == STORE_ADDED) {
        sim->safety->children += is_child_type(o->type);
        tally_of(sim->safety, sim_text(sim, "%s %s/%s", o->type->kind, o->ns, o->name))->creates++;
    }
}

/* --- requests: S4, S10 --- */

static void check_pace(struct sim *sim, const struct kube_call *call)
{
    size_t n = strcspn(call->path, "?");
    bool of_one = !str_equal(call->method, "POST") && (*call->method != 'G' || !call->path[n]);
    if (!of_one) return;
    struct tally *t =
        tally_of(sim->safety, sim_text(sim, "%s %.*s", call->method, (int)n, call->path));
    int64_t minute = sim->now_ms / 60000;
    if (t->minute != minute) t->minute = minute, t->requests = 0;
    if (++t->requests > REQUESTS_PER_MINUTE_MAX) {
        sim_fail(sim, "S10", "%u requests in a minute: %s", t->requests, t->key);
    }
}

void safety_request(struct sim *sim, const struct wire *wire, const struct kube_call *call)
{
    bool write = *call->method != 'G';
    if (wire->plain > LIMIT_IN_FLIGHT + 10) {
        sim_fail(sim, "S10", "%u requests of %s at once", wire->plain, wire->name);
    }
    if (call->lane == KUBE_LANE_REQUESTS) {
        TRACE(sim, "%s: %s %s", wire->name, call->method, call->path);
        check_pace(sim, call);
    }
    const char *version = strstr(call->path, "resourceVersion=0");
    if (version && !(version[17] >= '0' && version[17] <= '9')) {
        sim_fail(sim, "S7", "%s reads whatever a cache has: %s", wire->name, call->path);
    }
    if (!write) return;
    secrets_request(sim, call);
    if (!instance_may_write(wire->instance)) {
        sim_fail(sim, "S4", "%s writes without leading: %s %s", wire->name, call->method,
                 call->path);
    }
    if (str_equal(call->method, "DELETE") && (!call->body || !strstr(call->body, "\"uid\":\""))) {
        sim_fail(sim, "S4", "%s deletes without a uid: %s", wire->name, call->path);
    }
}

/* --- S7: caches only go forward --- */

void safety_caches(struct sim *sim, struct instance *i)
{
    if (!i->alive || !i->op) return;
    const struct view *v = operator_view(i->op);
    const struct kube_store *const stores[10] = {
        v->sessions, v->templates, v->connections, v->repositories, v->deployments,
        v->services, v->ingresses, v->claims,      v->pods,         v->revisions};
    for (int n = 0; n < 10; n++) {
        const char *rv = stores[n] ? kube_store_rv(stores[n]) : "";
        if (kube_rv_cmp(rv, i->seen[n]) < 0 && !sim->restored) {
            sim_fail(sim, "S7", "cache %d of %s goes back from %s to %s", n, i->name, i->seen[n],
                     rv);
        }
        str_copy(i->seen[n], sizeof(i->seen[n]), rv);
    }
}

void safety_restored(struct sim *sim)
{
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&sim->safety->tallies, &i));) {
        ((struct tally *)e->value)->observed = 0;
    }
}

uint64_t safety_writes(const struct sim *sim)
{
    return sim->safety->writes;
}

void safety_quiet(struct sim *sim, bool quiet)
{
    sim->safety->quiet = quiet;
}

unsigned safety_creates(const struct sim *sim, const char *key)
{
    const struct tally *t = map_get(&sim->safety->tallies, key);
    return t ? t->creates : 0;
}

unsigned safety_children_made(const struct sim *sim)
{
    return sim->safety->children;
}

unsigned safety_pods_made(const struct sim *sim)
{
    return sim->safety->pods;
}

struct safety *safety_new(struct sim *sim)
{
    (void)sim;
    return xcalloc(1, sizeof(struct safety));
}

void safety_free(struct safety *safety)
{
    map_release(&safety->tallies, free);
    free(safety);
}
