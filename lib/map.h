/* lib/map.h: text -> pointer. Open addressing with linear probing; a removal closes the gap, so
 * that there are no tombstones.
 *
 * The map does not copy keys: they live in the values, or as long as the entry. Nor does it keep
 * their hashes: a store of ten thousand sessions has eight maps, and a third more of each would be
 * paid for what growing and removing work out again. The order of a walk
 * follows from keys and history alone, never from addresses: two runs of one seed walk alike.
 * No lock.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct map_entry {
    const char *key; /* NULL: free */
    void *value;
};

struct map {
    struct map_entry *entries;
    size_t count;
    size_t cap; /* a power of two, or 0 */
};

/* A zeroed struct is an empty map. */
void map_release(struct map *m, void (*free_value)(void *)); /* free_value may be NULL */
void *map_get(const struct map *m, const char *key);         /* NULL: not there */
void *map_get_n(const struct map *m, const char *key, size_t n);
void *map_put(struct map *m, const char *key, void *value); /* the value that was there, or NULL */
void *map_remove(struct map *m, const char *key);           /* the value, or NULL */

/* Walks: for (size_t i = 0; (e = map_next(m, &i));). The map must not change meanwhile. */
const struct map_entry *map_next(const struct map *m, size_t *i);

uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed); /* the same on every machine */
