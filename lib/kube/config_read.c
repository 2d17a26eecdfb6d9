#include "lib/kube/config.h"

#include <string.h>

#include "lib/kube/config_parts.h"
#include "lib/limits.h"
#include "lib/map.h"
#include "lib/str.h"
#include "lib/yaml.h"

/* Entries are a hundred times their text in memory: this keeps a file within an arena. */
enum { OBJECTS_MAX = 20000 };

/* Unknown members are skipped, as kubectl does: these files are shared with other tools. */

static JSON_TABLE(extension_table, struct extension_part,
                  JSON_ROW("name", JSON_TEXT, struct extension_part, name),
                  JSON_ROW("extension", JSON_RAW, struct extension_part, json));

static JSON_TABLE(
    cluster_table, struct cluster_part, JSON_ROW("server", JSON_TEXT, struct cluster_part, server),
    JSON_ROW("tls-server-name", JSON_TEXT, struct cluster_part, tls_server_name),
    JSON_ROW("certificate-authority", JSON_TEXT, struct cluster_part, ca_file),
    JSON_ROW("certificate-authority-data", JSON_TEXT, struct cluster_part, ca_data),
    JSON_ROW("proxy-url", JSON_TEXT, struct cluster_part, proxy_url),
    JSON_ROW("insecure-skip-tls-verify", JSON_BOOL, struct cluster_part, insecure),
    JSON_ROW("disable-compression", JSON_BOOL, struct cluster_part, disable_compression),
    JSON_ROW("extensions", JSON_LIST, struct cluster_part, extensions, .table = &extension_table));

static JSON_TABLE(env_table, struct exec_env_part,
                  JSON_ROW("name", JSON_TEXT, struct exec_env_part, name),
                  JSON_ROW("value", JSON_TEXT, struct exec_env_part, value));

static JSON_TABLE(exec_table, struct exec_part,
                  JSON_ROW("command", JSON_TEXT, struct exec_part, command),
                  JSON_ROW("apiVersion", JSON_TEXT, struct exec_part, api_version),
                  JSON_ROW("installHint", JSON_TEXT, struct exec_part, install_hint),
                  JSON_ROW("interactiveMode", JSON_TEXT, struct exec_part, interactive_mode),
                  JSON_ROW("provideClusterInfo", JSON_BOOL, struct exec_part, provide_cluster_info),
                  JSON_ROW("args", JSON_TEXTS, struct exec_part, args),
                  JSON_ROW("env", JSON_LIST, struct exec_part, env, .table = &env_table));

static JSON_TABLE(user_table, struct user_part,
                  JSON_ROW("client-certificate", JSON_TEXT, struct user_part, cert_file),
                  JSON_ROW("client-certificate-data", JSON_TEXT, struct user_part, cert_data),
                  JSON_ROW("client-key", JSON_TEXT, struct user_part, key_file),
                  JSON_ROW("client-key-data", JSON_TEXT, struct user_part, key_data),
                  JSON_ROW("token", JSON_TEXT, struct user_part, token),
                  JSON_ROW("tokenFile", JSON_TEXT, struct user_part, token_file),
                  JSON_ROW("username", JSON_TEXT, struct user_part, username),
                  JSON_ROW("password", JSON_TEXT, struct user_part, password),
                  JSON_ROW("act-as", JSON_TEXT, struct user_part, as_user),
                  JSON_ROW("act-as-uid", JSON_TEXT, struct user_part, as_uid),
                  JSON_ROW("act-as-groups", JSON_TEXTS, struct user_part, as_groups),
                  JSON_ROW("act-as-user-extra", JSON_RAW, struct user_part, as_extra),
                  JSON_ROW("exec", JSON_OBJECT, struct user_part, exec, .table = &exec_table),
                  JSON_ROW("exec", JSON_PRESENT, struct user_part, has_exec),
                  JSON_ROW("auth-provider", JSON_PRESENT, struct user_part, has_auth_provider));

static JSON_TABLE(context_table, struct context_part,
                  JSON_ROW("cluster", JSON_TEXT, struct context_part, cluster),
                  JSON_ROW("user", JSON_TEXT, struct context_part, user),
                  JSON_ROW("namespace", JSON_TEXT, struct context_part, ns));

static JSON_TABLE(named_cluster_table, struct named_cluster,
                  JSON_ROW("name", JSON_TEXT, struct named_cluster, name, .flags = JSON_REQUIRED),
                  JSON_ROW("cluster", JSON_OBJECT, struct named_cluster, cluster,
                           .table = &cluster_table));
static JSON_TABLE(named_user_table, struct named_user,
                  JSON_ROW("name", JSON_TEXT, struct named_user, name, .flags = JSON_REQUIRED),
                  JSON_ROW("user", JSON_OBJECT, struct named_user, user, .table = &user_table));
static JSON_TABLE(named_context_table, struct named_context,
                  JSON_ROW("name", JSON_TEXT, struct named_context, name, .flags = JSON_REQUIRED),
                  JSON_ROW("context", JSON_OBJECT, struct named_context, context,
                           .table = &context_table));

static JSON_TABLE(
    file_table, struct file_parts,
    JSON_ROW("apiVersion", JSON_TEXT, struct file_parts, api_version),
    JSON_ROW("kind", JSON_TEXT, struct file_parts, kind),
    JSON_ROW("current-context", JSON_TEXT, struct file_parts, current_context),
    JSON_ROW("clusters", JSON_LIST, struct file_parts, clusters, .table = &named_cluster_table),
    JSON_ROW("users", JSON_LIST, struct file_parts, users, .table = &named_user_table),
    JSON_ROW("contexts", JSON_LIST, struct file_parts, contexts, .table = &named_context_table));

/* --- Reading --- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* JSON goes straight to the tables: libyaml does not know all of its escapes. */
static int to_json(struct arena *a, const struct kube_config_file *file, char **json, size_t *len,
                   struct err *err)
{
    size_t i = 0;
    while (i < file->len && is_space(file->text[i])) i++;
    if (i < file->len && file->text[i] == '{' && json_check(file->text, file->len, NULL) == 0) {
        *json = arena_strndup(a, file->text, file->len);
        *len = file->len;
        return 0;
    }
    return yaml_to_json_one(a, file->text, file->len, json, len, err);
}

static int check_head(const struct file_parts *f, struct err *err)
{
    if (f->api_version && *f->api_version && !str_equal(f->api_version, "v1")) {
        return err_set(err, ERR_INVALID, "apiVersion is '%.40s', want v1", f->api_version);
    }
    if (f->kind && *f->kind && !str_equal(f->kind, "Config")) {
        return err_set(err, ERR_INVALID, "kind is '%.40s', want Config", f->kind);
    }
    return 0;
}

static int check_names(const struct json_list *list, size_t size, const char *what, struct err *err)
{
    struct map seen = {0};
    int rc = 0;
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        char *name = *(char **)(void *)((char *)list->items + i * size);
        if (map_put(&seen, name, name)) {
            rc = err_set(err, ERR_INVALID, "%s '%.60s' is there twice", what, name);
        }
    }
    map_release(&seen, NULL);
    return rc;
}

static bool has_too_many_objects(const char *json, size_t len)
{
    size_t count = 0;
    for (const char *at = json; (at = memchr(at, '{', len - (size_t)(at - json))); at++) count++;
    return count > OBJECTS_MAX;
}

int config_read(const struct kube_config_file *file, struct file_parts *out, struct err *err)
{
    char *json = NULL;
    size_t len = 0;
    *out = (struct file_parts){.path = file->path};
    arena_init(&out->arena);
    if (file->len > LIMIT_KUBECONFIG_BYTES) {
        return err_set(err, ERR_TOO_BIG, "%s: over %zu bytes", file->path, LIMIT_KUBECONFIG_BYTES);
    }
    if (to_json(&out->arena, file, &json, &len, err) < 0) return err_wrap(err, "%s", file->path);
    int rc = has_too_many_objects(json, len)
                 ? err_set(err, ERR_TOO_BIG, "over %d entries", OBJECTS_MAX)
                 : json_decode(&out->arena, json, len, &file_table, out, err);
    explicit_bzero(json, len);
    if (rc == 0) rc = check_head(out, err);
    if (rc == 0) rc = check_names(&out->clusters, sizeof(struct named_cluster), "cluster", err);
    if (rc == 0) rc = check_names(&out->users, sizeof(struct named_user), "user", err);
    if (rc == 0) rc = check_names(&out->contexts, sizeof(struct named_context), "context", err);
    return rc < 0 ? err_wrap(err, "%s", file->path) : 0;
}

/* --- Forgetting --- */

static void clear(char *text)
{
    if (text) explicit_bzero(text, strlen(text));
}

void parts_release(struct file_parts *parts)
{
    struct named_user *users = parts->users.items;
    for (size_t i = 0; i < parts->users.count; i++) {
        struct user_part *u = &users[i].user;
        struct exec_env_part *env = u->exec.env.items;
        clear(u->token);
        clear(u->password);
        clear(u->key_data);
        for (size_t j = 0; j < u->exec.env.count; j++) clear(env[j].value);
    }
    struct named_cluster *clusters = parts->clusters.items;
    for (size_t i = 0; i < parts->clusters.count; i++) clear(clusters[i].cluster.proxy_url);
    arena_release(&parts->arena);
}
