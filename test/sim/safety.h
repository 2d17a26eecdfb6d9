/* test/sim/safety.h: what must hold at every commit and every request, whatever goes wrong. The
 * names are those of the table in docs/testing.md.
 */
#pragma once

#include "lib/kube/transport.h"
#include "test/sim/world.h"

struct wire;

struct safety *safety_new(struct sim *sim);
void safety_free(struct safety *safety);
void safety_seen(struct sim *sim, const struct store_commit *commit);
/* A request of an operator, as it goes to the wire. */
void safety_request(struct sim *sim, const struct wire *wire, const struct kube_call *call);
/* What was seen of the objects was of another past. */
void safety_restored(struct sim *sim);
/* Caches never go back. */
void safety_caches(struct sim *sim, struct instance *i);

/* Writes of operators so far, besides the Lease and events. */
uint64_t safety_writes(const struct sim *sim);
/* Creates of operators under "Kind ns/name". */
unsigned safety_creates(const struct sim *sim, const char *key);
/* Deployments, Services and Ingresses that operators have made; pods that anybody has. */
unsigned safety_children_made(const struct sim *sim);
unsigned safety_pods_made(const struct sim *sim);
/* From here on any write of an operator besides its Lease is wrong. */
void safety_quiet(struct sim *sim, bool quiet);
