#include "dev/store_status.h"

#include <inttypes.h>
#include <string.h>

#include "lib/str.h"

enum { STATUS_BYTES_MAX = 256 << 10 };

static void member(struct str *s, const char *name, const char *value)
{
    if (!value || !*value) return;
    if (s->at[s->len - 1] != '{') str_add_c(s, ',');
    str_add_json(s, name);
    str_add_c(s, ':');
    str_add_json(s, value);
}

static void member_int(struct str *s, const char *name, int value)
{
    if (value <= 0) return;
    if (s->at[s->len - 1] != '{') str_add_c(s, ',');
    str_add_f(s, "\"%s\":%d", name, value);
}

static void add_causes(struct str *s, const struct store_status *status)
{
    if (status->cause_count == 0) return;
    if (s->at[s->len - 1] != '{') str_add_c(s, ',');
    str_add(s, "\"causes\":[");
    for (size_t i = 0; i < status->cause_count; i++) {
        str_add(s, i ? ",{" : "{");
        member(s, "reason", status->causes[i].reason);
        member(s, "message", status->causes[i].message);
        member(s, "field", status->causes[i].field);
        str_add_c(s, '}');
    }
    str_add_c(s, ']');
}

const char *store_status_text(struct arena *a, const struct store_status *status, size_t *len)
{
    auto_str s;
    str_init(&s, STATUS_BYTES_MAX);
    str_add(&s, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{");
    member(&s, "continue", status->cont);
    str_add(&s, "}");
    member(&s, "status", status->code < 300 ? "Success" : "Failure");
    member(&s, "message", status->message);
    member(&s, "reason", status->reason);
    if (status->details || status->name || status->kind || status->cause_count ||
        status->retry_after_s) {
        str_add(&s, ",\"details\":{");
        member(&s, "name", status->name);
        member(&s, "group", status->group);
        member(&s, "kind", status->kind);
        member(&s, "uid", status->uid);
        add_causes(&s, status);
        member_int(&s, "retryAfterSeconds", status->retry_after_s);
        str_add(&s, "}");
    }
    if (status->code >= 300) member_int(&s, "code", status->code);
    str_add(&s, "}");
    *len = s.len;
    return arena_strndup(a, s.at, s.len);
}

void store_status(struct arena *a, const struct store_status *status, struct store_answer *out)
{
    out->code = status->code;
    out->retry_after_s = status->retry_after_s > 0 ? status->retry_after_s : -1;
    out->body = store_status_text(a, status, &out->len);
}

const char *store_qualified(struct arena *a, const struct resource *r)
{
    return *r->group ? arena_printf(a, "%s.%s", r->plural, r->group) : r->plural;
}

void store_no_such_page(struct arena *a, struct store_answer *out)
{
    *out = (struct store_answer){.code = 404, .retry_after_s = -1};
    out->body = arena_strdup(a, "404 page not found\n");
    out->len = strlen(out->body);
}

void store_no_such_path(struct arena *a, struct store_answer *out)
{
    store_status(a,
                 &(struct store_status){
                     .code = 404,
                     .reason = "NotFound",
                     .message = "the server could not find the requested resource",
                     .details = true},
                 out);
}

void store_bad_request(struct arena *a, struct store_answer *out, const char *message)
{
    store_status(
        a, &(struct store_status){.code = 400, .reason = "BadRequest", .message = message}, out);
}

void store_wrong_method(struct arena *a, struct store_answer *out)
{
    store_status(a,
                 &(struct store_status){
                     .code = 405,
                     .reason = "MethodNotAllowed",
                     .message = "the server does not allow this method on the requested resource",
                     .details = true},
                 out);
}

void store_wrong_type(struct arena *a, struct store_answer *out)
{
    store_status(a,
                 &(struct store_status){
                     .code = 415,
                     .reason = "UnsupportedMediaType",
                     .message = "the body of the request was in an unknown format - accepted media "
                                "types include: application/json-patch+json, "
                                "application/merge-patch+json, application/apply-patch+yaml"},
                 out);
}

/* The Status of a failure about one object, the resource named by its plural. */
static void about(struct arena *a, struct store_answer *out, const struct resource *r, int code,
                  const char *reason, const char *name, const char *message)
{
    store_status(a,
                 &(struct store_status){.code = code,
                                        .reason = reason,
                                        .message = message,
                                        .name = name,
                                        .group = r->group,
                                        .kind = r->plural},
                 out);
}

void store_not_found(struct arena *a, struct store_answer *out, const struct resource *r,
                     const char *name)
{
    about(a, out, r, 404, "NotFound", name,
          arena_printf(a, "%s \"%s\" not found", store_qualified(a, r), name));
}

void store_exists(struct arena *a, struct store_answer *out, const struct resource *r,
                  const char *name, bool being_deleted)
{
    about(a, out, r, 409, "AlreadyExists", name,
          arena_printf(a, "%s%s \"%s\" already exists",
                       being_deleted ? "object is being deleted: " : "", store_qualified(a, r),
                       name));
}

void store_conflict(struct arena *a, struct store_answer *out, const struct resource *r,
                    const char *name, const char *why)
{
    about(a, out, r, 409, "Conflict", name,
          arena_printf(a, "Operation cannot be fulfilled on %s \"%s\": %s", store_qualified(a, r),
                       name, why));
}

void store_stale(struct arena *a, struct store_answer *out, const struct resource *r,
                 const char *name)
{
    store_conflict(a, out, r, name,
                   "the object has been modified; please apply your changes to the latest version "
                   "and try again");
}

static const char *join_errors(struct arena *a, const struct store_field_error *errors,
                               size_t count)
{
    const char *all = "";
    size_t told = 0;
    for (size_t i = 0; i < count; i++) {
        const char *one = arena_printf(a, "%s: %s", errors[i].field, errors[i].message);
        if (strstr(all, one)) continue; /* the same from another validator */
        all = arena_printf(a, "%s%s%s", all, told++ ? ", " : "", one);
    }
    return told > 1 ? arena_printf(a, "[%s]", all) : all;
}

static void invalid(struct arena *a, struct store_answer *out, const char *group, const char *kind,
                    const char *name, const struct store_field_error *errors, size_t count)
{
    struct store_cause *causes = arena_zalloc(a, (count + 1) * sizeof(*causes));
    for (size_t i = 0; i < count; i++) {
        causes[i] = (struct store_cause){errors[i].reason, errors[i].message, errors[i].field};
    }
    store_status(a,
                 &(struct store_status){
                     .code = 422,
                     .reason = "Invalid",
                     .message = arena_printf(a, "%s%s%s \"%s\" is invalid: %s", kind,
                                             *group ? "." : "", group, name,
                                             join_errors(a, errors, count)),
                     .name = name,
                     .group = group,
                     .kind = kind,
                     .causes = causes,
                     .cause_count = count},
                 out);
}

void store_invalid(struct arena *a, struct store_answer *out, const struct resource *r,
                   const char *name, const struct store_field_error *errors, size_t count)
{
    invalid(a, out, r->group, r->kind, name, errors, count);
}

void store_invalid_resource(struct arena *a, struct store_answer *out, const struct resource *r,
                            const char *name, const struct store_field_error *error)
{
    invalid(a, out, r->group, r->plural, name, error, 1);
}

void store_invalid_options(struct arena *a, struct store_answer *out, const char *kind,
                           const struct store_field_error *error)
{
    invalid(a, out, "meta.k8s.io", kind, "", error, 1);
}

void store_precondition(struct arena *a, struct store_answer *out, const struct resource *r,
                        const char *name, const char *why)
{
    const char *kind = *r->group ? arena_printf(a, "%s.%s", r->kind, r->group) : r->kind;
    store_status(a,
                 &(struct store_status){
                     .code = 409,
                     .reason = "Conflict",
                     .message = arena_printf(a, "Operation cannot be fulfilled on %s \"%s\": %s",
                                             kind, name, why),
                     .name = name,
                     .group = r->group,
                     .kind = r->kind},
                 out);
}

void store_terminating(struct arena *a, struct store_answer *out, const struct resource *r,
                       const char *name, const char *ns)
{
    const struct store_cause cause = {
        "NamespaceTerminating", arena_printf(a, "namespace %s is being terminated", ns),
        "metadata.namespace"};
    store_status(a,
                 &(struct store_status){
                     .code = 403,
                     .reason = "Forbidden",
                     .message = arena_printf(a,
                                             "%s \"%s\" is forbidden: unable to create new content "
                                             "in namespace %s because it is being terminated",
                                             store_qualified(a, r), name, ns),
                     .name = name,
                     .group = r->group,
                     .kind = r->plural,
                     .causes = &cause,
                     .cause_count = 1},
                 out);
}

void store_too_large_version(struct arena *a, struct store_answer *out, uint64_t wanted,
                             uint64_t current)
{
    const struct store_cause cause = {"ResourceVersionTooLarge", "Too large resource version", ""};
    store_status(a,
                 &(struct store_status){
                     .code = 504,
                     .reason = "Timeout",
                     .message = arena_printf(a,
                                             "Timeout: Too large resource version: %" PRIu64
                                             ", current: %" PRIu64, wanted, current),
                     .causes = &cause,
                     .cause_count = 1,
                     .retry_after_s = 1},
                 out);
}

void store_expired(struct arena *a, struct store_answer *out, const char *message,
                   const char *cont)
{
    store_status(a,
                 &(struct store_status){
                     .code = 410, .reason = "Expired", .message = message, .cont = cont},
                 out);
}
