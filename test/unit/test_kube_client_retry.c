/* What is asked again, and what a cancelled request leaves behind. */
#include "test/unit/test_kube_client.h"

TEST(kube_client, retry_after_is_waited_for_and_after_three_it_is_busy)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    write_pod(&w, "a", &got);
    for (int i = 0; i < 3; i++) {
        fake_answer_later(fake_last(&w.fake), 429, 5, "");
        fake_run(&w.fake, 4999);
        CHECK_INT(w.fake.count, i + 1);
        fake_run(&w.fake, 1 + 100 * (1 << i));
        CHECK_INT(w.fake.count, i + 2);
        CHECK_INT(got.times, 0);
    }
    fake_answer_later(fake_last(&w.fake), 429, 5, "{\"kind\":\"Status\",\"message\":\"slow\"}");
    CHECK_INT(got.times, 1);
    CHECK_INT(got.result.err.code, ERR_BUSY);
    CHECK_INT(got.result.code, 429);
    CHECK_STR(got.reason, "TooManyRequests");
    world_close(&w);
}

static const char slow[] = "{\"kind\":\"Status\",\"message\":\"slow\"}";

/* A write that was refused four times, the last time with so long a wait. */
static void refuse_to_the_end(struct world *w, struct got *got, int told_s)
{
    write_pod(w, "a", got);
    for (int i = 0; i < 3; i++) {
        fake_answer_later(fake_last(&w->fake), 429, 1, "");
        fake_run(&w->fake, 2000);
    }
    fake_answer_later(fake_last(&w->fake), 429, told_s, slow);
    CHECK_INT(got->times, 1);
    CHECK_INT(got->result.err.code, ERR_BUSY);
}

TEST(kube_client, the_last_429_is_waited_for_by_whoever_makes_the_request_anew)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    refuse_to_the_end(&w, &got, 30);
    CHECK_INT(got.result.told_ms, 30000);
    write_pod(&w, "a", &got);
    fake_run(&w.fake, 29999);
    CHECK_INT(w.fake.count, 4);
    fake_run(&w.fake, 101);
    CHECK_INT(w.fake.count, 5);
    fake_answer(fake_last(&w.fake), 200, "{}");
    CHECK_INT(got.times, 2);
    CHECK_INT(got.result.err.code, ERR_NONE);
    CHECK_INT(got.result.told_ms, 0);
    world_close(&w);
}

TEST(kube_client, a_429_keeps_no_other_request_back)
{
    struct world w;
    struct got got = {0}, other = {0};
    struct kube_op changed = {.verb = KUBE_MERGE, .resource = &pods, .ns = "n", .name = "a",
                              .body = "{\"x\":1}", .body_len = 7};
    world_open(&w);
    refuse_to_the_end(&w, &got, 30);
    kube_send(w.client, &changed, on_done, &other); /* the object has changed: another body */
    CHECK_INT(w.fake.count, 5);
    write_pod(&w, "b", &other);
    CHECK_INT(w.fake.count, 6);
    get(&w, "a", &other);
    CHECK_INT(w.fake.count, 7);
    world_close(&w);
}

TEST(kube_client, a_cancelled_wait_does_not_end_what_the_server_told)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    struct kube_pending *p = write_pod(&w, "a", &got);
    fake_answer_later(fake_last(&w.fake), 429, 30, "");
    kube_cancel(p); /* the pass has met its deadline */
    kube_cancel(write_pod(&w, "a", &got));
    write_pod(&w, "a", &got);
    fake_run(&w.fake, 29999);
    CHECK_INT(w.fake.count, 1);
    fake_run(&w.fake, 101);
    CHECK_INT(w.fake.count, 2);
    CHECK_INT(kube_client_in_flight(w.client), 1);
    world_close(&w);
    CHECK_INT(got.times, 0);
}

TEST(kube_client, what_was_kept_back_asks_the_gate_before_it_goes)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    refuse_to_the_end(&w, &got, 30);
    write_pod(&w, "a", &got);
    w.shut = true;
    fake_run(&w.fake, 31000);
    CHECK_INT(w.fake.count, 4);
    CHECK_INT(got.times, 2);
    CHECK_INT(got.result.err.code, ERR_DENIED);
    world_close(&w);
}

TEST(kube_client, a_lost_write_is_unknown_at_once_and_a_lost_read_is_asked_again)
{
    struct world w;
    struct got read = {0}, safe = {0};
    world_open(&w);
    write_pod(&w, "a", &safe);
    fake_fail(fake_last(&w.fake), KUBE_LOST, "reset");
    CHECK_INT(safe.times, 1);
    CHECK_INT(safe.result.err.code, ERR_UNKNOWN);
    CHECK_STR(safe.result.err.text, "PATCH /api/v1/namespaces/n/pods/a: reset");
    get(&w, "a", &read);
    for (int i = 0; i < 5; i++) {
        fake_fail(fake_last(&w.fake), KUBE_LOST, "reset");
        CHECK_INT(read.times, 0);
        fake_run(&w.fake, 10000);
    }
    CHECK_INT(w.fake.count, 7);
    fake_fail(fake_last(&w.fake), KUBE_LOST, "reset");
    CHECK_INT(read.times, 1);
    CHECK_INT(read.result.err.code, ERR_UNAVAILABLE);
    world_close(&w);
}

TEST(kube_client, an_unsafe_write_is_not_repeated_after_a_503_and_a_safe_one_is)
{
    struct world w;
    struct got safe = {0}, unsafe = {0};
    struct kube_op op = {.verb = KUBE_CREATE, .resource = &pods, .ns = "n", .unsafe = true,
                         .body = "{}", .body_len = 2};
    world_open(&w);
    kube_send(w.client, &op, on_done, &unsafe);
    fake_answer_later(fake_last(&w.fake), 503, 1, "");
    CHECK_INT(unsafe.times, 1);
    CHECK_INT(unsafe.result.err.code, ERR_UNAVAILABLE);
    op.unsafe = false;
    op.ns = "m";
    kube_send(w.client, &op, on_done, &safe);
    fake_answer_later(fake_last(&w.fake), 503, 1, "");
    fake_run(&w.fake, 2000);
    fake_answer(fake_last(&w.fake), 201, "");
    CHECK_INT(safe.result.err.code, ERR_NONE);
    CHECK_INT(w.fake.count, 3);
    world_close(&w);
}

TEST(kube_client, a_503_that_stays_is_down_and_not_unknown)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    write_pod(&w, "a", &got);
    for (int i = 0; i < 4; i++) {
        fake_answer_later(fake_last(&w.fake), 503, 1, "");
        fake_run(&w.fake, 5000);
    }
    CHECK_INT(got.times, 1);
    CHECK_INT(got.result.err.code, ERR_UNAVAILABLE);
    world_close(&w);
}

TEST(kube_client, a_401_is_tried_once_with_a_newer_credential)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    w.fake.has_newer = true;
    write_pod(&w, "a", &got);
    fake_answer(fake_last(&w.fake), 401, "");
    fake_run(&w.fake, 0);
    CHECK_INT(w.fake.count, 2);
    fake_answer(fake_last(&w.fake), 401, "");
    fake_run(&w.fake, 60000);
    CHECK_INT(w.fake.count, 2);
    CHECK_INT(w.fake.rejections, 2);
    CHECK_INT(got.times, 1);
    CHECK_INT(got.result.err.code, ERR_DENIED);
    world_close(&w);
}

TEST(kube_client, a_401_without_a_newer_credential_or_anyone_to_ask_is_over)
{
    for (int asks = 0; asks < 2; asks++) {
        struct world w;
        struct got got = {0};
        world_open(&w);
        if (!asks) w.fake.transport.rejected = NULL;
        write_pod(&w, "a", &got);
        fake_answer(fake_last(&w.fake), 401, "");
        CHECK_INT(got.times, 1);
        CHECK_INT(got.result.err.code, ERR_DENIED);
        world_close(&w);
    }
}

/* --- cancelling ------------------------------------------------------------------------------ */

TEST(kube_client, a_request_on_the_wire_can_be_cancelled_and_makes_room)
{
    struct world w;
    struct got got = {0}, next = {0};
    struct kube_pending *first = NULL;
    world_open(&w);
    for (int i = 0; i < CAP; i++) {
        struct kube_pending *p = write_pod(&w, "a", &got);
        if (!first) first = p;
    }
    write_pod(&w, "next", &next);
    CHECK_INT(w.fake.count, CAP);
    kube_cancel(first);
    CHECK_INT(fake_call(&w.fake, 0)->state, FAKE_CANCELLED);
    CHECK_INT(w.fake.count, CAP + 1);
    CHECK_INT(kube_client_in_flight(w.client), CAP);
    CHECK_INT(got.times, 0);
    world_close(&w);
}

TEST(kube_client, a_request_that_waits_for_room_can_be_cancelled)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    for (int i = 0; i < CAP; i++) write_pod(&w, "a", &got);
    kube_cancel(write_pod(&w, "late", &got));
    for (size_t i = 0; i < CAP; i++) fake_answer(fake_call(&w.fake, i), 200, "");
    CHECK_INT(w.fake.count, CAP);
    CHECK_INT(got.times, CAP);
    world_close(&w);
}

TEST(kube_client, a_request_that_waits_for_its_retry_can_be_cancelled)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    struct kube_pending *p = write_pod(&w, "a", &got);
    fake_answer_later(fake_last(&w.fake), 429, 5, "");
    kube_cancel(p);
    fake_run(&w.fake, 60000);
    CHECK_INT(w.fake.count, 1);
    CHECK_INT(got.times, 0);
    CHECK_INT(kube_client_in_flight(w.client), 0);
    world_close(&w);
}

TEST(kube_client, a_refused_request_can_be_cancelled_before_it_is_told)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    kube_cancel(get(&w, "a/b", &got));
    w.shut = true;
    kube_cancel(write_pod(&w, "a", &got));
    fake_run(&w.fake, 1000);
    CHECK_INT(got.times, 0);
    world_close(&w);
}

TEST(kube_client, the_end_of_the_client_cancels_what_runs_and_starts_nothing)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    for (int i = 0; i < CAP + 5; i++) write_pod(&w, "a", &got);
    get(&w, "..", &got);
    kube_client_free(w.client);
    w.client = NULL;
    CHECK_INT(w.fake.count, CAP);
    world_close(&w);
    CHECK_INT(got.times, 0);
}
