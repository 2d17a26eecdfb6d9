/* lib/yaml.h: YAML -> JSON text, over libyaml's events, with Kubernetes' reading of scalars
 * (yes/no/on/off are bools when plain, 0x and 0o numbers, quoted stays text). The JSON then goes
 * through lib/json_table.h or lib/json.h, so that YAML and JSON have one set of rules.
 *
 * Budgets against hostile input stand in lib/limits.h: size, depth, nodes and output after aliases
 * are expanded. Refused by name, with line and column: duplicate keys, an alias to itself, merge
 * keys (<<) of anything but maps, tags other than the core schema's, keys that are no scalars.
 * Pure; any thread.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"

struct yaml_doc {
    char *json; /* NUL-terminated, in the arena; "null" for an empty document */
    size_t len;
    int line; /* where the document begins, from 1 */
};

/* All documents of a stream (separated by ---), in order. Empty input is no document. */
MUST_CHECK int yaml_to_json(struct arena *a, const char *text, size_t n, struct yaml_doc **docs,
                            size_t *count, struct err *err);

/* The only document of a stream; more than one is an error, none is "null". */
MUST_CHECK int yaml_to_json_one(struct arena *a, const char *text, size_t n, char **json,
                                size_t *len, struct err *err);
