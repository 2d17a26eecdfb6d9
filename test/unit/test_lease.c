#include "controller/lease.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/str.h"
#include "test/check.h"

static const struct lease_config usual = {
    .ns = "carrel", .name = "operator", .lease_ms = 15000, .renew_ms = 10000, .retry_ms = 2000};

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/carrel/leases"

/* --- a server with one Lease ---------------------------------------------------------------- */

struct server {
    struct arena a;
    char *object; /* JSON text; NULL: there is none */
    unsigned rv;
};

static const char *text_at(struct server *s, const char *json, const char *path)
{
    struct json *tree = NULL;
    struct err err = {0};
    CHECK_OK(json_parse(&s->a, json, strlen(json), &tree, &err), err);
    const struct json *value = json_path(tree, path);
    if (!value) return "-";
    return json_text(value) ? json_text(value) : json_to_text(&s->a, value);
}

static void store(struct server *s, const char *body)
{
    struct json *tree = NULL;
    struct err err = {0};
    CHECK_OK(json_parse(&s->a, body, strlen(body), &tree, &err), err);
    struct json *meta = json_ensure_object(&s->a, tree, "metadata");
    json_set_text(&s->a, meta, "resourceVersion", arena_printf(&s->a, "%u", ++s->rv));
    s->object = json_to_text(&s->a, tree);
}

static int serve(struct server *s, const char *method, const char *path, const char *body,
                 const char **answer)
{
    *answer = "{}";
    if (strcmp(method, "POST") == 0) {
        CHECK_STR(path, LEASES);
        if (s->object) return 409;
        store(s, body);
        *answer = s->object;
        return 201;
    }
    CHECK_STR(path, LEASES "/operator");
    if (!s->object) return 404;
    if (strcmp(method, "PUT") == 0) {
        bool same = strcmp(text_at(s, body, "metadata.resourceVersion"),
                           text_at(s, s->object, "metadata.resourceVersion")) == 0;
        if (!same) return 409;
        store(s, body);
    }
    *answer = s->object;
    return 200;
}

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

/* --- several electors, on clocks of different rates and a bad network ------------------------ */

enum { ELECTORS = 3, TICK_MS = 20 };

struct flight { /* one request of one elector */
    bool out, applied, lost;
    char method[8], path[128];
    char *body;
    int64_t sent_local_ms, apply_ms, answer_ms, deadline_local_ms; /* apply, answer: true time */
    int code;
    char *answer;
};

struct elector {
    struct lease *lease;
    double rate;
    struct flight flight;
    struct flight ghost; /* given up by its sender, and still on its way to the server */
    int64_t cut_until_ms; /* partitioned: nothing arrives either way */
    bool held;
};

struct world {
    struct server server;
    struct rng rng;
    struct elector all[ELECTORS];
    int64_t now_ms;
    int changes;
    bool fair; /* no partitions and no slow ways: lost answers, and clocks that differ */
};

static int64_t local(const struct world *w, const struct elector *e)
{
    return 1000 + (int64_t)((double)w->now_ms * e->rate);
}

static void send(struct world *w, struct elector *e)
{
    struct lease_request q = lease_next(e->lease, local(w, e), 0);
    if (!q.due) return;
    struct flight *f = &e->flight;
    /* Most answers are quick; some take up to 20 s in each of the two directions. */
    bool slow = !w->fair && rng_below(&w->rng, 12) == 0;
    *f = (struct flight){.out = true, .sent_local_ms = local(w, e)};
    str_copy(f->method, sizeof(f->method), q.method);
    str_copy(f->path, sizeof(f->path), q.path);
    f->body = q.body ? arena_strdup(&w->server.a, q.body) : NULL;
    f->apply_ms = w->now_ms + rng_between(&w->rng, 0, slow ? 20000 : 30);
    f->answer_ms = f->apply_ms + rng_between(&w->rng, 0, slow ? 20000 : 30);
    f->lost = rng_below(&w->rng, 15) == 0;
    f->deadline_local_ms = f->sent_local_ms + q.timeout_ms;
}

static void arrive(struct world *w, const struct elector *e, struct flight *f)
{
    const char *answer = "";
    if (!*f->method || f->applied || w->now_ms < f->apply_ms) return;
    f->applied = true;
    if (w->now_ms < e->cut_until_ms) f->lost = true;
    else f->code = serve(&w->server, f->method, f->path, f->body, &answer);
    f->answer = arena_strdup(&w->server.a, answer);
}

static void deliver(struct world *w, struct elector *e)
{
    struct flight *f = &e->flight;
    arrive(w, e, &e->ghost);
    arrive(w, e, f);
    if (!f->out) return;
    bool here = f->applied && !f->lost && w->now_ms >= f->answer_ms && w->now_ms >= e->cut_until_ms;
    if (!here && local(w, e) < f->deadline_local_ms) return;
    f->out = false;
    if (!f->applied) e->ghost = *f;
    lease_answer(e->lease, here ? f->code : 0, here ? f->answer : "", here ? strlen(f->answer) : 0,
                 f->sent_local_ms, local(w, e));
}

static int open_gates(struct world *w)
{
    int open_now = 0;
    for (int i = 0; i < ELECTORS; i++) {
        struct elector *e = &w->all[i];
        bool held = lease_held(e->lease, local(w, e));
        w->changes += held && !e->held;
        e->held = held;
        open_now += held;
    }
    return open_now;
}

static void tick(struct world *w, bool deletes)
{
    if (!w->fair && rng_below(&w->rng, 2000) == 0) {
        struct elector *e = &w->all[rng_below(&w->rng, ELECTORS)];
        e->cut_until_ms = w->now_ms + rng_between(&w->rng, 1000, 30000);
    }
    if (deletes && rng_below(&w->rng, 5000) == 0) w->server.object = NULL;
    for (int i = 0; i < ELECTORS; i++) {
        struct elector *e = &w->all[i];
        deliver(w, e);
        if (!e->flight.out) send(w, e);
    }
}

static int elect(uint64_t seed, bool deletes)
{
    static const double rates[ELECTORS] = {1.0, 0.85, 1.2};
    struct world w = {.fair = deletes};
    rng_seed(&w.rng, seed);
    for (int i = 0; i < ELECTORS; i++) {
        static const char *const names[ELECTORS] = {"a_1", "b_2", "c_3"};
        struct lease_config config = usual;
        config.identity = names[i];
        w.all[i] = (struct elector){.lease = lease_new(&config, &w.rng), .rate = rates[i]};
    }
    int open_ms = 0;
    for (; w.now_ms < 15 * 60000; w.now_ms += TICK_MS) {
        tick(&w, deletes && w.now_ms > 60000);
        int gates = open_gates(&w);
        if (gates > 1) CHECK_STR(arena_printf(&w.server.a, "seed %llu at %lld ms: two gates open",
                                              (unsigned long long)seed, (long long)w.now_ms), "");
        open_ms += gates * TICK_MS;
    }
    CHECK(open_ms > 3 * 60000); /* and it is not safe for want of a leader */
    for (int i = 0; i < ELECTORS; i++) lease_free(w.all[i].lease);
    arena_release(&w.server.a);
    return w.changes;
}

TEST(lease, at_no_instant_are_two_gates_open_whatever_the_network_and_the_clocks_do)
{
    int changes = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) changes += elect(seed, false);
    CHECK(changes > 20);
}

TEST(lease, nor_when_the_lease_is_deleted_under_its_holder_though_answers_get_lost)
{
    for (uint64_t seed = 101; seed <= 112; seed++) CHECK(elect(seed, true) > 0);
}
