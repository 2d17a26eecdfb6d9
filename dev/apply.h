/* dev/apply.h: who owns which field, as metadata.managedFields tells, and server-side apply by it.
 *
 * Each writer has an entry by (manager, operation, apiVersion, subresource). A write that is no
 * apply gives its entry what it changed and takes that from all others; an apply owns exactly what
 * it says, takes away what it said last time and nobody else owns, and conflicts where it would
 * change another's field, unless forced. Granularity is the leaf; lists by the schema of
 * dev/resources.h.
 * Pure; trees and text are the arena's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dev/resources.h"
#include "lib/arena.h"
#include "lib/json.h"

struct apply_writer {
    const char *manager;
    const char *sub;  /* "" or "status" */
    const char *time; /* RFC 3339, whole seconds */
};

/* Sets now's managedFields after a POST, PUT or PATCH (before NULL: POST). Entries that the writer
 * put into now itself count; [{}] takes all away. Objects without entries stay without. */
void apply_track(struct arena *a, const struct resource *r, const struct json *before,
                 struct json *now, const struct apply_writer *writer);

struct apply_conflict {
    struct apply_conflict *next;
    const char *manager; /* in the server's words: "kubectl" using v1 */
    const char *path;    /* ".spec.replicas" */
};

/* The object after an apply of config (its managedFields set), live being its present state (NULL:
 * none). live and config are not changed. NULL: conflicts, in *conflicts; never with force. */
struct json *apply_config(struct arena *a, const struct resource *r, const struct json *live,
                          const struct json *config, const struct apply_writer *writer, bool force,
                          struct apply_conflict **conflicts);

/* Takes out of a tree all members that are null. */
void apply_drop_nulls(struct json *value);
