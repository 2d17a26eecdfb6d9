#include "lib/kube/config.h"

#include <string.h>

#include "lib/files.h"
#include "lib/kube/config_parts.h"
#include "lib/str.h"

/* Checks collect nothing: the first broken rule is the error. The caller adds file and entry. */

static bool given(const char *text)
{
    return text && *text;
}

static int say(struct err *err, const char *what)
{
    return err_set(err, ERR_INVALID, "%s", what);
}

static int on_disk_check(const char *holder, const char *path, const char *member, struct err *err)
{
    auto_arena a = {0};
    if (!given(path)) return 0;
    if (file_check(path_beside(&a, holder, path), err) < 0) return err_wrap(err, "%s", member);
    return 0;
}

/* A label of DNS: what a namespace may be called. */
static bool is_label(const char *text)
{
    static const char inner[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t n = strlen(text);
    return n > 0 && n <= 63 && strspn(text, inner) == n && text[0] != '-' && text[n - 1] != '-';
}

static bool is_host_name(const char *text)
{
    static const char inner[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._";
    return strspn(text, inner) == strlen(text);
}

/* --- Cluster --- */

static int check_cluster(const struct cluster_part *c, struct err *err)
{
    bool any_ca = given(c->ca_file) || given(c->ca_data);
    if (!given(c->server)) return say(err, "has no server");
    if (given(c->ca_file) && given(c->ca_data)) {
        return say(err, "certificate-authority and certificate-authority-data exclude each other");
    }
    if (c->insecure && any_ca) {
        return say(err, "insecure-skip-tls-verify and a certificate-authority exclude each other");
    }
    if (given(c->proxy_url) && check_proxy_url(c->proxy_url, err) < 0) {
        return err_wrap(err, "proxy-url");
    }
    if (given(c->tls_server_name) && !is_host_name(c->tls_server_name)) {
        return say(err, "tls-server-name is no host name");
    }
    return 0;
}

/* --- User --- */

static int check_certificate(const struct user_part *u, struct err *err)
{
    bool cert = given(u->cert_file) || given(u->cert_data);
    bool key = given(u->key_file) || given(u->key_data);
    if (given(u->cert_file) && given(u->cert_data)) {
        return say(err, "client-certificate and client-certificate-data exclude each other");
    }
    if (given(u->key_file) && given(u->key_data)) {
        return say(err, "client-key and client-key-data exclude each other");
    }
    if (cert && !key) return say(err, "client-certificate without client-key");
    if (key && !cert) return say(err, "client-key without client-certificate");
    return 0;
}

static int check_password(const struct user_part *u, struct err *err)
{
    bool token = given(u->token) || given(u->token_file);
    bool basic = given(u->username) || given(u->password);
    if (token && basic) return say(err, "token and username with password exclude each other");
    if (basic && !given(u->username)) return say(err, "password without username");
    if (basic && (strchr(u->username, ':') || !is_header_text(u->username))) {
        return say(err, "username has a colon or a control character");
    }
    return 0;
}

static int check_impersonation(const struct user_part *u, struct err *err)
{
    bool more = given(u->as_uid) || u->as_groups.count > 0 || u->as_extra;
    if (!given(u->as_user)) {
        return more ? say(err, "act-as-uid, act-as-groups and act-as-user-extra need act-as") : 0;
    }
    bool clean = is_header_text(u->as_user) && (!u->as_uid || is_header_text(u->as_uid));
    char *const *groups = u->as_groups.items;
    for (size_t i = 0; i < u->as_groups.count; i++) clean = clean && is_header_text(groups[i]);
    return clean ? 0 : say(err, "act-as has a control character");
}

static int check_exec_version(const struct exec_part *e, struct err *err)
{
    static const char v1[] = "client.authentication.k8s.io/v1";
    static const char v1beta1[] = "client.authentication.k8s.io/v1beta1";
    static const char *const modes[] = {"Never", "IfAvailable", "Always"};
    if (!given(e->api_version)) return say(err, "exec without apiVersion");
    bool is_v1 = str_equal(e->api_version, v1);
    if (!is_v1 && !str_equal(e->api_version, v1beta1)) {
        return err_set(err, ERR_INVALID, "exec: apiVersion '%.60s' is neither %s nor v1beta1",
                       e->api_version, v1);
    }
    if (!given(e->interactive_mode)) {
        return is_v1 ? say(err, "exec: v1 needs interactiveMode") : 0;
    }
    for (size_t i = 0; i < 3; i++) {
        if (str_equal(e->interactive_mode, modes[i])) return 0;
    }
    return say(err, "exec: interactiveMode is not Never, IfAvailable or Always");
}

static int check_exec(const struct user_part *u, struct err *err)
{
    const struct exec_part *e = &u->exec;
    if (u->has_exec && u->has_auth_provider) {
        return say(err, "exec and auth-provider exclude each other");
    }
    if (u->has_auth_provider) {
        return say(err, "auth-provider is gone from Kubernetes since 1.26: use exec");
    }
    if (!u->has_exec) return 0;
    if (!given(e->command)) return say(err, "exec without command");
    if (check_exec_version(e, err) < 0) return -1;
    const struct exec_env_part *env = e->env.items;
    for (size_t i = 0; i < e->env.count; i++) {
        if (!given(env[i].name)) return say(err, "exec: env entry without a name");
        if (strchr(env[i].name, '=')) return say(err, "exec: env name with a '='");
    }
    return 0;
}

static int check_user(const struct user_part *u, struct err *err)
{
    if (check_certificate(u, err) < 0 || check_password(u, err) < 0) return -1;
    if (check_impersonation(u, err) < 0) return -1;
    return check_exec(u, err);
}

static int check_user_files(const char *holder, const struct user_part *u, struct err *err)
{
    if (on_disk_check(holder, u->cert_file, "client-certificate", err) < 0) return -1;
    if (on_disk_check(holder, u->key_file, "client-key", err) < 0) return -1;
    if (given(u->token)) return 0; /* serves until the token file is there */
    return on_disk_check(holder, u->token_file, "tokenFile", err);
}

int config_check(const struct chosen *c, bool on_disk, struct err *err)
{
    const struct cluster_part *cluster = &c->cluster->cluster;
    const struct user_part *user = &c->user->user;
    const char *ns = c->context->context.ns;
    int rc = 0;
    if (given(ns) && !is_label(ns)) {
        say(err, "namespace is not 1 to 63 of a-z, 0-9 and '-'");
        return err_wrap(err, "%s: context '%.60s'", c->context_path, c->context->name);
    }
    rc = check_cluster(cluster, err);
    if (rc == 0 && on_disk) {
        rc = on_disk_check(c->cluster_path, cluster->ca_file, "certificate-authority", err);
    }
    if (rc < 0) return err_wrap(err, "%s: cluster '%.60s'", c->cluster_path, c->cluster->name);
    rc = check_user(user, err);
    if (rc == 0 && on_disk) rc = check_user_files(c->user_path, user, err);
    if (rc < 0) return err_wrap(err, "%s: user '%.60s'", c->user_path, c->user->name);
    return 0;
}
