/* dev/store_path.h: what a request's path and query say. Part of dev/store.h. Pure. */
#pragma once

#include <stdbool.h>

#include "dev/resources.h"
#include "lib/arena.h"

struct store_path {
    const struct resource *type;
    const char *ns;   /* "" for all namespaces, or where the type is in none */
    const char *name; /* "" for the collection */
    const char *sub;  /* "" or "status", "finalize" ... */

    /* The query; absent is NULL. Unknown parameters are ignored, as servers do. */
    const char *limit, *cont, *rv, *rv_match, *labels, *fields, *watch, *bookmarks, *initial;
    const char *manager, *force, *dry_run, *propagation, *grace, *orphan;
};

/* Fills *out, text in the arena. False: there is no such thing (404). */
bool store_path_parse(struct arena *a, const char *path, struct store_path *out);

/* "true" and "1", as servers read booleans of a query. */
bool store_path_true(const char *value);
