/* Several electors, on clocks of different rates and a bad network. */
#include "lib/str.h"
#include "test/unit/test_lease.h"

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
