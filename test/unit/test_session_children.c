#include "controller/session.h"
#include "controller/session_children.h"

#include <string.h>

#include "test/check.h"
#include "test/unit/fixture_session.h"

/* --- names and hosts ------------------------------------------------------------------------ */

static const char foreign_service[] =
    "{\"metadata\":{\"name\":\"ss-a\",\"namespace\":\"n\",\"labels\":{\"mine\":\"1\"}},"
    "\"spec\":{\"ports\":[{\"port\":80}]}}";

TEST(session_children, a_foreign_child_is_left_alone_and_the_name_is_tried_again)
{
    struct cluster c;
    cluster_with_session(&c, "");
    cluster_create(&c, "services", foreign_service);
    const char *before = cluster_at(&c, "services", "n", "ss-a", "metadata.resourceVersion");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "GET services/ss-a"), 1);
    CHECK_STR(cluster_at(&c, "services", "n", "ss-a", "metadata.resourceVersion"), before);
    cluster_sync(&c);
    CHECK_HAS(cluster_condition(&c, "a", SESSION_READY),
              "False NameConflict: a Service named ss-a is here and is not this session's");
    CHECK_STR(cluster_cached(&c, "a")->status.phase, "Failed");
    CHECK(c.again_ms >= c.now_ms + 60000 && c.again_ms <= c.now_ms + 300000);
    /* Whoever looks again later finds the same, and has nothing to write. */
    cluster_pass_time(&c, 200000);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST services,GET services/ss-a");
    cluster_delete(&c, "services", "n", "ss-a");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Pending");
    cluster_close(&c);
}

TEST(session_children, where_a_foreign_child_is_known_nothing_is_created_beside_it)
{
    static const char *const kinds[] = {"deployments", "services", "ingresses"};
    for (int i = 0; i < 3; i++) {
        struct cluster c;
        cluster_with_session(&c, "\"maxSessionDuration\":\"1h\"");
        cluster_create(&c, kinds[i],
                       "{\"metadata\":{\"name\":\"ss-a\",\"namespace\":\"n\",\"labels\":{"
                       "\"app.kubernetes.io/managed-by\":\"carrel\"}},\"spec\":{\"ports\":["
                       "{\"port\":80}],\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{"
                       "\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{"
                       "\"name\":\"x\",\"image\":\"y\"}]}}}}");
        cluster_sync(&c);
        CHECK_INT(run(&c), STEP_DONE);
        CHECK_STR(cluster_log(&c), "APPLY sessions/a/status");
        CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Failed");
        cluster_sync(&c);
        cluster_pass_time(&c, 90000);
        CHECK_INT(run(&c), STEP_DONE);
        CHECK_STR(cluster_log(&c), ""); /* no new start is shown each time */
        cluster_close(&c);
    }
}

TEST(session_children, children_of_a_predecessor_are_waited_for)
{
    struct cluster c;
    cluster_with_session(&c, "");
    cluster_create(&c, "deployments",
                   "{\"metadata\":{\"name\":\"ss-a\",\"namespace\":\"n\",\"labels\":{"
                   "\"app.kubernetes.io/managed-by\":\"carrel\"},\"ownerReferences\":[{"
                   "\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"name\":\"a\","
                   "\"uid\":\"of-before\",\"controller\":true}]},\"spec\":{\"selector\":{"
                   "\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{"
                   "\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"x\",\"image\":\"y\"}]}}}}");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "POST deployments"), 0);
    CHECK_INT(cluster_count(&c, "DELETE "), 0);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Pending");
    cluster_pass_time(&c, 5000);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_delete(&c, "deployments", "n", "ss-a");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST deployments,APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.startedAt"), "2026-11-21T10:00:05Z");
    cluster_close(&c);
}

TEST(session_children, the_younger_of_two_with_one_host_gets_no_ingress_until_the_older_goes)
{
    struct cluster c;
    cluster_open(&c);
    c.settings.host_template = "{user}.{domain}";
    cluster_template(&c, "n", "repl", "");
    cluster_session(&c, "old", "\"persistentHome\":false");
    cluster_pass_time(&c, 2000);
    cluster_session(&c, "a", "\"persistentHome\":false");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST deployments,POST services,APPLY sessions/a/status");
    cluster_sync(&c);
    CHECK_HAS(cluster_condition(&c, "a", SESSION_ROUTE_READY),
              "False HostTaken: ann.example.com belongs to the older session n/old");
    CHECK_STR(cluster_cached(&c, "a")->status.phase, "Failed");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.url"), "-");
    cluster_delete(&c, "sessions", "n", "old");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST ingresses,APPLY sessions/a/status");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.url"), "https://ann.example.com/");
    cluster_close(&c);
}

/* --- what is there already ------------------------------------------------------------------ */

TEST(session_children, an_answer_that_was_lost_is_found_again_by_its_name)
{
    struct cluster c;
    cluster_with_session(&c, "\"persistentHome\":false");
    cluster_fail(&c, (struct cluster_fault){"POST services", 1, ERR_UNKNOWN, .lost = true});
    CHECK_INT(run(&c), STEP_FAIL);
    CHECK_INT(c.err.code, ERR_UNKNOWN);
    CHECK_INT(run(&c), STEP_DONE); /* before the watch has brought it */
    CHECK_STR(cluster_log(&c), "POST services,GET services/ss-a,APPLY sessions/a/status");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(session_children, a_child_that_lost_our_labels_is_found_by_its_name_and_gets_them_back)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_merge(&c, "services", "n", "ss-a", NULL, "{\"metadata\":{\"labels\":null}}");
    cluster_sync(&c);
    CHECK(!kube_store_find(c.view.services, "n", "ss-a"));
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST services,GET services/ss-a,PATCH services/ss-a,"
                               "APPLY services/ss-a");
    CHECK_STR(cluster_at(&c, "services", "n", "ss-a", "metadata.labels.user"), "ann");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(session_children, a_home_without_our_labels_is_a_home)
{
    struct cluster c;
    cluster_with_session(&c, "");
    cluster_create(&c, "persistentvolumeclaims",
                   "{\"metadata\":{\"name\":\"home-ann\",\"namespace\":\"n\",\"labels\":{"
                   "\"app\":\"streamspace-user-home\"}},\"spec\":{}}");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "POST persistentvolumeclaims"), 1);
    cluster_pod(&c, "a", "ss-a-7c9-x1", cluster_pod_ready);
    CHECK_INT(run(&c), STEP_DONE);
    cluster_sync(&c);
    CHECK_STR(cluster_condition(&c, "a", SESSION_STORAGE_READY), "True Mounted");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), ""); /* and is not tried again while it runs */
    cluster_close(&c);
}

/* --- drift ---------------------------------------------------------------------------------- */

static void mends(struct cluster *c, const char *kind, const char *change, const char *path,
                  const char *want)
{
    cluster_merge(c, kind, "n", "ss-a", NULL, change);
    cluster_sync(c);
    CHECK_INT(run(c), STEP_DONE);
    CHECK_INT(cluster_count(c, "PATCH "), 1);
    CHECK(cluster_count(c, "APPLY ") >= 1);
    CHECK_STR(cluster_at(c, kind, "n", "ss-a", path), want);
    cluster_sync(c);
    CHECK_INT(run(c), STEP_DONE);
    CHECK_STR(cluster_log(c), "");
}

TEST(session_children, drift_of_the_deployment_is_mended_and_then_it_is_quiet)
{
    struct cluster c;
    cluster_running(&c, "");
    mends(&c, "deployments", "{\"spec\":{\"replicas\":3}}", "spec.replicas", "1");
    cluster_close(&c);
}

TEST(session_children, drift_of_a_service_is_mended_though_services_count_no_generations)
{
    struct cluster c;
    cluster_running(&c, "");
    mends(&c, "services", "{\"spec\":{\"selector\":{\"carrel.dev/session\":\"b\"}}}",
          "spec.selector", "{\"carrel.dev/session\":\"a\"}");
    cluster_close(&c);
}

TEST(session_children, an_ingress_gets_its_annotation_back_and_keeps_those_of_others)
{
    static const struct setting_pair annotations[] = {{"example.com/size", "1g"}};
    struct cluster c;
    cluster_open(&c);
    c.settings.ingress_annotations = annotations;
    c.settings.ingress_annotation_count = 1;
    cluster_template(&c, "n", "repl", "");
    cluster_session(&c, "a", "");
    CHECK_INT(run(&c), STEP_DONE);
    mends(&c, "ingresses",
          "{\"metadata\":{\"annotations\":{\"example.com/size\":\"9\",\"theirs\":\"1\"}}}",
          "metadata.annotations.'example.com/size'", "1g");
    CHECK_STR(cluster_at(&c, "ingresses", "n", "ss-a", "metadata.annotations.theirs"), "1");
    cluster_close(&c);
}

TEST(session_children, a_label_taken_off_comes_back)
{
    struct cluster c;
    cluster_running(&c, "");
    mends(&c, "ingresses", "{\"metadata\":{\"labels\":{\"session\":null}}}",
          "metadata.labels.session", "a");
    cluster_close(&c);
}

TEST(session_children, what_the_settings_drop_is_gone_from_the_ingress)
{
    static const struct setting_pair annotations[] = {{"example.com/size", "1g"}};
    struct cluster c;
    cluster_open(&c);
    c.settings.ingress_annotations = annotations;
    c.settings.ingress_annotation_count = 1;
    c.settings.tls_secret = "tls-{session}";
    cluster_template(&c, "n", "repl", "");
    cluster_session(&c, "a", "\"persistentHome\":false");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_sync(&c);
    CHECK_STR(cluster_at(&c, "ingresses", "n", "ss-a", "spec.tls[0].secretName"), "tls-a");
    c.settings.ingress_annotation_count = 0; /* the next release of the operator's configuration */
    c.settings.tls_secret = "";
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "ingresses", "n", "ss-a", "spec.tls"), "-");
    CHECK_STR(cluster_at(&c, "ingresses", "n", "ss-a",
                         "metadata.annotations.'example.com/size'"), "-");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(session_children, another_version_that_words_its_intents_anew_writes_each_child_once)
{
    struct cluster c;
    cluster_running(&c, "");
    c.settings.intent_schema++;
    CHECK_INT(run(&c), STEP_DONE);
    cluster_sync(&c);
    CHECK_INT(cluster_count(&c, "APPLY deployments"), 1);
    CHECK_INT(cluster_count(&c, "APPLY services"), 1);
    CHECK_INT(cluster_count(&c, "APPLY ingresses"), 1);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(session_children, a_pod_that_a_newer_version_made_runs_on_under_an_older_one)
{
    struct cluster c;
    cluster_open(&c);
    c.settings.renderer++;
    cluster_template(&c, "n", "repl", "");
    cluster_session(&c, "a", "");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_pod(&c, "a", "ss-a-1", cluster_pod_ready);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Running");
    c.settings.renderer--;
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    /* What somebody has edited cannot be put back as it was: it starts anew, in our way. */
    cluster_merge(&c, "deployments", "n", "ss-a", NULL, "{\"spec\":{\"revisionHistoryLimit\":7}}");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "APPLY deployments"), 1);
    CHECK_HAS(cluster_at(&c, "deployments", "n", "ss-a", "metadata.annotations"), "\"renderer");
    cluster_close(&c);
}

TEST(session_children, an_env_variable_dropped_at_a_restart_is_gone_from_the_pod)
{
    struct cluster c;
    cluster_running(&c, "\"env\":[{\"name\":\"A\",\"value\":\"1\"},"
                        "{\"name\":\"B\",\"value\":\"2\"}]");
    cluster_merge(&c, "sessions", "n", "a", NULL,
                  "{\"spec\":{\"env\":[{\"name\":\"B\",\"value\":\"2\"}]}}");
    restart(&c, "1");
    CHECK_INT(run(&c), STEP_DONE);
    const char *env =
        cluster_at(&c, "deployments", "n", "ss-a", "spec.template.spec.containers[0].env");
    CHECK(!strstr(env, "\"A\""));
    CHECK_HAS(env, "\"B\"");
    cluster_close(&c);
}

static int deletes_after_refusal_of(const char *field)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_merge(&c, "services", "n", "ss-a", NULL,
                  "{\"metadata\":{\"labels\":{\"user\":\"x\"}}}");
    cluster_sync(&c);
    cluster_fail(&c, (struct cluster_fault){"APPLY services", 1, ERR_INVALID, 422,
                                            .message = "no", .field = field});
    run(&c);
    int deletes = (int)cluster_count(&c, "DELETE services/ss-a");
    cluster_close(&c);
    return deletes;
}

TEST(session_children, a_service_goes_when_its_ports_cannot_be_merged_and_for_no_other_refusal)
{
    CHECK_INT(deletes_after_refusal_of("spec.ports[1].name"), 1);
    CHECK_INT(deletes_after_refusal_of("metadata.labels"), 0);
    CHECK_INT(deletes_after_refusal_of("metadata.uid"), 0); /* it is another Service by now */
    CHECK_INT(deletes_after_refusal_of(NULL), 0); /* an admission policy names none */
}

TEST(session_children, a_service_of_the_other_type_is_made_anew)
{
    struct cluster c;
    cluster_running(&c, "");
    c.settings.headless = false;
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "DELETE services/ss-a"), 1);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "POST services"), 1);
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

/* --- refusals and failures ------------------------------------------------------------------ */

TEST(session_children, a_refusal_by_quota_is_told_and_tried_again_in_one_to_five_minutes)
{
    struct cluster c;
    cluster_with_session(&c, "\"persistentHome\":false");
    cluster_fail(&c, (struct cluster_fault){"POST deployments", -1, ERR_DENIED, 403,
                                            "exceeded quota: small", .quota = true});
    CHECK_INT(run(&c), STEP_DONE);
    CHECK(c.again_ms >= c.now_ms + 60000 && c.again_ms <= c.now_ms + 300000);
    cluster_sync(&c);
    CHECK_STR(cluster_condition(&c, "a", SESSION_READY),
              "False QuotaExceeded: exceeded quota: small");
    CHECK_STR(cluster_cached(&c, "a")->status.phase, "Pending");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.startedAt"), "-");
    CHECK(cluster_event(&c, "QuotaExceeded") != NULL);
    cluster_pass_time(&c, 300000);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST deployments"); /* the same again is not written again */
    c.faults[0].times = 0;
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST deployments,APPLY sessions/a/status");
    cluster_close(&c);
}

TEST(session, a_credential_that_has_run_out_is_no_refusal_of_a_child_and_asks_once_a_pass)
{
    struct cluster c;
    cluster_with_session(&c, "");
    cluster_fail(&c, (struct cluster_fault){"POST deployments", -1, ERR_DENIED, 401,
                                            .message = "Unauthorized"});
    CHECK_INT(run(&c), STEP_FAIL);
    CHECK_INT(cluster_count(&c, "POST deployments"), 1);
    CHECK_INT(cluster_count(&c, "APPLY sessions"), 0);
    cluster_close(&c);
}

TEST(session, a_child_that_may_not_be_read_ends_the_pass)
{
    struct cluster c;
    cluster_with_session(&c, "");
    cluster_create(&c, "services", foreign_service);
    cluster_fail(&c, (struct cluster_fault){"GET services", -1, ERR_DENIED, 403,
                                            .message = "cannot get services"});
    CHECK_INT(run(&c), STEP_FAIL);
    CHECK_INT(cluster_count(&c, "GET services"), 1);
    cluster_close(&c);
}

TEST(session_children, a_refused_ingress_is_the_reason_of_ready_though_the_pod_is_up)
{
    struct cluster c;
    cluster_with_session(&c, "\"persistentHome\":false");
    cluster_fail(&c, (struct cluster_fault){"POST ingresses", -1, ERR_INVALID, 422,
                                            .message = "host is not allowed here"});
    CHECK_INT(run(&c), STEP_DONE);
    cluster_pod(&c, "a", "ss-a-7c9-x1", cluster_pod_ready);
    CHECK_INT(run(&c), STEP_DONE);
    cluster_sync(&c);
    CHECK_STR(cluster_condition(&c, "a", SESSION_READY),
              "False AdmissionRefused: host is not allowed here");
    CHECK_STR(cluster_condition(&c, "a", SESSION_WORKLOAD_READY), "True PodReady");
    cluster_close(&c);
}

TEST(session_children, in_a_namespace_that_goes_away_it_rests_for_minutes)
{
    struct cluster c;
    cluster_with_session(&c, "\"persistentHome\":false");
    cluster_fail(&c, (struct cluster_fault){"POST ", -1, ERR_DENIED, 403, "being terminated",
                                            .ns_terminating = true});
    CHECK_INT(run(&c), STEP_REST);
    CHECK_STR(cluster_log(&c), "POST deployments,POST services,POST ingresses");
    CHECK(c.again_ms >= c.now_ms + 60000 && c.again_ms <= c.now_ms + 300000);
    cluster_close(&c);
}

TEST(session_children, failures_in_passing_come_back_by_the_queue)
{
    static const struct cluster_fault faults[] = {
        {"POST deployments", 1, ERR_UNAVAILABLE, 0, .message = "connection refused"},
        {"POST ingresses", 1, ERR_UNKNOWN, 504, "timeout", .lost = true},
        {"APPLY sessions/a/status", 1, ERR_UNKNOWN, 0, .message = "cut", .lost = true},
        {"POST services", 1, ERR_BUSY, 429, .message = "too many"},
    };
    for (int i = 0; i < 4; i++) {
        struct cluster c;
        cluster_with_session(&c, "");
        cluster_fail(&c, faults[i]);
        CHECK_INT(run(&c), STEP_FAIL);
        CHECK_INT(c.err.code, faults[i].err);
        cluster_sync(&c);
        CHECK_INT(run(&c), STEP_DONE);
        cluster_sync(&c);
        CHECK_INT(run(&c), STEP_DONE);
        CHECK_STR(cluster_log(&c), "");
        CHECK(cluster_get(&c, "ingresses", "n", "ss-a") != NULL);
        cluster_close(&c);
    }
}

TEST(session_children, a_session_that_is_gone_meanwhile_ends_the_pass)
{
    struct cluster c;
    cluster_running(&c, "");
    change_template(&c, "example.com/repl:2"); /* so that there is a status to write */
    cluster_delete(&c, "sessions", "n", "a");
    CHECK_INT(run(&c), STEP_DONE); /* the event will come */
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

/* --- what comes in between ------------------------------------------------------------------ */

static void hibernate_meanwhile(struct cluster *c, const struct cluster_sent *sent)
{
    if (strcmp(sent->what, "POST services") != 0) return;
    cluster_merge(c, "sessions", "n", "a", NULL, "{\"spec\":{\"state\":\"hibernated\"}}");
}

TEST(session_children, a_change_that_comes_with_the_answer_to_our_status_is_not_lost)
{
    struct cluster c;
    cluster_with_session(&c, "\"persistentHome\":false");
    c.meanwhile = hibernate_meanwhile; /* no event of it reaches the cache */
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "deployments", "n", "ss-a", "spec.replicas"), "0");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.phase"), "Hibernated");
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.observedGeneration"), "2");
    cluster_close(&c);
}

static void relabel_the_ingress(struct cluster *c, const struct cluster_sent *sent)
{
    if (strncmp(sent->what, "APPLY ingresses", 15) != 0) return;
    cluster_merge(c, "ingresses", "n", "ss-a", NULL,
                  "{\"metadata\":{\"labels\":{\"session\":\"x\"}}}");
    cluster_sync(c);
}

TEST(session_children, a_fight_over_a_child_ends_in_a_failure_and_not_in_a_loop)
{
    struct cluster c;
    cluster_running(&c, "");
    cluster_merge(&c, "ingresses", "n", "ss-a", NULL,
                  "{\"metadata\":{\"labels\":{\"session\":\"x\"}}}");
    cluster_sync(&c);
    c.meanwhile = relabel_the_ingress;
    CHECK_INT(run(&c), STEP_FAIL);
    CHECK_INT(c.err.code, ERR_CONFLICT);
    cluster_close(&c);
}
