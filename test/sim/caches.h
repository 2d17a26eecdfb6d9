/* test/sim/caches.h: when all is quiet, an operator's caches hold what the cluster holds: nothing
 * that is gone or old, nothing missing, nothing whose end no watch would tell.
 */
#pragma once

#include "test/sim/instance.h"

/* S7. */
void caches_check(struct sim *sim, struct instance *i);
