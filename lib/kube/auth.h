/* lib/kube/auth.h: what proves to the server who we are, kept fresh.
 *
 * A credential is an immutable, counted snapshot; its generation grows whenever it changes, so that
 * a 401 can say which one was refused. Token files are read again when older than 50 s, certificate
 * and CA files every 5 minutes, all after a 401 or a connection that failed (and key checked
 * against certificate before both are adopted); while a file is broken the old value stays. A
 * credential plugin runs in a thread of its own, one run at a time; until its first answer there is
 * no credential.
 *
 * All functions may be called from any thread (one mutex inside, never held during I/O of the
 * plugin). Secrets are cleared when freed and never logged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/kube/config.h"

struct kube_credential {
    uint64_t generation; /* of anything below */
    uint64_t tls;        /* grows when ca, cert or key changed: connections must be made anew */
    const char *authorization;   /* "Bearer ..." or "Basic ...", or NULL */
    const char *ca, *cert, *key; /* PEM text, or NULL */
    int64_t expires_ms; /* wall clock, of the plugin's answer or else the certificate; 0: unknown */
};

struct kube_auth;

/* Reads all files once; ERR_INVALID or ERR_NOT_FOUND name the file. The config must outlive it. A
 * token, token file or password beats the plugin, which then is never run. */
MUST_CHECK int kube_auth_new(const struct kube_config *config, int64_t now_ms,
                             struct kube_auth **out, struct err *err);
/* NULL is fine. A plugin that runs is killed. */
void kube_auth_free(struct kube_auth *auth);

/* The credential to use now, refreshed if its time has come; the caller unrefs it. NULL with
 * ERR_UNAVAILABLE while the plugin has not answered yet, or ERR_DENIED when it failed (retried
 * after a backoff). now_ms is the loop's time, wall_ms the wall clock (for expiry). */
const struct kube_credential *kube_auth_get(struct kube_auth *auth, int64_t now_ms, int64_t wall_ms,
                                            struct err *err);
void kube_credential_unref(struct kube_auth *auth, const struct kube_credential *credential);

/* The server answered 401 to that generation: read or run again unless something newer is there.
 * True if a newer credential is already at hand. */
bool kube_auth_rejected(struct kube_auth *auth, uint64_t generation, int64_t now_ms);

/* No connection came about, perhaps for the server's certificate is new and so is our CA file: the
 * files are read again, at most once a second. A plugin's answer is not doubted. */
void kube_auth_unreachable(struct kube_auth *auth, int64_t now_ms);

/* An eventfd that becomes readable when a plugin run ended: get again. Whoever waits on it reads
 * it, so only one may. -1 where there is no plugin. */
int kube_auth_fd(const struct kube_auth *auth);

/* How many refreshes have failed, also those whose old value goes on serving. Where there are any,
 * *last says why one of late did; last may be NULL. For a metric and a line in the log. */
uint64_t kube_auth_failures(struct kube_auth *auth, struct err *last);

/* How long a plugin may take from its next run on; 60 s unless told. */
void kube_auth_set_plugin_timeout(struct kube_auth *auth, int64_t timeout_ms);
