/* Requests, their order and room, and the gate. */
#include "test/unit/test_kube_client.h"

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

TEST(kube_client, while_held_a_cancelled_request_lets_nobody_start_behind_it)
{
    struct world w;
    struct got got[CAP + 1] = {0};
    struct kube_pending *pending[CAP + 1];
    world_open(&w);
    for (int i = 0; i <= CAP; i++) pending[i] = write_pod(&w, "a", &got[i]);
    kube_client_hold(w.client, true);
    kube_cancel(pending[0]);
    CHECK_INT(kube_client_in_flight(w.client), CAP - 1);
    kube_client_hold(w.client, false);
    CHECK_INT(kube_client_in_flight(w.client), CAP);
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
