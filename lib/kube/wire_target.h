/* lib/kube/wire_target.h: from a kubeconfig and a credential to what lib/http.h wants: address,
 * TLS material, proxy, headers. Private to lib/kube/wire*.c. No I/O but the proxy variables of the
 * environment. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/http.h"
#include "lib/kube/auth.h"
#include "lib/kube/config.h"
#include "lib/kube/transport.h"

struct wire_target {
    struct http_target http; /* connections and buffer are the caller's to set */
    const char *host_header; /* NULL: as libcurl makes it */
};

/* Texts live in the arena, or are the config's and the credential's. */
MUST_CHECK int wire_target_make(const struct kube_config *config,
                                const struct kube_credential *credential, struct arena *arena,
                                struct wire_target *out, struct err *err);

/* A credential goes over TLS, or does not leave the machine. */
bool wire_may_carry_secrets(const char *server);

/* The headers of one kind of call; the caller unrefs them. */
struct http_headers *wire_headers_make(const struct kube_config *config,
                                       const struct kube_credential *credential,
                                       const char *user_agent, const struct kube_call *call);

/* An answer in the client's words; text and body stay the http_answer's. */
void wire_answer(const struct http_answer *from, uint64_t credential, int64_t sent_ms,
                 struct kube_answer *to);
