/* dev/store_select.h: label and field selectors. Part of dev/store.h. Pure. */
#pragma once

#include <stdbool.h>

#include "dev/store.h"

struct store_requirement;

struct store_selector { /* zeroed: selects all */
    struct store_requirement *first;
};

/* Reads both selectors (NULL or "": all) for objects of type; text in the arena, which must live as
 * long as the selector. NULL, or what is wrong with them (a 400). */
const char *store_selector_parse(struct arena *a, const struct resource *type, const char *labels,
                                 const char *fields, struct store_selector *out);

bool store_selects(const struct store_selector *selector, const struct store_object *o);
