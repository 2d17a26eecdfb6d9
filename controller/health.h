/* controller/health.h: /livez, /readyz and /metrics.
 *
 * /livez fails only when the loop has not turned for 30 s: an API server that is down must not
 * restart every operator. /readyz fails until all caches have had their first list. Sub-checks as
 * paths (/readyz/caches) and ?verbose as on the API server. Answers are made on the server's
 * threads from atomics that the loop sets.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/loop.h"
#include "lib/serve/server.h"

struct health {
    const struct loop *loop;
    atomic_bool synced; /* set by the operator's ready */
    atomic_bool stopping;
};

/* A server_config.handle; user is the struct health. */
void health_handle(void *user, const struct server_request *request, struct server_reply *reply);
