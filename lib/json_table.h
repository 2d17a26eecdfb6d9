/* lib/json_table.h: JSON -> struct by table, in one pass over the text and without a tree.
 *
 * A table has a row for each member that we want; the rest is checked and skipped. One table gives
 * four things: reading (json_decode), one-block copies that outlive the arena (json_pack), deep
 * comparison (json_same) and, for kubeconfig and our own configuration, refusal of unknown members.
 * YAML goes through the same tables (lib/yaml.h).
 *
 * The reader is strict: UTF-8 only, no NUL and no lone surrogate (also escaped), depth at most
 * LIMIT_JSON_DEPTH, no trailing text, no leading zeros, no duplicate member in an object that has a
 * table, no map with one key twice. null counts as absent everywhere: in a list or map it is left
 * out. Rows may share a name: each gets the value. A table has at most 64 rows.
 *
 * A table whose first row is a JSON_FLAW reads its objects as far as they go: where the value of a
 * member is well-formed and does not fit its row, at any depth, the rest of that member of the
 * table's object is left out, and the trouble with its path below that object lands in the flaw:
 * "spec.size: must be a whole number", several with "; " between them. NULL: all fits.
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"

enum json_type {
    JSON_TEXT,    /* char *: a string */
    JSON_SCALAR,  /* char *: a string, number or bool as text (a quantity, an int-or-string) */
    JSON_INT,     /* int64_t: a whole number, also "1e3" or 5.0; beyond 64 bit is refused */
    JSON_BOOL,    /* bool */
    JSON_TIME,    /* int64_t: RFC 3339 text as milliseconds since 1970 */
    JSON_RAW,     /* char *: the value's own JSON text, without the white space around it */
    JSON_HASH,    /* uint64_t: hash_bytes of that text; never 0 when present */
    JSON_PRESENT, /* bool: set when the member is there and not null, whatever it is */
    JSON_OBJECT,  /* members by .table, whose offsets count from this row's offset */
    JSON_LIST,    /* struct json_list of structs by .table, each zeroed first */
    JSON_TEXTS,   /* struct json_list of char * */
    JSON_MAP,     /* struct json_list of struct json_pair; values are scalars as text */
    JSON_FLAW,    /* char *: see below; the first row of its table */
};

enum json_flags {
    JSON_REQUIRED = 1,  /* its absence is an error that names it */
    JSON_NOT_SAME = 2,  /* json_same does not look at it */
    JSON_TRANSIENT = 4, /* json_pack leaves it zero, json_same does not look */
    JSON_SHARED = 8,    /* a text that many have alike: json_pack keeps one copy (lib/shared.h) */
};

struct json_list {
    void *items;
    size_t count;
};

struct json_pair {
    char *key;
    char *value;
};

struct json_table;

struct json_field {
    const char *name;
    enum json_type type;
    unsigned flags;
    size_t offset;
    const struct json_table *table;
};

struct json_table {
    const struct json_field *fields;
    size_t count;
    size_t size;         /* of the struct; 0 for a table of JSON_OBJECT rows only */
    bool refuse_unknown; /* an unknown member is an error that names it and what is known */
};

/* For tables, at file scope, also after `static`:
 *
 *     static JSON_TABLE(pod_table, struct pod,
 *                       JSON_ROW("kind", JSON_TEXT, struct pod, kind, .flags = JSON_REQUIRED),
 *                       JSON_GROUP("metadata", metadata_table)); members of struct pod itself
 */
#define JSON_ROW(name, type, struct_type, member, ...)                                             \
    {name, type, .offset = offsetof(struct_type, member), __VA_ARGS__}
#define JSON_GROUP(name, its_table, ...) {name, JSON_OBJECT, .table = &(its_table), __VA_ARGS__}
#define JSON_TABLE(table_name, struct_type, ...)                                                   \
    const struct json_table table_name = JSON_TABLE_OF(false, struct_type, __VA_ARGS__)
/* The same, refusing what it does not know. */
#define JSON_TABLE_STRICT(table_name, struct_type, ...)                                            \
    const struct json_table table_name = JSON_TABLE_OF(true, struct_type, __VA_ARGS__)
#define JSON_TABLE_OF(strict, struct_type, ...)                                                    \
    {                                                                                              \
        (const struct json_field[]){__VA_ARGS__},                                                  \
            sizeof((const struct json_field[]){__VA_ARGS__}) / sizeof(struct json_field),          \
            sizeof(struct_type), strict                                                            \
    }

/* Reads one JSON document of n bytes (no '\0' needed) into the struct at out, which the caller has
 * zeroed or filled with defaults: absent members stay as they are. Text lands in the arena. The
 * error names the path: "spec.env[2].name: must be text". ERR_INVALID, or ERR_TOO_BIG for depth and
 * for text that would fill more than half of LIMIT_ARENA_BYTES, which is never an assert then.
 * On failure *out may be half filled. */
MUST_CHECK int json_decode(struct arena *a, const char *text, size_t n,
                           const struct json_table *table, void *out, struct err *err);

/* A copy of *from with all that it points at in one block of memory, but for JSON_SHARED texts:
 * json_pack_free frees it, and free() does where the table shares none. Whatever of the struct is
 * not named by a row is copied as it is. A text that is the end of the text in the row before it is
 * stored once. */
void *json_pack(const struct json_table *table, const void *from);
void json_pack_free(const struct json_table *table, void *packed);
/* The same without what lies from byte `front` on, of which all rows are JSON_TRANSIENT. */
void *json_pack_front(const struct json_table *table, const void *from, size_t front);
size_t json_pack_size(const struct json_table *table, const void *from);

/* True if all rows are equal, deeply and in order. */
bool json_same(const struct json_table *table, const void *a, const void *b);

/* True if the n bytes are one well-formed JSON document under the rules above. */
MUST_CHECK int json_check(const char *text, size_t n, struct err *err);
