#include "dev/store_rules.h"

#include <string.h>

#include "dev/store_status.h"

enum { ERRORS_MAX = 16 };

static bool refuse(struct store_job *job, const char *message)
{
    store_bad_request(job->a, job->out, message);
    return false;
}

static bool check_type(struct store_job *job, struct json *now)
{
    const struct resource *r = job->path.type;
    const char *version = json_text(json_get(now, "apiVersion"));
    const char *kind = json_text(json_get(now, "kind"));
    const char *own = resource_api_version(r, job->a);
    if (!kind && (r->flags & RES_CUSTOM)) {
        return refuse(job, "Object 'Kind' is missing in the body of the request");
    }
    if (version && !str_equal(version, own)) {
        return refuse(job, arena_printf(job->a,
                                        "the API version in the data (%s) does not match the "
                                        "expected API version (%s)", version, own));
    }
    if (kind && !str_equal(kind, r->kind)) {
        return refuse(job, arena_printf(job->a,
                                        "the kind in the data (%s) does not match the expected "
                                        "kind (%s)", kind, r->kind));
    }
    return true;
}

bool store_rules_body(struct store_job *job, struct json *now)
{
    const struct store_path *p = &job->path;
    if (!json_is_object(now)) return refuse(job, "the body of the request is no object");
    if (!check_type(job, now)) return false;
    struct json *meta = json_ensure_object(job->a, now, "metadata");
    const char *ns = json_text(json_get(meta, "namespace"));
    const char *name = json_text(json_get(meta, "name"));
    if (ns && *ns && !str_equal(ns, p->ns)) {
        return refuse(job, "the namespace of the provided object does not match the namespace sent "
                           "on the request");
    }
    if (*p->name && name && *name && !str_equal(name, p->name)) {
        return refuse(job, arena_printf(job->a,
                                        "the name of the object (%s) does not match the name on "
                                        "the URL (%s)", name, p->name));
    }
    if (*p->name) json_set_text(job->a, meta, "name", p->name);
    if (*p->ns) json_set_text(job->a, meta, "namespace", p->ns);
    else json_remove(meta, "namespace");
    return true;
}

bool store_rules_typed(struct store_job *job, const struct json *config)
{
    const char *version = json_text(json_get(config, "apiVersion"));
    const char *kind = json_text(json_get(config, "kind"));
    bool same = str_equal(version, resource_api_version(job->path.type, job->a)) &&
                str_equal(kind, job->path.type->kind);
    if (same) return true;
    if (!version) version = "";
    return refuse(job, arena_printf(job->a, "invalid object type: %s%s, Kind=%s",
                                    strchr(version, '/') ? "" : "/", version, kind ? kind : ""));
}

bool store_rules_named(struct store_job *job, const struct json *now)
{
    const char *name = json_text(json_path(now, "metadata.name"));
    if (name && *name) return true;
    return refuse(job, arena_printf(job->a,
                                    "the name of the object (%s based on URL) was undeterminable: "
                                    "name must be provided", job->path.name));
}

bool store_rules_place(struct store_job *job)
{
    const struct store_path *p = &job->path;
    if (p->type->flags & RES_CLUSTER) return true;
    const struct resource *namespaces = resource_find("", "v1", "namespaces");
    const struct store_object *ns = store_get(job->s, namespaces, "", p->ns);
    if (!ns && job->s->config.need_namespaces) {
        store_not_found(job->a, job->out, namespaces, p->ns);
        return false;
    }
    if (!ns || (!ns->deleting && !str_equal(ns->selectable[0], "Terminating"))) return true;
    store_terminating(job->a, job->out, p->type, p->name, p->ns);
    return false;
}

/* --- The object itself --- */

static bool is_label(const char *text, size_t n)
{
    if (n == 0 || n > 63 || text[0] == '-' || text[n - 1] == '-') return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= n;
}

static bool is_subdomain(const char *text)
{
    if (strlen(text) > 253) return false;
    while (true) {
        size_t n = strcspn(text, ".");
        if (n == 0 || text[0] == '-' || text[n - 1] == '-') return false;
        if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") < n) return false;
        if (!text[n]) return true;
        text += n + 1;
    }
}

static bool is_segment(const char *text)
{
    return *text && !str_equal(text, ".") && !str_equal(text, "..") && !strpbrk(text, "/%") &&
           strlen(text) <= 253;
}

static const char *name_error(struct arena *a, const struct resource *r, const char *name)
{
    if (r->flags & RES_FREE_NAME) {
        return is_segment(name) ? NULL : arena_printf(a, "Invalid value: \"%s\"", name);
    }
    if (r->flags & RES_LABEL_NAME) {
        if (is_label(name, strlen(name))) return NULL;
        return arena_printf(a, "Invalid value: \"%s\": a lowercase RFC 1123 label must consist of "
                               "lower case alphanumeric characters or '-', and must start and end "
                               "with an alphanumeric character (e.g. 'my-name',  or "
                               "'123-abc', regex used for validation is "
                               "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')", name);
    }
    if (is_subdomain(name)) return NULL;
    return arena_printf(a, "Invalid value: \"%s\": a lowercase RFC 1123 subdomain must consist of "
                           "lower case alphanumeric characters, '-' or '.', and must start and end "
                           "with an alphanumeric character (e.g. 'example.com', regex used for "
                           "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?"
                           "(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')", name);
}

static bool has_text(const struct json *list, const char *text)
{
    for (const struct json *i = json_first(list); i; i = json_next(i)) {
        if (str_equal(json_text(i), text)) return true;
    }
    return false;
}

/* What is being deleted takes no new finalizer. */
static size_t check_finalizers(struct arena *a, const struct json *now, const struct json *before,
                               struct store_field_error *errors)
{
    if (!json_path(before, "metadata.deletionTimestamp")) return 0;
    const struct json *old = json_path(before, "metadata.finalizers");
    const struct json *new = json_path(now, "metadata.finalizers");
    for (const struct json *f = json_first(new); f; f = json_next(f)) {
        if (has_text(old, json_text(f))) continue;
        errors[0] = (struct store_field_error){
            "metadata.finalizers", "FieldValueForbidden",
            arena_printf(a, "Forbidden: no new finalizers can be added if the object is being "
                            "deleted, found new finalizers []string{\"%s\"}", json_text(f))};
        errors[1] = errors[0]; /* two validators say so */
        return 2;
    }
    return 0;
}

static size_t check_owners(const struct json *now, struct store_field_error *errors)
{
    size_t controllers = 0;
    const struct json *owners = json_path(now, "metadata.ownerReferences");
    for (const struct json *o = json_first(owners); o; o = json_next(o)) {
        const char *uid = json_text(json_get(o, "uid"));
        controllers += json_true(json_get(o, "controller"));
        if (uid && *uid) continue;
        errors[0] = (struct store_field_error){"metadata.ownerReferences.uid",
                                               "FieldValueInvalid",
                                               "Invalid value: \"\": must not be empty"};
        return 1;
    }
    if (controllers < 2) return 0;
    errors[0] = (struct store_field_error){
        "metadata.ownerReferences", "FieldValueInvalid",
        "Invalid value: Only one reference can have Controller set to true"};
    return 1;
}

bool store_rules_hold(struct store_job *job, const struct json *now, const struct json *before)
{
    struct store_field_error errors[ERRORS_MAX];
    const struct resource *r = job->path.type;
    const char *name = json_text(json_path(now, "metadata.name"));
    size_t n = 0;
    if (!before) {
        const char *wrong = name_error(job->a, r, name ? name : "");
        if (wrong) {
            errors[n++] = (struct store_field_error){"metadata.name", "FieldValueInvalid", wrong};
        }
    }
    n += check_finalizers(job->a, now, before, errors + n);
    n += check_owners(now, errors + n);
    if (r->check) n += r->check(job->a, now, before, errors + n, ERRORS_MAX - n);
    if (n == 0) return true;
    store_invalid(job->a, job->out, r, name, errors, n);
    return false;
}
