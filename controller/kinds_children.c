#include <string.h>

#include "controller/kinds_table.h"
#include "lib/map.h"
#include "lib/str.h"

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
    const struct raw_condition *failure = condition_find(&d->condition_list, "ReplicaFailure");
    if (condition_is_true(failure)) d->failure = failure->message;
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

/* --- ControllerRevision --------------------------------------------------------------------- */

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
    return kinds_key(key, o->meta.ns, ((const struct revision *)o)->template);
}

static const struct kube_resource revision_resource = {"apis/apps/v1", "controllerrevisions",
                                                       "apps/v1", "ControllerRevision"};
const struct kube_type revision_type = {"revision", &revision_resource, &revision_table,
                                        KEPT(revision),
                                        CARREL_MANAGED_BY, NULL,
                                        {revision_by_template}};
