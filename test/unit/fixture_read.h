/* test/unit/fixture_read.h: an object out of its JSON, as the caches would read it, in the test's
 * arena. It lives until the next one is read.
 */
#pragma once

#include <string.h>

#include "lib/kube/store.h"
#include "test/check.h"

static struct arena arena;

static const void *read_as(const struct kube_type *type, const char *json)
{
    struct kube_object *o = NULL;
    struct err err = {0};
    arena_reset(&arena, 0);
    CHECK_OK(kube_object_read(type, json, strlen(json), &arena, &o, &err), err);
    return o;
}
