/* dev/store_rules.h: what the server asks of every write. Each function says true, or false with
 * the answer filled in. Part of dev/store.h.
 */
#pragma once

#include "dev/store_in.h"

/* The body says the type, namespace and name of the path, or nothing of them; sets them in it. */
bool store_rules_body(struct store_job *job, struct json *now);

/* An apply says its type, exactly. */
bool store_rules_typed(struct store_job *job, const struct json *config);

/* The body of a PUT or an apply names its object. */
bool store_rules_named(struct store_job *job, const struct json *now);

/* Something may be created in the path's namespace. */
bool store_rules_place(struct store_job *job);

/* The finished object is valid, by itself and after what was (NULL: nothing). */
bool store_rules_hold(struct store_job *job, const struct json *now, const struct json *before);
