#include "lib/kube/limiter.h"

#include <assert.h>

#include "lib/limits.h"

enum { CAP_MIN = 4, WINDOW_MS = 1000 };

void kube_limiter_init(struct kube_limiter *l, double qps, double burst, int64_t now_ms)
{
    if (qps > 0 && burst < 1) burst = 1; /* or no token would ever be whole */
    *l = (struct kube_limiter){.cap = LIMIT_IN_FLIGHT_WRITES,
                               .window_ms = now_ms,
                               .halved_ms = now_ms - WINDOW_MS,
                               .qps = qps,
                               .burst = burst,
                               .tokens = burst,
                               .filled_ms = now_ms};
}

static void turn_window(struct kube_limiter *l, int64_t now_ms)
{
    if (now_ms - l->window_ms < WINDOW_MS) return;
    if (!l->refused && l->full && l->cap < LIMIT_IN_FLIGHT_WRITES) l->cap++;
    l->refused = l->full = false;
    l->window_ms = now_ms;
}

static bool take_token(struct kube_limiter *l, int64_t now_ms, int64_t *wait_ms)
{
    if (l->qps <= 0) return true;
    l->tokens += l->qps * (double)(now_ms - l->filled_ms) / 1000.0;
    if (l->tokens > l->burst) l->tokens = l->burst;
    l->filled_ms = now_ms;
    if (l->tokens >= 1) {
        l->tokens -= 1;
        return true;
    }
    *wait_ms = (int64_t)((1 - l->tokens) * 1000.0 / l->qps) + 1;
    return false;
}

bool kube_limiter_enter(struct kube_limiter *l, bool write, int64_t now_ms, int64_t *wait_ms)
{
    turn_window(l, now_ms);
    *wait_ms = 0;
    bool room = write ? l->writes < l->cap : true;
    /* Reads share the limit after a 429, but keep the streams above the writes' for themselves. */
    int top = l->cap + (LIMIT_IN_FLIGHT - LIMIT_IN_FLIGHT_WRITES);
    if (!room || l->in_flight >= top) {
        l->full = true;
        return false;
    }
    if (!take_token(l, now_ms, wait_ms)) return false;
    l->in_flight++;
    l->writes += write;
    return true;
}

void kube_limiter_leave(struct kube_limiter *l, bool write, bool refused, int64_t now_ms)
{
    assert(l->in_flight > 0);
    turn_window(l, now_ms);
    l->in_flight--;
    l->writes -= write;
    if (!refused) return;
    l->refused = true;
    if (now_ms - l->halved_ms < WINDOW_MS) return;
    l->halved_ms = now_ms;
    l->cap = l->cap / 2 > CAP_MIN ? l->cap / 2 : CAP_MIN;
}
