#include "test/unit/test_lease.h"

#include "lib/str.h"

/* --- one elector, step by step -------------------------------------------------------------- */

struct rig {
    struct server server;
    struct rng rng;
    struct lease *lease;
    int64_t now_ms;
    char said[16]; /* the last method */
};

static void open(struct rig *r)
{
    *r = (struct rig){.now_ms = 1000};
    rng_seed(&r->rng, 1);
    struct lease_config config = usual;
    config.identity = "me_1";
    r->lease = lease_new(&config, &r->rng);
}

static void close(struct rig *r)
{
    lease_free(r->lease);
    arena_release(&r->server.a);
}

/* Sends what is due and answers it; false: nothing was due. code 0: the answer is lost. */
static bool turn(struct rig *r, bool lost)
{
    struct lease_request q = lease_next(r->lease, r->now_ms, 1795255200000000 + r->now_ms * 1000);
    const char *answer = "";
    snprintf(r->said, sizeof(r->said), "%s", q.due ? q.method : "");
    if (!q.due) return false;
    CHECK_INT(q.len, q.body ? strlen(q.body) : 0);
    int code = serve(&r->server, q.method, q.path, q.body, &answer);
    if (lost) code = 0, answer = "";
    lease_answer(r->lease, code, answer, strlen(answer), r->now_ms, r->now_ms);
    return true;
}

static void turns(struct rig *r, int64_t ms)
{
    for (int64_t end_ms = r->now_ms + ms; r->now_ms < end_ms; r->now_ms += 10) {
        while (turn(r, false)) {}
    }
}

static void another_takes_it(struct rig *r)
{
    store(&r->server, "{\"metadata\":{\"name\":\"operator\",\"namespace\":\"carrel\"},\"spec\":{"
                      "\"holderIdentity\":\"other\",\"leaseDurationSeconds\":15,"
                      "\"renewTime\":\"2026-11-21T10:00:00.000000Z\",\"leaseTransitions\":4}}");
}

/* Etcd is restored: the Lease is as it was then, its version too. */
static void goes_back(struct rig *r, char *object, unsigned rv)
{
    r->server.object = object;
    r->server.rv = rv;
}

TEST(lease, one_of_the_past_is_lost_at_once_and_nobodys_for_its_length)
{
    struct rig r;
    open(&r);
    turns(&r, 100);
    char *then = r.server.object;
    unsigned rv = r.server.rv;
    turns(&r, 30000);
    CHECK(lease_held(r.lease, r.now_ms));
    CHECK_INT(lease_set_backs(r.lease), 0);
    goes_back(&r, then, rv);
    int64_t noticed_ms = 0;
    for (; !lease_set_backs(r.lease); r.now_ms += 10) turn(&r, false);
    noticed_ms = r.now_ms;
    CHECK(!lease_held(r.lease, r.now_ms));
    turns(&r, 14500);
    CHECK(!lease_held(r.lease, r.now_ms)); /* though the record names us as its holder */
    turns(&r, 5000);
    CHECK(lease_held(r.lease, r.now_ms));
    CHECK(r.now_ms - noticed_ms >= 15000);
    CHECK_INT(lease_set_backs(r.lease), 1);
    close(&r);
}

TEST(lease, one_of_the_past_that_is_free_is_not_taken_by_who_has_seen_a_later_holder)
{
    struct rig r;
    open(&r);
    store(&r.server, "{\"metadata\":{\"name\":\"operator\",\"namespace\":\"carrel\"},\"spec\":{"
                     "\"holderIdentity\":\"\"}}");
    char *free_one = r.server.object;
    another_takes_it(&r);
    turns(&r, 1000);
    goes_back(&r, free_one, 1);
    turns(&r, 10000);
    CHECK_INT(lease_set_backs(r.lease), 1);
    CHECK(!lease_held(r.lease, r.now_ms));
    turns(&r, 12000);
    CHECK(lease_held(r.lease, r.now_ms));
    close(&r);
}

TEST(lease, an_answer_about_another_one_says_nothing)
{
    struct rig r;
    open(&r);
    turns(&r, 1000);
    static const char other[] = "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"1\"},"
                                "\"spec\":{\"holderIdentity\":\"me_1\"}}";
    for (; !lease_next(r.lease, r.now_ms, 1).due; r.now_ms += 10) {}
    lease_answer(r.lease, 200, other, strlen(other), r.now_ms, r.now_ms);
    CHECK_INT(lease_set_backs(r.lease), 0);
    turns(&r, 2000);
    CHECK(lease_held(r.lease, r.now_ms));
    close(&r);
}

TEST(lease, bad_configurations_are_refused_with_the_flags_name)
{
    static const struct {
        int64_t lease_ms, renew_ms, retry_ms;
        const char *says;
    } bad[] = {{500, 400, 100, "at least 1s"},
               {10000, 10000, 2000, "longer than renew-deadline"},
               {15000, 2400, 2000, "1.2 times retry-period"},
               {15000, 10000, 0, "retry-period must be longer than 0"}};
    struct err err = {0};
    CHECK_OK(lease_config_check(&usual, &err), err);
    for (int i = 0; i < 4; i++) {
        struct lease_config c = {.lease_ms = bad[i].lease_ms, .renew_ms = bad[i].renew_ms,
                                 .retry_ms = bad[i].retry_ms};
        CHECK_ERR(lease_config_check(&c, &err), err, ERR_INVALID);
        CHECK_HAS(err.text, bad[i].says);
    }
}

TEST(lease, where_there_is_none_it_is_created_at_once_and_held)
{
    struct rig r;
    open(&r);
    CHECK(turn(&r, false));
    CHECK_STR(r.said, "GET");
    CHECK(turn(&r, false));
    CHECK_STR(r.said, "POST");
    CHECK(lease_held(r.lease, r.now_ms));
    CHECK_INT(lease_until_ms(r.lease), r.now_ms + 10000);
    CHECK_STR(lease_holder(r.lease), "me_1");
    CHECK_STR(text_at(&r.server, r.server.object, "spec.leaseDurationSeconds"), "15");
    CHECK_STR(text_at(&r.server, r.server.object, "spec.leaseTransitions"), "0");
    CHECK(!turn(&r, false));
    close(&r);
}

TEST(lease, it_is_renewed_every_two_seconds_by_one_request)
{
    struct rig r;
    open(&r);
    turns(&r, 100);
    unsigned before = r.server.rv;
    turns(&r, 60000);
    CHECK(r.server.rv - before >= 29 && r.server.rv - before <= 31);
    CHECK_STR(text_at(&r.server, r.server.object, "spec.leaseTransitions"), "0");
    CHECK(lease_held(r.lease, r.now_ms));
    close(&r);
}

TEST(lease, anothers_is_respected_for_as_long_as_it_is_renewed)
{
    struct rig r;
    open(&r);
    for (int i = 0; i < 20; i++) {
        another_takes_it(&r);
        turns(&r, 10000);
        CHECK(!lease_held(r.lease, r.now_ms));
    }
    CHECK_STR(lease_holder(r.lease), "other");
    turns(&r, 15000 + 4500); /* it is silent: its duration and one retry */
    CHECK(lease_held(r.lease, r.now_ms));
    CHECK_STR(text_at(&r.server, r.server.object, "spec.leaseTransitions"), "5");
    close(&r);
}

TEST(lease, times_in_the_record_are_never_trusted)
{
    struct rig r;
    open(&r); /* renewTime is hours before: expired, if one believed it */
    another_takes_it(&r);
    turns(&r, 14000);
    CHECK(!lease_held(r.lease, r.now_ms));
    close(&r);
}

TEST(lease, a_released_one_is_taken_at_the_next_look)
{
    struct rig r;
    open(&r);
    store(&r.server, "{\"metadata\":{\"name\":\"operator\"},\"spec\":{\"holderIdentity\":\"\","
                     "\"leaseDurationSeconds\":1}}");
    turns(&r, 20);
    CHECK(lease_held(r.lease, r.now_ms));
    close(&r);
}

TEST(lease, validity_counts_from_when_the_request_was_sent)
{
    struct rig r;
    const char *answer = "";
    open(&r);
    CHECK(turn(&r, false));
    struct lease_request q = lease_next(r.lease, r.now_ms, 0);
    CHECK(q.due && q.timeout_ms >= 1000);
    int64_t sent_ms = r.now_ms;
    int code = serve(&r.server, q.method, q.path, q.body, &answer);
    r.now_ms += 4000;
    CHECK(!lease_next(r.lease, r.now_ms, 0).due); /* one at a time */
    lease_answer(r.lease, code, answer, strlen(answer), sent_ms, r.now_ms);
    CHECK_INT(lease_until_ms(r.lease), sent_ms + 10000);
    CHECK(lease_held(r.lease, sent_ms + 9999));
    CHECK(!lease_held(r.lease, sent_ms + 10000));
    close(&r);
}

TEST(lease, an_answer_that_comes_too_late_opens_nothing)
{
    struct rig r;
    const char *answer = "";
    open(&r);
    CHECK(turn(&r, false));
    struct lease_request q = lease_next(r.lease, r.now_ms, 0);
    int code = serve(&r.server, q.method, q.path, q.body, &answer);
    lease_answer(r.lease, code, answer, strlen(answer), r.now_ms, r.now_ms + 40000);
    CHECK(!lease_held(r.lease, r.now_ms + 40000));
    close(&r);
}

TEST(lease, lost_answers_for_less_than_the_deadline_do_no_harm)
{
    struct rig r;
    open(&r);
    turns(&r, 100);
    for (int64_t end_ms = r.now_ms + 8000; r.now_ms < end_ms; r.now_ms += 10) turn(&r, true);
    CHECK(lease_held(r.lease, r.now_ms));
    turns(&r, 3000);
    CHECK(lease_held(r.lease, r.now_ms));
    CHECK_STR(text_at(&r.server, r.server.object, "spec.leaseTransitions"), "0");
    close(&r);
}

TEST(lease, without_a_success_for_ten_seconds_it_is_lost_and_then_won_again)
{
    struct rig r;
    open(&r);
    turns(&r, 100);
    int64_t until_ms = lease_until_ms(r.lease);
    for (int64_t end_ms = r.now_ms + 12000; r.now_ms < end_ms; r.now_ms += 10) {
        turn(&r, true);
        if (r.now_ms >= until_ms) CHECK(!lease_held(r.lease, r.now_ms));
    }
    turns(&r, 5000);
    CHECK(lease_held(r.lease, r.now_ms));
    close(&r);
}

TEST(lease, a_stolen_one_is_lost_as_soon_as_it_is_seen)
{
    struct rig r;
    open(&r);
    turns(&r, 100);
    another_takes_it(&r);
    turns(&r, 3000);
    CHECK(!lease_held(r.lease, r.now_ms));
    CHECK_STR(lease_holder(r.lease), "other");
    close(&r);
}

TEST(lease, a_deleted_one_is_made_again_by_its_holder)
{
    struct rig r;
    open(&r);
    turns(&r, 100);
    r.server.object = NULL;
    turns(&r, 6000);
    CHECK(r.server.object != NULL);
    CHECK(lease_held(r.lease, r.now_ms));
    close(&r);
}

TEST(lease, fields_that_we_do_not_know_come_back_as_they_were)
{
    struct rig r;
    open(&r);
    store(&r.server, "{\"metadata\":{\"name\":\"operator\",\"labels\":{\"a\":\"b\"}},\"spec\":{"
                     "\"holderIdentity\":\"\",\"preferredHolder\":\"x\",\"strategy\":\"s\","
                     "\"future\":{\"n\":[1,2]}}}");
    turns(&r, 5000);
    CHECK(lease_held(r.lease, r.now_ms));
    CHECK_STR(text_at(&r.server, r.server.object, "spec.preferredHolder"), "x");
    CHECK_STR(text_at(&r.server, r.server.object, "spec.future"), "{\"n\":[1,2]}");
    CHECK_STR(text_at(&r.server, r.server.object, "metadata.labels"), "{\"a\":\"b\"}");
    CHECK_STR(text_at(&r.server, r.server.object, "spec.holderIdentity"), "me_1");
    close(&r);
}

TEST(lease, a_release_shuts_the_gate_first_and_leaves_nobody_as_the_holder)
{
    struct rig r;
    open(&r);
    turns(&r, 100);
    lease_release(r.lease);
    CHECK(turn(&r, false));
    CHECK_STR(r.said, "PUT");
    CHECK(!lease_held(r.lease, r.now_ms));
    CHECK(lease_released(r.lease));
    CHECK_STR(text_at(&r.server, r.server.object, "spec.holderIdentity"), "");
    CHECK_STR(text_at(&r.server, r.server.object, "spec.leaseDurationSeconds"), "1");
    CHECK_STR(text_at(&r.server, r.server.object, "spec.leaseTransitions"), "0");
    turns(&r, 60000);
    CHECK_STR(r.said, "");
    close(&r);
}

TEST(lease, a_release_without_the_lease_says_nothing)
{
    struct rig r;
    open(&r);
    another_takes_it(&r);
    turns(&r, 100);
    lease_release(r.lease);
    CHECK(!turn(&r, false));
    CHECK(lease_released(r.lease));
    CHECK_STR(text_at(&r.server, r.server.object, "spec.holderIdentity"), "other");
    close(&r);
}

TEST(lease, what_is_no_lease_is_no_success)
{
    static const char *const bodies[] = {"", "[]", "{}", "<html>", "{\"metadata\":{}}",
                                         "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":[]}"};
    for (int i = 0; i < 6; i++) {
        struct rig r;
        open(&r);
        CHECK(lease_next(r.lease, r.now_ms, 0).due);
        lease_answer(r.lease, 200, bodies[i], strlen(bodies[i]), r.now_ms, r.now_ms);
        CHECK(!lease_held(r.lease, r.now_ms));
        CHECK(!lease_next(r.lease, r.now_ms, 0).due);
        close(&r);
    }
}
