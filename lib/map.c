#include "lib/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* 64-bit multiply-and-fold over 8-byte words, in the manner of wyhash. Little-endian reads keep it
 * the same everywhere that we build. */
uint64_t hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
    const unsigned char *p = bytes;
    uint64_t h = seed ^ 0x9e3779b97f4a7c15u ^ n;
    while (n > 0) {
        uint64_t word = 0;
        size_t take = n < 8 ? n : 8;
        memcpy(&word, p, take);
        unsigned __int128 product = (unsigned __int128)(h ^ word) * 0xa0761d6478bd642fu;
        h = (uint64_t)product ^ (uint64_t)(product >> 64);
        p += take;
        n -= take;
    }
    h ^= h >> 32;
    h *= 0xe7037ed1a0b428dbu;
    return h ^ (h >> 29);
}

static uint32_t hash_key(const char *key, size_t n)
{
    return (uint32_t)hash_bytes(key, n, 0);
}

/* Where key is, or the free place where it would go. */
static size_t find(const struct map *m, const char *key, size_t n)
{
    size_t mask = m->cap - 1, i = hash_key(key, n) & mask;
    for (;; i = (i + 1) & mask) {
        const struct map_entry *e = &m->entries[i];
        if (!e->key) return i;
        if (strncmp(e->key, key, n) == 0 && e->key[n] == '\0') return i;
    }
}

static void grow(struct map *m)
{
    struct map old = *m;
    m->cap = old.cap ? old.cap * 2 : 8;
    m->entries = xcalloc(m->cap, sizeof(*m->entries));
    for (size_t i = 0; i < old.cap; i++) {
        const struct map_entry *e = &old.entries[i];
        if (e->key) m->entries[find(m, e->key, strlen(e->key))] = *e;
    }
    free(old.entries);
}

void map_release(struct map *m, void (*free_value)(void *))
{
    for (size_t i = 0; free_value && i < m->cap; i++) {
        if (m->entries[i].key) free_value(m->entries[i].value);
    }
    free(m->entries);
    *m = (struct map){0};
}

void *map_get_n(const struct map *m, const char *key, size_t n)
{
    if (m->count == 0) return NULL;
    const struct map_entry *e = &m->entries[find(m, key, n)];
    return e->key ? e->value : NULL;
}

void *map_get(const struct map *m, const char *key)
{
    return map_get_n(m, key, strlen(key));
}

void *map_put(struct map *m, const char *key, void *value)
{
    assert(value);
    if ((m->count + 1) * 10 > m->cap * 7) grow(m);
    struct map_entry *e = &m->entries[find(m, key, strlen(key))];
    void *old = e->key ? e->value : NULL;
    if (!e->key) m->count++;
    *e = (struct map_entry){.key = key, .value = value};
    return old;
}

void *map_remove(struct map *m, const char *key)
{
    if (m->count == 0) return NULL;
    size_t n = strlen(key), mask = m->cap - 1, hole = find(m, key, n);
    if (!m->entries[hole].key) return NULL;
    void *value = m->entries[hole].value;
    m->count--;
    /* Moves back whatever would no longer be found past the hole. */
    for (size_t i = (hole + 1) & mask; m->entries[i].key; i = (i + 1) & mask) {
        const char *there = m->entries[i].key;
        size_t home = hash_key(there, strlen(there)) & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        m->entries[hole] = m->entries[i];
        hole = i;
    }
    m->entries[hole] = (struct map_entry){0};
    return value;
}

const struct map_entry *map_next(const struct map *m, size_t *i)
{
    while (*i < m->cap) {
        const struct map_entry *e = &m->entries[(*i)++];
        if (e->key) return e;
    }
    return NULL;
}
