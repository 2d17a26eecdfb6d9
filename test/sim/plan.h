/* test/sim/plan.h: what a seed draws before it begins: which faults there are, how often, how big
 * the world is. Pure.
 */
#pragma once

#include "test/sim/world.h"

struct sim_plan plan_draw(uint64_t seed);
struct sim_plan plan_calm(void); /* no faults */
void plan_print(uint64_t seed, const struct sim_plan *plan);

extern const char *const sim_fault_names[FAULT_COUNT]; /* letters only */

/* What a replay may set: everything that a seed draws, faults by their rate. */
struct sim_knob {
    const char *name;
    size_t offset; /* in struct sim_plan */
    enum { KNOB_BOOL, KNOB_INT, KNOB_INT64, KNOB_RATE } type;
    double simplest;
};
extern const struct sim_knob sim_knobs[];
extern const int sim_knob_count;
int sim_knob_find(const char *name); /* -1: none */
double sim_knob_get(const struct sim_plan *plan, int knob);

struct replay;
struct sim_plan plan_of(const struct replay *replay); /* drawn, then set */
