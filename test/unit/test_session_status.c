#include "controller/session_report.h"
#include "controller/session_status.h"
#include "controller/session_trouble.h"

#include <string.h>

#include "controller/session.h"
#include "test/check.h"
#include "test/unit/fixture_cluster.h"

/* Session "a" with its children, and the caches as they are. */
static void begin(struct cluster *c, const char *more)
{
    cluster_with_session(c, more);
    CHECK_INT(cluster_run(c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(c);
}

/* A pass over a pod with that status: what Ready then says. */
static const char *ready(struct cluster *c, const char *status)
{
    cluster_pod(c, "a", "ss-a-7c9-x1", status);
    CHECK_INT(cluster_run(c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(c);
    return cluster_condition(c, "a", SESSION_READY);
}

static const char *phase(struct cluster *c)
{
    return cluster_cached(c, "a")->status.phase;
}

#define WAITING(reason, message)                                                                   \
    "{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\"}],"     \
    "\"containerStatuses\":[{\"name\":\"session\",\"restartCount\":0,\"state\":{\"waiting\":{"     \
    "\"reason\":\"" reason "\",\"message\":\"" message "\"}}}]}"
#define CRASHED(count, state, reason, code, lines)                                                 \
    "{\"phase\":\"Running\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\"}],"     \
    "\"containerStatuses\":[{\"name\":\"session\",\"restartCount\":" count ",\"state\":" state     \
    ",\"lastState\":{\"terminated\":{\"exitCode\":" code ",\"reason\":\"" reason                   \
    "\",\"message\":\"" lines "\"}}}]}"
#define BACK_OFF(text) "{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"" text "\"}}"
#define UNSCHEDULED(message)                                                                       \
    "{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\","      \
    "\"reason\":\"Unschedulable\",\"message\":\"" message "\"}]}"

/* --- troubles ------------------------------------------------------------------------------- */

TEST(session_status, an_image_that_cannot_be_pulled_is_named_and_its_message_does_not_flap)
{
    struct cluster c;
    begin(&c, "");
    const char *first = ready(&c, WAITING("ErrImagePull", "rpc error: not found"));
    CHECK_STR(first, "False ImagePullFailed: the image \"example.com/repl:1\" cannot be pulled: "
                     "rpc error: not found");
    CHECK_STR(phase(&c), "Pending");
    CHECK(cluster_event(&c, "ImagePullFailed") != NULL);
    CHECK_STR(ready(&c, WAITING("ImagePullBackOff", "Back-off pulling image")), first);
    CHECK_STR(cluster_log(&c), "");
    CHECK_STR(ready(&c, WAITING("ErrImagePull", "rpc error: timeout")), first);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(session_status, of_another_image_the_message_is_a_new_one)
{
    struct cluster c;
    begin(&c, "");
    ready(&c, WAITING("ErrImagePull", "not found"));
    cluster_merge(&c, "templates", "n", "repl", NULL,
                  "{\"spec\":{\"baseImage\":\"example.com/typo\"}}");
    cluster_sync(&c);
    CHECK_INT(cluster_run(&c, &template_controller, "n/repl"), STEP_DONE);
    cluster_merge(&c, "sessions", "n", "a", NULL,
                  "{\"metadata\":{\"annotations\":{\"carrel.dev/restart-at\":\"1\"}}}");
    cluster_sync(&c);
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
    CHECK_HAS(ready(&c, WAITING("ErrImagePull", "no such image")),
              "the image \"example.com/typo\" cannot be pulled: no such image");
    cluster_close(&c);
}

TEST(session_status, a_crash_is_told_with_its_last_lines_and_stays_told_while_it_tries_again)
{
    struct cluster c;
    begin(&c, "");
    const char *first = ready(&c, CRASHED("1", BACK_OFF("back-off 10s"), "Error", "3",
                                          "Traceback\\n  boom\\n"));
    CHECK_STR(first, "False CrashLoop: the program ended with exit code 3 (Error). Its last "
                     "lines: Traceback\n  boom\n");
    CHECK_STR(phase(&c), "Pending");
    CHECK_STR(ready(&c, CRASHED("1", BACK_OFF("back-off 20s"), "Error", "3",
                                "Traceback\\n  boom\\n")), first);
    CHECK_STR(cluster_log(&c), "");
    CHECK_STR(ready(&c, CRASHED("2", "{\"running\":{}}", "Error", "3",
                                "Traceback\\n  boom\\n")), first);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(session_status, three_crashes_are_a_failure_that_a_ready_pod_ends)
{
    struct cluster c;
    begin(&c, "");
    ready(&c, CRASHED("3", BACK_OFF("x"), "Error", "1", "no"));
    CHECK_STR(phase(&c), "Failed");
    CHECK_HAS(cluster_condition(&c, "a", SESSION_STALLED), "True CrashLoop");
    CHECK_STR(ready(&c, cluster_pod_ready), "True Ready");
    CHECK_STR(phase(&c), "Running");
    CHECK_STR(cluster_condition(&c, "a", SESSION_STALLED), "False NotStalled");
    cluster_close(&c);
}

TEST(session_status, memory_that_did_not_suffice_says_which_limit_to_raise)
{
    struct cluster c;
    begin(&c, "");
    CHECK_HAS(ready(&c, CRASHED("1", BACK_OFF("x"), "OOMKilled", "137", "")),
              "False OutOfMemory: the program was killed for want of memory: raise "
              "spec.resources.limits.memory");
    cluster_close(&c);
}

TEST(session_status, a_container_that_the_node_refuses_is_explained)
{
    struct cluster c;
    begin(&c, "");
    CHECK_HAS(ready(&c, WAITING("CreateContainerConfigError", "secret \\\"s\\\" not found")),
              "False ContainerRefused: the node cannot make the container: secret \"s\" not found");
    cluster_close(&c);
}

TEST(session_status, an_unscheduled_pod_gets_three_seconds_before_it_is_a_trouble)
{
    struct cluster c;
    begin(&c, "\"persistentHome\":false");
    CHECK_STR(ready(&c, UNSCHEDULED("0/3 nodes: 3 Insufficient cpu")), "False Starting");
    CHECK_INT(c.again_ms - c.now_ms, 3000);
    cluster_pass_time(&c, 3000);
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(&c);
    CHECK_STR(cluster_condition(&c, "a", SESSION_READY),
              "False Unschedulable: no node can take it: 0/3 nodes: 3 Insufficient cpu");
    CHECK(c.again_ms == STEP_NEVER);
    cluster_close(&c);
}

static void other_sessions_pod(struct cluster *c)
{
    cluster_session(c, "b", "");
    CHECK_INT(cluster_run(c, &session_controller, "n/b"), STEP_DONE);
    cluster_pod(c, "b", "ss-b-7c9-x1", cluster_pod_ready);
}

TEST(session_status, a_home_that_another_node_holds_is_told_as_such)
{
    struct cluster c;
    begin(&c, "");
    other_sessions_pod(&c);
    ready(&c, UNSCHEDULED("didn't match pod affinity rules"));
    cluster_pass_time(&c, 3000);
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(&c);
    CHECK_HAS(cluster_condition(&c, "a", SESSION_READY), "False HomeInUse");
    CHECK_HAS(cluster_condition(&c, "a", SESSION_STORAGE_READY), "False HomeInUse");
    c.settings.home_access = "ReadWriteMany"; /* then the home is not what is in the way */
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(&c);
    CHECK_HAS(cluster_condition(&c, "a", SESSION_READY), "False Unschedulable");
    cluster_close(&c);
}

TEST(session_status, an_evicted_pod_says_why)
{
    struct cluster c;
    begin(&c, "");
    CHECK_STR(ready(&c, "{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":"
                        "\"The node was low on resource: memory.\",\"conditions\":[{\"type\":"
                        "\"PodScheduled\",\"status\":\"True\"}]}"),
              "False Evicted: The node was low on resource: memory.");
    cluster_close(&c);
}

static void replica_failure(struct cluster *c, const char *message)
{
    cluster_merge(c, "deployments", "n", "ss-a", "status",
                  arena_printf(&c->a, "{\"status\":{\"conditions\":[{\"type\":\"ReplicaFailure\","
                                      "\"status\":\"True\",\"reason\":\"FailedCreate\","
                                      "\"message\":\"%s\"}]}}", message));
    cluster_sync(c);
    CHECK_INT(cluster_run(c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(c);
}

TEST(session_status, quota_and_admission_are_read_from_the_deployment_and_told_apart)
{
    struct cluster c;
    begin(&c, "");
    replica_failure(&c, "pods is forbidden: exceeded quota: small, requested: cpu=4");
    CHECK_HAS(cluster_condition(&c, "a", SESSION_READY), "False QuotaExceeded: pods is forbidden");
    replica_failure(&c, "violates PodSecurity");
    CHECK_HAS(cluster_condition(&c, "a", SESSION_READY), "False AdmissionRefused: violates Pod");
    CHECK_STR(phase(&c), "Pending");
    CHECK_STR(ready(&c, cluster_pod_ready), "True Ready");
    cluster_close(&c);
}

TEST(session_status, a_lost_home_is_told)
{
    struct cluster c;
    begin(&c, "");
    cluster_merge(&c, "persistentvolumeclaims", "n", "home-ann", "status",
                  "{\"status\":{\"phase\":\"Lost\"}}");
    ready(&c, WAITING("ContainerCreating", ""));
    CHECK_HAS(cluster_condition(&c, "a", SESSION_STORAGE_READY), "False HomeLost");
    cluster_close(&c);
}

TEST(session_status, a_running_session_whose_pod_is_replaced_stays_running_and_is_not_ready)
{
    struct cluster c;
    begin(&c, "");
    CHECK_STR(ready(&c, cluster_pod_ready), "True Ready");
    cluster_delete(&c, "pods", "n", "ss-a-7c9-x1");
    cluster_sync(&c);
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(&c);
    CHECK_STR(cluster_condition(&c, "a", SESSION_READY), "False Starting");
    CHECK_STR(phase(&c), "Running");
    cluster_close(&c);
}

/* --- texts of strangers --------------------------------------------------------------------- */

static const char *stranger(struct cluster *c, const char *piece, int times)
{
    auto_str lines;
    str_init(&lines, 1 << 20);
    for (int i = 0; i < times; i++) str_add(&lines, piece);
    return arena_printf(&c->a, CRASHED("1", "{\"waiting\":{}}", "Error", "1", "%s"), lines.at);
}

TEST(session_status, whatever_a_program_prints_is_written_once_and_within_the_schema)
{
    static const char *const pieces[] = {"\xc3\xa9", "x\xf0\x9f\x98\x80", "\x7f\xc2\x85",
                                         "\\u001b[31m\\\"", "\xe2\x80\xa8", "\\u0007\\\\\\n"};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct cluster c;
        begin(&c, "");
        ready(&c, stranger(&c, pieces[i], 9001));
        CHECK_INT(cluster_count(&c, "APPLY sessions/a/status"), 1);
        CHECK(strlen(cluster_cached(&c, "a")->status.conditions[SESSION_READY].message) <= 8000);
        const char *body = cluster_find(&c, "APPLY sessions/a/status")->body;
        CHECK(!strchr(body, 0x7f) && !strstr(body, "\xc2\x85") && !strstr(body, "\xe2\x80\xa8"));
        CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
        CHECK_STR(cluster_log(&c), "");
        cluster_close(&c);
    }
}

TEST(session_status, the_end_of_what_a_program_printed_is_not_cut)
{
    struct cluster c;
    begin(&c, "");
    const char *lines = arena_printf(&c.a, "%04090d THE-END", 7);
    CHECK_HAS(ready(&c, arena_printf(&c.a, CRASHED("1", "{\"waiting\":{}}", "Error", "1", "%s"),
                                     lines)),
              "THE-END");
    cluster_close(&c);
}

/* --- times, events, revision ---------------------------------------------------------------- */

TEST(session_status, a_transition_time_moves_with_the_status_and_with_nothing_else)
{
    struct cluster c;
    begin(&c, "");
    cluster_pass_time(&c, 2000);
    ready(&c, WAITING("ErrImagePull", "not found")); /* False as before, another reason */
    const struct condition *cond = &cluster_cached(&c, "a")->status.conditions[SESSION_READY];
    CHECK_INT(cond->since_ms, c.wall_ms - 2000);
    ready(&c, cluster_pod_ready);
    cond = &cluster_cached(&c, "a")->status.conditions[SESSION_READY];
    CHECK_INT(cond->since_ms, c.wall_ms);
    cluster_close(&c);
}

TEST(session_status, an_event_is_told_at_its_transition_and_not_again)
{
    struct cluster c;
    begin(&c, "");
    CHECK_INT(c.event_count, 0);
    ready(&c, cluster_pod_ready);
    CHECK_INT(c.event_count, 1);
    CHECK_STR(c.events[0].reason, "Ready");
    CHECK(!c.events[0].warning);
    CHECK_HAS(c.events[0].note, "at https://a.example.com/");
    cluster_merge(&c, "sessions", "n", "a", NULL,
                  "{\"spec\":{\"env\":[{\"name\":\"A\",\"value\":\"1\"}]}}");
    ready(&c, cluster_pod_ready);
    CHECK_INT(cluster_count(&c, "APPLY "), 1); /* of the hint in Ready's message */
    CHECK_INT(c.event_count, 0);
    cluster_close(&c);
}

TEST(session_status, how_long_a_start_took_is_kept_for_that_run)
{
    struct cluster c;
    cluster_with_session(&c, "");
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
    cluster_pass_time(&c, 3250);
    ready(&c, cluster_pod_ready);
    const struct session_status *st = &cluster_cached(&c, "a")->status;
    CHECK_INT(st->ready_ms, 3250); /* our own clock, for we saw it happen */
    CHECK_INT(st->scheduled_ms, 1000);
    CHECK_INT(st->pulled_ms, 2000);
    cluster_delete(&c, "pods", "n", "ss-a-7c9-x1");
    cluster_pass_time(&c, 60000);
    ready(&c, cluster_pod_ready);
    CHECK_INT(cluster_cached(&c, "a")->status.ready_ms, 3250);
    cluster_close(&c);
}

TEST(session_status, milliseconds_are_no_difference)
{
    struct session_status a = {.started_ms = 1795255200001}, b = {.started_ms = 1795255200999};
    CHECK(!session_status_differs(&a, &b));
    b.started_ms += 1;
    CHECK(session_status_differs(&a, &b));
}

TEST(session_status, an_empty_message_and_none_are_the_same)
{
    static char empty[] = "", reason[] = "R", text[] = "m";
    struct session_status a = {0}, b = {0};
    a.conditions[0] = (struct condition){CONDITION_TRUE, reason, NULL, 0};
    b.conditions[0] = (struct condition){CONDITION_TRUE, reason, empty, 5};
    CHECK(!session_status_differs(&a, &b));
    b.conditions[0].message = text;
    CHECK(session_status_differs(&a, &b));
}

TEST(session_status, the_body_names_the_object_by_uid_and_each_condition_once)
{
    struct cluster c;
    begin(&c, "");
    const struct session *s = cluster_cached(&c, "a");
    struct json *tree = NULL;
    struct err err = {0};
    const char *body = session_status_body(&c.a, s, &s->status);
    CHECK_OK(json_parse(&c.a, body, strlen(body), &tree, &err), err);
    CHECK_STR(json_text(json_path(tree, "metadata.uid")), s->object.meta.uid);
    const struct json *conditions = json_path(tree, "status.conditions");
    CHECK_INT(json_count(conditions), SESSION_CONDITION_COUNT);
    for (size_t i = 0; i < SESSION_CONDITION_COUNT; i++) {
        const struct json *cond = json_at(conditions, i);
        CHECK_STR(json_text(json_get(cond, "type")), session_condition_names[i]);
        CHECK(strlen(json_text(json_get(cond, "reason"))) > 0);
        CHECK(json_is_text(json_get(cond, "message")));
        CHECK_INT(strlen(json_text(json_get(cond, "lastTransitionTime"))), 20);
    }
    cluster_close(&c);
}

TEST(session_status, urls_have_scheme_port_path_and_the_webapps_front_page)
{
    struct cluster c;
    cluster_open(&c);
    c.settings.scheme = "http";
    c.settings.port = 8080;
    cluster_template(&c, "n", "repl", "\"basePathAware\":true,\"webapp\":{\"path\":\"/lab\"}");
    cluster_session(&c, "a", "\"route\":{\"mode\":\"path\"}");
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
    CHECK_STR(cluster_at(&c, "sessions", "n", "a", "status.url"),
              "http://example.com:8080/a/lab");
    cluster_close(&c);
}

TEST(session_status, path_mode_is_refused_where_the_program_would_not_know_its_path)
{
    struct cluster c;
    begin(&c, "\"route\":{\"mode\":\"path\"}");
    CHECK_HAS(cluster_condition(&c, "a", SESSION_READY), "False PathModeRefused");
    CHECK_STR(phase(&c), "Failed");
    CHECK(!cluster_get(&c, "deployments", "n", "ss-a"));
    cluster_close(&c);
}

TEST(session_status, sleep_is_no_trouble)
{
    CHECK(!trouble_is_one("Hibernated"));
    CHECK(!trouble_is_one("Starting"));
    CHECK(!trouble_is_one(NULL));
    CHECK(trouble_is_one("CrashLoop"));
}
