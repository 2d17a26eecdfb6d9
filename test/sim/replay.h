/* test/sim/replay.h: a run in one line: its seed, and what of it is different or left out.
 *
 *     42 operators=1 late=0 users-3,7-20 crash-0,2 # why
 *
 * name=value replaces what the seed drew (plan.c lists the names). name-numbers leaves single
 * things out: of `users` what they do, of `rogue` what he does, of a fault its happenings, each
 * counted from 0. What is left out shifts the chance of nothing else. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/str.h"

enum { REPLAY_USERS = 100, REPLAY_ROGUE, REPLAY_SETS_MAX = 64, REPLAY_RANGES_MAX = 2048 };

struct replay_set {
    int knob; /* index into sim_knobs */
    double value;
};

struct replay_range { /* left out */
    int what; /* an enum sim_fault, REPLAY_USERS or REPLAY_ROGUE */
    unsigned first, last;
};

struct replay {
    uint64_t seed;
    struct replay_set sets[REPLAY_SETS_MAX];
    size_t set_count;
    struct replay_range ranges[REPLAY_RANGES_MAX];
    size_t range_count;
};

/* ERR_NOT_FOUND: the line has no seed (it is empty or a comment). */
MUST_CHECK int replay_read(struct replay *replay, const char *line, struct err *err);
void replay_print(struct str *out, const struct replay *replay);

/* False: there is no room for it. */
bool replay_set(struct replay *replay, int knob, double value);
bool replay_leave_out(struct replay *replay, int what, unsigned first, unsigned last);
bool replay_leaves_out(const struct replay *replay, int what, unsigned n); /* NULL is fine */
