/* lib/kube/limiter.h: how many requests may be under way at once. Additive increase, multiplicative
 * decrease: one more for each second that used its room without a 429, half on a 429, between 4 and
 * LIMIT_IN_FLIGHT_WRITES. Reads may go up to LIMIT_IN_FLIGHT. An optional token bucket for those
 * who want a rate. Pure: time is passed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct kube_limiter {
    int cap;
    int in_flight;
    int writes;
    int64_t window_ms;   /* when the current window began */
    int64_t halved_ms;   /* last halving; one per second, a storm of 429s is one message */
    bool refused;        /* a 429 in this window */
    bool full;           /* the cap was met in this window: only then more is asked for */
    double qps, tokens;  /* qps 0: no bucket */
    double burst;
    int64_t filled_ms;
};

void kube_limiter_init(struct kube_limiter *l, double qps, double burst, int64_t now_ms);

/* True: go now, it is counted. False with *wait_ms > 0: ask again then; 0: when one ends. */
bool kube_limiter_enter(struct kube_limiter *l, bool write, int64_t now_ms, int64_t *wait_ms);
void kube_limiter_leave(struct kube_limiter *l, bool write, bool refused, int64_t now_ms);
