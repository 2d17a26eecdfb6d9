/* The pod of a session. Renderer 1: see session_start.h before changing what comes out. */
#include <string.h>

#include "controller/session_objects.h"
#include "lib/str.h"

enum { POD_MAX = 1 << 20 };

static void add_member(struct str *out, const char *name, const char *json)
{
    if (json) str_add_f(out, ",\"%s\":%s", name, json);
}

static void add_text_member(struct str *out, const char *name, const char *text)
{
    if (!text) return;
    str_add_f(out, ",\"%s\":", name);
    str_add_json(out, text);
}

static void add_texts(struct str *out, const char *name, const struct json_list *list)
{
    char *const *items = list->items;
    if (list->count == 0) return;
    str_add_f(out, ",\"%s\":[", name);
    for (size_t i = 0; i < list->count; i++) {
        if (i) str_add_c(out, ',');
        str_add_json(out, items[i]);
    }
    str_add_c(out, ']');
}

/* --- environment ---------------------------------------------------------------------------- */

static void add_env(struct str *out, const char *name, const char *value, const char *value_from)
{
    str_add(out, out->at[out->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
    str_add_json(out, name);
    if (value_from) {
        str_add_f(out, ",\"valueFrom\":%s}", value_from);
        return;
    }
    str_add(out, ",\"value\":");
    str_add_json(out, value ? value : "");
    str_add_c(out, '}');
}

static bool has_env(const struct json_list *list, const char *name)
{
    const struct env_var *vars = list->items;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(vars[i].name, name) == 0) return true;
    }
    return false;
}

static void add_parameter(struct arena *a, struct str *out, const char *name, const char *value)
{
    char *env = arena_printf(a, "CARREL_PARAM_%s", name);
    for (char *p = env; *p; p++) {
        if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 'a' + 'A');
    }
    add_env(out, env, value, NULL);
}

static const char *parameter_value(const struct session_extra *extra,
                                   const struct template_parameter *p)
{
    const struct json_pair *given = extra->parameters.items;
    for (size_t i = 0; i < extra->parameters.count; i++) {
        if (strcmp(given[i].key, p->name) == 0) return given[i].value;
    }
    return p->fallback;
}

/* Ours first, so that the template's and the session's may refer to them as $(CARREL_...). */
static void add_environment(struct arena *a, struct str *out, const struct session_plan *plan,
                            const struct session_extra *extra)
{
    const struct env_var *vars = plan->spec->env.items, *more = extra->env.items;
    const struct template_parameter *parameters = plan->spec->parameters.items;
    str_add(out, ",\"env\":[");
    add_env(out, "CARREL_SESSION", plan->session->object.meta.name, NULL);
    add_env(out, "CARREL_USER", plan->session->user, NULL);
    add_env(out, "CARREL_BASE_PATH", *plan->path ? plan->path : "/", NULL);
    str_add_f(out, ",{\"name\":\"PORT\",\"value\":\"%d\"}", (int)template_port_of(plan->spec));
    for (size_t i = 0; i < plan->spec->parameters.count; i++) {
        const char *value = parameter_value(extra, &parameters[i]);
        if (value) add_parameter(a, out, parameters[i].name, value);
    }
    for (size_t i = 0; i < plan->spec->env.count; i++) {
        if (has_env(&extra->env, vars[i].name)) continue;
        add_env(out, vars[i].name, vars[i].value, vars[i].value_from);
    }
    for (size_t i = 0; i < extra->env.count; i++) {
        add_env(out, more[i].name, more[i].value, more[i].value_from);
    }
    str_add_c(out, ']');
}

/* --- resources ------------------------------------------------------------------------------ */

static const char *find_pair(const struct json_list *list, const char *key)
{
    const struct json_pair *pairs = list->items;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(pairs[i].key, key) == 0) return pairs[i].value;
    }
    return NULL;
}

static const char *flat(const struct resources *r, const char *key)
{
    if (strcmp(key, "cpu") == 0) return r->cpu;
    return strcmp(key, "memory") == 0 ? r->memory : NULL;
}

static const char *first_of(const char *a, const char *b)
{
    return a ? a : b;
}

struct quantity {
    const char *request, *limit;
};

/* The session's word, then the template's, then ours; half a pair stands for both halves where the
 * other half would be a default that may contradict it. */
static struct quantity choose(const struct session_extra *extra, const struct resources *template,
                              const char *key, const char *request, const char *limit)
{
    struct quantity q = {find_pair(&extra->resources.requests, key),
                         find_pair(&extra->resources.limits, key)};
    const char *both = flat(&extra->resources, key);
    q.request = first_of(q.request, both);
    q.limit = first_of(q.limit, both);
    if (!q.request && !q.limit) {
        both = flat(template, key);
        q.request = first_of(find_pair(&template->requests, key), both);
        q.limit = first_of(find_pair(&template->limits, key), both);
    }
    if (!q.request && !q.limit) return (struct quantity){request, limit};
    if (!q.request) q.request = q.limit;
    if (!q.limit) q.limit = q.request;
    return q;
}

static void add_quantity(struct str *out, const char *key, const char *value)
{
    if (!value) return;
    if (out->at[out->len - 1] != '{') str_add_c(out, ',');
    str_add_json(out, key);
    str_add_c(out, ':');
    str_add_json(out, value);
}

static void add_others(struct str *out, const struct json_list *session,
                       const struct json_list *template)
{
    const struct json_pair *mine = session->items, *theirs = template->items;
    for (size_t i = 0; i < session->count; i++) {
        if (strcmp(mine[i].key, "cpu") != 0 && strcmp(mine[i].key, "memory") != 0) {
            add_quantity(out, mine[i].key, mine[i].value);
        }
    }
    for (size_t i = 0; i < template->count; i++) {
        bool named = find_pair(session, theirs[i].key) || strcmp(theirs[i].key, "cpu") == 0 ||
                     strcmp(theirs[i].key, "memory") == 0;
        if (!named) add_quantity(out, theirs[i].key, theirs[i].value);
    }
}

static void add_resources(struct str *out, const struct session_plan *plan,
                          const struct session_extra *extra)
{
    const struct settings *d = plan->settings;
    const struct resources *template = &plan->spec->resources;
    struct quantity cpu = choose(extra, template, "cpu", d->cpu_request, d->cpu_limit);
    struct quantity memory = choose(extra, template, "memory", d->memory_request, d->memory_limit);
    str_add(out, ",\"resources\":{\"requests\":{");
    add_quantity(out, "cpu", cpu.request);
    add_quantity(out, "memory", memory.request);
    add_others(out, &extra->resources.requests, &template->requests);
    str_add(out, "},\"limits\":{");
    add_quantity(out, "cpu", cpu.limit);
    add_quantity(out, "memory", memory.limit);
    add_others(out, &extra->resources.limits, &template->limits);
    str_add(out, "}}");
}

/* --- security, probe, volumes --------------------------------------------------------------- */

static bool is_restricted(const struct template_spec *spec)
{
    return !spec->pod_security || strcmp(spec->pod_security, "baseline") != 0;
}

static void add_container_security(struct str *out, const struct template_spec *spec)
{
    str_add(out, ",\"securityContext\":{");
    if (is_restricted(spec)) {
        str_add(out, "\"allowPrivilegeEscalation\":false,\"capabilities\":{\"drop\":[\"ALL\"]},");
    }
    str_add_f(out, "\"privileged\":false,\"readOnlyRootFilesystem\":%s}",
              spec->read_only_root ? "true" : "false");
}

static void add_pod_security(struct str *out, const struct session_plan *plan)
{
    const struct template_spec *spec = plan->spec;
    int64_t group = spec->fs_group;
    if (group < 0 && plan->start->persistent_home) {
        group = spec->run_as_group >= 0 ? spec->run_as_group : spec->run_as_user;
    }
    bool non_root = spec->has_run_as_non_root ? spec->run_as_non_root : is_restricted(spec);
    str_add(out, ",\"securityContext\":{\"seccompProfile\":{\"type\":\"RuntimeDefault\"}");
    if (non_root) str_add(out, ",\"runAsNonRoot\":true");
    if (spec->run_as_user >= 0) str_add_f(out, ",\"runAsUser\":%d", (int)spec->run_as_user);
    if (spec->run_as_group >= 0) str_add_f(out, ",\"runAsGroup\":%d", (int)spec->run_as_group);
    if (group >= 0) {
        str_add_f(out, ",\"fsGroup\":%d,\"fsGroupChangePolicy\":\"OnRootMismatch\"", (int)group);
    }
    str_add_c(out, '}');
}

/* A port that opens is the least that tells a program from one that crashed. */
static void add_probe(struct str *out, const struct template_spec *spec)
{
    int64_t port = spec->probe_port ? spec->probe_port : template_port_of(spec);
    const char *path = spec->probe_path ? spec->probe_path : spec->health_check;
    str_add(out, ",\"readinessProbe\":{");
    if (path) {
        str_add(out, "\"httpGet\":{\"path\":");
        str_add_json(out, path);
        str_add_f(out, ",\"port\":%d}", (int)port);
    } else {
        str_add_f(out, "\"tcpSocket\":{\"port\":%d}", (int)port);
    }
    str_add_f(out, ",\"periodSeconds\":%d,\"failureThreshold\":3,\"timeoutSeconds\":2}",
              (int)spec->probe_period_s);
}

/* The items of a JSON list without its brackets; "" for NULL or an empty list. */
static const char *items_of(struct arena *a, const char *json)
{
    if (!json) return "";
    size_t n = strlen(json);
    return n > 2 ? arena_strndup(a, json + 1, n - 2) : "";
}

static void add_mounts(struct arena *a, struct str *out, const struct session_plan *plan)
{
    const char *more = items_of(a, plan->spec->volume_mounts);
    if (!plan->start->persistent_home && !*more) return;
    str_add(out, ",\"volumeMounts\":[");
    if (plan->start->persistent_home) {
        str_add(out, "{\"name\":\"user-home\",\"mountPath\":");
        str_add_json(out, plan->spec->home_path);
        str_add_c(out, '}');
        if (*more) str_add_c(out, ',');
    }
    str_add(out, more);
    str_add_c(out, ']');
}

static void add_volumes(struct arena *a, struct str *out, const struct session_plan *plan)
{
    const char *more = items_of(a, plan->spec->volumes);
    if (!plan->start->persistent_home && !*more) return;
    str_add(out, ",\"volumes\":[");
    if (plan->start->persistent_home) {
        str_add_f(out, "{\"name\":\"user-home\",\"persistentVolumeClaim\":{\"claimName\":\"%s\"}}",
                  session_home_name(a, plan->session->user));
        if (*more) str_add_c(out, ',');
    }
    str_add(out, more);
    str_add_c(out, ']');
}

/* A home that one node can mount brings its user's sessions to that node. The first pod matches
 * itself, which the scheduler lets pass. */
static const char *home_affinity(struct arena *a, const struct session_plan *plan)
{
    bool shared = strcmp(plan->settings->home_access, "ReadWriteMany") == 0;
    if (!plan->start->persistent_home || shared) return NULL;
    return arena_printf(a,
                        "{\"podAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
                        "\"labelSelector\":{\"matchLabels\":{\"carrel.dev/user\":\"%s\","
                        "\"carrel.dev/home\":\"true\"}},"
                        "\"topologyKey\":\"kubernetes.io/hostname\"}]}}",
                        plan->session->user);
}

/* --- all of it ------------------------------------------------------------------------------ */

static void add_container(struct arena *a, struct str *out, const struct session_plan *plan,
                          const struct session_extra *extra)
{
    const struct template_spec *spec = plan->spec;
    str_add(out, "\"containers\":[{\"name\":\"session\",\"image\":");
    str_add_json(out, spec->image);
    str_add(out, ",\"imagePullPolicy\":\"IfNotPresent\","
                 "\"terminationMessagePolicy\":\"FallbackToLogsOnError\"");
    add_texts(out, "command", &spec->command);
    add_texts(out, "args", &spec->args);
    str_add_f(out, ",\"ports\":[{\"name\":\"http\",\"containerPort\":%d,\"protocol\":\"TCP\"}]",
              (int)template_port_of(spec));
    add_environment(a, out, plan, extra);
    add_resources(out, plan, extra);
    add_container_security(out, spec);
    add_probe(out, spec);
    add_mounts(a, out, plan);
    str_add(out, "}]");
}

static void add_pod_metadata(struct str *out, const struct session_plan *plan,
                             const char *label_members)
{
    const char *evictable = plan->spec->evictable ? "true" : "false";
    str_add_f(out, "{\"metadata\":{\"labels\":{%s", label_members);
    if (plan->start->persistent_home) str_add(out, ",\"carrel.dev/home\":\"true\"");
    str_add_f(out,
              "},\"annotations\":{\"cluster-autoscaler.kubernetes.io/safe-to-evict\":\"%s\","
              "\"karpenter.sh/do-not-disrupt\":\"%s\"",
              evictable, plan->spec->evictable ? "false" : "true");
    add_text_member(out, ANNOTATION_RESTART, plan->start->restart_at);
    str_add(out, "}},\"spec\":{");
}

int session_pod_template(struct arena *a, const struct session_plan *plan,
                         const char *label_members, char **out, struct err *err)
{
    const struct template_spec *spec = plan->spec;
    struct session_extra extra;
    const struct session_start *start = plan->start;
    if (session_extra_read(a, start->resources, start->env, start->parameters, &extra, err) < 0) {
        return -1;
    }
    const char *affinity = spec->affinity ? spec->affinity : home_affinity(a, plan);
    auto_str text;
    str_init(&text, POD_MAX);
    add_pod_metadata(&text, plan, label_members);
    add_container(a, &text, plan, &extra);
    str_add(&text, ",\"automountServiceAccountToken\":false,\"enableServiceLinks\":false,"
                   "\"terminationGracePeriodSeconds\":10");
    add_pod_security(&text, plan);
    add_volumes(a, &text, plan);
    add_member(&text, "imagePullSecrets", spec->pull_secrets);
    add_member(&text, "nodeSelector", spec->node_selector);
    add_member(&text, "tolerations", spec->tolerations);
    add_member(&text, "affinity", affinity);
    add_text_member(&text, "runtimeClassName", spec->runtime_class);
    add_text_member(&text, "priorityClassName", spec->priority_class);
    str_add(&text, "}}");
    if (str_check(&text, "pod template", err) < 0) return -1;
    *out = arena_strndup(a, text.at, text.len);
    return 0;
}
