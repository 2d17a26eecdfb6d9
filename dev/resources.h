/* dev/resources.h: the table of the types that dev/store.h keeps. A row says where a type lives,
 * how it is named in answers, what the server does to its objects by itself, and how its lists
 * merge. A new type is a new row in dev/resources.c. Constant data and pure functions; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/json.h"

enum schema_kind {
    SCHEMA_GRANULAR, /* an object whose members are owned one by one */
    SCHEMA_ATOMIC,   /* an object or list that is owned and replaced as one */
    SCHEMA_SET,      /* a list of distinct scalars */
    SCHEMA_MAP,      /* a list of objects told apart by their keys */
};

/* How server-side apply merges a value. What no row names: objects are granular, lists atomic. */
struct schema {
    const char *name; /* of the member */
    enum schema_kind kind;
    const char *keys[3];      /* SCHEMA_MAP: "name", or "protocol=TCP" with the key's default */
    const struct schema *fields; /* of the object, or of each item of the list */
    size_t count;
    bool whole_items; /* SCHEMA_MAP: each item is owned and replaced as one */
    bool always;      /* the server's type has it even where JSON has not: never owned by itself */
};

struct schema_rows { /* of an object's own members */
    const struct schema *rows;
    size_t count;
};

enum { SELECTABLE_MAX = 8 };

enum resource_flags {
    RES_CLUSTER = 1,           /* not in a namespace */
    RES_STATUS = 2,            /* has the status subresource: main writes leave status alone */
    RES_GENERATION = 4,        /* metadata.generation counts changes of spec */
    RES_CUSTOM = 8,            /* custom resource: lists carry apiVersion and kind in each item, PUT
                                  needs a resourceVersion, all of spec is as its writer left it */
    RES_PUT_CREATES = 16,      /* PUT of an absent object creates it */
    RES_PUT_NEEDS_RV = 32,     /* as custom resources do */
    RES_DELETE_ANSWERS_OBJECT = 64, /* where other types answer a Status with details.uid */
    RES_GRACE = 128,           /* pods: deletion waits spec.terminationGracePeriodSeconds */
    RES_LABEL_NAME = 256,      /* names are DNS labels (no dots) */
    RES_COUNTS_NOTES = 1024, /* generation counts changes of annotations too */
    RES_FREE_NAME = 512,       /* names are path segments only (events of old) */
};

struct resource_default {
    const char *path; /* dotted; "[]" after a name means each item of that list */
    const char *json; /* set where the member is absent and its parent is there */
};

struct store_field_error { /* one of the causes of a 422 */
    const char *field;   /* "spec.user" */
    const char *reason;  /* "FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired" */
    const char *message; /* whole, as the server phrases it: "Invalid value: ...: ..." */
};

struct resource {
    const char *group; /* "" for the core group */
    const char *version;
    const char *plural;
    const char *kind;
    unsigned flags;
    const char *selectable[SELECTABLE_MAX]; /* besides metadata.name and metadata.namespace */
    const struct resource_default *defaults;
    size_t default_count;
    const struct schema_rows *schema; /* of spec, status ...; NULL: none. metadata's is common */

    /* What a table cannot say. All may be NULL. now is the object to be stored, old the stored one
     * (NULL: create). prepare adds to the defaults, which belong to the writer. allocate invents
     * what belongs to nobody (cluster addresses), from seed. check returns how many errors it
     * wrote. */
    void (*prepare)(struct arena *a, struct json *now, const struct json *old);
    void (*allocate)(struct arena *a, struct json *now, const struct json *old, uint64_t seed);
    size_t (*check)(struct arena *a, const struct json *now, const struct json *old,
                    struct store_field_error *errors, size_t max);
};

/* The rows, in a fixed order. */
const struct resource *resources_all(size_t *count);

/* By group, version and plural, or by apiVersion ("apps/v1") and kind. NULL: no such type. */
const struct resource *resource_find(const char *group, const char *version, const char *plural);
const struct resource *resource_of_kind(const char *api_version, const char *kind);

/* "apps/v1" or "v1", in the arena. */
const char *resource_api_version(const struct resource *r, struct arena *a);

void resource_apply_defaults(const struct resource *r, struct arena *a, struct json *object);

/* The schema of an object's members for merging: r's own and metadata's. */
const struct schema *resource_schema(const struct resource *r, const char *member);
/* The row of a member below parent; NULL: none, also for a NULL parent. */
const struct schema *schema_field(const struct schema *parent, const char *member);
