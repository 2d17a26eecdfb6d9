#include "lib/kube/auth_plugin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/json.h"
#include "lib/json_table.h"
#include "lib/kube/auth_files.h"
#include "lib/limits.h"
#include "lib/str.h"
#include "lib/tls.h"
#include "lib/xalloc.h"

static const size_t LOG_BYTES_MAX = 4096; /* of standard error: some of it goes into the error */

void plugin_answer_release(struct plugin_answer *answer)
{
    tls_forget(answer->token);
    tls_forget(answer->cert);
    tls_forget(answer->key);
    *answer = (struct plugin_answer){0};
}

/* --- Question --- */

static int add_cluster(struct arena *a, const char *info, const char *ca, struct json *spec,
                       struct err *err)
{
    struct json *cluster = NULL;
    if (!info) return 0;
    if (json_parse(a, info, strlen(info), &cluster, err) < 0) return -1;
    if (ca) {
        auto_free char *base64 = tls_base64_encode(ca, strlen(ca));
        json_set_text(a, cluster, "certificate-authority-data", base64);
    }
    json_set(a, spec, "cluster", cluster);
    return 0;
}

int plugin_info(struct arena *a, const struct kube_config *config, const char *ca, char **json,
                struct err *err)
{
    struct json *info = json_object(a), *spec = json_object(a);
    json_set_text(a, info, "kind", "ExecCredential");
    json_set_text(a, info, "apiVersion", config->exec.api_version);
    json_set_bool(a, spec, "interactive", false);
    if (add_cluster(a, config->exec.cluster_info, ca, spec, err) < 0) return -1;
    json_set(a, info, "spec", spec);
    *json = json_to_text(a, info);
    return 0;
}

static bool is_named(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

static bool is_replaced(const struct kube_exec *exec, const char *entry)
{
    if (is_named(entry, "KUBERNETES_EXEC_INFO")) return true;
    for (size_t i = 0; i < exec->env_count; i++) {
        if (is_named(entry, exec->env[i].name)) return true;
    }
    return false;
}

struct env {
    const char **all;
    size_t inherited; /* those come first */
};

/* Our environment, then what the user entry adds, then the task. A name stands there once. */
static struct env make_env(struct arena *a, const struct kube_exec *exec, const char *info)
{
    size_t count = 0, at = 0;
    while (environ[count]) count++;
    struct env env = {arena_zalloc(a, (count + exec->env_count + 2) * sizeof(char *)), 0};
    for (size_t i = 0; i < count; i++) {
        if (!is_replaced(exec, environ[i])) env.all[at++] = environ[i];
    }
    env.inherited = at;
    for (size_t i = 0; i < exec->env_count; i++) {
        const struct kube_pair *pair = &exec->env[i];
        if (str_equal(pair->name, "KUBERNETES_EXEC_INFO")) continue;
        env.all[at++] = arena_printf(a, "%s=%s", pair->name, pair->value);
    }
    env.all[at] = arena_printf(a, "KUBERNETES_EXEC_INFO=%s", info);
    return env;
}

static void clear(const char *text)
{
    if (text) explicit_bzero((char *)(uintptr_t)text, strlen(text));
}

/* --- Answer --- */

struct answer_parts {
    char *api_version, *kind;
    char *token, *cert, *key;
    int64_t expires_ms;
    bool has_status, has_expiry;
};

static JSON_TABLE(status_table, struct answer_parts,
                  JSON_ROW("token", JSON_TEXT, struct answer_parts, token),
                  JSON_ROW("clientCertificateData", JSON_TEXT, struct answer_parts, cert),
                  JSON_ROW("clientKeyData", JSON_TEXT, struct answer_parts, key),
                  JSON_ROW("expirationTimestamp", JSON_TIME, struct answer_parts, expires_ms),
                  JSON_ROW("expirationTimestamp", JSON_PRESENT, struct answer_parts, has_expiry));

static JSON_TABLE(answer_table, struct answer_parts,
                  JSON_ROW("apiVersion", JSON_TEXT, struct answer_parts, api_version),
                  JSON_ROW("kind", JSON_TEXT, struct answer_parts, kind),
                  JSON_ROW("status", JSON_PRESENT, struct answer_parts, has_status),
                  JSON_GROUP("status", status_table));

static bool given(const char *text)
{
    return text && *text;
}

static int check_answer(const struct answer_parts *p, const char *api_version, struct err *err)
{
    if (!str_equal(p->kind, "ExecCredential")) {
        return err_set(err, ERR_INVALID, "its answer is no ExecCredential");
    }
    if (!str_equal(p->api_version, api_version)) {
        return err_set(err, ERR_INVALID, "it answered in apiVersion '%.60s', want %s",
                       p->api_version ? p->api_version : "", api_version);
    }
    if (!p->has_status) return err_set(err, ERR_INVALID, "its answer has no status");
    if (!given(p->token) && !given(p->cert) && !given(p->key)) {
        return err_set(err, ERR_INVALID, "its answer has neither token nor certificate");
    }
    if (given(p->cert) != given(p->key)) {
        return err_set(err, ERR_INVALID, "its answer has a certificate or key without the other");
    }
    if (given(p->token) && !is_token(p->token)) {
        return err_set(err, ERR_INVALID, "its token has characters that no token has");
    }
    return 0;
}

/* An expired certificate fails in the handshake, not with a 401, so its end is an expiry too. */
static int check_cert(const struct answer_parts *p, int64_t *expires_ms, struct err *err)
{
    int64_t ends_ms = 0;
    if (!given(p->cert)) return 0;
    if (tls_check_pair(p->cert, p->key, err) < 0) return -1;
    if (tls_cert_not_after(p->cert, &ends_ms, err) < 0) return -1;
    if (!p->has_expiry) *expires_ms = ends_ms;
    return 0;
}

static char *copy_given(const char *text)
{
    return given(text) ? xstrdup(text) : NULL;
}

int plugin_parse(const char *text, size_t len, const char *api_version, struct plugin_answer *out,
                 struct err *err)
{
    auto_arena a = {0};
    struct answer_parts p = {0};
    if (len == 0) return err_set(err, ERR_INVALID, "it printed nothing");
    int rc = json_decode(&a, text, len, &answer_table, &p, err);
    if (rc < 0) err_wrap(err, "its answer");
    if (rc == 0) rc = check_answer(&p, api_version, err);
    if (rc == 0) rc = check_cert(&p, &p.expires_ms, err);
    if (rc == 0) {
        *out = (struct plugin_answer){copy_given(p.token), copy_given(p.cert), copy_given(p.key),
                                      p.expires_ms};
    }
    clear(p.token);
    clear(p.key);
    return rc;
}

/* --- Run --- */

/* The last line that the plugin complained in, fit for a log. */
static const char *last_words(struct arena *a, const struct child_end *end)
{
    size_t n = end->err_len;
    while (n > 0 && end->err[n - 1] <= ' ' && end->err[n - 1] >= 0) n--;
    size_t from = n;
    while (from > 0 && end->err[from - 1] != '\n' && n - from < 150) from--;
    char *words = arena_strndup(a, end->err + from, n - from);
    for (char *c = words; *c; c++) {
        if (*c < ' ' || *c > '~') *c = '?';
    }
    return words;
}

static int take_answer(struct arena *a, const struct kube_exec *exec, const struct child_end *end,
                       struct plugin_answer *out, struct err *err)
{
    if (end->code == 0) return plugin_parse(end->out, end->out_len, exec->api_version, out, err);
    const char *words = last_words(a, end);
    return err_set(err, ERR_DENIED, "ended with code %d%s%s", end->code, *words ? ": " : "", words);
}

int plugin_run(const struct kube_config *config, const char *ca, int64_t timeout_ms, int cancel_fd,
               struct plugin_answer *out, struct err *err)
{
    auto_arena a = {0};
    const struct kube_exec *exec = &config->exec;
    struct child_end end = {0};
    struct err why = {0};
    char *info = NULL;
    const char **args = arena_zalloc(&a, (exec->arg_count + 2) * sizeof(*args));
    args[0] = exec->command;
    for (size_t i = 0; i < exec->arg_count; i++) args[i + 1] = exec->args[i];
    int rc = plugin_info(&a, config, ca, &info, &why);
    if (rc == 0) {
        struct env env = make_env(&a, exec, info);
        rc = child_run(&(struct child_run){.args = args,
                                           .env = env.all,
                                           .timeout_ms = timeout_ms,
                                           .cancel_fd = cancel_fd,
                                           .out_bytes_max = LIMIT_CREDENTIAL_BYTES,
                                           .err_bytes_max = LOG_BYTES_MAX},
                       &end, &why);
        for (size_t i = env.inherited; env.all[i]; i++) clear(env.all[i]);
        clear(info); /* a proxy's URL may hold a password */
    }
    if (rc == 0) rc = take_answer(&a, exec, &end, out, &why);
    child_end_release(&end);
    if (rc == 0) return 0;
    const char *hint = why.code == ERR_NOT_FOUND && exec->install_hint ? exec->install_hint : "";
    return err_set(err, ERR_DENIED, "credential plugin %.60s: %s%s%.100s", exec->command, why.text,
                   *hint ? ": " : "", hint);
}
