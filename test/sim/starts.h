/* test/sim/starts.h: when a session may start anew, judged write by write: a running one only at a
 * new restart-at, whatever becomes of its template; a sleeping one always when it wakes. And whose
 * pod counts: after a restart not the one from before.
 */
#pragma once

#include "test/sim/wire.h"

struct starts;

struct starts *starts_new(void);
void starts_free(struct starts *starts);

/* A request of an operator goes out: from which version it was made. S6: a status that it sends is
 * Ready by a pod of the start that its own cache shows. */
void starts_request(const struct wire *wire, const struct kube_call *call);
/* S13, for writes that were made from the version that they are written over: one that comes late
 * could not know better. */
void starts_seen(struct sim *sim, const struct store_commit *commit);
