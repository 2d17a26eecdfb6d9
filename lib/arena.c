#include "lib/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format.h"
#include "lib/limits.h"
#include "lib/xalloc.h"

enum { BLOCK_BYTES = 16 * 1024, ALIGN = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

void arena_release(struct arena *a)
{
    for (struct arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct arena){0};
}

void arena_reset(struct arena *a, size_t keep)
{
    struct arena_block **link = &a->first;
    size_t kept = 0;
    while (*link) {
        struct arena_block *b = *link;
        if (kept + b->size > keep) {
            *link = b->next;
            free(b);
            continue;
        }
        kept += b->size;
        b->used = 0;
        link = &b->next;
    }
    a->at = a->first;
    a->used = 0;
}

static struct arena_block *block_new(struct arena *a, size_t size)
{
    size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct arena_block *b = xmalloc(sizeof(*b) + room);
    b->size = room;
    b->used = 0;
    b->next = NULL;
    if (a->at) {
        b->next = a->at->next;
        a->at->next = b;
    } else {
        b->next = a->first;
        a->first = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    assert(size < LIMIT_ARENA_BYTES);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    a->used += size;
    assert(a->used < LIMIT_ARENA_BYTES);
    while (!a->at || a->at->size - a->at->used < size) {
        if (a->at && a->at->next && a->at->next->used == 0) a->at = a->at->next;
        else a->at = block_new(a, size);
    }
    void *at = a->at->bytes + a->at->used;
    a->at->used += size;
    return at;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

char *arena_strndup(struct arena *a, const char *text, size_t n)
{
    char *copy = arena_alloc(a, n + 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
    return arena_strndup(a, text, strlen(text));
}

/* Into the room that the block has left; once more only where that was too small. */
char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    char *room_at = a->at ? a->at->bytes + a->at->used : NULL;
    size_t room = a->at ? a->at->size - a->at->used : 0;
    va_start(args, fmt);
    va_copy(again, args);
    size_t n = format_args(room_at, room, fmt, args);
    va_end(args);
    char *text = arena_alloc(a, n + 1);
    if (text != room_at || n >= room) format_args(text, n + 1, fmt, again);
    va_end(again);
    return text;
}
