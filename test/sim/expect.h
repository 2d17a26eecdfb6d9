/* test/sim/expect.h: what there should be for the Sessions that there are, written from the design
 * and not from the operator's code. Asked when faults are over and all had time to settle.
 */
#pragma once

#include "test/sim/world.h"

/* True when the cluster is as it should be; otherwise why holds the first difference, in words. */
bool expect_met(struct sim *sim, char *why, size_t size);
/* True when no revision of a Template is left that nobody uses. */
bool expect_pruned(struct sim *sim, char *why, size_t size);
/* True when nothing is left of any Session but homes. */
bool expect_gone(struct sim *sim, char *why, size_t size);
/* Its template is there, so that it could be made from scratch. */
bool expect_can_start(struct sim *sim, const struct store_object *session);
/* What a Session has become, without names that differ from run to run; in the arena. */
char *expect_shape(struct sim *sim, const struct store_object *session);
