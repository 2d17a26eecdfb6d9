/* lib/kube/auth_files.h: the parts of a credential that stand in files or in the kubeconfig itself,
 * each as it was last read well. For lib/kube/auth.c, which holds its lock around all of this.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/kube/config.h"

struct auth_files {
    const struct kube_config *config;
    char *token;                        /* NULL: none */
    char *ca, *cert, *key;              /* PEM, or NULL */
    int64_t cert_ends_ms;               /* wall clock; 0: no certificate */
    int64_t token_read_ms, pem_read_ms; /* the last attempts */
    int64_t token_due_ms, pem_due_ms;   /* INT64_MAX: never */
    uint64_t changes;                   /* how often something was read well, be it what it was */
    uint64_t failures;
    struct err trouble; /* of the last failure */
};

/* Reads all for the first time. A token file may be absent where there is a token too. */
MUST_CHECK int auth_files_init(struct auth_files *f, const struct kube_config *config,
                               int64_t now_ms, struct err *err);
void auth_files_release(struct auth_files *f);

/* Reads what is due, or with force all that was not read within the last second. */
void auth_files_refresh(struct auth_files *f, int64_t now_ms, bool force);

/* A token that may stand in a header: visible ASCII, at least one. */
bool is_token(const char *text);
