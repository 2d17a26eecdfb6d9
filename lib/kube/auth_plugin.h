/* lib/kube/auth_plugin.h: one run of a credential plugin: the environment it is told its task in,
 * the program, and its answer (an ExecCredential). For lib/kube/auth.c, which does this in a thread
 * of its own. plugin_run waits; the rest is pure. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/kube/config.h"

struct plugin_answer {
    char *token;        /* NULL: none */
    char *cert, *key;   /* PEM, both or none */
    int64_t expires_ms; /* wall clock; 0: it did not say and there is no certificate */
};
void plugin_answer_release(struct plugin_answer *answer); /* clears it */

/* The value of KUBERNETES_EXEC_INFO. ca may be NULL. */
int plugin_info(struct arena *a, const struct kube_config *config, const char *ca, char **json,
                struct err *err);

/* Reads the answer. It must have the apiVersion that it was asked in. */
MUST_CHECK int plugin_parse(const char *text, size_t len, const char *api_version,
                            struct plugin_answer *out, struct err *err);

/* Runs the plugin of config->exec. Errors name its command, and say what it said. */
MUST_CHECK int plugin_run(const struct kube_config *config, const char *ca, int64_t timeout_ms,
                          int cancel_fd, struct plugin_answer *out, struct err *err);
