/* test/sim/plan.h: what a seed draws before it begins: which faults there are, how often, how big
 * the world is. Pure.
 */
#pragma once

#include "test/sim/world.h"

struct sim_plan plan_draw(uint64_t seed);
struct sim_plan plan_calm(void); /* no faults */
void plan_print(uint64_t seed, const struct sim_plan *plan);
