/* lib/xalloc.h: memory for small things of our own making. It never fails: a process that cannot
 * get a few bytes aborts and starts again into a correct state, because all truth is in the
 * cluster. What a stranger chooses the size of goes through lib/str.h or lib/arena.h instead,
 * which have a maximum. Any thread.
 */
#pragma once

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *at, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t n) __attribute__((malloc, returns_nonnull));

/* Marks a local that owns a heap pointer: freed when it leaves scope. */
static inline void xfreep(void *at)
{
    __builtin_free(*(void **)at);
}
#define auto_free __attribute__((cleanup(xfreep)))
