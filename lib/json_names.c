#include "lib/json_names.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "lib/map.h"

static bool is_name(const struct json_seen *seen, const char *name, size_t n)
{
    return seen->len == n && memcmp(seen->at, name, n) == 0;
}

/* Seeded with an address, so that nobody can prepare names that all fall into one place. */
static uint32_t hash_name(const struct json_names *names, const char *name, size_t n)
{
    return (uint32_t)hash_bytes(name, n, (uint64_t)(uintptr_t)names);
}

static struct json_seen *find(const struct json_names *names, const struct json_seen *name)
{
    for (size_t i = name->hash & (names->cap - 1);; i = (i + 1) & (names->cap - 1)) {
        struct json_seen *at = &names->many[i];
        if (!at->at) return at;
        if (at->hash == name->hash && is_name(at, name->at, name->len)) return at;
    }
}

static void grow(struct json_names *names, struct arena *a)
{
    const struct json_seen *old = names->many ? names->many : names->few;
    size_t count = names->many ? names->cap : JSON_NAMES_FEW;
    struct json_names bigger = {.cap = names->many ? names->cap * 4 : 128};
    bigger.many = arena_zalloc(a, bigger.cap * sizeof(*bigger.many));
    for (size_t i = 0; i < count; i++) {
        struct json_seen seen = old[i];
        if (!seen.at) continue;
        seen.hash = hash_name(names, seen.at, seen.len);
        *find(&bigger, &seen) = seen;
    }
    names->many = bigger.many;
    names->cap = bigger.cap;
}

const char *json_names_add(struct json_names *names, struct arena *a, const char *name, size_t n)
{
    static const char twice[] = "is there twice";
    struct json_seen seen = {.at = name, .len = (uint32_t)n};
    assert(n <= UINT32_MAX);
    if (names->count < JSON_NAMES_FEW) {
        for (size_t i = 0; i < names->count; i++) {
            if (is_name(&names->few[i], name, n)) return twice;
        }
        names->few[names->count++] = seen;
        return NULL;
    }
    if (names->count >= JSON_NAMES_MOST) return "is one name too many";
    if (!names->many || names->count * 2 > names->cap) grow(names, a);
    seen.hash = hash_name(names, name, n);
    struct json_seen *at = find(names, &seen);
    if (at->at) return twice;
    *at = seen;
    names->count++;
    return NULL;
}
