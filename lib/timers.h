/* lib/timers.h: what is due when, for everything that runs on one loop; and what time it is.
 *
 * The owner sets now_ms (and wall_ms) before it calls anything that looks at them: lib/loop.c in
 * production, the simulator's scheduler in test/sim. So code above never asks the system for the
 * time, and a virtual day takes as long as its events do. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/heap.h"

#define TIMERS_NEVER INT64_MAX

struct timers {
    struct heap heap;
    int64_t now_ms;  /* grows only */
    int64_t wall_ms; /* since 1970; may jump */
    uint64_t seq;
};

struct timer {
    struct heap_node node;
    int64_t due_ms;
    uint64_t seq;
    void (*fire)(void *user); /* called once; may set the timer again */
    void *user;
};

void timers_init(struct timers *t);
void timers_release(struct timers *t);

/* Sets or moves a timer; one in the past is due at once. The struct is the caller's and must stay
 * where it is until it fired or was stopped. */
void timer_set(struct timers *t, struct timer *timer, int64_t due_ms);
void timer_stop(struct timers *t, struct timer *timer); /* does nothing if it is not set */
bool timer_is_set(const struct timer *timer);

int64_t timers_next_ms(const struct timers *t); /* TIMERS_NEVER: none */

/* Fires what is due at now_ms, earliest first, and what they make due at once, at most `most`
 * timers; returns how many fired. */
unsigned timers_run(struct timers *t, unsigned most);
