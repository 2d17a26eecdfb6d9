/* dev/apply_fields.h: sets of field paths, as metadata.managedFields keeps them (FieldsV1), and the
 * difference of two objects as such a set. Part of dev/apply.h. Pure; all memory is the arena's.
 *
 * A set is a tree of path elements: f a member, k an item of a list of objects by its keys, v an
 * item of a list of scalars. A path is in the set if its node is marked.
 */
#pragma once

#include <stdbool.h>

#include "dev/resources.h"
#include "lib/arena.h"
#include "lib/json.h"

enum field_mark { FIELD_OWNED = 1, FIELD_ADDED = 2, FIELD_CHANGED = 4, FIELD_REMOVED = 8 };

struct fields {
    char kind;        /* 'f', 'k', 'v', 'i'; 0 for the root */
    const char *name; /* of the member, or the JSON of keys or value */
    unsigned marks;
    struct fields *first, *last, *next;
};

struct fields *fields_new(struct arena *a);
struct fields *fields_find(const struct fields *in, char kind, const char *name); /* NULL in too */
struct fields *fields_ensure(struct arena *a, struct fields *in, char kind, const char *name);

bool fields_any(const struct fields *f, unsigned marks); /* here or below; NULL: no */
void fields_add(struct arena *a, struct fields *to, const struct fields *from, unsigned marks);
/* Takes from *set what has one of the marks in *minus, and from both sides drops nothing else. True
 * if anything went. */
bool fields_take_away(struct fields *set, const struct fields *minus, unsigned marks);
bool fields_same(const struct fields *a, const struct fields *b);

/* Brings all members into the server's order: members, keyed items, values; each by name. */
void fields_sort(struct arena *a, struct fields *f);

struct fields *fields_read(struct arena *a, const struct json *fields_v1);
struct json *fields_print(struct arena *a, const struct fields *f);

/* Calls seen for each path of *set that has one of the marks in *with: ".spec.ports[port=80].x". Of
 * a sorted set, the fields of an object come before what is below them. */
void fields_each_common(struct arena *a, const struct fields *set, const struct fields *with,
                        unsigned marks, void (*seen)(void *user, const char *path), void *user);

/* What now (NULL: nothing) has and before has not, and so on, as marks. System metadata is left
 * out, apiVersion and kind too. */
struct fields *fields_diff(struct arena *a, const struct resource *r, const struct json *before,
                           const struct json *now);

/* The set that the writer of an apply configuration owns. */
struct fields *fields_of(struct arena *a, const struct resource *r, const struct json *config);

/* The name of a list's item in a path: JSON of its keys or of itself. */
const char *fields_item_name(struct arena *a, const struct schema *list, const struct json *item);
