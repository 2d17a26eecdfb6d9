/* apiserver/rate.h: how often one caller may ask: a bucket of tokens each, which fills with time.
 *
 * At most RATE_CALLERS_MAX are remembered; who has not asked for as long as it takes to fill a
 * bucket is forgotten first, and where all are busy the newcomer is let through uncounted: a crowd
 * must not lock out a user. Time is passed in. Any thread.
 */
#pragma once

#include <stdint.h>

enum { RATE_CALLERS_MAX = 10000 };

struct rates;

/* per_second: 0 lets everything through. burst: how many at once. */
struct rates *rates_new(double per_second, double burst);
void rates_free(struct rates *rates); /* NULL is fine */

/* 0: go on, it is counted. Else how many milliseconds until one more is allowed. */
int64_t rates_take(struct rates *rates, const char *caller, int64_t now_ms);
