#include "dev/store_types.h"

#include "lib/str.h"

/* --- Preparing --- */

static void default_text(struct arena *a, struct json *object, const char *name, const char *value)
{
    if (object && !json_get(object, name)) json_set_text(a, object, name, value);
}

/* Always where the tag is "latest" or absent, else IfNotPresent. */
static const char *pull_policy(const char *image)
{
    const char *tag = NULL;
    for (const char *p = image ? image : ""; *p; p++) {
        if (*p == '@') return "IfNotPresent";
        if (*p == ':') tag = p + 1;
        if (*p == '/') tag = NULL; /* it was a port */
    }
    return !tag || str_equal(tag, "latest") ? "Always" : "IfNotPresent";
}

static void prepare_containers(struct arena *a, const struct json *list)
{
    for (struct json *c = json_first(list); c; c = json_next(c)) {
        default_text(a, c, "imagePullPolicy", pull_policy(json_text(json_get(c, "image"))));
    }
}

static void prepare_pod_spec(struct arena *a, const struct json *spec)
{
    prepare_containers(a, json_get(spec, "containers"));
    prepare_containers(a, json_get(spec, "initContainers"));
}

void types_prepare_pod(struct arena *a, struct json *now, const struct json *old)
{
    (void)old;
    prepare_pod_spec(a, json_get(now, "spec"));
    default_text(a, json_ensure_object(a, now, "status"), "phase", "Pending");
}

void types_prepare_deployment(struct arena *a, struct json *now, const struct json *old)
{
    (void)old;
    prepare_pod_spec(a, json_path(now, "spec.template.spec"));
    struct json *strategy = json_path(now, "spec.strategy");
    if (!str_equal(json_text(json_get(strategy, "type")), "RollingUpdate")) return;
    struct json *rolling = json_ensure_object(a, strategy, "rollingUpdate");
    default_text(a, rolling, "maxSurge", "25%");
    default_text(a, rolling, "maxUnavailable", "25%");
}

static void prepare_ports(struct arena *a, const struct json *ports)
{
    for (struct json *p = json_first(ports); p; p = json_next(p)) {
        const struct json *port = json_get(p, "port");
        if (port && !json_get(p, "targetPort")) json_set(a, p, "targetPort", json_copy(a, port));
    }
}

void types_prepare_service(struct arena *a, struct json *now, const struct json *old)
{
    (void)old;
    prepare_ports(a, json_path(now, "spec.ports"));
}

static void set_list(struct arena *a, struct json *object, const char *name, const char *first,
                     const char *second)
{
    struct json *list = json_array(a);
    if (json_get(object, name)) return;
    json_append(a, list, json_new_text(a, first));
    if (second) json_append(a, list, json_new_text(a, second));
    json_set(a, object, name, list);
}

/* An address once given stays. A headless Service has the text "None"; where it has no selector
 * either, it stands for both families. */
void types_allocate_service(struct arena *a, struct json *now, const struct json *old,
                            uint64_t seed)
{
    struct json *spec = json_ensure_object(a, now, "spec");
    if (str_equal(json_text(json_get(spec, "type")), "ExternalName")) return;
    const char *kept = json_text(json_path(old, "spec.clusterIP"));
    if (!kept) {
        kept = arena_printf(a, "10.%u.%u.%u", 96 + (unsigned)(seed >> 16) % 16,
                            (unsigned)(seed >> 8) % 256, 1 + (unsigned)seed % 254);
    }
    default_text(a, spec, "clusterIP", kept);
    const char *address = json_text(json_get(spec, "clusterIP"));
    bool both = str_equal(address, "None") && !json_get(spec, "selector");
    set_list(a, spec, "clusterIPs", address ? address : "", NULL);
    set_list(a, spec, "ipFamilies", "IPv4", both ? "IPv6" : NULL);
    default_text(a, spec, "ipFamilyPolicy", both ? "RequireDualStack" : "SingleStack");
}

void types_prepare_namespace(struct arena *a, struct json *now, const struct json *old)
{
    (void)old;
    struct json *meta = json_get(now, "metadata");
    const char *name = json_text(json_get(meta, "name"));
    struct json *labels = json_ensure_object(a, meta, "labels");
    json_set_text(a, labels, "kubernetes.io/metadata.name", name ? name : "");
}

void types_allocate_namespace(struct arena *a, struct json *now, const struct json *old,
                              uint64_t seed)
{
    (void)seed;
    if (old) return;
    struct json *spec = json_ensure_object(a, now, "spec");
    json_remove(spec, "finalizers");
    set_list(a, spec, "finalizers", "kubernetes", NULL);
    json_set_text(a, json_ensure_object(a, now, "status"), "phase", "Active");
}

/* --- Checking --- */

struct report {
    struct arena *a;
    const struct json *now, *old;
    struct store_field_error *errors;
    size_t count, max;
};

static void add(struct report *r, const char *field, const char *reason, const char *message)
{
    if (r->count == r->max) return;
    r->errors[r->count++] = (struct store_field_error){field, reason, message};
}

static void need(struct report *r, const char *field)
{
    const struct json *value = json_path(r->now, field);
    if (value && !json_is_null(value)) return;
    add(r, field, "FieldValueRequired", "Required value");
}

static void keep(struct report *r, const char *field, const char *why)
{
    const struct json *was = json_path(r->old, field), *is = json_path(r->now, field);
    if (!was || (is && json_equal(was, is))) return;
    add(r, field, "FieldValueForbidden", arena_printf(r->a, "Forbidden: %s", why));
}

static void keep_invalid(struct report *r, const char *field)
{
    const struct json *was = json_path(r->old, field), *is = json_path(r->now, field);
    if (!was || (is && json_equal(was, is))) return;
    add(r, field, "FieldValueInvalid",
        arena_printf(r->a, "Invalid value: %s: field is immutable",
                     is ? json_to_text(r->a, is) : "null"));
}

static void need_images(struct report *r, const char *containers)
{
    size_t i = 0;
    const struct json *list = json_path(r->now, containers);
    for (const struct json *c = json_first(list); c; c = json_next(c), i++) {
        const char *image = json_text(json_get(c, "image"));
        if (image && *image) continue;
        add(r, arena_printf(r->a, "%s[%zu].image", containers, i), "FieldValueRequired",
            "Required value");
    }
}

#define REPORT {.a = a, .now = now, .old = old, .errors = errors, .max = max}

size_t types_check_session(struct arena *a, const struct json *now, const struct json *old,
                           struct store_field_error *errors, size_t max)
{
    struct report r = REPORT;
    need(&r, "spec.user");
    need(&r, "spec.template");
    keep(&r, "spec.user",
         "a session stays with its user, whose home it has mounted: create another session for "
         "another user");
    keep(&r, "spec.template",
         "a session keeps its template: create another session, or annotate this one with "
         "carrel.dev/restart-at to pick up the template's newest revision");
    if (str_equal(json_text(json_path(old, "spec.state")), "terminated")) {
        keep(&r, "spec.state", "a terminated session stays terminated: create a new one");
    }
    return r.count;
}

size_t types_check_template(struct arena *a, const struct json *now, const struct json *old,
                            struct store_field_error *errors, size_t max)
{
    struct report r = REPORT;
    need(&r, "spec.displayName");
    need(&r, "spec.baseImage");
    return r.count;
}

size_t types_check_connection(struct arena *a, const struct json *now, const struct json *old,
                              struct store_field_error *errors, size_t max)
{
    struct report r = REPORT;
    need(&r, "spec.sessionID");
    need(&r, "spec.userID");
    keep(&r, "spec.sessionID", "a connection stays with its session: create another one");
    keep(&r, "spec.userID", "a connection stays with its user: create another one");
    return r.count;
}

size_t types_check_repository(struct arena *a, const struct json *now, const struct json *old,
                              struct store_field_error *errors, size_t max)
{
    struct report r = REPORT;
    need(&r, "spec.url");
    return r.count;
}

size_t types_check_deployment(struct arena *a, const struct json *now, const struct json *old,
                              struct store_field_error *errors, size_t max)
{
    struct report r = REPORT;
    need(&r, "spec.selector");
    keep_invalid(&r, "spec.selector");
    need_images(&r, "spec.template.spec.containers");
    bool recreate = str_equal(json_text(json_path(now, "spec.strategy.type")), "Recreate");
    if (recreate && json_path(now, "spec.strategy.rollingUpdate")) {
        add(&r, "spec.strategy.rollingUpdate", "FieldValueForbidden",
            "Forbidden: may not be specified when strategy `type` is 'Recreate'");
    }
    return r.count;
}

/* From headless to an address and back is a delete and a create. */
size_t types_check_service(struct arena *a, const struct json *now, const struct json *old,
                           struct store_field_error *errors, size_t max)
{
    struct report r = REPORT;
    keep_invalid(&r, "spec.clusterIP");
    return r.count;
}

/* Of a pod's spec only images, deadlines and tolerations may change; the names are what counts. */
size_t types_check_pod(struct arena *a, const struct json *now, const struct json *old,
                       struct store_field_error *errors, size_t max)
{
    struct report r = REPORT;
    need(&r, "spec.containers");
    need_images(&r, "spec.containers");
    keep_invalid(&r, "spec.volumes");
    if (json_text(json_path(old, "spec.nodeName"))) keep_invalid(&r, "spec.nodeName");
    return r.count;
}
