#include "lib/kube/config.h"

#include <string.h>

#include "lib/json.h"
#include "lib/kube/config_parts.h"
#include "lib/limits.h"
#include "lib/str.h"
#include "lib/tls.h"

/* Of what becomes a tree of JSON, which is a hundred times its text in memory. */
static const size_t TREE_BYTES_MAX = 64u << 10;

static char *text_copy(struct arena *a, const char *text)
{
    return text && *text ? arena_strdup(a, text) : NULL;
}

static char *path_copy(struct arena *a, const char *holder, const char *path)
{
    return path && *path ? path_beside(a, holder, path) : NULL;
}

static int data_copy(struct arena *a, const char *base64, const char *member, char **out,
                     struct err *err)
{
    char *plain = NULL;
    size_t len = 0;
    if (!base64 || !*base64) return 0;
    if (tls_base64_decode(base64, strlen(base64), &plain, &len, err) < 0) {
        return err_wrap(err, "%s", member);
    }
    bool text = len > 0 && !memchr(plain, '\0', len);
    if (text) *out = arena_strndup(a, plain, len);
    explicit_bzero(plain, len);
    tls_forget(plain);
    return text ? 0 : err_set(err, ERR_INVALID, "%s: is no PEM text", member);
}

/* --- Cluster --- */

static int build_cluster(const struct chosen *chosen, struct kube_config *out, struct err *err)
{
    struct arena *a = &out->arena;
    const struct cluster_part *c = &chosen->cluster->cluster;
    const struct user_part *u = &chosen->user->user;
    if (data_copy(a, c->ca_data, "certificate-authority-data", &out->ca_data, err) < 0) return -1;
    out->ca_file = path_copy(a, chosen->cluster_path, c->ca_file);
    out->tls_server_name = text_copy(a, c->tls_server_name);
    out->proxy_url = text_copy(a, c->proxy_url);
    out->insecure = c->insecure;
    out->disable_compression = c->disable_compression;
    bool cert = (u->cert_file && *u->cert_file) || (u->cert_data && *u->cert_data);
    bool tls = c->insecure || out->ca_data || out->ca_file || cert;
    if (server_url(a, c->server, tls, &out->server, err) < 0) return err_wrap(err, "server");
    return 0;
}

/* --- User --- */

/* Header names know no case and few characters, so keys travel in lower case and encoded. */
static char *extra_key(struct arena *a, const char *key)
{
    auto_str encoded;
    str_init(&encoded, LIMIT_KUBECONFIG_BYTES * 3);
    str_add_url(&encoded, key);
    for (size_t i = 0; i < encoded.len; i++) {
        char c = encoded.at[i];
        if (c >= 'A' && c <= 'Z') encoded.at[i] = (char)(c - 'A' + 'a');
    }
    return arena_strdup(a, encoded.at);
}

static int to_tree(struct arena *a, const char *json, struct json **out, struct err *err)
{
    size_t n = strlen(json);
    if (n <= TREE_BYTES_MAX) return json_parse(a, json, n, out, err);
    return err_set(err, ERR_TOO_BIG, "over %zu bytes", TREE_BYTES_MAX);
}

static int build_extra(struct arena *scratch, const char *json, struct kube_config *out,
                       struct err *err)
{
    struct json *extra = NULL;
    size_t count = 0, at = 0;
    if (!json) return 0;
    if (to_tree(scratch, json, &extra, err) < 0) return -1;
    if (!json_is_object(extra)) return err_set(err, ERR_INVALID, "must be an object");
    for (struct json *key = json_first(extra); key; key = json_next(key)) {
        if (!*json_name(key)) return err_set(err, ERR_INVALID, "has an empty key");
        if (!json_is_array(key)) return err_set(err, ERR_INVALID, "must hold lists of text");
        count += json_count(key);
    }
    out->as_extra = arena_zalloc(&out->arena, (count + 1) * sizeof(*out->as_extra));
    for (struct json *key = json_first(extra); key; key = json_next(key)) {
        char *name = extra_key(&out->arena, json_name(key));
        for (struct json *value = json_first(key); value; value = json_next(value)) {
            const char *text = json_text(value);
            if (!text) return err_set(err, ERR_INVALID, "must hold lists of text");
            if (!is_header_text(text)) return err_set(err, ERR_INVALID, "has a control character");
            out->as_extra[at++] = (struct kube_pair){name, arena_strdup(&out->arena, text)};
        }
    }
    out->as_extra_count = count;
    return 0;
}

static char **texts_copy(struct arena *a, const struct json_list *list)
{
    char *const *from = list->items;
    char **to = arena_zalloc(a, (list->count + 1) * sizeof(*to));
    for (size_t i = 0; i < list->count; i++) to[i] = arena_strdup(a, from[i]);
    return to;
}

static int build_user(struct arena *scratch, const struct chosen *chosen, struct kube_config *out,
                      struct err *err)
{
    struct arena *a = &out->arena;
    const struct user_part *u = &chosen->user->user;
    const char *holder = chosen->user_path;
    if (data_copy(a, u->cert_data, "client-certificate-data", &out->cert_data, err) < 0) return -1;
    if (data_copy(a, u->key_data, "client-key-data", &out->key_data, err) < 0) return -1;
    out->cert_file = path_copy(a, holder, u->cert_file);
    out->key_file = path_copy(a, holder, u->key_file);
    out->token_file = path_copy(a, holder, u->token_file);
    out->token = text_copy(a, u->token);
    out->username = text_copy(a, u->username);
    out->password = text_copy(a, u->password);
    out->as_user = text_copy(a, u->as_user);
    out->as_uid = text_copy(a, u->as_uid);
    out->as_groups = texts_copy(a, &u->as_groups);
    out->as_group_count = u->as_groups.count;
    if (build_extra(scratch, u->as_extra, out, err) < 0) return err_wrap(err, "act-as-user-extra");
    return 0;
}

/* --- Credential plugin --- */

static void set_given(struct arena *a, struct json *object, const char *name, const char *text)
{
    if (text) json_set_text(a, object, name, text);
}

static int add_extension(struct arena *a, const struct cluster_part *c, struct json *info,
                         struct err *err)
{
    const struct extension_part *extensions = c->extensions.items;
    for (size_t i = 0; i < c->extensions.count; i++) {
        const struct extension_part *e = &extensions[i];
        struct json *value = NULL;
        if (!e->json || !str_equal(e->name, "client.authentication.k8s.io/exec")) continue;
        if (to_tree(a, e->json, &value, err) < 0) {
            return err_wrap(err, "extension %s", e->name);
        }
        json_set(a, info, "config", value);
        return 0;
    }
    return 0;
}

static int build_cluster_info(struct arena *scratch, const struct cluster_part *c,
                              struct kube_config *out, struct err *err)
{
    struct json *info = json_object(scratch);
    set_given(scratch, info, "server", out->server);
    set_given(scratch, info, "tls-server-name", out->tls_server_name);
    if (out->insecure) json_set_bool(scratch, info, "insecure-skip-tls-verify", true);
    set_given(scratch, info, "proxy-url", out->proxy_url);
    if (out->disable_compression) json_set_bool(scratch, info, "disable-compression", true);
    if (add_extension(scratch, c, info, err) < 0) return -1;
    out->exec.cluster_info = json_to_text(&out->arena, info);
    return 0;
}

static int build_exec(struct arena *scratch, const struct chosen *chosen, struct kube_config *out,
                      struct err *err)
{
    struct arena *a = &out->arena;
    const struct exec_part *from = &chosen->user->user.exec;
    const struct exec_env_part *env = from->env.items;
    if (!chosen->user->user.has_exec) return 0;
    bool is_path = strchr(from->command, '/') != NULL; /* else it is sought in PATH */
    struct kube_exec *to = &out->exec;
    to->command =
        is_path ? path_beside(a, chosen->user_path, from->command) : arena_strdup(a, from->command);
    to->args = texts_copy(a, &from->args);
    to->arg_count = from->args.count;
    to->env = arena_zalloc(a, (from->env.count + 1) * sizeof(*to->env));
    to->env_count = from->env.count;
    for (size_t i = 0; i < from->env.count; i++) {
        to->env[i].name = arena_strdup(a, env[i].name);
        to->env[i].value = arena_strdup(a, env[i].value ? env[i].value : "");
    }
    to->api_version = arena_strdup(a, from->api_version);
    to->install_hint = text_copy(a, from->install_hint);
    to->interactive_always = str_equal(from->interactive_mode, "Always");
    if (!from->provide_cluster_info) return 0;
    return build_cluster_info(scratch, &chosen->cluster->cluster, out, err);
}

int config_build(struct arena *scratch, const struct chosen *chosen, struct kube_config *out,
                 struct err *err)
{
    const char *ns = chosen->context->context.ns;
    out->source = arena_strdup(&out->arena, chosen->context_path);
    out->context = arena_strdup(&out->arena, chosen->context->name);
    out->ns = arena_strdup(&out->arena, ns && *ns ? ns : "default");
    if (build_cluster(chosen, out, err) < 0) {
        return err_wrap(err, "%s: cluster '%.60s'", chosen->cluster_path, chosen->cluster->name);
    }
    if (build_user(scratch, chosen, out, err) < 0 || build_exec(scratch, chosen, out, err) < 0) {
        return err_wrap(err, "%s: user '%.60s'", chosen->user_path, chosen->user->name);
    }
    return 0;
}
