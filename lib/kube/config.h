/* lib/kube/config.h: which cluster, as whom: kubeconfig files, or the pod's own account.
 *
 * Sources, first that applies (controller-runtime's order, which operators' users expect):
 *   1. an explicit path: must exist, nothing is merged
 *   2. KUBECONFIG: a list of files, merged; the first file that has an entry or a scalar wins
 *   3. in-cluster: KUBERNETES_SERVICE_HOST and _PORT and the token file are there
 *   4. $HOME/.kube/config
 * Relative paths count from the folder of the file that holds them. Members that we do not know are
 * skipped, as kubectl does; of the entries only those of the context in use are checked. In a pod a
 * kubeconfig may not name a credential plugin. kube_config_load reads files; the parsing and
 * merging below it is pure and is what the fuzzer drives.
 * The result is immutable and may be shared by threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"

struct kube_pair {
    char *name;
    char *value;
};

struct kube_exec { /* a credential plugin; command NULL: none */
    char *command;
    char **args;
    size_t arg_count;
    struct kube_pair *env;
    size_t env_count;
    char *api_version;
    char *install_hint;
    char *cluster_info; /* JSON for spec.cluster of KUBERNETES_EXEC_INFO, without the CA, which auth
                         * adds as it is at the time; NULL: not asked for */
    bool interactive_always;
};

struct kube_config {
    struct arena arena; /* owns everything here */
    char *source;       /* for messages: the path, or "in-cluster" */
    char *context;      /* NULL in-cluster */
    char *ns;           /* of the context or the pod; never NULL, "default" at last */

    char *server; /* "https://host", with port and path prefix if they were given, no last '/' */
    char *tls_server_name;
    bool insecure;
    char *proxy_url;
    bool disable_compression;

    /* Files to read again and again, or data to use as it is; data beats the file. PEM text. */
    char *ca_file, *ca_data;
    char *cert_file, *cert_data;
    char *key_file, *key_data;
    char *token_file, *token;
    char *username, *password;
    struct kube_exec exec;

    char *as_user, *as_uid;
    char **as_groups;
    size_t as_group_count;
    struct kube_pair *as_extra; /* keys percent-encoded and lower case, as headers want them */
    size_t as_extra_count;
};

struct kube_config_source { /* where to look; NULL members: not there */
    const char *path;       /* --kubeconfig */
    const char *context;    /* another context than the file's current one */
    const char *kubeconfig_env;
    const char *home;
    const char *service_host, *service_port; /* the in-cluster environment */
    const char *account_dir; /* "/var/run/secrets/kubernetes.io/serviceaccount" */
    const char *pod_namespace;
};

/* The caller frees *out with kube_config_free. Errors name the file, the entry and the rule:
 * "/home/a/.kube/config: user 'dev': client-certificate without client-key". */
MUST_CHECK int kube_config_load(const struct kube_config_source *from, struct kube_config **out,
                                struct err *err);
void kube_config_free(struct kube_config *config); /* NULL is fine; clears secrets */

/* The pure middle: files already read, in order of precedence. */
struct kube_config_file {
    const char *path;
    const char *text;
    size_t len;
};
MUST_CHECK int kube_config_parse(const struct kube_config_file *files, size_t count,
                                 const char *context, struct kube_config **out, struct err *err);
