/* test/sim/rollout.h: the operator's replicas become another version one after the other, then the
 * old one again. No pod and no name changes, and no object is written more than once for it.
 */
#pragma once

#include "test/sim/world.h"

struct rollout;

struct rollout *rollout_new(void);
void rollout_free(struct rollout *rollout);
void rollout_seen(struct sim *sim, const struct store_commit *commit);
/* Both ways; all must be quiet before, and is after. */
void run_rollout(struct sim *sim);
