/* test/sim/refused.h: a session that the cluster does not want for a while: by quota or by
 * policy, its Deployment, Service, Ingress or home. It says so within a minute, and is there five
 * minutes after the cause has gone (L5).
 */
#pragma once

#include "test/sim/world.h"

void run_refused(struct sim *sim);
