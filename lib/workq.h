/* lib/workq.h: keys that need work, each one at most once and never before it is due.
 *
 *     add ──► waiting ──due──► ready ──take──► running ──done, fail──► forgotten, or waiting again
 *
 * Two runs never hold one key. A key added while it runs is not lost: it waits again as soon as the
 * run ends, because that run may have read the cache before the news came. An ask for later that
 * was made before a run began ends with that run: it saw all there was.
 *
 * Of the keys that are ready the highest level goes first, within a level who became ready first.
 * Every WORKQ_FAIR_EVERY-th take goes to the oldest of the lower levels, so that nobody starves.
 *
 * The queue takes no lock and reads no clock: now_ms comes in. One thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/rng.h"

#define WORKQ_NEVER INT64_MAX

enum { WORKQ_FAIR_EVERY = 16 };

enum workq_prio {
    WORKQ_LISTED, /* seen in a first list, or again without a change */
    WORKQ_SWEEP,  /* looked at from time to time */
    WORKQ_NORMAL, /* something changed */
    WORKQ_SOON,   /* a person waits for it */
    WORKQ_URGENT, /* a deletion holds others up */
    WORKQ_LEVELS
};

struct workq;

struct workq_backoff {
    int64_t delay_ms_min; /* before the first retry; every further failure doubles it */
    int64_t delay_ms_max; /* and up to a tenth is added or taken by chance, here too */
};

static const struct workq_backoff WORKQ_BACKOFF = {.delay_ms_min = 5, .delay_ms_max = 300000};

struct workq *workq_new(struct workq_backoff backoff, struct rng *rng); /* rng must outlive it */
void workq_free(struct workq *q);                                       /* NULL is fine */

/* Asks for work on key at due_ms. Of several asks the earliest time and the highest level count. A
 * ready key that is raised goes to the end of its new level. The key is copied. */
void workq_add(struct workq *q, const char *key, int64_t due_ms, enum workq_prio prio);

/* Starts the first ready key; NULL if none is due. The queue still owns the key and keeps it alive
 * until the one workq_done or workq_fail that must follow. */
const char *workq_take(struct workq *q, int64_t now_ms);

/* Ends a run that succeeded, and forgets its failures. The key returns at again_ms, at the normal
 * level unless asked for more meanwhile; WORKQ_NEVER: not before the next add. */
void workq_done(struct workq *q, const char *key, int64_t again_ms);

/* Ends a run that found that nothing but time or a person helps. The key returns at until_ms, and
 * sooner only if it is or was asked for at WORKQ_SOON or above since the run began. */
void workq_rest(struct workq *q, const char *key, int64_t until_ms);

/* Ends a run that failed. The key returns after its backoff, or at told_ms if that is later, at the
 * level it had; or sooner or higher if added meanwhile. */
void workq_fail(struct workq *q, const char *key, int64_t now_ms, int64_t told_ms);

/* When the next key is due, so how long the loop may sleep: in the past if one is ready.
 * WORKQ_NEVER if nothing waits. */
int64_t workq_next_due_ms(const struct workq *q);

size_t workq_depth(struct workq *q, int64_t now_ms); /* keys that are due and not running */
size_t workq_count(const struct workq *q);           /* keys that wait, are ready or run */
unsigned workq_failures(const struct workq *q, const char *key); /* in a row; 0 if not there */
