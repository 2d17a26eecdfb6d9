#include "controller/runner.h"

#include <stdio.h>

#include "lib/log.h"
#include "test/unit/fixture_wire.h"

struct rig {
    struct wire wire;
    struct timers timers;
    struct rng rng;
    struct view view;
    struct kube_client *client;
    struct events *events;
    struct runner *runner;
    /* what the step below does */
    enum step_result (*step)(struct step_io *io, unsigned round);
    unsigned rounds, passes;
    char log[512]; /* keys of passes, in order */
    char gone[64];             /* what the server says is not there */
    struct kube_store *cache; /* of sessions: no other kind is asked for */
    unsigned doubts;
    const char *learned_wakes; /* key that is woken while an answer is learned */
    unsigned learned;
};
static struct rig *at; /* the step's: it has no other way to know */

static enum step_result step(void *state, struct step_io *io)
{
    unsigned *round = state;
    if (*round == 0) {
        size_t n = strlen(at->log);
        snprintf(at->log + n, sizeof(at->log) - n, "%s ", io->key);
        at->passes++;
    }
    at->rounds++;
    return at->step(io, (*round)++);
}
static const struct controller controller = {"test", "test", sizeof(unsigned), step};

static const struct kube_object *learn(void *user, struct kube_object *o)
{
    struct rig *r = user;
    r->learned++;
    if (r->learned_wakes) runner_wake(r->runner, r->learned_wakes, 0, WORKQ_NORMAL);
    return o;
}

static void gone(void *user, const struct kube_type *type, const char *ns, const char *name,
                 const char *uid)
{
    struct rig *r = user;
    snprintf(r->gone, sizeof(r->gone), "%s %s/%s of %s", type->name, ns, name, uid);
}

static const struct kube_store *store(void *user, const struct kube_type *type)
{
    (void)type;
    return ((struct rig *)user)->cache;
}

static void doubt(void *user, const struct kube_type *type)
{
    CHECK(type == &session_type);
    ((struct rig *)user)->doubts++;
}

/* The cache has n/a as that uid and version, and its watch has seen that version and no later. */
static void cache(struct rig *r, const char *uid, const char *rv)
{
    auto_arena arena;
    arena_init(&arena);
    char *json = arena_printf(&arena,
                              "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"%s\","
                              "\"resourceVersion\":\"%s\"}}",
                              uid, rv);
    struct kube_object *o = NULL;
    CHECK_INT(kube_object_read(&session_type, json, strlen(json), &arena, &o, NULL), 0);
    kube_store_free(r->cache);
    r->cache = kube_store_new(&session_type);
    kube_store_put(r->cache, o);
}

static void open(struct rig *r, int concurrency,
                 enum step_result (*what)(struct step_io *io, unsigned round))
{
    memset(r, 0, sizeof(*r));
    at = r;
    log_setup((struct log_config){.level = LOG_ERROR, .fd = 2});
    r->step = what;
    cache(r, "u", "2");
    wire_open(&r->wire);
    timers_init(&r->timers);
    r->timers.now_ms = 1000;
    r->timers.wall_ms = 1795255200000;
    rng_seed(&r->rng, 5);
    struct kube_client_config client = {
        .transport = &r->wire.transport, .timers = &r->timers, .rng = &r->rng};
    r->client = kube_client_new(&client);
    struct events_config events = {.client = r->client, .timers = &r->timers, .instance = "i"};
    r->events = events_new(&events);
    struct runner_config config = {.controller = &controller,
                                   .client = r->client,
                                   .timers = &r->timers,
                                   .rng = &r->rng,
                                   .view = &r->view,
                                   .events = r->events,
                                   .concurrency = concurrency,
                                   .learn = learn,
                                   .gone = gone,
                                   .store = store,
                                   .doubt = doubt,
                                   .user = r};
    r->runner = runner_new(&config);
}

static void close(struct rig *r)
{
    log_setup((struct log_config){.level = LOG_INFO, .fd = 2});
    runner_free(r->runner);
    events_free(r->events);
    kube_client_free(r->client);
    kube_store_free(r->cache);
    CHECK_INT(wire_live(&r->wire), 0);
    timers_release(&r->timers);
}

static void wake(struct rig *r, const char *key)
{
    runner_wake(r->runner, key, 0, WORKQ_NORMAL);
    wire_pass_time(&r->timers, 0);
}

static const char configured[] =
    "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"3\"},"
    "\"spec\":{\"user\":\"ann\",\"template\":\"t\"}}";

static void ask(struct step_io *io, enum kube_verb verb)
{
    struct step_request *r = step_send(io, 4);
    r->type = &session_type;
    r->op = (struct kube_op){.verb = verb, .resource = session_type.resource, .ns = "n",
                             .name = verb == KUBE_CREATE ? NULL : "a",
                             .manager = "m", .body = verb == KUBE_GET ? NULL : "{}",
                             .body_len = verb == KUBE_GET ? 0 : 2};
}

/* --- steps ---------------------------------------------------------------------------------- */

static enum step_result done(struct step_io *io, unsigned round)
{
    (void)io;
    (void)round;
    return STEP_DONE;
}

static enum step_result one_write(struct step_io *io, unsigned round)
{
    if (round > 0) return STEP_DONE;
    ask(io, KUBE_APPLY);
    return STEP_SEND;
}

static enum step_result two_writes(struct step_io *io, unsigned round)
{
    if (round > 0) return io->answers[1].err.code == ERR_NONE ? STEP_DONE : STEP_FAIL;
    ask(io, KUBE_APPLY);
    ask(io, KUBE_APPLY);
    return STEP_SEND;
}

static enum step_result fail(struct step_io *io, unsigned round)
{
    (void)round;
    err_set(&io->err, ERR_CONFLICT, "no");
    return STEP_FAIL;
}

static enum step_result again(struct step_io *io, unsigned round)
{
    (void)round;
    step_again(io, io->now_ms + 9000);
    step_again(io, io->now_ms + 5000);
    return STEP_DONE;
}

static enum step_result rest(struct step_io *io, unsigned round)
{
    (void)round;
    step_again(io, io->now_ms + 5000);
    return STEP_REST;
}

static struct step_answer last_answer;
static enum step_result keep_answer(struct step_io *io, unsigned round)
{
    if (round == 0) {
        ask(io, KUBE_APPLY);
        return STEP_SEND;
    }
    last_answer = io->answers[0];
    return STEP_DONE;
}

/* --- promises ------------------------------------------------------------------------------- */

TEST(runner, a_key_is_worked_on_once_and_forgotten)
{
    static struct rig r;
    open(&r, 4, done);
    wake(&r, "n/a");
    CHECK_STR(r.log, "n/a ");
    CHECK(runner_idle(r.runner));
    CHECK_INT(runner_counts(r.runner).done, 1);
    CHECK_INT(runner_counts(r.runner).queued, 0);
    close(&r);
}

TEST(runner, no_key_has_two_passes_and_news_during_a_pass_make_another)
{
    static struct rig r;
    open(&r, 4, one_write);
    wake(&r, "n/a");
    wake(&r, "n/a");
    wake(&r, "n/b");
    CHECK_INT(wire_live(&r.wire), 2);
    CHECK_STR(r.log, "n/a n/b ");
    wire_answer(&r.wire, 0, 200, configured);
    wire_pass_time(&r.timers, 0);
    CHECK_STR(r.log, "n/a n/b n/a ");
    wire_answer(&r.wire, 2, 200, configured);
    wire_pass_time(&r.timers, 0);
    CHECK_STR(r.log, "n/a n/b n/a ");
    close(&r);
}

TEST(runner, no_more_passes_run_at_once_than_is_allowed)
{
    static struct rig r;
    open(&r, 2, one_write);
    wake(&r, "n/a");
    wake(&r, "n/b");
    wake(&r, "n/c");
    CHECK_INT(runner_counts(r.runner).running, 2);
    CHECK(!runner_idle(r.runner));
    wire_answer(&r.wire, 0, 200, configured);
    wire_pass_time(&r.timers, 0);
    CHECK_STR(r.log, "n/a n/b n/c ");
    close(&r);
}

TEST(runner, the_step_is_called_when_all_of_the_rounds_answers_are_in)
{
    static struct rig r;
    open(&r, 2, two_writes);
    wake(&r, "n/a");
    CHECK_INT(wire_live(&r.wire), 2);
    wire_answer(&r.wire, 1, 200, configured);
    CHECK_INT(r.rounds, 1);
    wire_answer(&r.wire, 0, 200, configured);
    CHECK_INT(r.rounds, 2);
    CHECK_INT(r.learned, 2);
    CHECK_INT(runner_counts(r.runner).done, 1);
    close(&r);
}

TEST(runner, what_a_pass_learns_of_itself_does_not_wake_it_again)
{
    static struct rig r;
    open(&r, 2, one_write);
    r.learned_wakes = "n/a";
    wake(&r, "n/a");
    wire_answer(&r.wire, 0, 200, configured);
    wire_pass_time(&r.timers, 0);
    CHECK_STR(r.log, "n/a ");
    r.learned_wakes = "n/b"; /* but it wakes others */
    wake(&r, "n/a");
    wire_answer(&r.wire, 1, 200, configured);
    wire_pass_time(&r.timers, 0);
    CHECK_STR(r.log, "n/a n/a n/b ");
    r.learned_wakes = NULL;
    close(&r);
}

TEST(runner, an_answer_that_is_no_object_of_the_kind_is_not_learned)
{
    static struct rig r;
    open(&r, 2, keep_answer);
    wake(&r, "n/a");
    wire_answer(&r.wire, 0, 200, "{\"kind\":\"Status\",\"metadata\":{},\"status\":\"Success\"}");
    CHECK_INT(r.learned, 0);
    CHECK(!last_answer.object);
    CHECK_INT(last_answer.err.code, ERR_NONE);
    close(&r);
}

static enum step_result keep_read(struct step_io *io, unsigned round)
{
    if (round == 0) {
        ask(io, KUBE_GET);
        return STEP_SEND;
    }
    last_answer = io->answers[0];
    return STEP_DONE;
}

TEST(runner, an_answer_about_another_name_says_nothing_of_ours)
{
    static const char *const others[] = {
        "{\"metadata\":{\"name\":\"x\",\"namespace\":\"n\",\"uid\":\"z\","
        "\"resourceVersion\":\"9\"}}",
        "{\"metadata\":{\"name\":\"a\",\"namespace\":\"y\",\"uid\":\"z\","
        "\"resourceVersion\":\"9\"}}",
        "{\"metadata\":{\"name\":\"a\",\"uid\":\"z\",\"resourceVersion\":\"9\"}}"};
    static struct rig r;
    open(&r, 2, keep_read);
    cache(&r, "u", "70");
    for (size_t i = 0; i < 3; i++) {
        wake(&r, "n/a");
        wire_answer(&r.wire, i, 200, others[i]);
        CHECK_INT(r.learned, 0);
        CHECK(!last_answer.object);
        CHECK_INT(r.doubts, 0); /* an older one of another uid would be a restored etcd's */
    }
    close(&r);
}

TEST(runner, an_answer_from_the_past_makes_the_cache_doubtful)
{
    static struct rig r;
    open(&r, 2, keep_read);
    cache(&r, "v", "70");
    wake(&r, "n/a");
    cache(&r, "w", "71"); /* what counts is what was known when it was sent */
    wire_answer(&r.wire, 0, 200, configured);
    CHECK(last_answer.object);
    CHECK_INT(r.doubts, 1);
    close(&r);
}

TEST(runner, a_refusal_is_told_apart_by_what_the_server_says)
{
    static struct rig r;
    open(&r, 2, keep_answer);
    wake(&r, "n/a");
    wire_answer(&r.wire, 0, 403,
                "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"exceeded quota: q\"}");
    CHECK(last_answer.quota && !last_answer.ns_terminating);
    CHECK_INT(last_answer.err.code, ERR_DENIED);
    CHECK_INT(last_answer.code, 403);
    CHECK_INT(last_answer.tag, 4);
    CHECK_INT(last_answer.verb, KUBE_APPLY);
    wake(&r, "n/a");
    wire_answer(&r.wire, 1, 403,
                "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"m\",\"details\":{"
                "\"causes\":[{\"reason\":\"NamespaceTerminating\"}]}}");
    CHECK(!last_answer.quota && last_answer.ns_terminating);
    close(&r);
}

TEST(runner, what_the_server_does_not_have_is_taken_out_of_the_caches)
{
    static struct rig r;
    open(&r, 2, keep_answer);
    cache(&r, "u1", "2");
    wake(&r, "n/a");
    cache(&r, "u2", "3"); /* a successor that the watch brings first */
    wire_answer(&r.wire, 0, 404, "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"details\":{"
                                 "\"name\":\"a\",\"kind\":\"sessions\"}}");
    CHECK_INT(last_answer.err.code, ERR_NOT_FOUND);
    CHECK_STR(r.gone, "session n/a of u1"); /* the one that was there when it was sent */
    close(&r);
}

TEST(runner, a_404_that_names_no_object_is_a_failure_and_takes_nothing_out_of_the_caches)
{
    static const char *const pages[] = {
        "404 page not found\n", "<html>404</html>", "",
        "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"details\":{}}"};
    static struct rig r;
    open(&r, 2, keep_answer);
    for (size_t i = 0; i < 4; i++) {
        wake(&r, "n/a");
        wire_answer(&r.wire, i, 404, pages[i]);
        CHECK_INT(last_answer.err.code, ERR_UNAVAILABLE);
        CHECK_INT(last_answer.code, 404);
        CHECK_STR(r.gone, "");
    }
    close(&r);
}

TEST(runner, unknown_outcomes_and_conflicts_are_counted)
{
    static struct rig r;
    open(&r, 2, two_writes);
    wake(&r, "n/a");
    wire_answer(&r.wire, 0, 0, "");
    wire_pass_time(&r.timers, 5000); /* a repeatable write may be tried again by the client */
    for (size_t i = 1; i < r.wire.count; i++) {
        if (r.wire.calls[i].live) wire_answer(&r.wire, i, 409, "{\"reason\":\"Conflict\"}");
    }
    struct runner_counts n = runner_counts(r.runner);
    CHECK_INT(n.failed, 1);
    CHECK(n.unknown + n.conflicts >= 1);
    close(&r);
}

TEST(runner, failures_come_back_later_and_later_and_a_success_forgets_them)
{
    static struct rig r;
    open(&r, 2, fail);
    wake(&r, "n/a");
    wire_pass_time(&r.timers, 4);
    CHECK_INT(r.passes, 1);
    wire_pass_time(&r.timers, 10000);
    CHECK(r.passes >= 10 && r.passes <= 13); /* 5 ms doubled: 5 s after eleven failures */
    unsigned before = r.passes;
    r.step = done;
    wire_pass_time(&r.timers, 20000);
    CHECK_INT(r.passes, before + 1);
    r.step = fail;
    wake(&r, "n/a");
    wire_pass_time(&r.timers, 6);
    CHECK_INT(r.passes, before + 3);
    close(&r);
}

/* Lets the server refuse the newest request until the client gives up, the last time so long. */
static void refuse_to_the_end(struct rig *r, int told_s)
{
    for (int i = 0; i < 4; i++) {
        wire_answer_later(&r->wire, r->wire.count - 1, 429, i < 3 ? 1 : told_s, "");
        wire_pass_time(&r->timers, i < 3 ? 2000 : 0);
    }
}

static enum step_result write_or_fail(struct step_io *io, unsigned round)
{
    if (round == 0) {
        ask(io, KUBE_APPLY);
        return STEP_SEND;
    }
    io->err = io->answers[0].err;
    return io->err.code == ERR_NONE ? STEP_DONE : STEP_FAIL;
}

TEST(runner, a_key_comes_back_when_the_server_said_and_sooner_only_for_news)
{
    static struct rig r;
    open(&r, 2, write_or_fail);
    wake(&r, "n/a");
    refuse_to_the_end(&r, 30);
    CHECK_INT(runner_counts(r.runner).failed, 1);
    wire_pass_time(&r.timers, 29999);
    CHECK_INT(r.passes, 1);
    wire_pass_time(&r.timers, 200);
    CHECK_INT(r.passes, 2);
    CHECK_INT(r.wire.count, 5);
    refuse_to_the_end(&r, 30);
    wake(&r, "n/a"); /* looks anew at once, though the request that it makes again waits */
    CHECK_INT(r.passes, 3);
    CHECK_INT(r.wire.count, 8);
    wire_pass_time(&r.timers, 30200);
    CHECK_INT(r.wire.count, 9);
    close(&r);
}

TEST(runner, the_next_look_comes_at_the_earliest_time_that_was_asked_for)
{
    static struct rig r;
    open(&r, 2, again);
    wake(&r, "n/a");
    CHECK_INT(runner_counts(r.runner).again, 1);
    CHECK(runner_idle(r.runner));
    r.step = done;
    wire_pass_time(&r.timers, 4999);
    CHECK_INT(r.passes, 1);
    wire_pass_time(&r.timers, 1);
    CHECK_INT(r.passes, 2);
    close(&r);
}

TEST(runner, a_pass_that_rests_is_brought_forward_by_a_person_only)
{
    static struct rig r;
    open(&r, 2, rest);
    wake(&r, "n/a");
    wake(&r, "n/a");
    wire_pass_time(&r.timers, 4999);
    CHECK_INT(r.passes, 1);
    wire_pass_time(&r.timers, 1);
    CHECK_INT(r.passes, 2);
    runner_wake(r.runner, "n/a", 0, WORKQ_SOON);
    wire_pass_time(&r.timers, 0);
    CHECK_INT(r.passes, 3);
    CHECK_INT(runner_counts(r.runner).again, 3);
    close(&r);
}

TEST(runner, a_pass_without_an_end_is_a_failure_after_a_minute)
{
    static struct rig r;
    open(&r, 2, one_write);
    wake(&r, "n/a");
    wire_pass_time(&r.timers, 59999);
    CHECK_INT(runner_counts(r.runner).failed, 0);
    r.step = done;
    wire_pass_time(&r.timers, 1);
    CHECK_INT(wire_live(&r.wire), 0); /* cancelled: a late answer finds nobody */
    CHECK_INT(runner_counts(r.runner).failed, 1);
    wire_pass_time(&r.timers, 10);
    CHECK_INT(r.passes, 2);
    close(&r);
}

TEST(runner, what_runs_is_cancelled_when_it_is_freed)
{
    static struct rig r;
    open(&r, 2, two_writes);
    wake(&r, "n/a");
    CHECK_INT(wire_live(&r.wire), 2);
    close(&r);
}

TEST(runner, a_delayed_wake_waits_and_an_urgent_one_goes_first)
{
    static struct rig r;
    open(&r, 1, done);
    runner_wake(r.runner, "n/late", 500, WORKQ_NORMAL);
    runner_wake(r.runner, "n/listed", 0, WORKQ_LISTED);
    runner_wake(r.runner, "n/urgent", 0, WORKQ_URGENT);
    wire_pass_time(&r.timers, 499);
    CHECK_STR(r.log, "n/urgent n/listed ");
    wire_pass_time(&r.timers, 1);
    CHECK_STR(r.log, "n/urgent n/listed n/late ");
    close(&r);
}
