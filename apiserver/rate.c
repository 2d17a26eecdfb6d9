#include "apiserver/rate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/map.h"
#include "lib/xalloc.h"

struct bucket {
    double tokens;
    int64_t filled_ms;
    char caller[];
};

struct rates {
    double per_second, burst;
    pthread_mutex_t lock;
    struct map buckets;
};

struct rates *rates_new(double per_second, double burst)
{
    struct rates *rates = xcalloc(1, sizeof(*rates));
    *rates = (struct rates){.per_second = per_second, .burst = burst < 1 ? 1 : burst};
    pthread_mutex_init(&rates->lock, NULL);
    return rates;
}

void rates_free(struct rates *rates)
{
    if (!rates) return;
    map_release(&rates->buckets, free);
    pthread_mutex_destroy(&rates->lock);
    free(rates);
}

static void fill(const struct rates *rates, struct bucket *b, int64_t now_ms)
{
    if (now_ms > b->filled_ms)
        b->tokens += rates->per_second * (double)(now_ms - b->filled_ms) / 1000;
    if (b->tokens > rates->burst) b->tokens = rates->burst;
    b->filled_ms = now_ms;
}

/* A full bucket is one that nobody misses. */
static void forget_the_idle(struct rates *rates, int64_t now_ms)
{
    struct map busy = {0};
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&rates->buckets, &i));) {
        struct bucket *b = e->value;
        fill(rates, b, now_ms);
        if (b->tokens >= rates->burst) {
            free(b);
        } else {
            map_put(&busy, b->caller, b);
        }
    }
    map_release(&rates->buckets, NULL);
    rates->buckets = busy;
}

/* NULL: no room. */
static struct bucket *bucket_of(struct rates *rates, const char *caller, int64_t now_ms)
{
    struct bucket *b = map_get(&rates->buckets, caller);
    if (b) return b;
    if (rates->buckets.count >= RATE_CALLERS_MAX) forget_the_idle(rates, now_ms);
    if (rates->buckets.count >= RATE_CALLERS_MAX) return NULL;
    size_t n = strlen(caller) + 1;
    b = xmalloc(sizeof(*b) + n);
    *b = (struct bucket){.tokens = rates->burst, .filled_ms = now_ms};
    memcpy(b->caller, caller, n);
    map_put(&rates->buckets, b->caller, b);
    return b;
}

int64_t rates_take(struct rates *rates, const char *caller, int64_t now_ms)
{
    if (rates->per_second <= 0) return 0;
    int64_t wait_ms = 0;
    pthread_mutex_lock(&rates->lock);
    struct bucket *b = bucket_of(rates, caller, now_ms);
    if (b) {
        fill(rates, b, now_ms);
        if (b->tokens >= 1) {
            b->tokens -= 1;
        } else {
            wait_ms = (int64_t)((1 - b->tokens) * 1000 / rates->per_second) + 1;
        }
    }
    pthread_mutex_unlock(&rates->lock);
    return wait_ms;
}
