/* dev/apply_merge.h: the two halves of an apply: lay a configuration over an object, and take away
 * what its writer no longer says. Part of dev/apply.h. Pure.
 */
#pragma once

#include "dev/apply_fields.h"

/* Merges config into object, both whole objects. */
void apply_merge(struct arena *a, const struct resource *r, struct json *object,
                 const struct json *config);

/* Takes out of object the fields that are in last and of which nothing, here or below, is in owned,
 * and the items of lists that are in last and not themselves in owned. */
void apply_prune(struct arena *a, const struct resource *r, struct json *object,
                 const struct fields *last, const struct fields *owned);
