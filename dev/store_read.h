/* dev/store_read.h: which version a read shall see, and the keys of a collection. Part of
 * dev/store.h, shared by lists and watches.
 */
#pragma once

#include "dev/store_in.h"

/* Decimal digits without a leading zero, or "0". False: no such version. */
bool store_rv_parse(const char *text, uint64_t *out);

/* How far the server that answers has seen the log of a type. */
uint64_t store_seen(const struct store_job *job);

/* The keys [*first, *end) that the path of the request names. */
void store_range(const struct store_type *t, const struct store_path *p, struct arena *a,
                 size_t *first, size_t *end);
