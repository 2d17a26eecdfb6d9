#include "controller/template.h"

#include <string.h>

#include "controller/session.h"
#include "test/check.h"
#include "test/unit/fixture_cluster.h"

static enum step_result run(struct cluster *c)
{
    return cluster_run(c, &template_controller, "n/repl");
}

static void create(struct cluster *c, const char *more)
{
    cluster_create(c, "templates",
                   arena_printf(&c->a,
                                "{\"metadata\":{\"name\":\"repl\",\"namespace\":\"n\"},\"spec\":{"
                                "\"displayName\":\"R\",\"baseImage\":\"i:1\"%s}}", more));
    cluster_sync(c);
}

static const char *status(struct cluster *c, const char *path)
{
    return cluster_at(c, "templates", "n", "repl", arena_printf(&c->a, "status.%s", path));
}

static void change(struct cluster *c, const char *spec)
{
    cluster_merge(c, "templates", "n", "repl", NULL,
                  arena_printf(&c->a, "{\"spec\":%s}", spec));
    cluster_sync(c);
}

static size_t revisions(struct cluster *c)
{
    cluster_sync(c);
    return kube_store_count(c->view.revisions);
}

TEST(template, a_valid_one_is_frozen_and_then_shown_and_then_left_alone)
{
    struct cluster c;
    cluster_open(&c);
    create(&c, "");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "POST controllerrevisions,APPLY templates/repl/status");
    CHECK_STR(status(&c, "valid"), "true");
    CHECK_STR(status(&c, "conditions[0].status"), "True");
    CHECK_STR(status(&c, "observedGeneration"), "1");
    const char *revision = status(&c, "revision");
    CHECK_STR(cluster_at(&c, "controllerrevisions", "n", revision, "data.baseImage"), "i:1");
    CHECK_STR(cluster_at(&c, "controllerrevisions", "n", revision,
                         "metadata.labels.'carrel.dev/template'"), "repl");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(template, an_invalid_one_says_what_to_write_and_is_not_frozen)
{
    struct cluster c;
    cluster_open(&c);
    create(&c, ",\"volumeMounts\":[{\"name\":\"d\",\"mountPath\":\"/d\"}]");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "APPLY templates/repl/status");
    CHECK_STR(status(&c, "valid"), "false");
    CHECK_HAS(status(&c, "message"), "declare it there");
    CHECK_STR(status(&c, "conditions[0].reason"), "SpecInvalid");
    CHECK_STR(status(&c, "revision"), "-");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

TEST(template, one_that_breaks_warns_once_and_its_time_moves)
{
    struct cluster c;
    cluster_open(&c);
    create(&c, "");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_pass_time(&c, 60000);
    change(&c, "{\"webapp\":{\"port\":1},\"ports\":[{\"name\":\"x\",\"containerPort\":2}]}");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK(cluster_event(&c, "SpecInvalid") != NULL);
    CHECK_STR(status(&c, "conditions[0].lastTransitionTime"), "2026-11-21T10:01:00Z");
    cluster_close(&c);
}

TEST(template, the_name_of_a_revision_does_not_depend_on_the_order_of_members)
{
    auto_arena a = {0};
    const char *name = template_revision_name(&a, "repl", "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}");
    CHECK_STR(template_revision_name(&a, "repl", "{\"b\":{\"d\":3,\"c\":2},\"a\":1}"), name);
    CHECK(strcmp(template_revision_name(&a, "repl", "{\"a\":1,\"b\":{\"c\":2,\"d\":4}}"), name));
    CHECK(!template_revision_name(&a, "repl", "{"));
    CHECK(!template_revision_name(&a, "repl", NULL));
}

TEST(template, a_revision_that_is_there_already_is_taken_as_it_is)
{
    struct cluster c;
    cluster_open(&c);
    create(&c, "");
    cluster_fail(&c, (struct cluster_fault){"POST controllerrevisions", 1, ERR_UNKNOWN,
                                            .lost = true});
    CHECK_INT(run(&c), STEP_FAIL);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_HAS(cluster_log(&c), "POST controllerrevisions,GET controllerrevisions/repl-");
    CHECK_STR(status(&c, "valid"), "true");
    cluster_close(&c);
}

TEST(template, sessions_are_counted_where_they_would_find_it)
{
    struct cluster c;
    cluster_open(&c);
    cluster_template(&c, "shared", "repl", "");
    cluster_session(&c, "a", "");
    cluster_session(&c, "b", "");
    const struct template *t =
        (const struct template *)kube_store_find(c.view.templates, "shared", "repl");
    CHECK_INT(template_count_sessions(&c.view, t), 2);
    create(&c, ""); /* one of that name in their own namespace comes first */
    t = (const struct template *)kube_store_find(c.view.templates, "shared", "repl");
    CHECK_INT(template_count_sessions(&c.view, t), 0);
    t = (const struct template *)kube_store_find(c.view.templates, "n", "repl");
    CHECK_INT(template_count_sessions(&c.view, t), 2);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(status(&c, "sessions"), "2");
    cluster_close(&c);
}

/* --- what is kept and what goes ------------------------------------------------------------- */

enum { LONG_MS = 3600 * 1000 };

TEST(template, an_old_revision_goes_after_a_while_if_no_session_runs_on_it)
{
    struct cluster c;
    cluster_open(&c);
    create(&c, "");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_pass_time(&c, LONG_MS);
    change(&c, "{\"baseImage\":\"i:2\"}");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(revisions(&c), 2); /* a session may be starting from it at this very moment */
    CHECK(c.again_ms > c.now_ms && c.again_ms < STEP_NEVER);
    cluster_pass_time(&c, c.again_ms - c.now_ms);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(cluster_count(&c, "DELETE controllerrevisions/repl-"), 1);
    CHECK_HAS(c.sent[0].body, "\"preconditions\":{\"uid\":");
    CHECK_INT(revisions(&c), 1);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

/* The template has changed once, and the revision of before is marked as unused. */
static void open_with_marked(struct cluster *c)
{
    cluster_open(c);
    create(c, "");
    CHECK_INT(run(c), STEP_DONE);
    change(c, "{\"baseImage\":\"i:2\"}");
    CHECK_INT(run(c), STEP_DONE);
}

TEST(template, a_revision_that_is_wanted_again_is_not_pruned_by_its_old_mark)
{
    struct cluster c;
    open_with_marked(&c);
    change(&c, "{\"baseImage\":\"i:1\"}");
    CHECK_INT(run(&c), STEP_DONE); /* which is the current one again, and loses its mark */
    cluster_pass_time(&c, LONG_MS);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(revisions(&c), 1); /* the second went */
    change(&c, "{\"baseImage\":\"i:3\"}");
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(revisions(&c), 2); /* the first stays its ten minutes, and is not gone at once */
    cluster_close(&c);
}

TEST(template, a_wall_clock_that_jumps_neither_ends_nor_lengthens_the_ten_minutes_of_a_revision)
{
    for (int jump_ms = -LONG_MS; jump_ms <= LONG_MS; jump_ms += 2 * LONG_MS) {
        struct cluster c;
        open_with_marked(&c);
        c.wall_ms += jump_ms;
        cluster_pass_time(&c, 599999);
        CHECK_INT(run(&c), STEP_DONE);
        CHECK_INT(revisions(&c), 2);
        CHECK_INT(c.again_ms, c.now_ms + 1);
        cluster_pass_time(&c, 1);
        CHECK_INT(run(&c), STEP_DONE);
        CHECK_INT(revisions(&c), 1);
        cluster_close(&c);
    }
}

TEST(template, a_revision_that_a_session_runs_or_sleeps_on_stays_also_without_its_template)
{
    struct cluster c;
    cluster_with_session(&c, "");
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
    cluster_sync(&c);
    change(&c, "{\"baseImage\":\"i:2\"}");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_pass_time(&c, LONG_MS);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(revisions(&c), 2);
    cluster_delete(&c, "templates", "n", "repl");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(revisions(&c), 2); /* a session may be starting from the other at this moment */
    cluster_pass_time(&c, LONG_MS);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(revisions(&c), 1); /* the one in use */
    cluster_delete(&c, "deployments", "n", "ss-a");
    cluster_sync(&c);
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE); /* says that it has none */
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    cluster_pass_time(&c, LONG_MS);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(revisions(&c), 0);
    cluster_close(&c);
}

TEST(template, a_revision_of_a_session_whose_deployment_is_out_of_sight_stays)
{
    struct cluster c;
    cluster_with_session(&c, "");
    for (int i = 0; i < 2; i++) { /* the second says in its status what it runs on */
        CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE);
        cluster_sync(&c);
    }
    change(&c, "{\"baseImage\":\"i:2\"}");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_merge(&c, "deployments", "n", "ss-a", NULL,
                  "{\"metadata\":{\"labels\":{\"app.kubernetes.io/managed-by\":null}}}");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE); /* marks it: nobody is seen to use it */
    cluster_pass_time(&c, LONG_MS);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_INT(revisions(&c), 2);
    cluster_delete(&c, "templates", "n", "repl");
    cluster_delete(&c, "deployments", "n", "ss-a");
    cluster_sync(&c);
    CHECK_INT(cluster_run(&c, &session_controller, "n/a"), STEP_DONE); /* says that it has none */
    cluster_sync(&c);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(run(&c), STEP_DONE);
        cluster_pass_time(&c, LONG_MS);
    }
    CHECK_INT(revisions(&c), 0);
    cluster_close(&c);
}

TEST(template, failures_come_back_by_the_queue_and_a_template_that_is_gone_ends_the_pass)
{
    struct cluster c;
    cluster_open(&c);
    create(&c, "");
    cluster_fail(&c, (struct cluster_fault){"APPLY templates", 1, ERR_CONFLICT, .code = 409});
    CHECK_INT(run(&c), STEP_FAIL);
    cluster_delete(&c, "templates", "n", "repl");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_close(&c);
}
