/* lib/kube/config_parts.h: what lib/kube/config*.c tell each other: a kubeconfig file as it stands,
 * before one context of it is chosen, checked and made into a struct kube_config.
 *
 *     text ──config_read──► file_parts ──config_pick──► chosen ──config_check──► config_build ──►
 *
 * A file's parts live in an arena of its own and go with it, cleared of secrets. Absent, null and
 * empty are one. Pure, but for config_check told to look at the disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/json_table.h"
#include "lib/kube/config.h"

struct extension_part {
    char *name;
    char *json;
};

struct cluster_part {
    char *server;
    char *tls_server_name;
    char *ca_file, *ca_data;
    char *proxy_url;
    bool insecure;
    bool disable_compression;
    struct json_list extensions; /* of extension_part */
};

struct exec_env_part {
    char *name;
    char *value;
};

struct exec_part {
    char *command;
    char *api_version;
    char *install_hint;
    char *interactive_mode;
    bool provide_cluster_info;
    struct json_list args; /* of char * */
    struct json_list env;  /* of exec_env_part */
};

struct user_part {
    char *cert_file, *cert_data;
    char *key_file, *key_data;
    char *token, *token_file;
    char *username, *password;
    char *as_user, *as_uid;
    struct json_list as_groups; /* of char * */
    char *as_extra;             /* JSON: text -> list of text */
    struct exec_part exec;
    bool has_exec;
    bool has_auth_provider;
};

struct context_part {
    char *cluster, *user, *ns;
};

/* The entries of the three lists. The name comes first, so that one function finds any of them. */
struct named_cluster {
    char *name;
    struct cluster_part cluster;
};
struct named_user {
    char *name;
    struct user_part user;
};
struct named_context {
    char *name;
    struct context_part context;
};

struct file_parts {
    struct arena arena; /* of all below */
    const char *path;
    char *api_version, *kind;
    char *current_context;
    struct json_list clusters, users, contexts;
};

struct chosen { /* by the context; each with the file that it comes from */
    const struct named_context *context;
    const struct named_cluster *cluster;
    const struct named_user *user;
    const char *context_path, *cluster_path, *user_path;
};

/* Whether it fails or not, parts_release follows. */
int config_read(const struct kube_config_file *file, struct file_parts *out, struct err *err);
void parts_release(struct file_parts *parts); /* clears the secrets of every entry */

int config_pick(const struct file_parts *files, size_t count, const char *context,
                struct chosen *out, struct err *err);

/* All rules that one context must keep; on_disk: named files are there and can be read too. */
int config_check(const struct chosen *chosen, bool on_disk, struct err *err);

/* Copies what was chosen into out's arena. The scratch arena is for what goes away. */
int config_build(struct arena *scratch, const struct chosen *chosen, struct kube_config *out,
                 struct err *err);

/* kube_config_parse with a look at the disk. */
int config_make(const struct kube_config_file *files, size_t count, const char *context,
                bool on_disk, struct kube_config **out, struct err *err);

/* "host:1" -> "http://host:1", or https if tls; no trailing '/', no query, no fragment. */
int server_url(struct arena *a, const char *server, bool tls, char **out, struct err *err);
int check_proxy_url(const char *url, struct err *err);
bool is_header_text(const char *text); /* no controls: may stand in a header's value */
/* A path counts from the folder of the file that holds it. */
char *path_beside(struct arena *a, const char *holder, const char *path);
