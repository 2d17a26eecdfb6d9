#include "controller/session.h"

#include <string.h>

#include "test/check.h"
#include "test/unit/fixture_cluster.h"

static enum step_result run(struct cluster *c)
{
    return cluster_run(c, &session_controller, "n/a");
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
    cluster_running(&c, "");
    CHECK_STR(cluster_log(&c), "APPLY sessions/a/status");
    CHECK_STR(cluster_condition(&c, "a", SESSION_READY), "True Ready");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

/* The watch of Deployments is ahead of all others. */
static void cache_loses_deployments(struct cluster *c)
{
    kube_store_list_begin(c->view.deployments);
    kube_store_list_end(c->view.deployments, "999999");
}

TEST(session, a_deployment_that_went_with_its_session_is_not_made_again)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_delete(&c, "deployments", "n", "ss-a");
    cluster_delete(&c, "sessions", "n", "a");
    cache_loses_deployments(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "GET sessions/a");
    cluster_close(&c);
}

TEST(session, a_deployment_that_was_taken_from_its_session_is_made_again_after_one_look)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_delete(&c, "deployments", "n", "ss-a");
    cache_loses_deployments(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "GET sessions/a,POST deployments,APPLY sessions/a/status");
    cluster_close(&c);
}

TEST(session, nothing_is_sent_by_an_operator_that_starts_when_all_is_there)
{
    struct cluster c;
    cluster_running(&c, "\"env\":[{\"name\":\"A\",\"value\":\"1\"}],\"maxSessionDuration\":\"8h\"");
    cluster_pass_time(&c, 3600 * 1000);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    CHECK_INT(c.again_ms - c.now_ms, 600000); /* a look on the way to the warning */
    cluster_close(&c);
}

/* --- sleep and wake ------------------------------------------------------------------------- */

TEST(session, hibernation_takes_the_fields_over_once_and_keeps_all_but_the_replicas)
{
    struct cluster c;
    cluster_running(&c, "");
    const char *pod = cluster_at(&c, "deployments", "n", "ss-a", "spec.template");
    cluster_set_state(&c, "hibernated");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "PATCH deployments/ss-a,APPLY deployments/ss-a,"
                               "APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.replicas"), "0");
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.template"), pod);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Hibernated");
    CHECK(cluster_event(&c, "Hibernated") != NULL);
    CHECK(cluster_get(&c, "ingresses", "n", "ss-a") != NULL);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(session, what_cannot_be_rendered_any_more_goes_to_sleep_all_the_same)
{
    struct cluster c;
    cluster_running(&c, "");
    size_t first = 0;
    const struct kube_object *revision = kube_store_next(c.view.revisions, &first);
    const char *name = arena_strdup(&c.a, revision->meta.name);
    cluster_delete(&c, "controllerrevisions", "n", name);
    cluster_delete(&c, "templates", "n", "repl");
    cluster_set_state(&c, "hibernated");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "MERGE deployments/ss-a,APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.replicas"), "0");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(session, waking_is_a_new_start_and_the_fields_are_taken_over_no_second_time)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_set_state(&c, "hibernated");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_pass_time(&c, 60000);
    cluster_delete(&c, "pods", "n", "ss-a-7c9-x1");
    cluster_set_state(&c, "running");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "APPLY deployments/ss-a,APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.replicas"), "1");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Pending");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.startedAt"), "2026-11-21T10:01:03Z");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(session, a_session_created_asleep_gets_its_objects_and_no_pod_and_no_home)
{
    struct cluster c;
    cluster_with_session(&c, "\"state\":\"hibernated\"");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST deployments,POST services,POST ingresses,"
                               "APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.replicas"), "0");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Hibernated");
    cluster_close(&c);
}

/* --- the end -------------------------------------------------------------------------------- */

TEST(session, terminating_deletes_what_is_ours_by_uid_and_keeps_the_home)
{
    struct cluster c;
    cluster_running(&c, "");
    const char *uid = cluster_at(&c, "services", "n", "ss-a", "metadata.uid");
    cluster_set_state(&c, "terminated");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "DELETE "), 3);
    CHECK_HAS(cluster_find(&c, "DELETE services/ss-a")->body,
              arena_printf(&c.a, "\"preconditions\":{\"uid\":\"%s\"", uid));
    CHECK(!cluster_get(&c, "deployments", "n", "ss-a"));
    CHECK(!cluster_get(&c, "ingresses", "n", "ss-a"));
    CHECK(cluster_get(&c, "persistentvolumeclaims", "n", "home-ann") != NULL);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Terminated");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.url"), "-");
    CHECK(cluster_event(&c, "Terminated") != NULL);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    CHECK(c.again_ms == STEP_NEVER); /* retention 0: for ever */
    cluster_close(&c);
}

TEST(session, terminating_ends_in_one_pass_for_a_child_that_no_event_tells_the_end_of)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_merge(&c, "services", "n", "ss-a", NULL, "{\"metadata\":{\"labels\":null}}");
    cluster_delete(&c, "deployments", "n", "ss-a");
    cluster_delete(&c, "ingresses", "n", "ss-a");
    cluster_set_state(&c, "terminated");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "DELETE services/ss-a"), 1);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Terminated");
    cluster_close(&c);
}

TEST(session, terminating_leaves_a_child_alone_that_is_not_ours)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_merge(&c, "services", "n", "ss-a", NULL, "{\"metadata\":{\"ownerReferences\":null}}");
    cluster_set_state(&c, "terminated");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "DELETE "), 2);
    CHECK(cluster_get(&c, "services", "n", "ss-a") != NULL);
    cluster_close(&c);
}

TEST(session, retention_counts_from_the_end_even_where_the_route_was_down_for_days)
{
    struct cluster c;
    cluster_open(&c);
    c.settings.host_template = "all.{domain}"; /* one host for all */
    cluster_template(&c, "n", "repl", "");
    cluster_session(&c, "old", "\"persistentHome\":false");
    cluster_pass_time(&c, 1000);
    cluster_session(&c, "a", "\"retention\":\"24h\",\"persistentHome\":false");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_sync(&c);
    CHECK_HAS(cluster_condition(&c, "a", SESSION_ROUTE_READY), "False HostTaken");
    cluster_pass_time(&c, 72 * 3600 * 1000);
    cluster_set_state(&c, "terminated");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK(cluster_get(&c, "sessions", "n", "a") != NULL);
    CHECK_INT(c.again_ms - c.now_ms, 600000);
    cluster_pass_time(&c, 24 * 3600 * 1000);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "DELETE sessions/a");
    CHECK_HAS(cluster_find(&c, "DELETE")->body, "\"resourceVersion\":");
    CHECK(!cluster_get(&c, "sessions", "n", "a"));
    cluster_close(&c);
}

TEST(session, a_session_that_is_being_deleted_is_left_to_the_collector)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_merge(&c, "sessions", "n", "a", NULL,
                  "{\"metadata\":{\"finalizers\":[\"example.com/keep\"]}}");
    cluster_delete(&c, "sessions", "n", "a");
    cluster_delete(&c, "services", "n", "ss-a");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

/* --- maxSessionDuration --------------------------------------------------------------------- */

TEST(session, the_longest_duration_is_warned_of_and_then_hibernates_by_a_guarded_patch)
{
    struct cluster c;
    cluster_running(&c, "\"maxSessionDuration\":\"8h\"");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.idle.hibernateAt"),
              "2026-11-21T18:00:00Z");
    cluster_pass_time(&c, (8 * 3600 - 300) * 1000 - 3000);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    CHECK(cluster_event(&c, "MaxDurationSoon") != NULL);
    CHECK_HAS(cluster_event(&c, "MaxDurationSoon")->note, "hibernates in 300 s");
    CHECK_INT(c.again_ms - c.now_ms, 300000);
    cluster_pass_time(&c, 300000);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_HAS(cluster_log(&c), "PATCH sessions/a,PATCH deployments/ss-a,APPLY deployments/ss-a");
    CHECK_HAS(cluster_find(&c, "PATCH sessions/a")->body, "/metadata/resourceVersion");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "spec.state"), "hibernated");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Hibernated");
    CHECK(cluster_event(&c, "MaxDurationReached") != NULL);
    cluster_close(&c);
}

TEST(session, a_woken_session_has_its_whole_duration_again)
{
    struct cluster c;
    cluster_running(&c, "\"maxSessionDuration\":\"1h\"");
    cluster_set_state(&c, "hibernated");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_pass_time(&c, 7200 * 1000);
    cluster_set_state(&c, "running");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "spec.state"), "running");
    CHECK_INT(c.again_ms - c.now_ms, 600000);
    cluster_close(&c);
}

/* --- what cannot be read -------------------------------------------------------------------- */

TEST(session, one_that_cannot_be_read_is_left_alone_with_all_it_has_and_says_so)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_merge(&c, "sessions", "n", "a", NULL, "{\"spec\":{\"state\":7}}");
    cluster_delete(&c, "services", "n", "ss-a");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    CHECK_STR(cluster_event(&c, "Unreadable")->note,
              "cannot be read and is left alone: spec.state: must be text");
    cluster_merge(&c, "sessions", "n", "a", NULL, "{\"spec\":{\"state\":\"running\"}}");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "POST services"), 1);
    cluster_close(&c);
}

TEST(session, a_status_that_cannot_be_read_is_written_anew)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_merge(&c, "sessions", "n", "a", "status",
                  "{\"status\":{\"observedGeneration\":\"x\"}}");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.observedGeneration"), "1");
    CHECK_STR(cluster_condition(&c, "a", SESSION_READY), "True Ready");
    cluster_close(&c);
}

TEST(session, a_child_that_cannot_be_read_is_neither_made_nor_changed_and_the_status_says_why)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_merge(&c, "deployments", "n", "ss-a", NULL, "{\"spec\":{\"replicas\":\"one\"}}");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Failed");
    CHECK_HAS(cluster_condition(&c, "a", SESSION_STALLED),
              "True ChildUnreadable: the Deployment ss-a cannot be read and is left alone: "
              "spec.replicas: must be a whole number");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_merge(&c, "sessions", "n", "a", NULL, "{\"spec\":{\"state\":\"terminated\"}}");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "DELETE deployments"), 1);
    cluster_close(&c);
}

/* --- what a predecessor left ---------------------------------------------------------------- */

/* Session "a" again, of another uid; its predecessor's children are all there. */
static void cluster_succeeded(struct cluster *c)
{
    cluster_running(c, "");
    cluster_delete(c, "sessions", "n", "a");
    cluster_session(c, "a", "");
    cluster_sync(c);
}

TEST(session, what_a_predecessor_left_is_the_collectors_for_a_while_and_then_deleted_by_uid)
{
    struct cluster c;
    cluster_succeeded(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "DELETE"), 0);
    CHECK(c.again_ms - c.now_ms > 0 && c.again_ms - c.now_ms <= 20000);
    cluster_pass_time(&c, c.again_ms - c.now_ms);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "GET sessions/a"), 1);
    CHECK_INT(cluster_count(&c, "DELETE deployments/ss-a"), 1);
    CHECK_INT(cluster_count(&c, "DELETE"), 3);
    CHECK_HAS(cluster_find(&c, "DELETE deployments")->body, "\"uid\":");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "POST deployments"), 1);
    cluster_close(&c);
}

/* The child is owned by the Session that the API has now, and the cache of its kind knows. */
static void give_to_successor(struct cluster *c, const char *kind, const struct kube_type *type,
                              struct kube_store *store)
{
    struct kube_object *o = NULL;
    struct err err = {0};
    cluster_merge(c, kind, "n", "ss-a", NULL,
                  arena_printf(&c->a,
                               "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":"
                               "\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"name\":\"a\","
                               "\"controller\":true,\"uid\":\"%s\"}]}}",
                               cluster_at(c, "sessions", "n", "a", "metadata.uid")));
    const char *text = json_to_text(&c->a, cluster_get(c, kind, "n", "ss-a"));
    CHECK_OK(kube_object_read(type, text, strlen(text), &c->a, &o, &err), err);
    kube_store_put(store, o);
}

TEST(session, the_children_of_a_successor_that_the_cache_has_not_seen_are_not_taken_for_left_ones)
{
    struct cluster c;
    cluster_succeeded(&c);
    CHECK_INT(run(&c), STEP_DONE);
    cluster_delete(&c, "sessions", "n", "a"); /* what is in the cache is the predecessor now */
    cluster_create(&c, "sessions", "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"spec\":{"
                                   "\"user\":\"ann\",\"template\":\"repl\"}}");
    give_to_successor(&c, "deployments", &deployment_type, c.view.deployments);
    give_to_successor(&c, "services", &service_type, c.view.services);
    give_to_successor(&c, "ingresses", &ingress_type, c.view.ingresses);
    cluster_pass_time(&c, 60000);
    run(&c);
    CHECK_INT(cluster_count(&c, "GET sessions/a"), 1);
    CHECK_INT(cluster_count(&c, "DELETE"), 0);
    cluster_close(&c);
}
