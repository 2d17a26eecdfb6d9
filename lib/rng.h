/* lib/rng.h: random numbers that a seed reproduces: xoshiro256** by Blackman and Vigna, its state
 * spread by splitmix64. For jitter, ids and the simulator; not for secrets. Whoever needs chance
 * is handed a generator, so that tests decide it. One thread at a time.
 */
#pragma once

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);              /* 0 .. n-1; n > 0 */
int64_t rng_between(struct rng *r, int64_t low, int64_t high); /* both included */
double rng_unit(struct rng *r);                             /* 0 <= x < 1 */

/* A seed from the system, for the program's start. */
uint64_t rng_entropy(void);
/* Fills out with bytes fit for secrets and unique ids, from the system. */
void rng_bytes(void *out, unsigned n);
