#include "dev/resources.h"

#include <string.h>

#include "dev/apply_schema.h"
#include "dev/store_types.h"
#include "lib/str.h"

#define COUNT(of) (sizeof(of) / sizeof((of)[0]))
#define DEFAULTS(of) .defaults = of, .default_count = COUNT(of)

#define POD_DEFAULTS(at)                                                                           \
    {at "restartPolicy", "\"Always\""},                                                            \
        {at "terminationGracePeriodSeconds", "30"},                                                \
        {at "dnsPolicy", "\"ClusterFirst\""},                                                      \
        {at "securityContext", "{}"},                                                              \
        {at "schedulerName", "\"default-scheduler\""},                                             \
        {at "containers[].resources", "{}"},                                                       \
        {at "containers[].terminationMessagePath", "\"/dev/termination-log\""},                    \
        {at "containers[].terminationMessagePolicy", "\"File\""},                                  \
        {at "containers[].ports[].protocol", "\"TCP\""},                                           \
        {at "initContainers[].resources", "{}"},                                                   \
        {at "initContainers[].terminationMessagePath", "\"/dev/termination-log\""},                \
        {at "initContainers[].terminationMessagePolicy", "\"File\""}

static const struct resource_default pod_defaults[] = {
    POD_DEFAULTS("spec."),
    {"spec.enableServiceLinks", "true"},
};
static const struct resource_default deployment_defaults[] = {
    {"spec.replicas", "1"},
    {"spec.revisionHistoryLimit", "10"},
    {"spec.progressDeadlineSeconds", "600"},
    {"spec.strategy", "{}"},
    {"spec.strategy.type", "\"RollingUpdate\""},
    POD_DEFAULTS("spec.template.spec."),
};
static const struct resource_default replicaset_defaults[] = {
    {"spec.replicas", "1"},
    POD_DEFAULTS("spec.template.spec."),
};
static const struct resource_default service_defaults[] = {
    {"spec.type", "\"ClusterIP\""},
    {"spec.sessionAffinity", "\"None\""},
    {"spec.internalTrafficPolicy", "\"Cluster\""},
    {"spec.ports[].protocol", "\"TCP\""},
    {"status", "{}"},
    {"status.loadBalancer", "{}"},
};
static const struct resource_default ingress_defaults[] = {
    {"status", "{}"},
    {"status.loadBalancer", "{}"},
};
static const struct resource_default claim_defaults[] = {
    {"spec.volumeMode", "\"Filesystem\""},
    {"status", "{}"},
    {"status.phase", "\"Pending\""},
};
static const struct resource_default volume_defaults[] = {
    {"spec.persistentVolumeReclaimPolicy", "\"Retain\""},
    {"spec.volumeMode", "\"Filesystem\""},
    {"status", "{}"},
    {"status.phase", "\"Pending\""},
};
static const struct resource_default secret_defaults[] = {{"type", "\"Opaque\""}};
static const struct resource_default class_defaults[] = {
    {"reclaimPolicy", "\"Delete\""},
    {"volumeBindingMode", "\"Immediate\""},
};
static const struct resource_default slice_defaults[] = {
    {"endpoints[].conditions", "{}"},
    {"ports[].protocol", "\"TCP\""},
};
static const struct resource_default policy_defaults[] = {
    {"spec.ingress[].ports[].protocol", "\"TCP\""},
    {"spec.egress[].ports[].protocol", "\"TCP\""},
};
static const struct resource_default session_defaults[] = {
    {"spec.state", "\"running\""},
    {"spec.persistentHome", "true"},
    {"spec.idleTimeout", "\"30m\""},
    {"spec.retention", "\"0\""},
    {"spec.storage", "\"none\""},
    {"spec.route", "{}"},
    {"spec.route.mode", "\"host\""},
};
static const struct resource_default template_defaults[] = {
    {"spec.featured", "false"},
    {"spec.kind", "\"webapp\""},
    {"spec.ports[].protocol", "\"TCP\""},
    {"spec.webapp.enabled", "true"},
    {"spec.webapp.path", "\"/\""},
    {"spec.vnc.enabled", "true"},
    {"spec.vnc.port", "3000"},
    {"spec.vnc.protocol", "\"websocket\""},
    {"spec.vnc.encryption", "false"},
    {"spec.basePathAware", "false"},
    {"spec.readinessProbe.periodSeconds", "2"},
    {"spec.parameters[].type", "\"string\""},
    {"spec.parameters[].required", "false"},
    {"spec.homePath", "\"/config\""},
    {"spec.volumeMounts[].readOnly", "false"},
    {"spec.podSecurity", "\"restricted\""},
    {"spec.security.readOnlyRootFilesystem", "false"},
    {"spec.networkPolicy.allowInternet", "true"},
    {"spec.evictable", "false"},
};
static const struct resource_default repository_defaults[] = {
    {"spec.branch", "\"main\""},
    {"spec.syncInterval", "\"1h\""},
    {"spec.auth", "{}"},
    {"spec.auth.type", "\"none\""},
    {"spec.suspend", "false"},
};

enum { CUSTOM = RES_CUSTOM | RES_STATUS | RES_GENERATION | RES_PUT_NEEDS_RV };

#define SCHEMA(of) .schema = &of
#define TYPE(group_, version_, plural_, kind_, flags_, ...)                                        \
    {                                                                                              \
        .group = group_, .version = version_, .plural = plural_, .kind = kind_, .flags = flags_,   \
        __VA_ARGS__                                                                                \
    }

static const struct resource table[] = {
    TYPE("carrel.dev", "v1alpha1", "sessions", "Session", CUSTOM, SCHEMA(schema_session),
         DEFAULTS(session_defaults), .check = types_check_session,
         .selectable = {"spec.user", "spec.template", "spec.state", "status.phase"}),
    TYPE("carrel.dev", "v1alpha1", "templates", "Template", CUSTOM, SCHEMA(schema_template),
         DEFAULTS(template_defaults), .check = types_check_template,
         .selectable = {"spec.category", "spec.kind", "status.valid"}),
    TYPE("carrel.dev", "v1alpha1", "connections", "Connection", CUSTOM,
         .check = types_check_connection,
         .selectable = {"spec.sessionID", "spec.userID", "status.state"}),
    TYPE("carrel.dev", "v1alpha1", "templaterepositories", "TemplateRepository", CUSTOM,
         SCHEMA(schema_repository), DEFAULTS(repository_defaults), .check = types_check_repository,
         .selectable = {"spec.url", "status.phase"}),

    TYPE("", "v1", "pods", "Pod",
         RES_STATUS | RES_GENERATION | RES_DELETE_ANSWERS_OBJECT | RES_GRACE, SCHEMA(schema_pod),
         DEFAULTS(pod_defaults), .prepare = types_prepare_pod, .check = types_check_pod,
         .selectable = {"spec.nodeName", "status.phase", "spec.restartPolicy",
                        "spec.schedulerName", "spec.serviceAccountName", "status.podIP"}),
    TYPE("", "v1", "services", "Service", RES_STATUS | RES_DELETE_ANSWERS_OBJECT | RES_LABEL_NAME,
         SCHEMA(schema_service), DEFAULTS(service_defaults), .prepare = types_prepare_service,
         .allocate = types_allocate_service,
         .check = types_check_service, .selectable = {"spec.clusterIP", "spec.type"}),
    TYPE("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim",
         RES_STATUS | RES_DELETE_ANSWERS_OBJECT, SCHEMA(schema_claim), DEFAULTS(claim_defaults)),
    TYPE("", "v1", "persistentvolumes", "PersistentVolume",
         RES_CLUSTER | RES_STATUS | RES_DELETE_ANSWERS_OBJECT, SCHEMA(schema_ordinary),
         DEFAULTS(volume_defaults)),
    TYPE("", "v1", "namespaces", "Namespace", RES_CLUSTER | RES_STATUS | RES_LABEL_NAME,
         SCHEMA(schema_namespace), .prepare = types_prepare_namespace,
         .allocate = types_allocate_namespace,
         .selectable = {"status.phase"}),
    TYPE("", "v1", "events", "Event", RES_FREE_NAME, SCHEMA(schema_event),
         .selectable = {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
                        "involvedObject.uid", "reason", "type", "reportingComponent", "source"}),
    TYPE("", "v1", "configmaps", "ConfigMap", 0),
    TYPE("", "v1", "secrets", "Secret", 0, DEFAULTS(secret_defaults), .selectable = {"type"}),
    TYPE("", "v1", "nodes", "Node", RES_CLUSTER | RES_STATUS, SCHEMA(schema_node),
         .selectable = {"spec.unschedulable"}),
    TYPE("", "v1", "serviceaccounts", "ServiceAccount", RES_DELETE_ANSWERS_OBJECT,
         SCHEMA(schema_account)),
    TYPE("", "v1", "resourcequotas", "ResourceQuota", RES_STATUS | RES_DELETE_ANSWERS_OBJECT,
         SCHEMA(schema_ordinary)),
    TYPE("", "v1", "endpoints", "Endpoints", RES_PUT_CREATES),

    TYPE("events.k8s.io", "v1", "events", "Event", RES_FREE_NAME, SCHEMA(schema_event),
         .selectable = {"regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid",
                        "reason", "type", "reportingController"}),
    TYPE("apps", "v1", "deployments", "Deployment",
         RES_STATUS | RES_GENERATION | RES_COUNTS_NOTES, SCHEMA(schema_deployment),
         DEFAULTS(deployment_defaults), .prepare = types_prepare_deployment,
         .check = types_check_deployment),
    TYPE("apps", "v1", "replicasets", "ReplicaSet", RES_STATUS | RES_GENERATION,
         SCHEMA(schema_deployment), DEFAULTS(replicaset_defaults), .check = types_check_deployment,
         .selectable = {"status.replicas"}),
    TYPE("apps", "v1", "controllerrevisions", "ControllerRevision", 0, SCHEMA(schema_revision)),
    TYPE("networking.k8s.io", "v1", "ingresses", "Ingress", RES_STATUS | RES_GENERATION,
         SCHEMA(schema_ingress), DEFAULTS(ingress_defaults)),
    TYPE("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", RES_GENERATION,
         SCHEMA(schema_policy), DEFAULTS(policy_defaults)),
    TYPE("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", RES_GENERATION,
         SCHEMA(schema_slice), DEFAULTS(slice_defaults)),
    TYPE("coordination.k8s.io", "v1", "leases", "Lease", RES_PUT_CREATES | RES_PUT_NEEDS_RV,
         SCHEMA(schema_ordinary)),
    TYPE("storage.k8s.io", "v1", "storageclasses", "StorageClass",
         RES_CLUSTER | RES_DELETE_ANSWERS_OBJECT, DEFAULTS(class_defaults)),
};

const struct resource *resources_all(size_t *count)
{
    *count = COUNT(table);
    return table;
}

const struct resource *resource_find(const char *group, const char *version, const char *plural)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct resource *r = &table[i];
        if (str_equal(r->plural, plural) && str_equal(r->group, group) &&
            str_equal(r->version, version)) {
            return r;
        }
    }
    return NULL;
}

const struct resource *resource_of_kind(const char *api_version, const char *kind)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct resource *r = &table[i];
        size_t n = strlen(r->group);
        if (!str_equal(r->kind, kind) || strncmp(api_version, r->group, n) != 0) continue;
        const char *version = api_version + n;
        if (n > 0 && *version++ != '/') continue;
        if (str_equal(version, r->version)) return r;
    }
    return NULL;
}

const char *resource_api_version(const struct resource *r, struct arena *a)
{
    return *r->group ? arena_printf(a, "%s/%s", r->group, r->version) : r->version;
}

/* --- Defaults --- */

/* Goes down path, into each item behind "[]", and sets its last name where there is nothing. */
static void set_default(struct arena *a, struct json *in, const char *path, const char *json)
{
    size_t n = strcspn(path, ".[");
    const char *name = arena_strndup(a, path, n);
    struct json *member = json_get(in, name), *value;
    if (!path[n]) {
        if (member || !json_is_object(in)) return;
        if (json_parse(a, json, strlen(json), &value, NULL) == 0) json_set(a, in, name, value);
    } else if (path[n] == '.') {
        if (json_is_object(member)) set_default(a, member, path + n + 1, json);
    } else {
        for (struct json *item = json_first(member); item; item = json_next(item)) {
            set_default(a, item, path + n + strlen("[]."), json);
        }
    }
}

void resource_apply_defaults(const struct resource *r, struct arena *a, struct json *object)
{
    for (size_t i = 0; i < r->default_count; i++) {
        set_default(a, object, r->defaults[i].path, r->defaults[i].json);
    }
}

/* --- Schemas --- */

static const struct schema *find_row(const struct schema *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    }
    return NULL;
}

const struct schema *resource_schema(const struct resource *r, const char *member)
{
    if (strcmp(member, "metadata") == 0) return &schema_metadata;
    return r->schema ? find_row(r->schema->rows, r->schema->count, member) : NULL;
}

const struct schema *schema_field(const struct schema *parent, const char *member)
{
    return parent ? find_row(parent->fields, parent->count, member) : NULL;
}
