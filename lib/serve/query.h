/* lib/serve/query.h: the query of a request, decoded: "a=1&b=x%20y". '+' is a space, as browsers
 * send it. Pure; what it finds lives in the arena.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"

struct query_pair {
    const char *name;
    const char *value; /* "" where there was no '=' */
};

struct query {
    struct query_pair *pairs;
    size_t count;
};

/* raw: what stands behind the '?', "" for none. ERR_INVALID, naming the parameter: a bad escape, an
 * encoded NUL, text that is no UTF-8, more than LIMIT_QUERY_PAIRS of them. */
MUST_CHECK int query_parse(struct arena *a, const char *raw, struct query *out, struct err *err);

const char *query_get(const struct query *q,
                      const char *name); /* the first of that name, or NULL */
