/* What of a session is frozen at its start, and what lets it begin anew. */
#include <string.h>

#include "controller/session.h"
#include "test/check.h"
#include "test/unit/fixture_session.h"

TEST(session, a_changed_template_is_shown_and_touches_no_pod)
{
    struct cluster c;
    cluster_running(&c, "");
    const char *pod = cluster_at(&c, "deployments", "n", "ss-a", "spec.template");
    change_template(&c, "example.com/repl:2");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.templateBehind"), "true");
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.template"), pod);
    /* Asleep it stays what it was, too; only a start takes the new one. */
    cluster_set_state(&c, "hibernated");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.template"), pod);
    cluster_set_state(&c, "running");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a",
                         "spec.template.spec.containers[0].image"), "example.com/repl:2");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.templateBehind"), "false");
    cluster_close(&c);
}

TEST(session, restart_at_starts_anew_with_the_newest_template_and_only_once)
{
    struct cluster c;
    cluster_running(&c, "");
    change_template(&c, "example.com/repl:2");
    cluster_pass_time(&c, 60000);
    restart(&c, "2026-11-21T11:00:00Z");
    CHECK_INT(run(&c), STEP_DONE);
    /* The pod of before is ready and does not count. */
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Pending");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.podName"), "-");
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a",
                         "spec.template.spec.containers[0].image"), "example.com/repl:2");
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a",
                         "spec.template.metadata.annotations.'carrel.dev/restart-at'"),
              "2026-11-21T11:00:00Z");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    restart(&c, "again");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "APPLY deployments"), 1);
    cluster_close(&c);
}

TEST(session, changed_env_waits_for_a_restart_and_says_so)
{
    struct cluster c;
    cluster_running(&c, "");
    const char *pod = cluster_at(&c, "deployments", "n", "ss-a", "spec.template");
    cluster_merge(&c, "sessions", "n", "a", NULL,
                  "{\"spec\":{\"env\":[{\"name\":\"MODE\",\"value\":\"x\"}]}}");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.template"), pod);
    cluster_sync(&c);
    CHECK_HAS(cluster_condition(&c, "a", SESSION_READY), "True Ready: spec has changed");
    restart(&c, "1");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_HAS(cluster_at(&c, "deployments", "n", "ss-a",
                         "spec.template.spec.containers[0].env"), "\"MODE\"");
    cluster_close(&c);
}

TEST(session, a_deleted_template_stops_nobody_and_a_wake_takes_what_was_frozen)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_delete(&c, "templates", "n", "repl");
    cluster_sync(&c);
    CHECK_INT(cluster_run(&c, &template_controller, "n/repl"), STEP_DONE);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_set_state(&c, "hibernated");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_set_state(&c, "running");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_sync(&c);
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.replicas"), "1");
    CHECK_STR(cluster_condition(&c, "a", SESSION_TEMPLATE_RESOLVED), "True Resolved");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Running");
    cluster_close(&c);
}

TEST(session, a_wake_waits_for_the_judgement_of_a_template_that_has_just_changed)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_set_state(&c, "hibernated");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_merge(&c, "templates", "n", "repl", NULL,
                  "{\"spec\":{\"baseImage\":\"example.com/repl:2\"}}");
    cluster_set_state(&c, "running");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    CHECK_INT(c.again_ms - c.now_ms, 5000);
    CHECK_INT(cluster_run(&c, &template_controller, "n/repl"), STEP_DONE);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a",
                         "spec.template.spec.containers[0].image"), "example.com/repl:2");
    cluster_close(&c);
}

TEST(session, without_a_template_nothing_is_made_and_it_is_said)
{
    struct cluster c;
    cluster_open(&c);
    cluster_session(&c, "a", "");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "POST "), 0);
    CHECK_INT(cluster_count(&c, "APPLY sessions/a/status"), 1);
    cluster_sync(&c);
    CHECK_HAS(cluster_condition(&c, "a", SESSION_READY), "False TemplateNotFound: there is no");
    CHECK_HAS(cluster_condition(&c, "a", SESSION_STALLED), "True TemplateNotFound");
    CHECK_STR(cluster_cached(&c, "a")->status.phase, "Failed");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "APPLY "), 0);
    cluster_template(&c, "shared", "repl", ""); /* comes later: Failed is left by itself */
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "POST "), 4);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Pending");
    cluster_close(&c);
}

TEST(session, the_template_of_its_own_namespace_comes_before_the_shared_one)
{
    struct cluster c;
    cluster_open(&c);
    cluster_template(&c, "shared", "repl", "\"command\":[\"shared\"]");
    cluster_template(&c, "n", "repl", "\"command\":[\"own\"]");
    cluster_session(&c, "a", "");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a",
                         "spec.template.spec.containers[0].command"), "[\"own\"]");
    cluster_close(&c);
}
