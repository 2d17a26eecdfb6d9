/* The pod of a session. Renderer 1: see session_start.h before changing what comes out. */
#include <stdint.h>
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

/* Of one name the last word counts. Only that one is sent, since server-side apply refuses a list
 * that has a name twice. */
struct environment {
    struct env_var *vars;
    size_t count;
};

static void set_env(struct environment *env, const char *name, const char *value,
                    const char *value_from)
{
    size_t i = 0;
    while (i < env->count && strcmp(env->vars[i].name, name) != 0) i++;
    if (i < env->count) {
        memmove(&env->vars[i], &env->vars[i + 1], (env->count - i - 1) * sizeof(*env->vars));
        env->count--;
    }
    env->vars[env->count++] = (struct env_var){.name = (char *)(uintptr_t)name,
                                               .value = (char *)(uintptr_t)value,
                                               .value_from = (char *)(uintptr_t)value_from};
}

static void set_parameter(struct arena *a, struct environment *env, const char *name,
                          const char *value)
{
    char *upper = arena_printf(a, "CARREL_PARAM_%s", name);
    for (char *p = upper; *p; p++) {
        if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 'a' + 'A');
    }
    set_env(env, upper, value, NULL);
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

static void set_all(struct environment *env, const struct json_list *list)
{
    const struct env_var *vars = list->items;
    for (size_t i = 0; i < list->count; i++) {
        set_env(env, vars[i].name, vars[i].value, vars[i].value_from);
    }
}

/* Ours first, so that the template's and the session's may refer to them as $(CARREL_...). */
static struct environment collect_environment(struct arena *a, const struct session_plan *plan,
                                              const struct session_extra *extra)
{
    enum { OURS = 5 };
    const struct template_spec *spec = plan->spec;
    const struct template_parameter *parameters = spec->parameters.items;
    size_t most = OURS + spec->parameters.count + spec->env.count + extra->env.count;
    struct environment env = {.vars = arena_alloc(a, most * sizeof(*env.vars))};
    set_env(&env, "CARREL_SESSION", plan->session->object.meta.name, NULL);
    set_env(&env, "CARREL_USER", plan->session->user, NULL);
    set_env(&env, "CARREL_BASE_PATH", *plan->path ? plan->path : "/", NULL);
    set_env(&env, "PORT", arena_printf(a, "%d", (int)template_port_of(spec)), NULL);
    if (plan->start->persistent_home) set_env(&env, "HOME", template_home_path(spec), NULL);
    for (size_t i = 0; i < spec->parameters.count; i++) {
        const char *value = parameter_value(extra, &parameters[i]);
        if (value) set_parameter(a, &env, parameters[i].name, value);
    }
    set_all(&env, &spec->env);
    set_all(&env, &extra->env);
    return env;
}

static void add_environment(struct arena *a, struct str *out, const struct session_plan *plan,
                            const struct session_extra *extra)
{
    struct environment env = collect_environment(a, plan, extra);
    str_add(out, ",\"env\":[");
    for (size_t i = 0; i < env.count; i++) {
        const struct env_var *var = &env.vars[i];
        str_add(out, i ? ",{\"name\":" : "{\"name\":");
        str_add_json(out, var->name);
        if (var->value_from) add_member(out, "valueFrom", var->value_from);
        else add_text_member(out, "value", var->value ? var->value : "");
        str_add_c(out, '}');
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

/* Everything besides cpu and memory. Of a device ("nvidia.com/gpu") Kubernetes wants both halves,
 * and the same. */
static void add_others(struct str *out, const struct session_extra *extra,
                       const struct resources *template, bool limits)
{
    const struct json_list *lists[] = {&extra->resources.requests, &extra->resources.limits,
                                       &template->requests, &template->limits};
    for (int k = 0; k < 4; k++) {
        const struct json_pair *pairs = lists[k]->items;
        for (size_t i = 0; i < lists[k]->count; i++) {
            const char *key = pairs[i].key;
            bool told = strcmp(key, "cpu") == 0 || strcmp(key, "memory") == 0;
            for (int earlier = 0; earlier < k; earlier++) told |= !!find_pair(lists[earlier], key);
            if (told) continue;
            const struct json_list *mine = lists[k / 2 * 2 + (limits ? 1 : 0)];
            const char *value = find_pair(mine, key);
            if (!value && strchr(key, '/')) value = pairs[i].value;
            add_quantity(out, key, value);
        }
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
    add_others(out, extra, template, false);
    str_add(out, "},\"limits\":{");
    add_quantity(out, "cpu", cpu.limit);
    add_quantity(out, "memory", memory.limit);
    add_others(out, extra, template, true);
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

static void add_mount(struct str *out, const struct template_mount *m)
{
    str_add(out, out->at[out->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
    str_add_json(out, m->name);
    add_text_member(out, "mountPath", m->path);
    add_text_member(out, "subPath", m->sub_path);
    if (m->read_only) str_add(out, ",\"readOnly\":true");
    str_add_c(out, '}');
}

/* The home once at the place where the template mounts it, or at homePath where it does not. */
static void add_mounts(struct str *out, const struct session_plan *plan)
{
    const struct template_mount *mounts = plan->spec->mounts.items;
    static char home_name[] = TEMPLATE_HOME_VOLUME;
    const struct template_mount home = {home_name, plan->spec->home_path, NULL, false};
    bool mounts_home = false;
    str_add(out, ",\"volumeMounts\":[");
    for (size_t i = 0; i < plan->spec->mounts.count; i++) {
        bool is_home = strcmp(mounts[i].name, TEMPLATE_HOME_VOLUME) == 0;
        mounts_home |= is_home;
        if (!is_home || plan->start->persistent_home) add_mount(out, &mounts[i]);
    }
    if (plan->start->persistent_home && !mounts_home) add_mount(out, &home);
    str_add_c(out, ']');
}

static void add_volumes(struct arena *a, struct str *out, const struct session_plan *plan)
{
    const char *more = items_of(a, plan->spec->volumes);
    if (!plan->start->persistent_home && !*more) return;
    str_add(out, ",\"volumes\":[");
    if (plan->start->persistent_home) {
        str_add_f(out,
                  "{\"name\":\"" TEMPLATE_HOME_VOLUME
                  "\",\"persistentVolumeClaim\":{\"claimName\":\"%s\"}}",
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
    add_mounts(out, plan);
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
    add_text_member(out, ANNOTATION_OWNER, plan->session->object.meta.uid);
    add_text_member(out, ANNOTATION_RESTART, plan->start->restart_at);
    int64_t renderer = plan->start->renderer; /* from the second on a pod says how it was made */
    if (renderer > 1) str_add_f(out, ",\"" ANNOTATION_RENDERER "\":\"%lld\"", (long long)renderer);
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
