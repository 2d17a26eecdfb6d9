/* test/unit/fixture_session.h: the session n/a on a cluster (fixture_cluster.h), in one word each.
 */
#pragma once

#include "controller/session.h"
#include "test/unit/fixture_cluster.h"

static inline enum step_result run(struct cluster *c)
{
    return cluster_run(c, &session_controller, "n/a");
}

static inline void restart(struct cluster *c, const char *at)
{
    cluster_merge(c, "sessions", "n", "a", NULL,
                  arena_printf(&c->a,
                               "{\"metadata\":{\"annotations\":{"
                               "\"carrel.dev/restart-at\":\"%s\"}}}",
                               at));
    cluster_sync(c);
}

static inline void change_template(struct cluster *c, const char *image)
{
    cluster_merge(c, "templates", "n", "repl", NULL,
                  arena_printf(&c->a, "{\"spec\":{\"baseImage\":\"%s\"}}", image));
    cluster_sync(c);
    CHECK_INT(cluster_run(c, &template_controller, "n/repl"), STEP_DONE);
    cluster_sync(c);
}
