/* test/sim/shrink.h: makes a failing run small: leaves out what users and the rogue do and what
 * goes wrong, and sets what the seed drew to its simplest, as long as the same invariant still
 * breaks.
 *
 *     knobs to their simplest ─► users' doings ─► the rogue's ─► each fault's happenings ─► again
 *
 * Delta debugging: halves, then quarters, down to single ones. Each trial is a process of its own,
 * so that an assert of the operator is a failure like any other. The result is a replay (replay.h).
 */
#pragma once

#include "test/sim/replay.h"

enum { SHRINK_S = 60 };

/* False: the run does not fail. At the end it prints the replay's last events in words. */
bool shrink(struct replay *replay, int64_t budget_ms);
