/* lib/json_names.h: the names that one object has had so far, to find one that comes twice.
 *
 * A few are compared one by one; many go into a hash table in the arena, so that an object of a
 * hundred thousand members costs what its length says. Names are borrowed: they live in the text
 * or the arena. A zeroed struct is empty.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"

enum { JSON_NAMES_FEW = 16, JSON_NAMES_MOST = 65536 };

struct json_names {
    size_t count;
    struct json_seen {
        const char *at;
        uint32_t len;
        uint32_t hash; /* only in many */
    } few[JSON_NAMES_FEW];
    struct json_seen *many; /* open addressing; NULL until few is full */
    size_t cap;             /* of many: a power of two */
};

/* NULL, or why the object is refused: "is there twice", or more than JSON_NAMES_MOST names. */
const char *json_names_add(struct json_names *names, struct arena *a, const char *name, size_t n);
