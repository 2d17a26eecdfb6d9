/* test/sim/secrets.h: what must never be told (S11): the credential that a proxy quotes in its
 * answers, and what people keep in their env. Looked for in every event, every status and, in
 * some seeds, in every log line of the operators.
 */
#pragma once

#include "lib/kube/transport.h"
#include "test/sim/world.h"

#define SECRET_CREDENTIAL "simulated-bearer-credential"
#define SECRET_ENV "simulated-env-secret"

/* A write that an operator hands to the wire. */
void secrets_request(struct sim *sim, const struct kube_call *call);
/* From here on log lines are kept; the end reads them, and logs as before. */
void secrets_begin(struct sim *sim);
void secrets_end(struct sim *sim);
