/* test/sim/cluster.h: what the cluster does by itself, in one actor: the deployment controllers
 * of Deployments (Recreate) and ReplicaSets, the scheduler, the kubelet and the volume binder.
 * Garbage collection is dev/store's.
 */
#pragma once

#include "test/sim/world.h"

struct cluster *cluster_new(struct sim *sim);
void cluster_free(struct cluster *cluster);
void cluster_seen(struct sim *sim, const struct store_commit *commit);
/* The objects are others, and nobody was told. */
void cluster_restored(struct sim *sim);
/* From here on pods start without trouble, and those in trouble get out of it. */
void cluster_heal(struct sim *sim);
/* Some pod of the session with that uid has been ready. */
bool cluster_session_was_ready(const struct sim *sim, const char *session_uid);
const struct resource *replica_set_type(void);
/* The Session, by uid, that a pod runs for; NULL: the chain of its owners is broken. */
const char *cluster_session_of(const struct sim *sim, const struct store_object *pod);
