/* dev/patch.h: JSON merge patch (RFC 7386) and JSON patch (RFC 6902) on trees. Pure. */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/json.h"

enum { PATCH_OPS_MAX = 10000 }; /* as the apiserver has it */

/* The value that patch makes of target (NULL: of nothing). target is changed in place. */
struct json *patch_merge(struct arena *a, struct json *target, const struct json *patch);

/* Does the operations on *doc in order. ERR_INVALID: the patch is no list, or too long (HTTP 400).
 * ERR_CONFLICT: an operation is malformed or failed, as a test that does not hold or a path that is
 * not there (422); *doc is then half changed. */
MUST_CHECK int patch_json(struct arena *a, struct json **doc, const struct json *ops,
                          struct err *err);
