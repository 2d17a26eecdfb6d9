/* dev/store_object.h: from a tree to a stored version, one block of memory. Part of dev/store.h.
 *
 * The text of a version is laid out so that answers are cut from it without a parser:
 *
 *     {"apiVersion":"v1","kind":"Pod","metadata":{.,"resourceVersion":"7","managedFields":[..]},..}
 *      '-- head_len: lists of built-in types leave it out      '-- rv_at        '-- fields_at
 */
#pragma once

#include "dev/store.h"
#include "lib/json.h"
#include "lib/str.h"

struct store_print {
    struct str text; /* without the digits of the resourceVersion, which go in at rv_at */
    size_t head_len, rv_at, fields_at, fields_len;
};

/* Prints a whole object. text must be initialised; what it held is dropped. */
void store_print(struct store_print *out, const struct resource *type, const struct json *tree);

/* True if o's text is the printed one but for its resourceVersion. */
bool store_print_same(const struct store_print *p, const struct store_object *o);

/* A version with one reference. The tree is the printed one; the arena is for scratch. */
struct store_object *store_object_new(struct arena *scratch, const struct store_print *p,
                                      const struct resource *type, const struct json *tree,
                                      uint64_t rv);

/* The same object at another version: the tombstone that ends it. */
struct store_object *store_object_bury(const struct store_object *o, uint64_t rv);

/* Appends o as it goes out: with its head or without it, with managedFields or without. */
struct store_shape {
    bool no_head, no_fields;
};
void store_object_write(struct str *out, const struct store_object *o, struct store_shape shape);
size_t store_object_size(const struct store_object *o, struct store_shape shape);
