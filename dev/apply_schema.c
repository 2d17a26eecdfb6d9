#include "dev/apply_schema.h"

#define ALWAYS .always = true
#define ROWS(of) .fields = of, .count = sizeof(of) / sizeof((of)[0])
#define EXPORT(name, of) const struct schema_rows name = {of, sizeof(of) / sizeof((of)[0])}

static const struct schema metadata[] = {
    {.name = "finalizers", .kind = SCHEMA_SET},
    {.name = "ownerReferences", .kind = SCHEMA_MAP, .keys = {"uid"}, .whole_items = true},
    {.name = "managedFields", .kind = SCHEMA_ATOMIC},
};
const struct schema schema_metadata = {.name = "metadata", ROWS(metadata)};

static const struct schema with_conditions[] = {
    {.name = "conditions", .kind = SCHEMA_MAP, .keys = {"type"}},
};

/* --- Pods --- */

static const struct schema env_source[] = {
    {.name = "secretKeyRef", .kind = SCHEMA_ATOMIC},
    {.name = "configMapKeyRef", .kind = SCHEMA_ATOMIC},
    {.name = "fieldRef", .kind = SCHEMA_ATOMIC},
    {.name = "resourceFieldRef", .kind = SCHEMA_ATOMIC},
    {.name = "fileKeyRef", .kind = SCHEMA_ATOMIC},
};
static const struct schema env_item[] = {{.name = "valueFrom", ROWS(env_source)}};
static const struct schema container_resources[] = {
    {.name = "claims", .kind = SCHEMA_MAP, .keys = {"name", "request="}},
};
static const struct schema container[] = {
    {.name = "env", .kind = SCHEMA_MAP, .keys = {"name"}, ROWS(env_item)},
    {.name = "ports", .kind = SCHEMA_MAP, .keys = {"containerPort", "protocol=TCP"}},
    {.name = "volumeMounts", .kind = SCHEMA_MAP, .keys = {"mountPath"}},
    {.name = "volumeDevices", .kind = SCHEMA_MAP, .keys = {"devicePath"}},
    {.name = "resources", ROWS(container_resources)},
};
static const struct schema pod_spec[] = {
    {.name = "containers", .kind = SCHEMA_MAP, .keys = {"name"}, ROWS(container), ALWAYS},
    {.name = "initContainers", .kind = SCHEMA_MAP, .keys = {"name"}, ROWS(container)},
    {.name = "ephemeralContainers", .kind = SCHEMA_MAP, .keys = {"name"}, ROWS(container)},
    {.name = "volumes", .kind = SCHEMA_MAP, .keys = {"name"}},
    {.name = "imagePullSecrets", .kind = SCHEMA_MAP, .keys = {"name"}},
    {.name = "hostAliases", .kind = SCHEMA_MAP, .keys = {"ip"}},
    {.name = "topologySpreadConstraints",
     .kind = SCHEMA_MAP,
     .keys = {"topologyKey", "whenUnsatisfiable"}},
    {.name = "resourceClaims", .kind = SCHEMA_MAP, .keys = {"name"}},
    {.name = "schedulingGates", .kind = SCHEMA_MAP, .keys = {"name"}},
    {.name = "nodeSelector", .kind = SCHEMA_ATOMIC},
};
static const struct schema pod_status[] = {
    {.name = "conditions", .kind = SCHEMA_MAP, .keys = {"type"}},
    {.name = "podIPs", .kind = SCHEMA_MAP, .keys = {"ip"}},
    {.name = "hostIPs", .kind = SCHEMA_ATOMIC},
};
static const struct schema pod[] = {
    {.name = "spec", ROWS(pod_spec), ALWAYS},
    {.name = "status", ROWS(pod_status), ALWAYS},
};
EXPORT(schema_pod, pod);

static const struct schema pod_template[] = {
    {.name = "metadata", ROWS(metadata), ALWAYS},
    {.name = "spec", ROWS(pod_spec), ALWAYS},
};

/* --- apps --- */

static const struct schema deployment_spec[] = {
    {.name = "selector", .kind = SCHEMA_ATOMIC},
    {.name = "template", ROWS(pod_template), ALWAYS},
    {.name = "strategy", ALWAYS},
};
static const struct schema deployment[] = {
    {.name = "spec", ROWS(deployment_spec), ALWAYS},
    {.name = "status", ROWS(with_conditions), ALWAYS},
};
EXPORT(schema_deployment, deployment);

/* --- Networking --- */

static const struct schema service_spec[] = {
    {.name = "ports", .kind = SCHEMA_MAP, .keys = {"port", "protocol=TCP"}},
    {.name = "selector", .kind = SCHEMA_ATOMIC},
};
static const struct schema service[] = {
    {.name = "spec", ROWS(service_spec), ALWAYS},
    {.name = "status", ROWS(with_conditions), ALWAYS},
};
EXPORT(schema_service, service);

static const struct schema ingress_spec[] = {
    {.name = "rules", .kind = SCHEMA_ATOMIC},
    {.name = "tls", .kind = SCHEMA_ATOMIC},
};
static const struct schema ingress[] = {
    {.name = "spec", ROWS(ingress_spec), ALWAYS},
    {.name = "status", ALWAYS},
};
EXPORT(schema_ingress, ingress);

static const struct schema policy_spec[] = {{.name = "podSelector", .kind = SCHEMA_ATOMIC}};
static const struct schema policy[] = {{.name = "spec", ROWS(policy_spec), ALWAYS}};
EXPORT(schema_policy, policy);

static const struct schema slice[] = {
    {.name = "endpoints", .kind = SCHEMA_ATOMIC},
    {.name = "ports", .kind = SCHEMA_ATOMIC},
};
EXPORT(schema_slice, slice);

/* --- The rest of the core group --- */

static const struct schema claim_spec[] = {
    {.name = "selector", .kind = SCHEMA_ATOMIC},
    {.name = "dataSource", .kind = SCHEMA_ATOMIC},
    {.name = "resources", ALWAYS},
};
static const struct schema claim[] = {
    {.name = "spec", ROWS(claim_spec), ALWAYS},
    {.name = "status", ROWS(with_conditions), ALWAYS},
};
EXPORT(schema_claim, claim);

static const struct schema node_spec[] = {
    {.name = "podCIDRs", .kind = SCHEMA_SET},
};
static const struct schema node_status[] = {
    {.name = "conditions", .kind = SCHEMA_MAP, .keys = {"type"}},
    {.name = "addresses", .kind = SCHEMA_MAP, .keys = {"type"}},
};
static const struct schema node[] = {
    {.name = "spec", ROWS(node_spec), ALWAYS},
    {.name = "status", ROWS(node_status), ALWAYS},
};
EXPORT(schema_node, node);

static const struct schema account[] = {
    {.name = "secrets", .kind = SCHEMA_MAP, .keys = {"name"}},
};
EXPORT(schema_account, account);

static const struct schema namespace[] = {
    {.name = "spec", ALWAYS},
    {.name = "status", ROWS(with_conditions), ALWAYS},
};
EXPORT(schema_namespace, namespace);

static const struct schema event[] = {
    {.name = "involvedObject", .kind = SCHEMA_ATOMIC},
    {.name = "regarding", .kind = SCHEMA_ATOMIC},
    {.name = "related", .kind = SCHEMA_ATOMIC},
};
EXPORT(schema_event, event);

static const struct schema revision[] = {{.name = "data", .kind = SCHEMA_ATOMIC}};
EXPORT(schema_revision, revision);

static const struct schema ordinary[] = {
    {.name = "spec", ALWAYS},
    {.name = "status", ALWAYS},
};
EXPORT(schema_ordinary, ordinary);

/* --- carrel.dev, as crds/ has it --- */

static const struct schema session_spec[] = {
    {.name = "tags", .kind = SCHEMA_SET},
    {.name = "env", .kind = SCHEMA_MAP, .keys = {"name"}, ROWS(env_item)},
};
static const struct schema session[] = {
    {.name = "spec", ROWS(session_spec)},
    {.name = "status", ROWS(with_conditions)},
};
EXPORT(schema_session, session);

static const struct schema template_pod[] = {
    {.name = "imagePullSecrets", .kind = SCHEMA_MAP, .keys = {"name"}},
    {.name = "volumes", .kind = SCHEMA_MAP, .keys = {"name"}},
};
static const struct schema template_network[] = {
    {.name = "allowNamespaces", .kind = SCHEMA_SET},
};
static const struct schema template_spec[] = {
    {.name = "ports", .kind = SCHEMA_MAP, .keys = {"name"}},
    {.name = "env", .kind = SCHEMA_MAP, .keys = {"name"}, ROWS(env_item)},
    {.name = "parameters", .kind = SCHEMA_MAP, .keys = {"name"}},
    {.name = "volumeMounts", .kind = SCHEMA_MAP, .keys = {"mountPath"}},
    {.name = "pod", ROWS(template_pod)},
    {.name = "networkPolicy", ROWS(template_network)},
};
static const struct schema template[] = {
    {.name = "spec", ROWS(template_spec)},
    {.name = "status", ROWS(with_conditions)},
};
EXPORT(schema_template, template);

static const struct schema repository_auth[] = {{.name = "secretRef", .kind = SCHEMA_ATOMIC}};
static const struct schema repository_spec[] = {{.name = "auth", ROWS(repository_auth)}};
static const struct schema repository[] = {
    {.name = "spec", ROWS(repository_spec)},
    {.name = "status", ROWS(with_conditions)},
};
EXPORT(schema_repository, repository);
