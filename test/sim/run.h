/* test/sim/run.h: one seed from its beginning to its end:
 *
 *     chaos ─► heal ─► all as it should be ─► quiet: no writes ─► (the same from scratch) ─► all
 *     deleted ─► nothing left
 */
#pragma once

#include "test/sim/world.h"

struct run_result {
    bool failed;
    uint64_t events, commits, requests, hash;
    int64_t virtual_ms;
    unsigned happened[FAULT_COUNT], users_did, rogue_did; /* what can be left out */
    char invariant[8];
    char failure[600];
};

struct replay;
struct run_result run_replay(const struct replay *replay, bool trace, bool live);

/* Parts, for other plans. */
bool run_until_met(struct sim *sim, int64_t bound_ms, const char *invariant,
                   bool (*met)(struct sim *sim, char *why, size_t size));
void run_quiet(struct sim *sim, int64_t for_ms);
void run_delete_all(struct sim *sim);
void run_end(struct sim *sim);
