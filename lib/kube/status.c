#include "lib/kube/status.h"

#include <string.h>

#include "lib/limits.h"

static JSON_TABLE(cause_table, struct kube_cause,
                  JSON_ROW("reason", JSON_TEXT, struct kube_cause, reason),
                  JSON_ROW("message", JSON_TEXT, struct kube_cause, message),
                  JSON_ROW("field", JSON_TEXT, struct kube_cause, field));

static JSON_TABLE(details_table, struct kube_status,
                  JSON_ROW("name", JSON_TEXT, struct kube_status, name),
                  JSON_ROW("uid", JSON_TEXT, struct kube_status, uid),
                  JSON_ROW("causes", JSON_LIST, struct kube_status, causes, .table = &cause_table),
                  JSON_ROW("retryAfterSeconds", JSON_INT, struct kube_status, retry_after_s));

static JSON_TABLE(status_table, struct kube_status,
                  JSON_ROW("kind", JSON_TEXT, struct kube_status, kind),
                  JSON_ROW("status", JSON_TEXT, struct kube_status, status),
                  JSON_ROW("reason", JSON_TEXT, struct kube_status, reason),
                  JSON_ROW("message", JSON_TEXT, struct kube_status, message),
                  JSON_ROW("code", JSON_INT, struct kube_status, code),
                  {"details", JSON_OBJECT, .offset = 0, .table = &details_table});

/* Reasons for servers and proxies that send a code alone. */
static const struct {
    int code;
    const char *reason;
} reasons[] = {
    {400, "BadRequest"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "NotFound"},
    {405, "MethodNotAllowed"},
    {406, "NotAcceptable"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "RequestEntityTooLarge"},
    {415, "UnsupportedMediaType"},
    {422, "Invalid"},
    {429, "TooManyRequests"},
    {500, "InternalError"},
    {503, "ServiceUnavailable"},
    {504, "Timeout"},
};

static char *printable(struct arena *a, const char *body, size_t len)
{
    if (len > LIMIT_STATUS_TEXT_BYTES) len = LIMIT_STATUS_TEXT_BYTES;
    char *text = arena_strndup(a, body ? body : "", len);
    for (char *p = text; p < text + len; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = ' ';
    }
    return text;
}

static void fill(struct arena *a, char **text)
{
    if (!*text) *text = arena_strdup(a, "");
}

void kube_status_read(struct arena *a, int http_code, const char *body, size_t len,
                      struct kube_status *out)
{
    *out = (struct kube_status){0};
    bool is_status = len > 0 && json_decode(a, body, len, &status_table, out, NULL) == 0 &&
                     out->kind && strcmp(out->kind, "Status") == 0;
    if (!is_status) *out = (struct kube_status){.message = printable(a, body, len)};
    if (out->reason && !*out->reason) out->reason = NULL;
    for (size_t i = 0; !out->reason && i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i].code == http_code) out->reason = arena_strdup(a, reasons[i].reason);
    }
    fill(a, &out->kind);
    fill(a, &out->status);
    fill(a, &out->reason);
    fill(a, &out->message);
    fill(a, &out->name);
    fill(a, &out->uid);
    struct kube_cause *causes = out->causes.items;
    for (size_t i = 0; i < out->causes.count; i++) {
        fill(a, &causes[i].reason);
        fill(a, &causes[i].message);
        fill(a, &causes[i].field);
    }
}

bool kube_status_has_cause(const struct kube_status *status, const char *reason)
{
    const struct kube_cause *causes = status->causes.items;
    for (size_t i = 0; i < status->causes.count; i++) {
        if (strcmp(causes[i].reason, reason) == 0) return true;
    }
    return false;
}

enum err_code kube_status_code(int http_code, const struct kube_status *status)
{
    if (http_code >= 200 && http_code < 300) return ERR_NONE;
    switch (http_code) {
    case 401:
    case 403: return ERR_DENIED;
    case 404: return ERR_NOT_FOUND;
    case 409: return strcmp(status->reason, "AlreadyExists") == 0 ? ERR_EXISTS : ERR_CONFLICT;
    case 410: return ERR_GONE;
    case 429: return ERR_BUSY;
    default: return http_code >= 500 ? ERR_UNKNOWN : ERR_INVALID; /* proxies have their own 5xx */
    }
}

int kube_status_err(int http_code, const struct kube_status *status, struct err *err)
{
    /* What answers a 401 may be a proxy that quotes the header it did not like. */
    const char *message = http_code == 401 ? "the credential was refused" : status->message;
    return err_set(err, kube_status_code(http_code, status), "%d %s: %s", http_code,
                   status->reason, message);
}
