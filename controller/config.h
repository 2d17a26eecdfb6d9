/* controller/config.h: what the program was told, checked: one table of options, which are flags
 * (--ingress-class contour), environment variables (CARREL_INGRESS_CLASS) and keys of a YAML file
 * (ingress-class: contour), in that order of precedence, and which is also the help text.
 *
 * A value that is not allowed stops the start; the error names the key, where it was given, the
 * value and what is allowed. Nothing here is a secret: secrets come as names of files.
 * Reading the file and the environment is the caller's; the rest is pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/settings.h"
#include "lib/arena.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/str.h"

struct config {
    struct arena arena; /* owns everything here */
    const char *kubeconfig; /* NULL: KUBECONFIG, in-cluster, ~/.kube/config */
    const char *context;
    const char *metrics_listen;
    const char *listen; /* of the API; "" for none */
    bool auth_open, open_anywhere;
    const char *auth_secret_file, *auth_jwks_file, *auth_jwks_url, *auth_ca_file; /* NULL: none */
    const char *auth_issuer, *auth_audience;       /* "" for any */
    const char *auth_user_claim, *auth_role_claim, *auth_default_role;
    const char *cors_origins;
    double rate_limit; /* of one caller, a second */
    bool leader_elect;
    const char *lease_namespace; /* NULL: the pod's or the kubeconfig's */
    const char *lease_name;
    int64_t lease_ms, renew_ms, retry_ms;
    enum log_level log_level;
    bool log_json;
    struct settings settings;
};

struct config_source {
    int argc;          /* arguments after the command: "--domain", "example.com", ... */
    char *const *argv;
    const char *(*env)(void *user, const char *name); /* NULL: not set */
    void *user;
    /* Reads the file that --config names; text in the arena. */
    int (*read_file)(void *user, const char *path, struct arena *a, char **text, size_t *len,
                     struct err *err);
};

/* The caller frees *out with config_free. */
MUST_CHECK int config_load(const struct config_source *from, struct config **out,
                           struct err *err);
void config_free(struct config *config); /* NULL is fine */

void config_help(struct str *out); /* the options, for `carrel help serve` */
