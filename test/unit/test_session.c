#include "controller/session.h"

#include <string.h>

#include "test/check.h"
#include "test/unit/fixture_cluster.h"

static enum step_result run(struct cluster *c)
{
    return cluster_run(c, &session_controller, "n/a");
}

/* Session "a" with all its children, its pod ready, its status written. */
static void with_running(struct cluster *c, const char *more)
{
    cluster_with_session(c, more);
    CHECK_INT(run(c), STEP_DONE);
    cluster_sync(c);
    cluster_pass_time(c, 3000);
    cluster_pod(c, "a", "ss-a-7c9-x1", cluster_pod_ready);
    CHECK_INT(run(c), STEP_DONE);
    cluster_sync(c);
    CHECK_STR(cluster_at(c, "sessions", "n", "a", "status.phase"), "Running");
}

TEST(session, a_cold_start_is_one_round_of_creates_and_one_status_write)
{
    struct cluster c;
    cluster_with_session(&c, "\"persistentHome\":false");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST deployments,POST services,POST ingresses,"
                               "APPLY sessions/a/status");
    CHECK_INT(c.rounds, 2);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Pending");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.url"), "https://a.example.com/");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.startedAt"), "2026-11-21T10:00:00Z");
    CHECK(c.again_ms == STEP_NEVER);
    cluster_close(&c);
}

TEST(session, a_home_is_created_in_the_same_round_and_belongs_to_nobody)
{
    struct cluster c;
    cluster_with_session(&c, "");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST deployments,POST services,POST ingresses,"
                               "POST persistentvolumeclaims,APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "persistentvolumeclaims", "n", "home-ann",
                         "metadata.ownerReferences"), "-");
    cluster_close(&c);
}

TEST(session, ready_takes_one_more_status_write_and_then_it_is_quiet)
{
    struct cluster c;
    with_running(&c, "");
    CHECK_STR(cluster_log(&c), "APPLY sessions/a/status");
    CHECK_STR(cluster_condition(&c, "a", SESSION_READY), "True Ready");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}
