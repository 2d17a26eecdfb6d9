/* lib/arena.h: memory that lives for one pass (one reconcile, one request, one watch line) and is
 * let go all at once. Nothing in it is freed on its own.
 *
 * Blocks are kept at reset, so that a warm arena allocates nothing from the system. Memory is not
 * cleared unless arena_zalloc is asked. An arena belongs to one thread.
 */
#pragma once

#include <stddef.h>

#include "lib/err.h"

struct arena {
    struct arena_block *first;
    struct arena_block *at; /* the block that serves now */
    size_t used;            /* bytes handed out since the last reset */
};

void arena_init(struct arena *a);
void arena_release(struct arena *a); /* also fine on a zeroed struct */

/* Empties it and keeps at most keep bytes of its blocks for the next pass. */
void arena_reset(struct arena *a, size_t keep);

/* Aligned for any type. Aborts over LIMIT_ARENA_BYTES: callers bound their input first. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
void *arena_zalloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

static inline void arena_releasep(struct arena *a)
{
    arena_release(a);
}
#define auto_arena __attribute__((cleanup(arena_releasep))) struct arena
