/* lib/ring.h: the last few items of a stream, oldest first, in bounded memory.
 *
 * A full ring lets go of its oldest item for a new one and counts that: the reader learns that it
 * missed something, and how much, instead of the writer waiting for it. Items are copied by value.
 * Memory grows with what is inside, so that ten thousand idle rings cost next to nothing. No lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
    char *items;
    size_t item_bytes;
    size_t first; /* index of the oldest */
    size_t count;
    size_t cap; /* a power of two, or 0 */
    size_t max;
    uint64_t dropped; /* since ring_take_dropped */
};

void ring_init(struct ring *r, size_t item_bytes, size_t max);
void ring_release(struct ring *r); /* what items own is the caller's: pop them before */

/* Appends a copy of *item. True if the ring was full: then the oldest has left it, is counted and
 * copied to *dropped (unless that is NULL), for the caller to free what it owns. */
bool ring_push(struct ring *r, const void *item, void *dropped);

bool ring_pop(struct ring *r, void *out); /* the oldest; false: empty, *out is as it was */

/* The i-th oldest, i < count; valid until the next push, pop or trim. */
void *ring_at(const struct ring *r, size_t i);

/* How many were dropped since the last such question. */
uint64_t ring_take_dropped(struct ring *r);

void ring_trim(struct ring *r); /* lets go of the memory of an empty ring */
