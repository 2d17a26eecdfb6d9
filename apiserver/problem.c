#include "apiserver/problem.h"

#include <stdarg.h>
#include <string.h>

#include "lib/format.h"

enum { DETAIL_SIZE = 1024 };

/* All but the closing brace. */
static void begin(struct server_reply *reply, int status, const char *code, const char *field,
                  const char *detail)
{
    struct str *out = &reply->body;
    reply->code = status;
    reply->content_type = "application/problem+json";
    str_clear(out);
    str_add_f(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":",
              server_reason(status), status);
    str_add_json(out, code);
    str_add(out, ",\"detail\":");
    str_add_json(out, detail);
    if (field) {
        str_add(out, ",\"field\":");
        str_add_json(out, field);
    }
    str_add(out, ",\"error\":");
    str_add_json(out, detail);
}

void problem_reply(struct server_reply *reply, int status, const char *code, const char *field,
                   const char *fmt, ...)
{
    char detail[DETAIL_SIZE];
    va_list args;
    va_start(args, fmt);
    format_args(detail, sizeof(detail), fmt, args);
    va_end(args);
    begin(reply, status, code, field, detail);
    str_add(&reply->body, "}\n");
}

void problem_add(struct server_reply *reply, const char *name, const char *json)
{
    struct str *out = &reply->body;
    while (out->len > 0 && out->at[out->len - 1] != '}') out->at[--out->len] = '\0';
    if (out->len == 0) return;
    out->at[--out->len] = '\0';
    str_add_f(out, ",\"%s\":", name);
    str_add(out, json);
    str_add(out, "}\n");
}

/* --- Kubernetes' refusals --- */

/* "spec.user" is "user" in our bodies, "metadata.name" is "name". */
static const char *field_of(const char *path)
{
    static const char *const tops[] = {"spec.", "metadata."};
    for (size_t i = 0; i < sizeof(tops) / sizeof(*tops); i++) {
        size_t n = strlen(tops[i]);
        if (strncmp(path, tops[i], n) == 0) return path + n;
    }
    return path;
}

/* What a rule of ours says to a person: without "Invalid value: …: " before it, which repeats the
 * caller's own words, and for an object all of it. */
static const char *rule_of(const char *message)
{
    static const char *const kinds[] = {"Forbidden: ", "Required value: "};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        size_t n = strlen(kinds[i]);
        if (strncmp(message, kinds[i], n) == 0) return message + n;
    }
    if (strncmp(message, "Invalid value: ", 15) != 0) return message;
    const char *rule = strstr(message, "\": ");
    return rule ? rule + 3 : message + 15;
}

/* A pattern of the schema, for programs; the rule beside it says the same to people. */
static bool is_pattern(const struct kube_cause *cause)
{
    return strstr(cause->message, " in body should match ");
}

static bool is_said(const struct kube_cause *cause)
{
    return *cause->field && strcmp(cause->field, "<nil>") != 0 && !is_pattern(cause);
}

static void add_causes(struct str *out, const struct kube_status *status)
{
    const struct kube_cause *causes = status->causes.items;
    bool first = true;
    str_add(out, ",\"errors\":[");
    for (size_t i = 0; i < status->causes.count; i++) {
        if (!is_said(&causes[i])) continue;
        str_add(out, first ? "{\"field\":" : ",{\"field\":");
        str_add_json(out, field_of(causes[i].field));
        str_add(out, ",\"detail\":");
        str_add_json(out, rule_of(causes[i].message));
        str_add_c(out, '}');
        first = false;
    }
    str_add_c(out, ']');
}

static const struct kube_cause *first_said(const struct kube_status *status)
{
    const struct kube_cause *causes = status->causes.items;
    for (size_t i = 0; i < status->causes.count; i++) {
        if (is_said(&causes[i])) return &causes[i];
    }
    return NULL;
}

static void reply_invalid(struct server_reply *reply, const struct ask_answer *answer)
{
    const struct kube_status *status = &answer->status;
    const struct kube_cause *first = first_said(status);
    if (!first) { /* of ours, where nothing was sent: a name that is none */
        problem_reply(reply, 422, "invalid", NULL, "%s",
                      *status->message ? status->message : answer->err.text);
        return;
    }
    char detail[DETAIL_SIZE];
    const char *field = field_of(first->field);
    format(detail, sizeof(detail), "%s: %s", field, rule_of(first->message));
    begin(reply, 422, "invalid-field", field, detail);
    add_causes(&reply->body, status);
    str_add(&reply->body, "}\n");
}

static void reply_busy(struct server_reply *reply, const struct ask_answer *answer)
{
    char seconds[24];
    format(seconds, sizeof(seconds), "%lld",
           (long long)(answer->told_ms > 1000 ? (answer->told_ms + 999) / 1000 : 1));
    problem_reply(reply, 503, "cluster-busy", NULL,
                  "the Kubernetes API has too much to do; ask again in %s s", seconds);
    server_reply_header(reply, "Retry-After", seconds);
}

/* Something is made in a namespace that there is not. */
static bool lacks_namespace(const struct kube_status *status)
{
    return strncmp(status->message, "namespaces \"", 12) == 0;
}

static void reply_not_found(struct server_reply *reply, const struct kube_status *status,
                            const char *kind, const char *name)
{
    if (lacks_namespace(status)) {
        problem_reply(reply, 404, "no-namespace", "namespace", "namespace: %s", status->message);
    } else {
        problem_reply(reply, 404, "not-found", NULL, "there is no %s %s", kind, name);
    }
}

void problem_of_kube(struct server_reply *reply, const struct ask_answer *answer,
                     const char *kind, const char *name)
{
    switch (answer->err.code) {
    case ERR_NOT_FOUND:
        reply_not_found(reply, &answer->status, kind, name);
        return;
    case ERR_EXISTS:
        problem_reply(reply, 409, "exists", "name", "there is a %s %s already", kind, name);
        return;
    case ERR_CONFLICT:
    case ERR_GONE:
        problem_reply(reply, 409, "conflict", NULL,
                      "%s %s has changed since: look at it again, and decide again", kind, name);
        return;
    case ERR_INVALID:
        reply_invalid(reply, answer);
        return;
    case ERR_DENIED:
        problem_reply(reply, 403, "refused-by-cluster", NULL, "Kubernetes refused it: %s",
                      *answer->status.message ? answer->status.message : answer->err.text);
        return;
    case ERR_BUSY:
        reply_busy(reply, answer);
        return;
    case ERR_UNKNOWN:
        problem_reply(reply, 504, "outcome-unknown", NULL,
                      "the Kubernetes API was asked and did not say how it ended: look before you "
                      "ask again (%s)", answer->err.text);
        return;
    default:
        problem_reply(reply, 503, "cluster-unavailable", NULL,
                      "the Kubernetes API cannot be reached, nothing was done: %s",
                      answer->err.text);
    }
}
