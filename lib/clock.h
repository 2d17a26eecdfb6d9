/* lib/clock.h: the only place that asks the system what time it is. Everything else is told.
 * Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* Milliseconds that only grow, also through suspend (CLOCK_BOOTTIME): for waiting and deadlines. */
int64_t clock_ms(void);
int64_t clock_us(void);

/* Milliseconds since 1970: for what people and other machines read. It may jump. */
int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);

/* Processor time of this process, microseconds, and its resident memory in bytes: for metrics. */
int64_t clock_cpu_us(void);

/* RFC 3339 in UTC, "2026-11-21T10:00:00Z" or with ".123456" before the Z. Pure. */
enum { TIME_TEXT_SIZE = 32 };
void time_format(char out[TIME_TEXT_SIZE], int64_t wall_ms);
void time_format_us(char out[TIME_TEXT_SIZE], int64_t wall_us);

/* Reads RFC 3339 with any fraction and Z or an offset, to milliseconds since 1970. Pure. */
MUST_CHECK int time_parse(const char *text, int64_t *wall_ms, struct err *err);

/* Reads a duration: "0", or digits and one unit of ms, s, m, h. Milliseconds. Pure. */
MUST_CHECK int duration_parse(const char *text, int64_t *ms, struct err *err);
