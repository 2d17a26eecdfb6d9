#include "lib/kube/client.h"

#include <string.h>

#include "lib/str.h"
#include "test/check.h"
#include "test/unit/fake_transport.h"

static const struct kube_resource pods = {"api/v1", "pods", "v1", "Pod"};

enum { CAP = 32 };

struct got { /* what came of one request */
    int times;
    struct kube_result result; /* err and code only stay valid */
    char body[100], reason[40];
    struct kube_client *client; /* not NULL: sends another from inside done */
    struct got *next;
};

struct world {
    struct fake_transport fake;
    struct kube_client *client;
    bool shut; /* the gate */
    int asked; /* how often the gate was */
    int observed, observed_code;
    double observed_s;
};

static bool may_write(void *user)
{
    struct world *w = user;
    w->asked++;
    return !w->shut;
}

static void observe(void *user, enum kube_verb verb, int code, double seconds)
{
    struct world *w = user;
    (void)verb;
    w->observed++;
    w->observed_code = code;
    w->observed_s = seconds;
}

static void world_open_with(struct world *w, double qps, double burst)
{
    *w = (struct world){0};
    fake_open(&w->fake);
    struct kube_client_config config = {.transport = &w->fake.transport,
                                        .timers = &w->fake.timers,
                                        .rng = &w->fake.rng,
                                        .qps = qps,
                                        .burst = burst,
                                        .may_write = may_write,
                                        .gate_user = w,
                                        .observe = observe,
                                        .observe_user = w};
    w->client = kube_client_new(&config);
}

static void world_open(struct world *w)
{
    world_open_with(w, 0, 0);
}

static void world_close(struct world *w)
{
    kube_client_free(w->client);
    CHECK_INT(timers_next_ms(&w->fake.timers), TIMERS_NEVER);
    fake_close(&w->fake);
}

static void on_done(void *user, const struct kube_result *result)
{
    struct got *got = user;
    got->times++;
    got->result = *result;
    str_copy(got->body, sizeof(got->body), result->body ? result->body : "");
    str_copy(got->reason, sizeof(got->reason), result->status.reason ? result->status.reason : "");
    if (!got->client) return;
    struct kube_op op = {.verb = KUBE_GET, .resource = &pods, .ns = "n", .name = "next"};
    kube_send(got->client, &op, on_done, got->next);
    CHECK_INT(got->next->times, 0);
}

static struct kube_pending *get(struct world *w, const char *name, struct got *got)
{
    struct kube_op op = {.verb = KUBE_GET, .resource = &pods, .ns = "n", .name = name};
    return kube_send(w->client, &op, on_done, got);
}

static struct kube_pending *write_pod(struct world *w, const char *name, struct got *got)
{
    struct kube_op op = {.verb = KUBE_MERGE, .resource = &pods, .ns = "n", .name = name,
                         .body = "{}", .body_len = 2};
    return kube_send(w->client, &op, on_done, got);
}

TEST(kube_client, each_verb_has_its_method_path_content_type_and_deadline)
{
    static const struct {
        struct kube_op op;
        const char *method, *path, *type;
        int64_t timeout_ms;
    } table[] = {
        {{.verb = KUBE_GET, .ns = "n", .name = "a"},
         "GET", "/api/v1/namespaces/n/pods/a", NULL, 15000},
        {{.verb = KUBE_LIST, .query = "limit=5&labelSelector=a%3Db"},
         "GET", "/api/v1/pods?limit=5&labelSelector=a%3Db", NULL, 60000},
        {{.verb = KUBE_CREATE, .ns = "n", .body = "{}", .manager = "me"},
         "POST", "/api/v1/namespaces/n/pods?fieldManager=me", "application/json", 35000},
        {{.verb = KUBE_UPDATE, .ns = "n", .name = "a", .body = "{}"},
         "PUT", "/api/v1/namespaces/n/pods/a", "application/json", 35000},
        {{.verb = KUBE_APPLY, .ns = "n", .name = "a", .body = "{}", .manager = "me", .force = true},
         "PATCH", "/api/v1/namespaces/n/pods/a?fieldManager=me&force=true",
         "application/apply-patch+yaml", 35000},
        {{.verb = KUBE_APPLY, .ns = "n", .name = "a", .sub = "status", .query = "dryRun=All",
          .body = "{}", .manager = "m e"},
         "PATCH", "/api/v1/namespaces/n/pods/a/status?fieldManager=m%20e&dryRun=All",
         "application/apply-patch+yaml", 35000},
        {{.verb = KUBE_MERGE, .ns = "n", .name = "a", .body = "{}"},
         "PATCH", "/api/v1/namespaces/n/pods/a", "application/merge-patch+json", 35000},
        {{.verb = KUBE_JSON_PATCH, .ns = "n", .name = "a", .body = "[]", .manager = "me"},
         "PATCH", "/api/v1/namespaces/n/pods/a?fieldManager=me", "application/json-patch+json",
         35000},
        {{.verb = KUBE_DELETE, .ns = "n", .name = "a", .body = "{}", .manager = "me"},
         "DELETE", "/api/v1/namespaces/n/pods/a", "application/json", 35000},
    };
    struct world w;
    struct got got = {0};
    world_open(&w);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct kube_op op = table[i].op;
        op.resource = &pods;
        op.body_len = op.body ? 2 : 0;
        op.agent_suffix = "controller-x";
        kube_send(w.client, &op, on_done, &got);
        const struct kube_transfer *call = fake_call(&w.fake, i);
        CHECK_STR(call->method, table[i].method);
        CHECK_STR(call->method, kube_verb_method(op.verb));
        CHECK_STR(call->path, table[i].path);
        CHECK_STR(call->content_type, table[i].type);
        CHECK_STR(call->body, op.body);
        CHECK_STR(call->agent_suffix, "controller-x");
        CHECK_INT(call->timeout_ms, table[i].timeout_ms);
        CHECK_INT(call->lane, KUBE_LANE_REQUESTS);
        CHECK(!call->handlers->data);
    }
    world_close(&w);
    CHECK_INT(got.times, 0); /* cancelled: nobody was called */
}

TEST(kube_client, a_yes_comes_with_its_body_once)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    get(&w, "a", &got);
    CHECK_INT(got.times, 0);
    w.fake.timers.now_ms += 250;
    fake_answer(fake_last(&w.fake), 200, "{\"kind\":\"Pod\"}");
    CHECK_INT(got.times, 1);
    CHECK_INT(got.result.err.code, ERR_NONE);
    CHECK_INT(got.result.code, 200);
    CHECK_STR(got.body, "{\"kind\":\"Pod\"}");
    CHECK_INT(w.observed, 1);
    CHECK_INT(w.observed_code, 200);
    CHECK_INT(w.observed_s * 1000 + 0.5, 250);
    CHECK_INT(kube_client_in_flight(w.client), 0);
    world_close(&w);
}

TEST(kube_client, a_refusal_is_an_error_with_the_servers_reason)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    write_pod(&w, "a", &got);
    fake_answer(fake_last(&w.fake), 409,
                "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"message\":\"taken\"}");
    CHECK_INT(got.times, 1);
    CHECK_INT(got.result.err.code, ERR_EXISTS);
    CHECK_STR(got.result.err.text,
              "PATCH /api/v1/namespaces/n/pods/a: 409 AlreadyExists: taken");
    CHECK_STR(got.reason, "AlreadyExists");
    world_close(&w);
}

TEST(kube_client, a_name_that_leads_elsewhere_is_refused_and_not_from_inside_send)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "a%2f", "a?b", "a#b", "a\n"};
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct got got = {0};
        get(&w, bad[i], &got);
        CHECK_INT(got.times, 0);
        fake_run(&w.fake, 0);
        CHECK_INT(got.times, 1);
        CHECK_INT(got.result.err.code, ERR_INVALID);
        CHECK_INT(got.result.code, 0);
    }
    CHECK_INT(w.fake.count, 0);
    world_close(&w);
}

/* --- order and room -------------------------------------------------------------------------- */

static void check_order(struct world *w, const struct got *got, int sent, int n)
{
    for (int i = 0; i < n; i++) {
        char path[64];
        struct str text;
        str_init(&text, sizeof(path));
        str_add_f(&text, "/api/v1/namespaces/n/pods/a%d", i);
        str_copy(path, sizeof(path), text.at);
        str_release(&text);
        CHECK_INT(w->fake.count, sent + i);
        CHECK_STR(fake_call(&w->fake, (size_t)i)->path, path);
        fake_answer(fake_call(&w->fake, (size_t)i), 200, "");
        CHECK_INT(got[i].times, 1);
        if (sent + i >= n) sent--;
    }
}

TEST(kube_client, writes_over_the_cap_wait_and_go_in_the_order_they_came)
{
    struct world w;
    struct got got[CAP + 8] = {0};
    world_open(&w);
    for (int i = 0; i < CAP + 8; i++) {
        struct str name;
        str_init(&name, 10);
        str_add_f(&name, "a%d", i);
        write_pod(&w, name.at, &got[i]);
        str_release(&name);
    }
    CHECK_INT(kube_client_in_flight(w.client), CAP);
    CHECK_INT(kube_client_cap(w.client), CAP);
    check_order(&w, got, CAP, CAP + 8);
    CHECK_INT(kube_client_in_flight(w.client), 0);
    world_close(&w);
}

TEST(kube_client, a_429_makes_the_cap_smaller)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    write_pod(&w, "a", &got);
    fake_answer_later(fake_last(&w.fake), 429, 1, "");
    CHECK_INT(kube_client_cap(w.client), CAP / 2);
    CHECK_INT(kube_client_in_flight(w.client), 0); /* what waits takes no room */
    world_close(&w);
}

TEST(kube_client, a_rate_spreads_requests_over_time)
{
    struct world w;
    struct got got = {0};
    world_open_with(&w, 10, 2);
    for (int i = 0; i < 5; i++) get(&w, "a", &got);
    CHECK_INT(w.fake.count, 2);
    fake_run(&w.fake, 150);
    CHECK_INT(w.fake.count, 3);
    fake_run(&w.fake, 200);
    CHECK_INT(w.fake.count, 5);
    world_close(&w);
}

TEST(kube_client, done_may_send_the_next_request)
{
    struct world w;
    struct got second = {0}, first = {.next = &second};
    world_open(&w);
    first.client = w.client;
    get(&w, "a", &first);
    fake_answer(fake_last(&w.fake), 200, "");
    CHECK_INT(w.fake.count, 2);
    fake_answer(fake_last(&w.fake), 404, "");
    CHECK_INT(second.times, 1);
    CHECK_INT(second.result.err.code, ERR_NOT_FOUND);
    world_close(&w);
}

/* --- the gate -------------------------------------------------------------------------------- */

static void check_denied(const struct got *got)
{
    CHECK_INT(got->times, 1);
    CHECK_INT(got->result.err.code, ERR_DENIED);
    CHECK_INT(got->result.code, 0);
}

TEST(kube_client, a_shut_gate_stops_writes_and_lets_reads_and_ungated_writes_pass)
{
    struct world w;
    struct got read = {0}, gated = {0}, ungated = {0};
    world_open(&w);
    w.shut = true;
    write_pod(&w, "a", &gated);
    CHECK_INT(gated.times, 0);
    fake_run(&w.fake, 0);
    check_denied(&gated);
    CHECK_INT(w.fake.count, 0);
    get(&w, "a", &read);
    CHECK_INT(w.fake.count, 1);
    struct kube_op op = {.verb = KUBE_CREATE, .resource = &pods, .ns = "n", .ungated = true,
                         .body = "{}", .body_len = 2};
    kube_send(w.client, &op, on_done, &ungated);
    CHECK_INT(w.fake.count, 2);
    world_close(&w);
}

TEST(kube_client, a_gate_that_shuts_while_a_write_waits_for_room_stops_it)
{
    struct world w;
    struct got first = {0}, late = {0};
    world_open(&w);
    for (int i = 0; i < CAP; i++) write_pod(&w, "a", &first);
    write_pod(&w, "late", &late);
    w.shut = true;
    fake_answer(fake_call(&w.fake, 0), 200, "");
    CHECK_INT(w.fake.count, CAP);
    fake_run(&w.fake, 0);
    check_denied(&late);
    world_close(&w);
}

TEST(kube_client, a_write_submitted_while_the_gate_is_shut_never_goes_out)
{
    struct world w;
    struct got first = {0}, late = {0};
    world_open(&w);
    for (int i = 0; i < CAP; i++) write_pod(&w, "a", &first);
    size_t sent = 0;
    for (; sent < w.fake.count; get(&w, "b", &first)) sent = w.fake.count; /* one has to wait */
    w.shut = true;
    write_pod(&w, "late", &late);
    w.shut = false;
    for (size_t i = 0; i < 2; i++) fake_answer(fake_call(&w.fake, i), 200, "");
    CHECK_INT(w.fake.count, sent + 1);
    fake_run(&w.fake, 0);
    check_denied(&late);
    world_close(&w);
}

TEST(kube_client, a_gate_that_shuts_before_a_retry_stops_it)
{
    struct world w;
    struct got got = {0};
    world_open(&w);
    write_pod(&w, "a", &got);
    fake_fail(fake_last(&w.fake), KUBE_NOT_SENT, "refused");
    w.shut = true;
    fake_run(&w.fake, 20000);
    CHECK_INT(w.fake.count, 1);
    check_denied(&got);
    world_close(&w);
}

/* --- retries --------------------------------------------------------------------------------- */

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
    fake_answer_later(fake_last(&w.fake), 429, 5, "{\"kind\":\"Status\",\"message\":\"slow down\"}");
    CHECK_INT(got.times, 1);
    CHECK_INT(got.result.err.code, ERR_BUSY);
    CHECK_INT(got.result.code, 429);
    CHECK_STR(got.reason, "TooManyRequests");
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
