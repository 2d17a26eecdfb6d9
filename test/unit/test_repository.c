#include "controller/repository.h"

#include <string.h>

#include "test/check.h"
#include "test/unit/fixture_cluster.h"

static enum step_result run(struct cluster *c)
{
    return cluster_run(c, &repository_controller, "n/r");
}

static void create(struct cluster *c)
{
    cluster_open(c);
    cluster_create(c, "templaterepositories",
                   "{\"metadata\":{\"name\":\"r\",\"namespace\":\"n\"},\"spec\":{"
                   "\"url\":\"https://example.com/t.git\"}}");
    cluster_sync(c);
}

TEST(repository, a_new_one_is_pending_and_then_left_alone)
{
    struct cluster c;
    create(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "APPLY templaterepositories/r/status");
    CHECK_STR(cluster_at(&c, "templaterepositories", "n", "r", "status.phase"), "Pending");
    cluster_sync(&c);
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_log(&c), "");
    cluster_close(&c);
}

static void change_meanwhile(struct cluster *c, const struct cluster_sent *sent)
{
    (void)sent;
    c->meanwhile = NULL;
    cluster_merge(c, "templaterepositories", "n", "r", NULL, "{\"spec\":{\"branch\":\"b\"}}");
    cluster_sync(c);
}

TEST(repository, a_change_that_comes_with_the_answer_is_not_lost)
{
    struct cluster c;
    create(&c);
    c.meanwhile = change_meanwhile;
    CHECK_INT(run(&c), STEP_DONE);
    CHECK_STR(cluster_at(&c, "templaterepositories", "n", "r", "status.observedGeneration"), "2");
    cluster_close(&c);
}

TEST(repository, a_failure_comes_back_by_the_queue_and_one_that_is_gone_ends_the_pass)
{
    struct cluster c;
    create(&c);
    cluster_fail(&c, (struct cluster_fault){"APPLY", 1, ERR_UNKNOWN, .code = 0});
    CHECK_INT(run(&c), STEP_FAIL);
    cluster_delete(&c, "templaterepositories", "n", "r");
    CHECK_INT(run(&c), STEP_DONE);
    cluster_close(&c);
}
