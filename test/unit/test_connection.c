#include "controller/connection.h"

#include <string.h>

#include "test/check.h"
#include "test/unit/fixture_cluster.h"

static enum step_result run(struct cluster *c)
{
    return cluster_run(c, &connection_controller, "n/c1");
}

static void connect(struct cluster *c, const char *session)
{
    cluster_create(c, "connections",
                   arena_printf(&c->a,
                                "{\"metadata\":{\"name\":\"c1\",\"namespace\":\"n\"},\"spec\":{"
                                "\"sessionID\":\"%s\",\"userID\":\"ann\"}}", session));
    cluster_sync(c);
}

static const char *state(struct cluster *c)
{
    return cluster_at(c, "connections", "n", "c1", "status.state");
}

TEST(connection, a_new_one_is_bound_to_its_session_and_active)
{
    struct cluster c;
    cluster_with_session(&c, "");
    connect(&c, "a");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "MERGE connections/c1,APPLY connections/c1/status");
    CHECK_STR(cluster_at(&c, "connections", "n", "c1", "metadata.ownerReferences[0].uid"),
              cluster_at(&c, "sessions", "n", "a", "metadata.uid"));
    CHECK_HAS(cluster_find(&c, "MERGE")->body, "\"resourceVersion\":");
    CHECK_STR(state(&c), "active");
    CHECK_STR(cluster_at(&c, "connections", "n", "c1", "status.connectedAt"),
              "2026-11-21T10:00:00Z");
    CHECK_INT(c.again_ms - c.now_ms, c.settings.connection_stale_ms);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(connection, without_a_heartbeat_it_becomes_stale_and_with_one_it_stays)
{
    struct cluster c;
    cluster_with_session(&c, "");
    connect(&c, "a");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_pass_time(&c, 5 * 60000);
    cluster_merge(&c, "connections", "n", "c1", "status",
                  "{\"status\":{\"lastHeartbeat\":\"2026-11-21T10:05:00Z\"}}");
    cluster_sync(&c);
    cluster_pass_time(&c, 60000);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    CHECK_INT(c.again_ms - c.now_ms, 5 * 60000);
    cluster_pass_time(&c, 5 * 60000);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(state(&c), "stale");
    CHECK_STR(cluster_at(&c, "connections", "n", "c1", "status.lastHeartbeat"),
              "2026-11-21T10:05:00Z");
    cluster_close(&c);
}

TEST(connection, without_a_session_it_is_disconnected_and_stays_so)
{
    struct cluster c;
    cluster_with_session(&c, "");
    connect(&c, "nobody");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "APPLY connections/c1/status");
    CHECK_STR(state(&c), "disconnected");
    CHECK(c.again_ms == STEP_NEVER);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(connection, failures_come_back_by_the_queue_and_one_that_is_gone_ends_the_pass)
{
    struct cluster c;
    cluster_with_session(&c, "");
    connect(&c, "a");
    cluster_fail(&c, (struct cluster_fault){"MERGE", 1, ERR_CONFLICT, .code = 409});
    CHECK_INT(run(&c), STEP_FAIL);
    cluster_delete(&c, "connections", "n", "c1");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_close(&c);
}
