/* test/unit/test_kube_things.h: a kind for the tests of the store and the reflector, with some of
 * each that a kind can have, and ways to write its objects in a line.
 */
#pragma once

#include "lib/kube/store.h"

struct thing {
    struct kube_object object;
    char *node;      /* indexed */
    int64_t size;
    char *phase;
    struct json_list tags;
    char *shout;     /* derived: phase in capitals */
    struct kube_reading reading;
};

enum { THINGS_BY_OWNER, THINGS_BY_NODE };

extern const struct kube_type thing_type;

static inline const struct thing *as_thing(const struct kube_object *o)
{
    return (const struct thing *)(const void *)o;
}

struct thing_text { /* what is not NULL is written */
    const char *ns, *name, *uid, *rv, *owner, *node, *phase;
    int size;
};

/* JSON of it, in the arena. */
const char *thing_json(struct arena *a, const struct thing_text *t);
const char *thing_event(struct arena *a, const char *type, const struct thing_text *t);
const char *bookmark_event(struct arena *a, const char *rv, bool ends_list);
/* The object itself, as a reflector would have it; the test fails if it cannot be read. */
struct kube_object *thing_new(struct arena *a, const struct thing_text *t);
#define THING(a, ...) thing_new(a, &(struct thing_text){__VA_ARGS__})
