#include "controller/session_facts.h"

#include "controller/session.h"
#include "test/check.h"
#include "test/unit/fixture_cluster.h"

static const struct kube_object *const unseen[ROLE_CHILDREN];

static bool gather(struct cluster *c, struct session_facts *f, const char *key)
{
    struct step_io io = {.view = &c->view, .arena = &c->a, .rng = &c->rng, .key = key,
                         .now_ms = c->now_ms, .wall_ms = c->wall_ms, .again_ms = STEP_NEVER};
    return session_facts_gather(f, &io, c->wall_ms, unseen);
}

TEST(session_facts, of_a_session_that_is_not_there_are_none)
{
    struct cluster c;
    struct session_facts f;
    cluster_open(&c);
    CHECK(!gather(&c, &f, "n/a"));
    cluster_close(&c);
}

TEST(session_facts, before_its_first_start_all_is_absent_and_can_be_made)
{
    struct cluster c;
    struct session_facts f;
    cluster_with_session(&c, "");
    CHECK(gather(&c, &f, "n/a"));
    CHECK_INT(f.standing[ROLE_DEPLOYMENT], CHILD_ABSENT);
    CHECK(f.new_start && f.can_render && !f.waiting);
    CHECK_STR(f.child_name, "ss-a");
    CHECK_STR(f.host, "a.example.com");
    cluster_close(&c);
}

TEST(session_facts, what_runs_is_read_from_its_own_start)
{
    struct cluster c;
    struct session_facts f;
    cluster_running(&c, "");
    cluster_merge(&c, "pods", "n", "ss-a-7c9-x1", NULL,
                  "{\"metadata\":{\"finalizers\":[\"example.com/keep\"]}}");
    cluster_sync(&c);
    CHECK(gather(&c, &f, "n/a"));
    CHECK_INT(f.standing[ROLE_DEPLOYMENT], CHILD_OURS);
    CHECK(f.has_start && !f.new_start && f.pod != NULL);
    cluster_delete(&c, "pods", "n", "ss-a-7c9-x1"); /* it is leaving, and does not count */
    cluster_sync(&c);
    CHECK(gather(&c, &f, "n/a"));
    CHECK(!f.pod);
    cluster_close(&c);
}

TEST(session_facts, a_pod_that_only_wears_our_label_is_not_ours)
{
    struct cluster c;
    struct session_facts f;
    cluster_with_session(&c, "");
    cluster_create(&c, "pods",
                   "{\"metadata\":{\"name\":\"x\",\"namespace\":\"n\",\"labels\":{"
                   "\"app.kubernetes.io/managed-by\":\"carrel\",\"carrel.dev/session\":\"a\"}},"
                   "\"spec\":{\"containers\":[{\"name\":\"session\",\"image\":\"i\"}]}}");
    cluster_sync(&c);
    CHECK(gather(&c, &f, "n/a"));
    CHECK(!f.pod);
    cluster_close(&c);
}
