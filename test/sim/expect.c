#include "test/sim/expect.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "test/sim/pods.h"
#include "test/sim/promises.h"
#include "test/sim/users.h"
#include "test/sim/visitors.h"

struct look { /* at one Session */
    struct sim *sim;
    const struct store_object *session;
    struct json *tree;
    const char *name, *child;
    const char *state, *user, *template;
    bool running, terminated, holds_host;
    bool by_path; /* route.mode path */
    const struct store_object *deployment, *service, *ingress;
    struct json *deployment_tree, *service_tree, *ingress_tree;
    char *why;
    size_t size;
};

static bool differs(struct look *l, const char *fmt, ...) PRINTF(2, 3);
static bool differs(struct look *l, const char *fmt, ...)
{
    int n = snprintf(l->why, l->size, "%s/%s: ", l->session->ns, l->name);
    va_list args;
    va_start(args, fmt);
    vsnprintf(l->why + n, l->size - (size_t)n, fmt, args);
    va_end(args);
    return false;
}

static struct json *tree_of(struct sim *sim, const struct store_object *o)
{
    struct json *tree;
    if (!o || json_parse(&sim->arena, o->text, o->len, &tree, NULL) < 0) return NULL;
    return tree;
}

static bool is_owned(const struct store_object *o, const char *uid)
{
    for (size_t i = 0; o && i < o->owner_count; i++) {
        if (o->owners[i].controller && str_equal(o->owners[i].uid, uid)) return true;
    }
    return false;
}

static const char *text_at(const struct json *tree, const char *path)
{
    const char *text = json_text(json_path(tree, path));
    return text ? text : "";
}

static int64_t int_at(const struct json *tree, const char *path)
{
    int64_t n = -1;
    return json_int(json_path(tree, path), &n) ? n : -1;
}

/* --- what decides --- */

static bool is_by_path(const struct json *session)
{
    return str_equal(text_at(session, "spec.route.mode"), "path");
}

/* Of those that claim a name in one mode the oldest has the host, over all namespaces. */
static bool holds_host(struct sim *sim, const struct store_object *session, bool by_path)
{
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->session, &i));) {
        if (o == session || !str_equal(o->name, session->name) || o->deleting) continue;
        struct json *tree = tree_of(sim, o);
        if (str_equal(text_at(tree, "spec.state"), "terminated")) continue;
        if (is_by_path(tree) != by_path) continue;
        bool older = o->created_ms != session->created_ms ? o->created_ms < session->created_ms
                                                          : strcmp(o->uid, session->uid) < 0;
        if (older) return false;
    }
    return true;
}

static const struct store_object *template_of(const struct look *l)
{
    const struct sim *sim = l->sim;
    const struct resource *type = sim_types()->template;
    const struct store_object *t = store_get(sim->store, type, l->session->ns, l->template);
    if (t || !sim->plan.shared_templates) return t;
    return store_get(sim->store, type, "shared", l->template);
}

static void begin(struct look *l, struct sim *sim, const struct store_object *o)
{
    l->sim = sim;
    l->session = o;
    l->tree = tree_of(sim, o);
    l->name = o->name;
    l->child = sim_text(sim, "ss-%s", o->name);
    l->state = text_at(l->tree, "spec.state");
    l->user = text_at(l->tree, "spec.user");
    l->template = text_at(l->tree, "spec.template");
    l->terminated = str_equal(l->state, "terminated");
    l->running = !l->terminated && !str_equal(l->state, "hibernated");
    l->by_path = is_by_path(l->tree);
    l->holds_host = !l->terminated && holds_host(sim, o, l->by_path);
    const struct sim_types *t = sim_types();
    l->deployment = store_get(sim->store, t->deployment, o->ns, l->child);
    l->service = store_get(sim->store, t->service, o->ns, l->child);
    l->ingress = store_get(sim->store, t->ingress, o->ns, l->child);
    l->deployment_tree = tree_of(sim, l->deployment);
    l->service_tree = tree_of(sim, l->service);
    l->ingress_tree = tree_of(sim, l->ingress);
}

/* --- the children --- */

static bool selects(const struct json *selector, const struct json *labels)
{
    if (json_count(selector) == 0) return false;
    for (const struct json *m = json_first(selector); m; m = json_next(m)) {
        if (!str_equal(json_text(m), json_text(json_get(labels, json_name(m))))) return false;
    }
    return true;
}

static bool check_labels(struct look *l, const struct json *child, const char *kind)
{
    const struct json *labels = json_path(child, "metadata.labels");
    const struct {
        const char *name, *value;
    } want[] = {{"carrel.dev/session", l->name}, {"carrel.dev/user", l->user},
                {"app.kubernetes.io/managed-by", "carrel"}, {"session", l->name}};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        if (str_equal(json_text(json_get(labels, want[i].name)), want[i].value)) continue;
        return differs(l, "the %s has no label %s=%s", kind, want[i].name, want[i].value);
    }
    return true;
}

static bool check_deployment(struct look *l)
{
    const struct json *d = l->deployment_tree;
    const struct json *labels = json_path(d, "spec.template.metadata.labels");
    const struct json *container = json_at(json_path(d, "spec.template.spec.containers"), 0);
    if (int_at(d, "spec.replicas") != (l->running ? 1 : 0)) {
        return differs(l, "%s, and the Deployment has %" PRId64 " replicas", l->state,
                       int_at(d, "spec.replicas"));
    }
    int history = l->sim->plan.rate[FAULT_MUTATED] > 0 ? 3 : 1; /* the webhook's will */
    if (int_at(d, "spec.revisionHistoryLimit") != history) {
        return differs(l, "revisionHistoryLimit");
    }
    if (!str_equal(text_at(d, "spec.strategy.type"), "Recreate")) return differs(l, "strategy");
    if (!selects(json_path(d, "spec.selector.matchLabels"), labels)) {
        return differs(l, "the Deployment does not select its own pods");
    }
    const char *image = sim_text(l->sim, "registry.test/%s:", l->template);
    if (!text_starts(text_at(container, "image"), image)) {
        return differs(l, "image %s of template %s", text_at(container, "image"), l->template);
    }
    return check_labels(l, d, "Deployment");
}

static bool check_service(struct look *l)
{
    const struct json *labels = json_path(l->deployment_tree, "spec.template.metadata.labels");
    const struct json *container =
        json_at(json_path(l->deployment_tree, "spec.template.spec.containers"), 0);
    const struct json *s = l->service_tree, *port = json_at(json_path(s, "spec.ports"), 0);
    if (!selects(json_path(s, "spec.selector"), labels)) {
        return differs(l, "the Service does not select the session's pods");
    }
    bool headless = str_equal(text_at(s, "spec.clusterIP"), "None");
    if (headless != l->sim->plan.headless) return differs(l, "clusterIP of the Service");
    int64_t listens = int_at(json_at(json_path(container, "ports"), 0), "containerPort");
    if (int_at(port, "port") != listens || int_at(port, "targetPort") != listens) {
        return differs(l, "the Service leads to port %" PRId64 ", the pod listens on %" PRId64,
                       int_at(port, "targetPort"), listens);
    }
    return check_labels(l, s, "Service");
}

static bool check_ingress(struct look *l)
{
    if (!l->holds_host) {
        bool ours = is_owned(l->ingress, l->session->uid);
        return ours ? differs(l, "an Ingress for a host that is another's") : true;
    }
    if (!is_owned(l->ingress, l->session->uid)) return differs(l, "no Ingress");
    const struct json *rule = json_at(json_path(l->ingress_tree, "spec.rules"), 0);
    const struct json *path = json_at(json_path(rule, "http.paths"), 0);
    const char *host = l->by_path ? "example.com" : sim_text(l->sim, "%s.example.com", l->name);
    const char *is = text_at(rule, "host"), *at = text_at(path, "path");
    if (!str_equal(is, host)) return differs(l, "host %s", is);
    if (!str_equal(at, l->by_path ? sim_text(l->sim, "/%s", l->name) : "/")) {
        return differs(l, "path %s", at);
    }
    const struct json *service_port = json_at(json_path(l->service_tree, "spec.ports"), 0);
    if (!str_equal(text_at(path, "backend.service.name"), l->child)) {
        return differs(l, "the Ingress leads to %s", text_at(path, "backend.service.name"));
    }
    int64_t number = int_at(path, "backend.service.port.number");
    bool by_name = str_equal(text_at(path, "backend.service.port.name"),
                             text_at(service_port, "name"));
    bool leads_there = by_name || number == int_at(service_port, "port");
    if (!leads_there) return differs(l, "port of the Ingress");
    return check_labels(l, l->ingress_tree, "Ingress");
}

static bool check_home(struct look *l)
{
    if (!l->running || !strstr(l->deployment->text, "\"claimName\"")) return true;
    const char *name = sim_text(l->sim, "home-%s", l->user);
    const struct store_object *c =
        store_get(l->sim->store, sim_types()->claim, l->session->ns, name);
    if (!c) return differs(l, "no home %s", name);
    return c->owner_count == 0 ? true : differs(l, "the home %s has an owner", name);
}

/* --- what its status says --- */

static const struct json *condition(const struct look *l, const char *type)
{
    const struct json *c = json_first(json_path(l->tree, "status.conditions"));
    while (c && !str_equal(json_text(json_get(c, "type")), type)) c = json_next(c);
    return c;
}

static bool check_condition(struct look *l, const char *type, const char *status,
                            const char *reason)
{
    const struct json *c = condition(l, type);
    bool ok = str_equal(text_at(c, "status"), status) &&
              (!reason || str_equal(text_at(c, "reason"), reason));
    if (ok) return true;
    return differs(l, "%s=%s (%s: %.80s), should be %s (%s)", type, text_at(c, "status"),
                   text_at(c, "reason"), text_at(c, "message"), status, reason ? reason : "any");
}

static bool check_phase(struct look *l, const char *phase)
{
    const char *is = text_at(l->tree, "status.phase");
    return str_equal(is, phase) ? true : differs(l, "phase %s, should be %s", is, phase);
}

static bool check_observed(struct look *l)
{
    int64_t observed = int_at(l->tree, "status.observedGeneration");
    if (observed == l->session->generation) return true;
    return differs(l, "observedGeneration %" PRId64 " of %" PRId64, observed,
                   l->session->generation);
}

static bool check_pod_name(struct look *l)
{
    const char *name = text_at(l->tree, "status.podName");
    const struct store_object *pod =
        store_get(l->sim->store, sim_types()->pod, l->session->ns, name);
    if (pod && !pod->deleting && pod_is_ready(pod)) return true;
    return differs(l, "Running, and its pod \"%s\" is not", name);
}

static bool check_up(struct look *l)
{
    const char *url = sim_text(l->sim, l->by_path ? "https://example.com/%s/"
                                                  : "https://%s.example.com/", l->name);
    if (!l->holds_host) {
        return check_condition(l, "RouteReady", "False", "HostTaken") &&
               check_condition(l, "Stalled", "True", "HostTaken") &&
               check_condition(l, "Ready", "False", l->running ? "HostTaken" : NULL) &&
               check_phase(l, "Failed");
    }
    if (!str_equal(text_at(l->tree, "status.url"), url)) {
        return differs(l, "url \"%s\"", text_at(l->tree, "status.url"));
    }
    if (!check_condition(l, "Stalled", "False", NULL)) return false;
    if (!l->running) {
        return check_phase(l, "Hibernated") && check_condition(l, "Ready", "False", "Hibernated");
    }
    return check_phase(l, "Running") && check_condition(l, "Ready", "True", NULL) &&
           check_condition(l, "RouteReady", "True", NULL) && check_pod_name(l);
}

static bool check_never_started(struct look *l)
{
    if (template_of(l)) return differs(l, "%s, and there is no Deployment", l->state);
    return check_condition(l, "TemplateResolved", "False", "TemplateNotFound") &&
           check_condition(l, "Ready", "False", NULL) && check_observed(l);
}

/* Nothing strips the path before a program that does not know it. */
static bool check_path_refused(struct look *l)
{
    if (l->deployment) return differs(l, "path mode, and there is a Deployment");
    const char *reason = template_of(l) ? "PathModeRefused" : "TemplateNotFound";
    return check_condition(l, "TemplateResolved", "False", reason) &&
           check_condition(l, "Stalled", "True", NULL) &&
           check_condition(l, "Ready", "False", NULL) && check_observed(l);
}

static bool check_retention(struct look *l)
{
    int64_t keep_ms = 0, since_ms = 0;
    const char *since = text_at(condition(l, "TemplateResolved"), "lastTransitionTime");
    if (duration_parse(text_at(l->tree, "spec.retention"), &keep_ms, NULL) < 0) return true;
    if (keep_ms == 0 || time_parse(since, &since_ms, NULL) < 0) return true;
    if (l->sim->plan.rate[FAULT_CLOCK] > 0) since_ms += 3600000; /* it may have been noted wrong */
    int64_t over_ms = sim_wall_ms(l->sim) - since_ms - keep_ms;
    return over_ms < 60000 ? true : differs(l, "outlives its retention");
}

static bool check_terminated(struct look *l)
{
    const char *uid = l->session->uid;
    if (is_owned(l->deployment, uid) || is_owned(l->service, uid) || is_owned(l->ingress, uid)) {
        return differs(l, "terminated, and children are left");
    }
    return check_phase(l, "Terminated") && check_observed(l) && check_retention(l);
}

/* What began in the first moments after etcd was restored, before that was known, may have begun
 * from a revision that was never made. It says so, and a restart by its user mends it. */
static bool began_from_nothing(const struct look *l)
{
    const char *reason = text_at(condition(l, "TemplateResolved"), "reason");
    return l->sim->restored && str_equal(reason, "RevisionNotFound");
}

static bool check_began_from_nothing(struct look *l)
{
    int64_t replicas = int_at(tree_of(l->sim, l->deployment), "spec.replicas");
    if (!l->running && replicas != 0) {
        return differs(l, "hibernated, and the Deployment has %" PRId64 " replicas", replicas);
    }
    return check_condition(l, "Stalled", "True", "RevisionNotFound") && check_observed(l);
}

static bool check_session(struct look *l)
{
    if (l->session->deleting) return differs(l, "is being deleted for ever");
    if (l->terminated) return check_terminated(l);
    if (l->by_path && !user_template_is_aware(l->template)) return check_path_refused(l);
    if (!is_owned(l->deployment, l->session->uid)) {
        return l->deployment ? differs(l, "the Deployment is another's") : check_never_started(l);
    }
    if (began_from_nothing(l)) return check_began_from_nothing(l);
    if (!is_owned(l->service, l->session->uid)) return differs(l, "no Service");
    return check_deployment(l) && check_service(l) && check_ingress(l) && check_home(l) &&
           check_observed(l) && check_up(l);
}

/* --- what must not be --- */

static bool has_living_owner(struct sim *sim, const struct store_object *o, const char *kind)
{
    for (size_t i = 0; i < o->owner_count; i++) {
        if (str_equal(o->owners[i].kind, kind) && store_uid_lives(sim->store, o->owners[i].uid)) {
            return true;
        }
    }
    return false;
}

static bool no_orphans(struct sim *sim, char *why, size_t size)
{
    const struct sim_types *t = sim_types();
    const struct resource *const types[] = {t->deployment, t->service, t->ingress};
    const struct store_object *o;
    for (int n = 0; n < 3; n++) {
        for (size_t i = 0; (o = store_walk(sim->store, types[n], &i));) {
            if (!text_starts(o->name, "ss-") || has_living_owner(sim, o, "Session")) continue;
            snprintf(why, size, "%s %s/%s is nobody's", o->type->kind, o->ns, o->name);
            return false;
        }
    }
    return true;
}

static bool template_uses(struct sim *sim, const struct store_object *revision)
{
    const struct store_object *t;
    for (size_t i = 0; (t = store_walk(sim->store, sim_types()->template, &i));) {
        const char *name = text_at(tree_of(sim, t), "status.revision");
        if (str_equal(name, revision->name) && str_equal(t->ns, revision->ns)) return true;
    }
    return false;
}

static bool session_uses(struct sim *sim, const struct store_object *revision)
{
    const struct store_object *d;
    const char *mark = sim_text(sim, "\\\"revision\\\":\\\"%s\\\"", revision->name);
    for (size_t i = 0; (d = store_walk(sim->store, sim_types()->deployment, &i));) {
        if (strstr(d->text, mark)) return true;
    }
    return false;
}

static bool check_templates(struct sim *sim, char *why, size_t size)
{
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->template, &i));) {
        const struct json *tree = tree_of(sim, o);
        bool judged = int_at(tree, "status.observedGeneration") == o->generation;
        if (judged && json_true(json_path(tree, "status.valid"))) continue;
        snprintf(why, size, "Template %s/%s is not judged", o->ns, o->name);
        return false;
    }
    return true;
}

bool expect_pruned(struct sim *sim, char *why, size_t size)
{
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->revision, &i));) {
        if (template_uses(sim, o) || session_uses(sim, o)) continue;
        snprintf(why, size, "ControllerRevision %s/%s is of no use any more", o->ns, o->name);
        return false;
    }
    return true;
}

bool expect_met(struct sim *sim, char *why, size_t size)
{
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->session, &i));) {
        struct look l = {.why = why, .size = size};
        begin(&l, sim, o);
        if (!check_session(&l)) return false;
    }
    return no_orphans(sim, why, size) && check_templates(sim, why, size) &&
           promises_kept(sim, why, size) && visitors_met(sim, why, size);
}

bool expect_gone(struct sim *sim, char *why, size_t size)
{
    const struct sim_types *t = sim_types();
    const struct resource *const types[] = {t->session, t->template, t->deployment, t->service,
                                            t->ingress, t->pod,      t->revision,
                                            t->connection, t->repository};
    for (size_t n = 0; n < sizeof(types) / sizeof(types[0]); n++) {
        size_t i = 0;
        const struct store_object *o = store_walk(sim->store, types[n], &i);
        if (!o) continue;
        snprintf(why, size, "%s %s/%s is left", o->type->kind, o->ns, o->name);
        return false;
    }
    return true;
}

/* --- for comparing --- */

bool expect_can_start(struct sim *sim, const struct store_object *session)
{
    char why[8];
    struct look l = {.why = why, .size = sizeof(why)};
    begin(&l, sim, session);
    return template_of(&l) != NULL;
}

/* Empty lists and objects are as good as absent. */
static void drop_empty(struct json *value)
{
    for (struct json *child = json_first(value), *next; child; child = next) {
        next = json_next(child);
        drop_empty(child);
        bool empty = (json_is_array(child) || json_is_object(child)) && json_count(child) == 0;
        if (empty && json_is_object(value)) json_remove(value, json_name(child));
    }
}

static void add_spec(struct sim *sim, struct str *out, struct json *tree)
{
    struct json *spec = json_get(tree, "spec");
    if (!spec) return;
    /* Whose the pod is differs between one session and its like. */
    json_remove(json_path(spec, "template.metadata.annotations"), "carrel.dev/session-uid");
    json_remove(spec, "clusterIP");
    json_remove(spec, "clusterIPs");
    drop_empty(spec);
    json_sort(spec);
    (void)sim;
    json_print(out, spec);
    str_add_c(out, '\n');
}

char *expect_shape(struct sim *sim, const struct store_object *session)
{
    char why[8];
    struct look l = {.why = why, .size = sizeof(why)};
    begin(&l, sim, session);
    auto_str out;
    str_init(&out, 1 << 20);
    add_spec(sim, &out, l.deployment_tree);
    add_spec(sim, &out, l.service_tree);
    add_spec(sim, &out, l.ingress_tree);
    str_add(&out, text_at(l.tree, "status.phase"));
    return arena_strndup(&sim->arena, out.at, out.len);
}
