#include "controller/kinds.h"

#include <string.h>

#include "lib/format.h"
#include "lib/map.h"

#define ROW(name, type, member, ...) JSON_ROW(name, type, STRUCT, member, __VA_ARGS__)
/* A text that many have alike. */
#define SAME(name, member) JSON_ROW(name, JSON_TEXT, STRUCT, member, .flags = JSON_SHARED)
#define INTO(name, table) {name, JSON_OBJECT, 0, 0, &table}
#define KEPT(name) offsetof(struct name, reading)
#define ROWS(table_name, ...)                                                                      \
    static const struct json_field table_name##_rows[] = {__VA_ARGS__};                            \
    static const struct json_table table_name = {                                                  \
        table_name##_rows, sizeof(table_name##_rows) / sizeof(table_name##_rows[0]), 0, false}
#define ITEMS(table_name, struct_type, ...)                                                        \
    static const struct json_field table_name##_rows[] = {__VA_ARGS__};                            \
    static const struct json_table table_name = {                                                  \
        table_name##_rows, sizeof(table_name##_rows) / sizeof(table_name##_rows[0]),               \
        sizeof(struct_type), false}

/* --- conditions ----------------------------------------------------------------------------- */

const char *const session_condition_names[SESSION_CONDITION_COUNT] = {
    "TemplateResolved", "StorageReady", "WorkloadReady", "RouteReady",
    "Saved",            "Stalled",      "Ready",
};

const char *condition_status_name(enum condition_status status)
{
    static const char *const names[] = {"Unknown", "True", "False", "Unknown"};
    return names[status];
}

struct raw_condition {
    char *type, *status, *reason, *message;
    int64_t since_ms;
};
#define STRUCT struct raw_condition
ITEMS(condition_table, struct raw_condition, ROW("type", JSON_TEXT, type),
      ROW("status", JSON_TEXT, status), ROW("reason", JSON_TEXT, reason),
      ROW("message", JSON_TEXT, message), ROW("lastTransitionTime", JSON_TIME, since_ms));
#undef STRUCT

static enum condition_status read_status(const char *text)
{
    if (text && strcmp(text, "True") == 0) return CONDITION_TRUE;
    if (text && strcmp(text, "False") == 0) return CONDITION_FALSE;
    return CONDITION_UNKNOWN;
}

static const struct raw_condition *find_condition(const struct json_list *list, const char *type)
{
    const struct raw_condition *c = list->items;
    for (size_t i = 0; i < list->count; i++) {
        if (c[i].type && strcmp(c[i].type, type) == 0) return &c[i];
    }
    return NULL;
}

static bool is_true(const struct raw_condition *c)
{
    return c && read_status(c->status) == CONDITION_TRUE;
}

/* --- Session -------------------------------------------------------------------------------- */

#define STRUCT struct session
ROWS(session_annotations, KUBE_ANNOTATION_ROWS(STRUCT),
     ROW(ANNOTATION_RESTART, JSON_TEXT, restart_at));
ROWS(session_meta, KUBE_META_ROWS_OF(STRUCT, JSON_SHARED, 0),
     INTO("annotations", session_annotations));
ROWS(session_route, SAME("mode", route_mode));
ROWS(session_spec, SAME("user", user), SAME("template", template),
     SAME("state", state), SAME("maxSessionDuration", max_duration),
     SAME("retention", retention), SAME("idleTimeout", idle_timeout),
     SAME("storage", storage), ROW("resources", JSON_RAW, resources, .flags = JSON_SHARED),
     ROW("env", JSON_RAW, env, .flags = JSON_SHARED),
     ROW("parameters", JSON_RAW, parameters, .flags = JSON_SHARED),
     ROW("git", JSON_RAW, git), ROW("persistentHome", JSON_BOOL, persistent_home),
     INTO("route", session_route));
ROWS(session_idle, ROW("since", JSON_TIME, status.idle_since_ms),
     SAME("by", status.idle_by),
     ROW("hibernateAt", JSON_TIME, status.idle_hibernate_ms),
     SAME("blockedBy", status.idle_blocked_by));
ROWS(session_start, ROW("queuedMs", JSON_INT, status.queued_ms),
     ROW("scheduledMs", JSON_INT, status.scheduled_ms),
     ROW("pulledMs", JSON_INT, status.pulled_ms), ROW("readyMs", JSON_INT, status.ready_ms));
ROWS(session_status, SAME("phase", status.phase), ROW("url", JSON_TEXT, status.url),
     ROW("podName", JSON_TEXT, status.pod_name),
     ROW("startedAt", JSON_TIME, status.started_ms),
     ROW("lastActivity", JSON_TIME, status.last_activity_ms),
     ROW("observedGeneration", JSON_INT, status.observed_generation),
     SAME("templateRevision", status.template_revision),
     ROW("templateBehind", JSON_BOOL, status.template_behind), INTO("idle", session_idle),
     INTO("start", session_start), ROW("start", JSON_PRESENT, status.has_start),
     ROW("conditions", JSON_LIST, condition_list, .flags = JSON_TRANSIENT,
         .table = &condition_table));
/* Derived from the list: rows that no JSON fills, for copying and comparing. */
#define CONDITION_ROWS(i)                                                                          \
    {"\001r" #i, JSON_TEXT, JSON_SHARED, offsetof(STRUCT, status.conditions[i].reason), 0},        \
    {"\001m" #i, JSON_TEXT, JSON_SHARED, offsetof(STRUCT, status.conditions[i].message), 0},       \
    {"\001t" #i, JSON_INT, 0, offsetof(STRUCT, status.conditions[i].since_ms), 0}
static const struct json_field session_rows[] = {
    KUBE_FLAW_ROW(STRUCT),          INTO("metadata", session_meta),
    INTO("spec", session_spec),     INTO("status", session_status),
    CONDITION_ROWS(0), CONDITION_ROWS(1), CONDITION_ROWS(2), CONDITION_ROWS(3),
    CONDITION_ROWS(4), CONDITION_ROWS(5), CONDITION_ROWS(6)};
#undef STRUCT
static const struct json_table session_table = {
    session_rows, sizeof(session_rows) / sizeof(*session_rows), sizeof(struct session), false};

static void session_finish(struct kube_object *o, struct arena *a)
{
    (void)a;
    struct session *s = (struct session *)o;
    for (int i = 0; i < SESSION_CONDITION_COUNT; i++) {
        const struct raw_condition *raw =
            find_condition(&s->condition_list, session_condition_names[i]);
        if (!raw) continue;
        s->status.conditions[i] =
            (struct condition){read_status(raw->status), raw->reason, raw->message, raw->since_ms};
    }
}

static bool session_by_template(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    const struct session *s = (const struct session *)o;
    return s->template && str_copy(key, KUBE_KEY_SIZE, s->template);
}

static bool key_of(char key[KUBE_KEY_SIZE], const char *ns, const char *name)
{
    if (!name) return false;
    return format(key, KUBE_KEY_SIZE, "%s/%s", ns, name) < KUBE_KEY_SIZE;
}

static bool session_by_user(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return key_of(key, o->meta.ns, ((const struct session *)o)->user);
}

static const struct kube_resource session_resource = {
    "apis/" CARREL_API_VERSION, "sessions", CARREL_API_VERSION, "Session"};
const struct kube_type session_type = {"session", &session_resource, &session_table, KEPT(session),
                                       NULL, session_finish,
                                       {session_by_template, session_by_user}};

/* --- Template, Connection, TemplateRepository ----------------------------------------------- */

#define STRUCT struct template
ROWS(template_meta, KUBE_META_ROWS(STRUCT), KUBE_NO_ANNOTATIONS(STRUCT));
ROWS(template_status, ROW("valid", JSON_BOOL, valid), ROW("message", JSON_TEXT, message),
     ROW("sessions", JSON_INT, sessions), ROW("revision", JSON_TEXT, revision),
     ROW("observedGeneration", JSON_INT, observed_generation),
     ROW("conditions", JSON_LIST, condition_list, .flags = JSON_TRANSIENT,
         .table = &condition_table));
ITEMS(template_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", template_meta), ROW("spec", JSON_RAW, spec),
      INTO("status", template_status), ROW("status", JSON_PRESENT, has_status),
      ROW("\001rr", JSON_TEXT, ready_reason), ROW("\001rs", JSON_INT, ready_since_ms),
      ROW("\001r", JSON_BOOL, ready));
#undef STRUCT

static void template_finish(struct kube_object *o, struct arena *a)
{
    (void)a;
    struct template *t = (struct template *)o;
    const struct raw_condition *ready = find_condition(&t->condition_list, "Ready");
    t->ready = is_true(ready);
    t->ready_reason = ready ? ready->reason : NULL;
    t->ready_since_ms = ready ? ready->since_ms : 0;
}

static const struct kube_resource template_resource = {
    "apis/" CARREL_API_VERSION, "templates", CARREL_API_VERSION, "Template"};
const struct kube_type template_type = {"template", &template_resource, &template_table,
                                        KEPT(template),
                                        NULL, template_finish, {0}};

#define STRUCT struct connection
ROWS(connection_meta, KUBE_META_ROWS(STRUCT), KUBE_NO_ANNOTATIONS(STRUCT));
ROWS(connection_spec, ROW("sessionID", JSON_TEXT, session_id), ROW("userID", JSON_TEXT, user_id));
ROWS(connection_status, SAME("state", state),
     ROW("connectedAt", JSON_TIME, connected_ms), ROW("lastHeartbeat", JSON_TIME, heartbeat_ms),
     ROW("observedGeneration", JSON_INT, observed_generation));
ITEMS(connection_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", connection_meta), INTO("spec", connection_spec),
      INTO("status", connection_status));
#undef STRUCT

static bool connection_by_session(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return key_of(key, o->meta.ns, ((const struct connection *)o)->session_id);
}

static const struct kube_resource connection_resource = {
    "apis/" CARREL_API_VERSION, "connections", CARREL_API_VERSION, "Connection"};
const struct kube_type connection_type = {
    "connection", &connection_resource, &connection_table, KEPT(connection), NULL, NULL,
    {connection_by_session}};

#define STRUCT struct repository
ROWS(repository_meta, KUBE_META_ROWS(STRUCT), KUBE_NO_ANNOTATIONS(STRUCT));
ROWS(repository_status, ROW("phase", JSON_TEXT, phase),
     ROW("observedGeneration", JSON_INT, observed_generation));
ITEMS(repository_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", repository_meta),
      INTO("status", repository_status));
#undef STRUCT
static const struct kube_resource repository_resource = {
    "apis/" CARREL_API_VERSION, "templaterepositories", CARREL_API_VERSION, "TemplateRepository"};
const struct kube_type repository_type = {
    "repository", &repository_resource, &repository_table, KEPT(repository), NULL, NULL, {0}};

/* --- children ------------------------------------------------------------------------------- */

const char *const label_names[LABEL_COUNT] = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
    "carrel.dev/session",
    "carrel.dev/user",
    "carrel.dev/template",
    "session",
    "user",
    "template",
};

uint64_t labels_hash(char *const values[LABEL_COUNT])
{
    uint64_t h = 1;
    for (int i = 0; i < LABEL_COUNT; i++) {
        if (values[i]) h = hash_bytes(values[i], strlen(values[i]), h + (uint64_t)i);
    }
    return h;
}

struct field_manager {
    char *manager, *operation, *subresource;
};
#define STRUCT struct field_manager
ITEMS(manager_table, struct field_manager, ROW("manager", JSON_TEXT, manager),
      ROW("operation", JSON_TEXT, operation), ROW("subresource", JSON_TEXT, subresource));
#undef STRUCT

static int our_update_entry(const struct json_list *managers)
{
    const struct field_manager *m = managers->items;
    for (size_t i = 0; i < managers->count; i++) {
        if (!m[i].manager || !m[i].operation || m[i].subresource) continue;
        if (strcmp(m[i].manager, CARREL_MANAGER) == 0 && strcmp(m[i].operation, "Update") == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void child_finish(struct child *c, const struct child_reading *reading)
{
    c->labels = labels_hash(reading->label);
    c->listed = reading->label[3] && strcmp(reading->label[3], "carrel") == 0;
    c->update_entry = our_update_entry(&reading->managers);
}

#define NAMED(name_text, i)                                                                        \
    {name_text, JSON_TEXT, JSON_TRANSIENT, offsetof(STRUCT, child_reading.label[i]), 0}
#define CHILD_LABEL_ROWS                                                                           \
    NAMED("app.kubernetes.io/name", 0), NAMED("app.kubernetes.io/instance", 1),                    \
        NAMED("app.kubernetes.io/part-of", 2), NAMED("app.kubernetes.io/managed-by", 3),           \
        NAMED("carrel.dev/session", 4), NAMED("carrel.dev/user", 5),                               \
        NAMED("carrel.dev/template", 6), NAMED("session", 7), NAMED("user", 8),                    \
        NAMED("template", 9)
#define CHILD_META_ROWS(label_table, annotation_table)                                             \
    KUBE_META_ROWS_OF(STRUCT, 0, JSON_SHARED), INTO("labels", label_table),                        \
        INTO("annotations", annotation_table),                                                     \
        {"managedFields", JSON_LIST, JSON_TRANSIENT, offsetof(STRUCT, child_reading.managers),     \
         &manager_table},                                                                          \
    {                                                                                              \
        "\001lh", JSON_INT, 0, offsetof(STRUCT, child.labels), 0                                   \
    }

#define STRUCT struct deployment
struct start_head {
    char *revision;
};
static JSON_TABLE(start_head_table, struct start_head,
                  JSON_ROW("revision", JSON_TEXT, struct start_head, revision));
ROWS(deployment_labels, CHILD_LABEL_ROWS);
ROWS(deployment_annotations, KUBE_ANNOTATION_ROWS(STRUCT),
     ROW(ANNOTATION_INTENT, JSON_TEXT, child.intent), ROW(ANNOTATION_START, JSON_TEXT, start));
ROWS(deployment_meta, CHILD_META_ROWS(deployment_labels, deployment_annotations));
ROWS(deployment_spec, ROW("replicas", JSON_INT, replicas));
ROWS(deployment_status, ROW("observedGeneration", JSON_INT, observed_generation),
     ROW("readyReplicas", JSON_INT, ready_replicas), ROW("replicas", JSON_INT, status_replicas),
     ROW("conditions", JSON_LIST, condition_list, .flags = JSON_TRANSIENT,
         .table = &condition_table));
ITEMS(deployment_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", deployment_meta),
      INTO("spec", deployment_spec), INTO("status", deployment_status),
      ROW("\001f", JSON_TEXT, failure), SAME("\001rv", revision));
#undef STRUCT

static void deployment_finish(struct kube_object *o, struct arena *a)
{
    struct deployment *d = (struct deployment *)o;
    child_finish(&d->child, &d->child_reading);
    const struct raw_condition *failure = find_condition(&d->condition_list, "ReplicaFailure");
    if (is_true(failure)) d->failure = failure->message;
    struct start_head head = {0};
    if (d->start &&
        json_decode(a, d->start, strlen(d->start), &start_head_table, &head, NULL) == 0) {
        d->revision = head.revision;
    }
}

static bool deployment_by_revision(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    const struct deployment *d = (const struct deployment *)o;
    return d->revision && str_copy(key, KUBE_KEY_SIZE, d->revision);
}

static const struct kube_resource deployment_resource = {"apis/apps/v1", "deployments", "apps/v1",
                                                         "Deployment"};
const struct kube_type deployment_type = {"deployment", &deployment_resource, &deployment_table,
                                        KEPT(deployment),
                                          CARREL_MANAGED_BY, deployment_finish,
                                          {deployment_by_revision}};

struct service_port {
    int64_t port;
    char *target;
};
#define STRUCT struct service_port
ITEMS(service_port_table, struct service_port, ROW("port", JSON_INT, port),
      ROW("targetPort", JSON_SCALAR, target));
#undef STRUCT
#define STRUCT struct service
ROWS(service_labels, CHILD_LABEL_ROWS);
ROWS(service_annotations, KUBE_ANNOTATION_ROWS(STRUCT),
     ROW(ANNOTATION_INTENT, JSON_TEXT, child.intent));
ROWS(service_meta, CHILD_META_ROWS(service_labels, service_annotations));
ROWS(service_spec, ROW("clusterIP", JSON_TEXT, cluster_ip), SAME("type", type),
     ROW("selector", JSON_HASH, selector),
     ROW("ports", JSON_LIST, ports, .flags = JSON_TRANSIENT, .table = &service_port_table));
ITEMS(service_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", service_meta), INTO("spec", service_spec),
      ROW("\001p", JSON_INT, port), ROW("\001c", JSON_INT, port_count),
      ROW("\001t", JSON_TEXT, target_port));
#undef STRUCT

static void service_finish(struct kube_object *o, struct arena *a)
{
    (void)a;
    struct service *s = (struct service *)o;
    child_finish(&s->child, &s->child_reading);
    const struct service_port *ports = s->ports.items;
    s->port_count = (int64_t)s->ports.count;
    if (s->ports.count == 0) return;
    s->port = ports[0].port;
    s->target_port = ports[0].target;
}

static const struct kube_resource service_resource = {"api/v1", "services", "v1", "Service"};
const struct kube_type service_type = {"service", &service_resource, &service_table, KEPT(service),
                                       CARREL_MANAGED_BY, service_finish, {0}};

struct ingress_path {
    char *path, *service;
    int64_t port;
};
struct ingress_rule {
    char *host;
    struct json_list paths;
};
struct ingress_tls {
    char *secret;
};
#define STRUCT struct ingress_path
ROWS(backend_port, ROW("number", JSON_INT, port));
ROWS(backend_service, ROW("name", JSON_TEXT, service), INTO("port", backend_port));
ROWS(ingress_backend, INTO("service", backend_service));
ITEMS(path_table, struct ingress_path, ROW("path", JSON_TEXT, path),
      INTO("backend", ingress_backend));
#undef STRUCT
#define STRUCT struct ingress_rule
ROWS(rule_http, ROW("paths", JSON_LIST, paths, .table = &path_table));
ITEMS(rule_table, struct ingress_rule, ROW("host", JSON_TEXT, host), INTO("http", rule_http));
#undef STRUCT
#define STRUCT struct ingress_tls
ITEMS(tls_table, struct ingress_tls, ROW("secretName", JSON_TEXT, secret));
#undef STRUCT
#define STRUCT struct ingress
ROWS(ingress_spec, SAME("ingressClassName", route.class),
     ROW("rules", JSON_LIST, rule_list, .flags = JSON_TRANSIENT, .table = &rule_table),
     ROW("tls", JSON_LIST, tls_list, .flags = JSON_TRANSIENT, .table = &tls_table));
ROWS(ingress_labels, CHILD_LABEL_ROWS);
ROWS(ingress_annotations, KUBE_ANNOTATION_ROWS(STRUCT),
     ROW(ANNOTATION_INTENT, JSON_TEXT, child.intent));
ROWS(ingress_meta, CHILD_META_ROWS(ingress_labels, ingress_annotations),
     ROW("annotations", JSON_MAP, annotations));
ITEMS(ingress_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", ingress_meta), INTO("spec", ingress_spec),
      ROW("\001h", JSON_TEXT, route.host), ROW("\001p", JSON_TEXT, route.path),
      ROW("\001s", JSON_TEXT, route.service), ROW("\001t", JSON_TEXT, route.secret),
      ROW("\001n", JSON_INT, route.port), ROW("\001r", JSON_INT, route.rules),
      ROW("\001l", JSON_INT, route.tls));
#undef STRUCT

/* The intent has a member of its own; kept here too it would be the only one, mostly. */
static void drop_intent(struct json_list *annotations)
{
    struct json_pair *pairs = annotations->items;
    for (size_t i = 0; i < annotations->count; i++) {
        if (strcmp(pairs[i].key, ANNOTATION_INTENT) != 0) continue;
        pairs[i] = pairs[--annotations->count];
        return;
    }
}

static void ingress_finish(struct kube_object *o, struct arena *a)
{
    (void)a;
    struct ingress *i = (struct ingress *)o;
    const struct ingress_rule *rules = i->rule_list.items;
    const struct ingress_tls *tls = i->tls_list.items;
    child_finish(&i->child, &i->child_reading);
    drop_intent(&i->annotations);
    i->route.rules = (int64_t)i->rule_list.count;
    i->route.tls = (int64_t)i->tls_list.count;
    if (i->route.tls > 0) i->route.secret = tls[0].secret;
    if (i->route.rules == 0) return;
    i->route.host = rules[0].host;
    if (rules[0].paths.count != 1) return;
    const struct ingress_path *path = rules[0].paths.items;
    i->route.path = path->path;
    i->route.service = path->service;
    i->route.port = path->port;
}

static const struct kube_resource ingress_resource = {"apis/networking.k8s.io/v1", "ingresses",
                                                      "networking.k8s.io/v1", "Ingress"};
const struct kube_type ingress_type = {"ingress", &ingress_resource, &ingress_table, KEPT(ingress),
                                       CARREL_MANAGED_BY, ingress_finish, {0}};

#define STRUCT struct claim
ROWS(claim_labels, SAME("carrel.dev/user", user));
ROWS(claim_meta, KUBE_META_ROWS(STRUCT), KUBE_NO_ANNOTATIONS(STRUCT),
     INTO("labels", claim_labels));
ROWS(claim_status, ROW("phase", JSON_TEXT, phase));
ITEMS(claim_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", claim_meta), INTO("status", claim_status));
#undef STRUCT
static const struct kube_resource claim_resource = {"api/v1", "persistentvolumeclaims", "v1",
                                                    "PersistentVolumeClaim"};
const struct kube_type claim_type = {"claim", &claim_resource, &claim_table, KEPT(claim),
                                     CARREL_MANAGED_BY, NULL, {0}};

bool child_is_listed(const struct kube_object *o)
{
    if (o->type == &deployment_type) return ((const struct deployment *)o)->child.listed;
    if (o->type == &service_type) return ((const struct service *)o)->child.listed;
    return o->type == &ingress_type && ((const struct ingress *)o)->child.listed;
}

/* --- Pod ------------------------------------------------------------------------------------ */

struct container_end {
    bool present;
    int64_t exit_code;
    char *reason, *message;
};
struct container {
    char *name;
    int64_t restarts;
    char *waiting_reason, *waiting_message;
    int64_t running_since_ms;
    struct container_end now, last;
};
#define STRUCT struct container_end
ROWS(end_table, ROW("exitCode", JSON_INT, exit_code), ROW("reason", JSON_TEXT, reason),
     ROW("message", JSON_TEXT, message));
#undef STRUCT
#define STRUCT struct container
ROWS(waiting_table, ROW("reason", JSON_TEXT, waiting_reason),
     ROW("message", JSON_TEXT, waiting_message));
ROWS(running_table, ROW("startedAt", JSON_TIME, running_since_ms));
ROWS(state_table, INTO("waiting", waiting_table), INTO("running", running_table),
     {"terminated", JSON_OBJECT, 0, offsetof(STRUCT, now), &end_table},
     {"terminated", JSON_PRESENT, 0, offsetof(STRUCT, now.present), 0});
ROWS(last_state_table, {"terminated", JSON_OBJECT, 0, offsetof(STRUCT, last), &end_table},
     {"terminated", JSON_PRESENT, 0, offsetof(STRUCT, last.present), 0});
ITEMS(container_table, struct container, ROW("name", JSON_TEXT, name),
      ROW("restartCount", JSON_INT, restarts), INTO("state", state_table),
      INTO("lastState", last_state_table));
#undef STRUCT

#define STRUCT struct pod
ROWS(pod_labels, ROW("carrel.dev/session", JSON_TEXT, session),
     SAME("carrel.dev/user", user), ROW("carrel.dev/home", JSON_PRESENT, has_home));
ROWS(pod_annotations, KUBE_ANNOTATION_ROWS(STRUCT),
     ROW(ANNOTATION_RESTART, JSON_TEXT, restart_at),
     SAME(ANNOTATION_OWNER, session_uid));
ROWS(pod_meta, KUBE_META_ROWS_OF(STRUCT, 0, JSON_TRANSIENT), INTO("annotations", pod_annotations),
     INTO("labels", pod_labels));
ROWS(pod_spec, SAME("nodeName", node));
ROWS(pod_status, SAME("phase", phase), ROW("reason", JSON_TEXT, reason),
     ROW("message", JSON_TEXT, message),
     ROW("conditions", JSON_LIST, condition_list, .flags = JSON_TRANSIENT,
         .table = &condition_table),
     ROW("containerStatuses", JSON_LIST, container_list, .flags = JSON_TRANSIENT,
         .table = &container_table));
ITEMS(pod_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", pod_meta), INTO("spec", pod_spec),
      INTO("status", pod_status), ROW("\001um", JSON_TEXT, unscheduled_message),
      SAME("\001wr", waiting_reason), ROW("\001wm", JSON_TEXT, waiting_message),
      ROW("\001cr", JSON_TEXT, crash_reason), ROW("\001cm", JSON_TEXT, crash_message),
      ROW("\001rd", JSON_BOOL, ready), ROW("\001rs", JSON_INT, restarts),
      ROW("\001sc", JSON_INT, scheduled_ms), ROW("\001ru", JSON_INT, running_since_ms));
#undef STRUCT

static void read_container(struct pod *p, const struct container *c)
{
    const struct container_end *end = c->now.present ? &c->now : &c->last;
    p->waiting_reason = c->waiting_reason;
    p->waiting_message = c->waiting_message;
    p->restarts = c->restarts;
    p->running_since_ms = c->running_since_ms;
    if (!end->present) return;
    p->crashed = true;
    p->exit_code = end->exit_code;
    p->crash_reason = end->reason;
    p->crash_message = end->message;
}

static void pod_finish(struct kube_object *o, struct arena *a)
{
    (void)a;
    struct pod *p = (struct pod *)o;
    const struct raw_condition *scheduled = find_condition(&p->condition_list, "PodScheduled");
    const struct raw_condition *ready = find_condition(&p->condition_list, "Ready");
    if (scheduled) {
        p->scheduled = read_status(scheduled->status);
        if (p->scheduled == CONDITION_TRUE) p->scheduled_ms = scheduled->since_ms;
        else p->unscheduled_message = scheduled->message;
    }
    p->ready = is_true(ready);
    p->ready_since_ms = p->ready ? ready->since_ms : 0;
    const struct container *containers = p->container_list.items;
    for (size_t i = 0; i < p->container_list.count; i++) {
        if (containers[i].name && strcmp(containers[i].name, "session") == 0) {
            read_container(p, &containers[i]);
        }
    }
}

static bool pod_by_session(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return key_of(key, o->meta.ns, ((const struct pod *)o)->session);
}

static const struct kube_resource pod_resource = {"api/v1", "pods", "v1", "Pod"};
const struct kube_type pod_type = {"pod", &pod_resource, &pod_table, KEPT(pod),
                                   CARREL_MANAGED_BY, pod_finish, {pod_by_session}};

/* --- ControllerRevision and what we only write ---------------------------------------------- */

#define STRUCT struct revision
ROWS(revision_labels, ROW("carrel.dev/template", JSON_TEXT, template));
ROWS(revision_annotations, KUBE_ANNOTATION_ROWS(STRUCT),
     ROW(ANNOTATION_UNUSED, JSON_TIME, unused_since_ms));
ROWS(revision_meta, KUBE_META_ROWS(STRUCT), INTO("annotations", revision_annotations),
     INTO("labels", revision_labels));
ITEMS(revision_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", revision_meta), ROW("data", JSON_RAW, data));
#undef STRUCT

static bool revision_by_template(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return key_of(key, o->meta.ns, ((const struct revision *)o)->template);
}

static const struct kube_resource revision_resource = {"apis/apps/v1", "controllerrevisions",
                                                       "apps/v1", "ControllerRevision"};
const struct kube_type revision_type = {"revision", &revision_resource, &revision_table,
                                        KEPT(revision),
                                        CARREL_MANAGED_BY, NULL,
                                        {revision_by_template}};

const struct kube_resource event_resource = {"apis/events.k8s.io/v1", "events",
                                             "events.k8s.io/v1", "Event"};
const struct kube_resource lease_resource = {"apis/coordination.k8s.io/v1", "leases",
                                             "coordination.k8s.io/v1", "Lease"};
