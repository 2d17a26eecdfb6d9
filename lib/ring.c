#include "lib/ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

enum { CAP_FIRST = 4 };

void ring_init(struct ring *r, size_t item_bytes, size_t max)
{
    assert(item_bytes > 0 && max > 0);
    *r = (struct ring){.item_bytes = item_bytes, .max = max};
}

void ring_release(struct ring *r)
{
    free(r->items);
    *r = (struct ring){.item_bytes = r->item_bytes, .max = r->max};
}

void *ring_at(const struct ring *r, size_t i)
{
    assert(i < r->count);
    return r->items + ((r->first + i) & (r->cap - 1)) * r->item_bytes;
}

/* Twice the room, with the oldest at the front. */
static void grow(struct ring *r)
{
    size_t cap = r->cap ? r->cap * 2 : CAP_FIRST;
    char *items = xrealloc(NULL, cap, r->item_bytes);
    for (size_t i = 0; i < r->count; i++) {
        memcpy(items + i * r->item_bytes, ring_at(r, i), r->item_bytes);
    }
    free(r->items);
    r->items = items;
    r->cap = cap;
    r->first = 0;
}

bool ring_push(struct ring *r, const void *item, void *dropped)
{
    bool full = r->count == r->max;
    if (full) {
        if (dropped) memcpy(dropped, ring_at(r, 0), r->item_bytes);
        r->first = (r->first + 1) & (r->cap - 1);
        r->count--;
        r->dropped++;
    }
    if (r->count == r->cap) grow(r);
    r->count++;
    memcpy(ring_at(r, r->count - 1), item, r->item_bytes);
    return full;
}

bool ring_pop(struct ring *r, void *out)
{
    if (r->count == 0) return false;
    memcpy(out, ring_at(r, 0), r->item_bytes);
    r->first = (r->first + 1) & (r->cap - 1);
    r->count--;
    return true;
}

uint64_t ring_take_dropped(struct ring *r)
{
    uint64_t dropped = r->dropped;
    r->dropped = 0;
    return dropped;
}

void ring_trim(struct ring *r)
{
    if (r->count > 0) return;
    free(r->items);
    r->items = NULL;
    r->cap = r->first = 0;
}
