#include "test/unit/fixture_cluster.h"

#include <stdio.h>
#include <string.h>

#include "controller/template.h"
#include "test/check.h"

const char cluster_pod_ready[] =
    "{\"phase\":\"Running\",\"conditions\":["
    "{\"type\":\"PodScheduled\",\"status\":\"True\","
    "\"lastTransitionTime\":\"2026-11-21T10:00:01Z\"},"
    "{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"2026-11-21T10:00:03Z\"}],"
    "\"containerStatuses\":[{\"name\":\"session\",\"restartCount\":0,"
    "\"state\":{\"running\":{\"startedAt\":\"2026-11-21T10:00:02Z\"}}}]}";

static const struct kind {
    const struct kube_type *type;
    size_t at; /* of its store in struct view */
    bool labelled; /* the cache has only what has our label */
} kinds[CLUSTER_KINDS] = {
    {&session_type, offsetof(struct view, sessions), false},
    {&template_type, offsetof(struct view, templates), false},
    {&connection_type, offsetof(struct view, connections), false},
    {&repository_type, offsetof(struct view, repositories), false},
    {&deployment_type, offsetof(struct view, deployments), true},
    {&service_type, offsetof(struct view, services), true},
    {&ingress_type, offsetof(struct view, ingresses), true},
    {&claim_type, offsetof(struct view, claims), true},
    {&pod_type, offsetof(struct view, pods), true},
    {&revision_type, offsetof(struct view, revisions), true},
};

static const struct kube_resource *resource_of(const char *plural)
{
    for (int i = 0; i < CLUSTER_KINDS; i++) {
        if (strcmp(kinds[i].type->resource->plural, plural) == 0) return kinds[i].type->resource;
    }
    CHECK_STR(plural, "a known kind");
    return NULL;
}

static const struct resource *store_kind(const struct kube_resource *r)
{
    return resource_of_kind(r->api_version, r->kind);
}

/* --- open and close ------------------------------------------------------------------------- */

static void no_wake(void *user, const char *key)
{
    (void)user;
    (void)key;
}

static void session_changed(void *user, const struct kube_object *before,
                            const struct kube_object *after)
{
    hosts_change(user, (const struct session *)before, (const struct session *)after, no_wake,
                 NULL);
}

static void revision_changed(void *user, const struct kube_object *before,
                             const struct kube_object *after)
{
    struct cluster *c = user;
    marks_change(c->view.marks, (const struct revision *)before, (const struct revision *)after,
                 c->now_ms);
}

void cluster_open(struct cluster *c)
{
    *c = (struct cluster){.settings = settings_default, .now_ms = 5000,
                          .wall_ms = 1795255200000}; /* 2026-11-21T10:00:00Z */
    c->settings.domain = "example.com";
    c->settings.template_namespace = "shared";
    rng_seed(&c->rng, 11);
    arena_init(&c->a);
    arena_init(&c->pass);
    struct store_config config = {.rng = &c->rng};
    c->api = store_new(&config);
    for (int i = 0; i < CLUSTER_KINDS; i++) {
        c->stores[i] = kube_store_new(kinds[i].type);
        *(struct kube_store **)(void *)((char *)&c->view + kinds[i].at) = c->stores[i];
    }
    c->view.settings = &c->settings;
    c->view.hosts = hosts_new(&c->settings);
    c->view.marks = marks_new();
    kube_store_observe(c->view.revisions, revision_changed, c);
    kube_store_observe(c->view.sessions, session_changed, c->view.hosts);
    cluster_sync(c);
}

void cluster_close(struct cluster *c)
{
    for (int i = 0; i < CLUSTER_KINDS; i++) kube_store_free(c->stores[i]);
    hosts_free(c->view.hosts);
    marks_free(c->view.marks);
    store_free(c->api);
    arena_release(&c->pass);
    arena_release(&c->a);
}

/* --- the API -------------------------------------------------------------------------------- */

static struct store_answer ask(struct cluster *c, struct arena *a, const char *method,
                               const char *path, const char *type, const char *body,
                               const char *agent)
{
    struct store_call call = {.method = method,
                              .path = path,
                              .content_type = type,
                              .body = body,
                              .body_len = body ? strlen(body) : 0,
                              .user_agent = agent,
                              .user = agent,
                              .wall_ms = c->wall_ms};
    struct store_answer answer = {0};
    store_request(c->api, &call, a, &answer);
    return answer;
}

int cluster_call(struct cluster *c, const char *method, const char *path, const char *type,
                 const char *body)
{
    return ask(c, &c->a, method, path, type, body, "kubectl/1").code;
}

static const char *path_of(struct cluster *c, const char *kind, const char *ns, const char *name,
                           const char *sub)
{
    auto_str path;
    struct err err = {0};
    str_init(&path, 1024);
    CHECK_OK(kube_path(&path, resource_of(kind), ns, name, sub, &err), err);
    return arena_strdup(&c->a, path.at);
}

static void must(struct cluster *c, const char *method, const char *path, const char *type,
                 const char *body)
{
    struct store_answer answer = ask(c, &c->a, method, path, type, body, "kubectl/1");
    if (answer.code >= 200 && answer.code < 300) return;
    CHECK_STR(answer.body, arena_printf(&c->a, "%s %s is done", method, path));
}

void cluster_create(struct cluster *c, const char *kind, const char *json)
{
    struct json *tree = NULL;
    struct err err = {0};
    CHECK_OK(json_parse(&c->a, json, strlen(json), &tree, &err), err);
    const char *ns = json_text(json_path(tree, "metadata.namespace"));
    json_set_text(&c->a, tree, "apiVersion", resource_of(kind)->api_version);
    json_set_text(&c->a, tree, "kind", resource_of(kind)->kind);
    must(c, "POST", path_of(c, kind, ns, NULL, NULL), "application/json",
         json_to_text(&c->a, tree));
}

void cluster_merge(struct cluster *c, const char *kind, const char *ns, const char *name,
                   const char *sub, const char *json)
{
    must(c, "PATCH", path_of(c, kind, ns, name, sub), "application/merge-patch+json", json);
}

void cluster_patch(struct cluster *c, const char *kind, const char *ns, const char *name,
                   const char *json)
{
    must(c, "PATCH", path_of(c, kind, ns, name, NULL), "application/json-patch+json", json);
}

void cluster_delete(struct cluster *c, const char *kind, const char *ns, const char *name)
{
    must(c, "DELETE", path_of(c, kind, ns, name, NULL), NULL, "{\"gracePeriodSeconds\":0}");
}

struct json *cluster_get(struct cluster *c, const char *kind, const char *ns, const char *name)
{
    struct json *tree = NULL;
    struct err err = {0};
    const struct store_object *o = store_get(c->api, store_kind(resource_of(kind)), ns, name);
    if (!o) return NULL;
    CHECK_OK(json_parse(&c->a, o->text, o->len, &tree, &err), err);
    return tree;
}

/* A dotted path, where "[2]" is an item and a name may stand in quotes: a.b[0].'c/d.e' */
static const struct json *look(struct arena *a, const struct json *at, const char *path)
{
    while (at && *path) {
        if (*path == '.') path++;
        if (*path == '[') {
            at = json_at(at, (size_t)(path[1] - '0'));
            path += 3;
            continue;
        }
        bool quoted = *path == '\'';
        path += quoted;
        size_t n = quoted ? strcspn(path, "'") : strcspn(path, ".[");
        at = json_get(at, arena_strndup(a, path, n));
        path += n + quoted;
    }
    return at;
}

const char *cluster_at(struct cluster *c, const char *kind, const char *ns, const char *name,
                       const char *path)
{
    const struct json *value = look(&c->a, cluster_get(c, kind, ns, name), path);
    if (!value) return "-";
    return json_text(value) ? json_text(value) : json_to_text(&c->a, value);
}

static bool has_our_label(const struct store_object *o)
{
    for (size_t i = 0; i < o->label_count; i++) {
        if (strcmp(o->labels[i].key, "app.kubernetes.io/managed-by") == 0) {
            return strcmp(o->labels[i].value, "carrel") == 0;
        }
    }
    return false;
}

void cluster_sync(struct cluster *c)
{
    char rv[24];
    snprintf(rv, sizeof(rv), "%llu", (unsigned long long)store_rv(c->api));
    for (int i = 0; i < CLUSTER_KINDS; i++) {
        const struct resource *type = store_kind(kinds[i].type->resource);
        const struct store_object *o;
        kube_store_list_begin(c->stores[i]);
        for (size_t k = 0; (o = store_walk(c->api, type, &k));) {
            struct kube_object *read = NULL;
            struct err err = {0};
            if (kinds[i].labelled && !has_our_label(o)) continue;
            CHECK_OK(kube_object_read(kinds[i].type, o->text, o->len, &c->a, &read, &err), err);
            kube_store_list_add(c->stores[i], read);
        }
        kube_store_list_end(c->stores[i], rv);
    }
}

void cluster_pass_time(struct cluster *c, int64_t ms)
{
    c->now_ms += ms;
    c->wall_ms += ms;
}

/* --- steps ---------------------------------------------------------------------------------- */

static const char *verb_name(enum kube_verb verb)
{
    if (verb == KUBE_APPLY) return "APPLY";
    if (verb == KUBE_MERGE) return "MERGE";
    return verb == KUBE_JSON_PATCH ? "PATCH" : kube_verb_method(verb);
}

static const char *type_of(enum kube_verb verb)
{
    if (verb == KUBE_APPLY) return "application/apply-patch+yaml";
    if (verb == KUBE_MERGE) return "application/merge-patch+json";
    return verb == KUBE_JSON_PATCH ? "application/json-patch+json" : "application/json";
}

void cluster_fail(struct cluster *c, struct cluster_fault fault)
{
    for (size_t i = 0; i < 4; i++) {
        if (c->faults[i].times) continue;
        c->faults[i] = fault;
        return;
    }
}

static struct cluster_fault *fault_for(struct cluster *c, const char *what)
{
    for (size_t i = 0; i < 4; i++) {
        struct cluster_fault *f = &c->faults[i];
        if (!f->times || strncmp(what, f->what, strlen(f->what)) != 0) continue;
        if (f->times > 0) f->times--;
        return f;
    }
    return NULL;
}

static struct store_answer deliver(struct cluster *c, const struct kube_op *op)
{
    auto_str path;
    struct err err = {0};
    str_init(&path, 2048);
    CHECK_OK(kube_path(&path, op->resource, op->ns, op->name, op->sub, &err), err);
    bool writes = op->verb != KUBE_GET && op->verb != KUBE_DELETE;
    if (writes && op->manager) str_add_f(&path, "?fieldManager=%s", op->manager);
    if (op->verb == KUBE_APPLY) {
        CHECK(op->manager != NULL);
        if (op->force) str_add(&path, "&force=true");
    }
    /* Whatever we send is JSON, and its length is what we say. */
    if (op->body) {
        CHECK_INT(strlen(op->body), op->body_len);
        CHECK_OK(json_check(op->body, op->body_len, &err), err);
    }
    return ask(c, &c->pass, kube_verb_method(op->verb), path.at, type_of(op->verb), op->body,
               "carrel/1");
}

static struct cluster_sent *note(struct cluster *c, const struct kube_op *op)
{
    CHECK(c->sent_count < CLUSTER_SENT_MAX);
    struct cluster_sent *sent = &c->sent[c->sent_count++];
    *sent = (struct cluster_sent){.verb = op->verb, .body = (char *)(uintptr_t)op->body};
    snprintf(sent->what, sizeof(sent->what), "%s %s%s%s%s%s", verb_name(op->verb),
             op->resource->plural, op->name ? "/" : "", op->name ? op->name : "",
             op->sub ? "/" : "", op->sub ? op->sub : "");
    return sent;
}

static void learn(struct cluster *c, struct kube_object *o)
{
    for (int i = 0; i < CLUSTER_KINDS; i++) {
        if (kinds[i].type == o->type) kube_store_learn(c->stores[i], o);
    }
}

static void read_answer(struct cluster *c, const struct step_request *request,
                        const struct store_answer *got, struct step_answer *answer)
{
    struct kube_object *o = NULL;
    answer->code = got->code;
    answer->message = arena_strdup(&c->pass, "");
    if (got->code < 200 || got->code >= 300) {
        struct kube_status status;
        kube_status_read(&c->pass, got->code, got->body, got->len, &status);
        kube_status_err(got->code, &status, &answer->err);
        answer->message = status.message;
        const struct kube_cause *causes = status.causes.items;
        if (status.causes.count > 0) answer->field = causes[0].field;
        answer->ns_terminating = kube_status_has_cause(&status, "NamespaceTerminating");
        return;
    }
    bool read = request->type && kube_object_read(request->type, got->body, got->len, &c->pass,
                                                  &o, NULL) == 0;
    if (!read) return;
    answer->object = o;
    if (!request->aside) learn(c, o);
}

static void answer_one(struct cluster *c, const struct step_request *request,
                       struct step_answer *answer)
{
    struct cluster_sent *sent = note(c, &request->op);
    struct cluster_fault *fault = fault_for(c, sent->what);
    struct store_answer got = {0};
    *answer = (struct step_answer){.tag = request->tag, .verb = request->op.verb};
    if (!fault || fault->lost) got = deliver(c, &request->op);
    if (c->meanwhile) c->meanwhile(c, sent);
    if (!fault) {
        read_answer(c, request, &got, answer);
    } else {
        answer->code = fault->code;
        answer->field = fault->field;
        answer->quota = fault->quota;
        answer->ns_terminating = fault->ns_terminating;
        answer->message = arena_strdup(&c->pass, fault->message ? fault->message : "");
        err_set(&answer->err, fault->err, "%s", answer->message);
    }
    sent->code = answer->code;
}

static void keep_events(struct cluster *c, const struct step_io *io)
{
    for (size_t i = 0; io->about && i < io->event_count; i++) {
        CHECK(c->event_count < CLUSTER_EVENTS_MAX);
        c->events[c->event_count++] = io->events[i];
    }
}

enum step_result cluster_run(struct cluster *c, const struct controller *controller,
                             const char *key)
{
    struct step_io io = {0};
    arena_release(&c->pass);
    arena_init(&c->pass);
    void *state = arena_zalloc(&c->pass, controller->state_size);
    c->sent_count = c->rounds = c->event_count = 0;
    for (;;) {
        io.view = &c->view;
        io.arena = &c->pass;
        io.rng = &c->rng;
        io.key = key;
        io.now_ms = c->now_ms;
        io.wall_ms = c->wall_ms;
        io.request_count = io.event_count = 0;
        io.about = NULL;
        io.again_ms = STEP_NEVER;
        enum step_result result = controller->step(state, &io);
        keep_events(c, &io);
        c->again_ms = io.again_ms;
        c->err = io.err;
        if (result != STEP_SEND) return result;
        CHECK(io.request_count > 0 && ++c->rounds <= 12);
        io.answer_count = io.request_count;
        for (size_t i = 0; i < io.request_count; i++) {
            answer_one(c, &io.requests[i], &io.answers[i]);
        }
    }
}

const char *cluster_log(struct cluster *c)
{
    auto_str log;
    str_init(&log, 8192);
    for (size_t i = 0; i < c->sent_count; i++) {
        str_add_f(&log, "%s%s", i ? "," : "", c->sent[i].what);
    }
    return arena_strdup(&c->a, log.at);
}

size_t cluster_count(const struct cluster *c, const char *what)
{
    size_t count = 0;
    for (size_t i = 0; i < c->sent_count; i++) {
        count += strncmp(c->sent[i].what, what, strlen(what)) == 0;
    }
    return count;
}

const struct cluster_sent *cluster_find(const struct cluster *c, const char *what)
{
    for (size_t i = 0; i < c->sent_count; i++) {
        if (strncmp(c->sent[i].what, what, strlen(what)) == 0) return &c->sent[i];
    }
    return NULL;
}

const struct step_event *cluster_event(const struct cluster *c, const char *reason)
{
    for (size_t i = 0; i < c->event_count; i++) {
        if (strcmp(c->events[i].reason, reason) == 0) return &c->events[i];
    }
    return NULL;
}

/* --- what users and the cluster make -------------------------------------------------------- */

void cluster_template(struct cluster *c, const char *ns, const char *name, const char *more)
{
    const char *key = arena_printf(&c->a, "%s/%s", ns, name);
    cluster_create(c, "templates",
                   arena_printf(&c->a,
                                "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\"},\"spec\":{"
                                "\"displayName\":\"A REPL\",\"baseImage\":\"example.com/%s:1\""
                                "%s%s}}",
                                name, ns, name, *more ? "," : "", more));
    cluster_sync(c);
    CHECK_INT(cluster_run(c, &template_controller, key), STEP_DONE);
    cluster_sync(c);
}

void cluster_session(struct cluster *c, const char *name, const char *more)
{
    cluster_create(c, "sessions",
                   arena_printf(&c->a,
                                "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"n\"},\"spec\":{"
                                "\"user\":\"ann\",\"template\":\"repl\"%s%s}}",
                                name, *more ? "," : "", more));
    cluster_sync(c);
}

void cluster_set_state(struct cluster *c, const char *state)
{
    cluster_merge(c, "sessions", "n", "a", NULL,
                  arena_printf(&c->a, "{\"spec\":{\"state\":\"%s\"}}", state));
    cluster_sync(c);
}

void cluster_with_session(struct cluster *c, const char *more)
{
    cluster_open(c);
    cluster_template(c, "n", "repl", "");
    cluster_session(c, "a", more);
}

void cluster_pod(struct cluster *c, const char *session, const char *pod, const char *status)
{
    struct json *d =
        cluster_get(c, "deployments", "n", arena_printf(&c->a, "ss-%s", session));
    CHECK(d != NULL);
    struct json *meta = json_path(d, "spec.template.metadata");
    const char *notes = json_to_text(&c->a, json_ensure_object(&c->a, meta, "annotations"));
    const struct json *labels = json_get(meta, "labels");
    if (cluster_get(c, "pods", "n", pod)) cluster_delete(c, "pods", "n", pod);
    cluster_create(c, "pods",
                   arena_printf(&c->a,
                                "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"n\","
                                "\"labels\":%s,\"annotations\":%s,"
                                "\"ownerReferences\":[{\"apiVersion\":\"apps/v1\","
                                "\"kind\":\"ReplicaSet\",\"name\":\"ss-%s-7c9\",\"uid\":\"rs\","
                                "\"controller\":true}]},\"spec\":{\"nodeName\":\"node-1\","
                                "\"containers\":[{\"name\":\"session\",\"image\":\"i\"}]}}",
                                pod, json_to_text(&c->a, labels), notes, session));
    cluster_merge(c, "pods", "n", pod, "status",
                  arena_printf(&c->a, "{\"status\":%s}", status));
    cluster_sync(c);
}

void cluster_running(struct cluster *c, const char *more)
{
    cluster_with_session(c, more);
    CHECK_INT(cluster_run(c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(c);
    cluster_pass_time(c, 3000);
    cluster_pod(c, "a", "ss-a-7c9-x1", cluster_pod_ready);
    CHECK_INT(cluster_run(c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(c);
    CHECK_STR(cluster_at(c, "sessions", "n", "a", "status.phase"), "Running");
}

const struct session *cluster_cached(const struct cluster *c, const char *session)
{
    return (const struct session *)kube_store_find(c->view.sessions, "n", session);
}

const char *cluster_condition(struct cluster *c, const char *session,
                              enum session_condition which)
{
    const struct session *s = cluster_cached(c, session);
    CHECK(s != NULL);
    const struct condition *cond = &s->status.conditions[which];
    if (cond->status == CONDITION_ABSENT) return "-";
    const char *message = cond->message ? cond->message : "";
    return arena_printf(&c->a, "%s %s%s%s", condition_status_name(cond->status), cond->reason,
                        *message ? ": " : "", message);
}
