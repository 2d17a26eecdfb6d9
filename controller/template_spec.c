#include "controller/template_spec.h"

#include <string.h>

#include "lib/str.h"

#define ROW(name, type, member, ...) JSON_ROW(name, type, STRUCT, member, __VA_ARGS__)
#define INTO(name, table) {name, JSON_OBJECT, 0, 0, &table}
#define ROWS(table_name, ...)                                                                      \
    static const struct json_field table_name##_rows[] = {__VA_ARGS__};                            \
    static const struct json_table table_name = {                                                  \
        table_name##_rows, sizeof(table_name##_rows) / sizeof(table_name##_rows[0]),               \
        sizeof(STRUCT), false}

enum { PORT_DEFAULT = 3000 };

#define STRUCT struct template_port
ROWS(port_table, ROW("name", JSON_TEXT, name), ROW("containerPort", JSON_INT, port),
     ROW("protocol", JSON_TEXT, protocol));
#undef STRUCT
#define STRUCT struct env_var
ROWS(env_table, ROW("name", JSON_TEXT, name, .flags = JSON_REQUIRED),
     ROW("value", JSON_TEXT, value), ROW("valueFrom", JSON_RAW, value_from));
#undef STRUCT
#define STRUCT struct template_mount
ROWS(mount_table, ROW("name", JSON_TEXT, name, .flags = JSON_REQUIRED),
     ROW("mountPath", JSON_TEXT, path, .flags = JSON_REQUIRED),
     ROW("subPath", JSON_TEXT, sub_path), ROW("readOnly", JSON_BOOL, read_only));
#undef STRUCT
#define STRUCT struct template_volume
ROWS(volume_table, ROW("name", JSON_TEXT, name, .flags = JSON_REQUIRED));
#undef STRUCT
#define STRUCT struct template_parameter
ROWS(parameter_table, ROW("name", JSON_TEXT, name, .flags = JSON_REQUIRED),
     ROW("type", JSON_TEXT, type), ROW("default", JSON_TEXT, fallback),
     ROW("allowed", JSON_TEXTS, allowed), ROW("required", JSON_BOOL, required));
#undef STRUCT
#define STRUCT struct resources
ROWS(resources_table, ROW("requests", JSON_MAP, requests), ROW("limits", JSON_MAP, limits),
     ROW("cpu", JSON_SCALAR, cpu), ROW("memory", JSON_SCALAR, memory));
#undef STRUCT
#define STRUCT struct template_spec
ROWS(webapp_table, ROW("enabled", JSON_BOOL, webapp_enabled), ROW("port", JSON_INT, webapp_port),
     ROW("path", JSON_TEXT, webapp_path), ROW("healthCheck", JSON_TEXT, health_check));
ROWS(vnc_table, ROW("enabled", JSON_BOOL, vnc_enabled), ROW("port", JSON_INT, vnc_port));
ROWS(probe_table, ROW("path", JSON_TEXT, probe_path), ROW("port", JSON_INT, probe_port),
     ROW("periodSeconds", JSON_INT, probe_period_s));
ROWS(pod_table, ROW("imagePullSecrets", JSON_RAW, pull_secrets),
     ROW("nodeSelector", JSON_RAW, node_selector), ROW("tolerations", JSON_RAW, tolerations),
     ROW("affinity", JSON_RAW, affinity), ROW("volumes", JSON_RAW, volumes),
     ROW("volumes", JSON_LIST, volume_names, .table = &volume_table),
     ROW("runtimeClassName", JSON_TEXT, runtime_class),
     ROW("priorityClassName", JSON_TEXT, priority_class));
ROWS(security_table, ROW("runAsUser", JSON_INT, run_as_user),
     ROW("runAsGroup", JSON_INT, run_as_group), ROW("fsGroup", JSON_INT, fs_group),
     ROW("runAsNonRoot", JSON_BOOL, run_as_non_root),
     ROW("runAsNonRoot", JSON_PRESENT, has_run_as_non_root),
     ROW("readOnlyRootFilesystem", JSON_BOOL, read_only_root));
ROWS(spec_table, ROW("displayName", JSON_TEXT, display_name), ROW("baseImage", JSON_TEXT, image),
     ROW("kind", JSON_TEXT, kind), ROW("command", JSON_TEXTS, command),
     ROW("args", JSON_TEXTS, args), ROW("ports", JSON_LIST, ports, .table = &port_table),
     ROW("env", JSON_LIST, env, .table = &env_table),
     ROW("parameters", JSON_LIST, parameters, .table = &parameter_table),
     ROW("defaultResources", JSON_OBJECT, resources, .table = &resources_table),
     ROW("volumeMounts", JSON_LIST, mounts, .table = &mount_table),
     INTO("webapp", webapp_table),
     ROW("webapp", JSON_PRESENT, has_webapp), INTO("vnc", vnc_table),
     ROW("vnc", JSON_PRESENT, has_vnc), INTO("readinessProbe", probe_table),
     ROW("basePathAware", JSON_BOOL, base_path_aware), ROW("evictable", JSON_BOOL, evictable),
     ROW("homePath", JSON_TEXT, home_path), INTO("pod", pod_table),
     ROW("podSecurity", JSON_TEXT, pod_security), INTO("security", security_table));
#undef STRUCT

struct env_list {
    struct json_list env;
};
struct pairs {
    struct json_list pairs;
};

int template_spec_read(struct arena *a, const char *json, struct template_spec *out,
                       struct err *err)
{
    *out = (struct template_spec){.webapp_enabled = true,
                                  .vnc_enabled = true,
                                  .probe_period_s = 2,
                                  .run_as_user = -1,
                                  .run_as_group = -1,
                                  .fs_group = -1};
    if (!json) return err_set(err, ERR_INVALID, "spec is missing");
    if (json_decode(a, json, strlen(json), &spec_table, out, err) < 0) {
        return err_wrap(err, "spec");
    }
    if (!out->home_path) out->home_path = arena_strdup(a, "/config");
    return 0;
}

/* Reads json as the value of a member, so that lists and maps go through tables too. */
static int read_member(struct arena *a, const char *json, const struct json_table *table,
                       void *out, struct err *err)
{
    if (!json) return 0;
    const char *text = arena_printf(a, "{\"v\":%s}", json);
    return json_decode(a, text, strlen(text), table, out, err);
}

int session_extra_read(struct arena *a, const char *resources, const char *env,
                       const char *parameters, struct session_extra *out, struct err *err)
{
    static const struct json_field env_fields[] = {
        {"v", JSON_LIST, 0, offsetof(struct session_extra, env), &env_table}};
    static const struct json_field parameter_fields[] = {
        {"v", JSON_MAP, 0, offsetof(struct session_extra, parameters), NULL}};
    static const struct json_field resource_fields[] = {
        {"v", JSON_OBJECT, 0, offsetof(struct session_extra, resources), &resources_table}};
    static const struct json_table env_member = {env_fields, 1, 0, false};
    static const struct json_table parameter_member = {parameter_fields, 1, 0, false};
    static const struct json_table resource_member = {resource_fields, 1, 0, false};
    *out = (struct session_extra){0};
    if (read_member(a, env, &env_member, out, err) < 0) return err_wrap(err, "spec.env");
    if (read_member(a, parameters, &parameter_member, out, err) < 0) {
        return err_wrap(err, "spec.parameters");
    }
    if (read_member(a, resources, &resource_member, out, err) < 0) {
        return err_wrap(err, "spec.resources");
    }
    return 0;
}

const char *template_home_path(const struct template_spec *spec)
{
    const struct template_mount *mounts = spec->mounts.items;
    for (size_t i = 0; i < spec->mounts.count; i++) {
        if (strcmp(mounts[i].name, TEMPLATE_HOME_VOLUME) == 0) return mounts[i].path;
    }
    return spec->home_path;
}

int64_t template_port_of(const struct template_spec *spec)
{
    const struct template_port *ports = spec->ports.items;
    if (spec->has_webapp && spec->webapp_enabled && spec->webapp_port) return spec->webapp_port;
    if (spec->has_vnc && spec->vnc_enabled && spec->vnc_port) return spec->vnc_port;
    for (size_t i = 0; i < spec->ports.count; i++) {
        if (!ports[i].protocol || strcmp(ports[i].protocol, "TCP") == 0) return ports[i].port;
    }
    return PORT_DEFAULT;
}

static bool has_port(const struct template_spec *spec, int64_t port)
{
    const struct template_port *ports = spec->ports.items;
    for (size_t i = 0; i < spec->ports.count; i++) {
        if (ports[i].port == port) return true;
    }
    return spec->ports.count == 0; /* none declared: any may be meant */
}

static bool is_number(const char *text)
{
    static const char digits[] = "0123456789";
    text += *text == '-';
    size_t n = strspn(text, digits);
    if (n == 0 || text[n] != '.') return n > 0 && text[n] == '\0';
    size_t fraction = strspn(text + n + 1, digits);
    return fraction > 0 && text[n + 1 + fraction] == '\0';
}

static bool has_volume(const struct template_spec *spec, const char *name)
{
    const struct template_volume *volumes = spec->volume_names.items;
    for (size_t i = 0; i < spec->volume_names.count; i++) {
        if (strcmp(volumes[i].name, name) == 0) return true;
    }
    return false;
}

static int check_mounts(const struct template_spec *spec, struct err *err)
{
    const struct template_mount *mounts = spec->mounts.items;
    if (has_volume(spec, TEMPLATE_HOME_VOLUME)) {
        return err_set(err, ERR_INVALID,
                       "spec.pod.volumes: " TEMPLATE_HOME_VOLUME " is the user's home, which is "
                       "there without being declared: take it out, or give it another name");
    }
    for (size_t i = 0; i < spec->mounts.count; i++) {
        const struct template_mount *m = &mounts[i];
        if (strcmp(m->name, TEMPLATE_HOME_VOLUME) == 0) continue;
        if (!has_volume(spec, m->name)) {
            return err_set(err, ERR_INVALID,
                           "spec.volumeMounts: no volume '%.63s' is in spec.pod.volumes: declare "
                           "it there, such as {name: %.63s, emptyDir: {}}, or mount "
                           TEMPLATE_HOME_VOLUME,
                           m->name, m->name);
        }
        if (strcmp(m->path, template_home_path(spec)) == 0) {
            return err_set(err, ERR_INVALID,
                           "spec.volumeMounts: the user's home is mounted at %.100s: mount '%.63s' "
                           "elsewhere, or write another spec.homePath",
                           m->path, m->name);
        }
    }
    return 0;
}

int template_spec_check(const struct template_spec *spec, struct err *err)
{
    if (!spec->image || !*spec->image) {
        return err_set(err, ERR_INVALID, "spec.baseImage is empty: write the image to run");
    }
    if (!spec->display_name || !*spec->display_name) {
        return err_set(err, ERR_INVALID, "spec.displayName is empty: write a name for people");
    }
    if (spec->has_webapp && spec->webapp_enabled && spec->webapp_port &&
        !has_port(spec, spec->webapp_port)) {
        return err_set(err, ERR_INVALID,
                       "spec.webapp.port %d is not among spec.ports: add it there, or leave it out",
                       (int)spec->webapp_port);
    }
    bool two_screens = spec->has_webapp && spec->webapp_enabled && spec->webapp_port &&
                       spec->has_vnc && spec->vnc_enabled && spec->vnc_port &&
                       spec->webapp_port != spec->vnc_port;
    if (two_screens) {
        return err_set(err, ERR_INVALID,
                       "spec.webapp.port %d and spec.vnc.port %d both claim the session's address: "
                       "set enabled: false on one of them",
                       (int)spec->webapp_port, (int)spec->vnc_port);
    }
    return check_mounts(spec, err);
}

static const struct template_parameter *find_parameter(const struct template_spec *spec,
                                                       const char *name)
{
    const struct template_parameter *p = spec->parameters.items;
    for (size_t i = 0; i < spec->parameters.count; i++) {
        if (strcmp(p[i].name, name) == 0) return &p[i];
    }
    return NULL;
}

static int check_value(const struct template_parameter *p, const char *value, struct err *err)
{
    char *const *allowed = p->allowed.items;
    bool found = p->allowed.count == 0;
    for (size_t i = 0; i < p->allowed.count && !found; i++) found = !strcmp(allowed[i], value);
    if (!found) {
        return err_set(err, ERR_INVALID,
                       "spec.parameters.%s: '%.40s' is not allowed: the template lists %zu values, "
                       "the first is '%.40s'",
                       p->name, value, p->allowed.count, allowed[0]);
    }
    const char *type = p->type ? p->type : "string";
    if (strcmp(type, "number") == 0 && !is_number(value)) {
        return err_set(err, ERR_INVALID, "spec.parameters.%s: '%.40s' is no number", p->name,
                       value);
    }
    if (strcmp(type, "boolean") == 0 && strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
        return err_set(err, ERR_INVALID, "spec.parameters.%s: write \"true\" or \"false\"",
                       p->name);
    }
    return 0;
}

int session_parameters_check(const struct template_spec *spec, const struct session_extra *extra,
                             struct err *err)
{
    const struct json_pair *given = extra->parameters.items;
    for (size_t i = 0; i < extra->parameters.count; i++) {
        const struct template_parameter *p = find_parameter(spec, given[i].key);
        if (!p) {
            return err_set(err, ERR_INVALID,
                           "spec.parameters.%s: the template has no parameter of that name",
                           given[i].key);
        }
        if (check_value(p, given[i].value, err) < 0) return -1;
    }
    const struct template_parameter *all = spec->parameters.items;
    for (size_t i = 0; i < spec->parameters.count; i++) {
        bool there = all[i].fallback || !all[i].required;
        for (size_t k = 0; k < extra->parameters.count && !there; k++) {
            there = strcmp(given[k].key, all[i].name) == 0;
        }
        if (!there) {
            return err_set(err, ERR_INVALID, "spec.parameters.%s: the template requires a value",
                           all[i].name);
        }
    }
    return 0;
}
