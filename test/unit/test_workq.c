#include "lib/workq.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test/check.h"

static struct rng rng;

static struct workq *queue(void)
{
    rng_seed(&rng, 12);
    return workq_new((struct workq_backoff){.delay_ms_min = 10, .delay_ms_max = 40}, &rng);
}

static void add(struct workq *q, const char *key, int64_t due_ms)
{
    workq_add(q, key, due_ms, WORKQ_NORMAL);
}

TEST(workq, key_added_while_it_runs_runs_again)
{
    struct workq *q = queue();
    add(q, "ns/a", 0);
    const char *key = workq_take(q, 0);
    add(q, "ns/a", 0);
    CHECK(!workq_take(q, 0)); /* never two runs of one key */
    workq_done(q, key, WORKQ_NEVER);
    CHECK_STR(workq_take(q, 0), "ns/a");
    workq_free(q);
}

TEST(workq, key_added_often_runs_once)
{
    struct workq *q = queue();
    for (int i = 0; i < 5; i++) add(q, "ns/a", i);
    CHECK_INT(workq_count(q), 1);
    workq_done(q, workq_take(q, 10), WORKQ_NEVER);
    CHECK(!workq_take(q, 10));
    CHECK_INT(workq_count(q), 0);
    workq_free(q);
}

TEST(workq, no_key_runs_before_it_is_due_and_the_earliest_ask_counts)
{
    struct workq *q = queue();
    CHECK_INT(workq_next_due_ms(q), WORKQ_NEVER);
    add(q, "ns/a", 50);
    add(q, "ns/a", 30);
    add(q, "ns/a", 70);
    CHECK_INT(workq_next_due_ms(q), 30);
    CHECK(!workq_take(q, 29));
    CHECK_INT(workq_depth(q, 29), 0);
    CHECK_INT(workq_depth(q, 30), 1);
    CHECK(workq_next_due_ms(q) <= 30);
    CHECK_STR(workq_take(q, 30), "ns/a");
    CHECK_INT(workq_next_due_ms(q), WORKQ_NEVER);
    workq_free(q);
}

TEST(workq, a_run_ends_the_asks_for_later_that_came_before_it)
{
    struct workq *q = queue();
    add(q, "ns/a", 0);
    add(q, "ns/a", 1000);
    workq_done(q, workq_take(q, 0), WORKQ_NEVER);
    CHECK_INT(workq_next_due_ms(q), WORKQ_NEVER);
    workq_free(q);
}

TEST(workq, what_became_due_first_runs_first)
{
    struct workq *q = queue();
    add(q, "b", 20);
    add(q, "a", 10);
    add(q, "c", 20);
    CHECK_STR(workq_take(q, 30), "a");
    CHECK_STR(workq_take(q, 30), "b");
    CHECK_STR(workq_take(q, 30), "c");
    workq_free(q);
}

TEST(workq, done_returns_when_asked_or_added_whichever_is_sooner)
{
    struct workq *q = queue();
    add(q, "ns/a", 0);
    const char *key = workq_take(q, 0);
    add(q, "ns/a", 500);
    workq_done(q, key, 900);
    CHECK_INT(workq_next_due_ms(q), 500);
    key = workq_take(q, 500);
    workq_done(q, key, 700);
    CHECK_INT(workq_next_due_ms(q), 700);
    workq_free(q);
}

TEST(workq, failures_in_a_row_double_the_wait_up_to_the_limit_give_or_take_a_tenth)
{
    static const int64_t delays_ms[] = {10, 20, 40, 40, 40};
    struct workq *q = queue();
    int64_t now_ms = 0;
    add(q, "ns/a", now_ms);
    for (unsigned i = 0; i < 5; i++) {
        workq_fail(q, workq_take(q, now_ms), now_ms, 0);
        CHECK_INT(workq_failures(q, "ns/a"), i + 1);
        int64_t wait_ms = workq_next_due_ms(q) - now_ms;
        CHECK(wait_ms >= delays_ms[i] - delays_ms[i] / 10);
        CHECK(wait_ms <= delays_ms[i] + delays_ms[i] / 10);
        now_ms += wait_ms;
    }
    workq_free(q);
}

TEST(workq, keys_that_fail_together_do_not_come_back_together)
{
    struct workq *q = workq_new((struct workq_backoff){10000, 10000}, &rng);
    int64_t first = 0, last = 0;
    rng_seed(&rng, 13);
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        add(q, key, 0);
    }
    for (int i = 0; i < 50; i++) workq_fail(q, workq_take(q, 0), 0, 0);
    first = workq_next_due_ms(q);
    while (workq_next_due_ms(q) < WORKQ_NEVER) {
        last = workq_next_due_ms(q);
        workq_done(q, workq_take(q, last), WORKQ_NEVER);
    }
    CHECK(first >= 9000 && last <= 11000 && last - first > 1000);
    workq_free(q);
}

TEST(workq, success_forgets_the_failures)
{
    struct workq *q = queue();
    add(q, "ns/a", 0);
    workq_fail(q, workq_take(q, 0), 0, 0);
    workq_fail(q, workq_take(q, 100), 100, 0);
    workq_done(q, workq_take(q, 200), 300);
    CHECK_INT(workq_failures(q, "ns/a"), 0);
    workq_fail(q, workq_take(q, 300), 300, 0);
    CHECK(workq_next_due_ms(q) <= 311);
    workq_free(q);
}

TEST(workq, a_failed_key_that_is_added_does_not_wait_out_its_backoff)
{
    struct workq *q = queue();
    add(q, "ns/a", 0);
    workq_fail(q, workq_take(q, 0), 0, 0);
    add(q, "ns/a", 1);
    CHECK_STR(workq_take(q, 1), "ns/a");
    CHECK_INT(workq_failures(q, "ns/a"), 1);
    workq_free(q);
}

TEST(workq, a_failed_key_waits_for_its_backoff_and_as_long_as_was_told_but_not_when_added)
{
    struct workq *q = queue();
    add(q, "ns/a", 0);
    workq_fail(q, workq_take(q, 0), 0, 7000);
    CHECK_INT(workq_next_due_ms(q), 7000);
    workq_fail(q, workq_take(q, 7000), 7000, 7001); /* the backoff is longer */
    CHECK(workq_next_due_ms(q) > 7001);
    workq_fail(q, workq_take(q, 8000), 8000, 20000);
    add(q, "ns/a", 8001);
    CHECK_STR(workq_take(q, 8001), "ns/a");
    workq_free(q);
}

TEST(workq, higher_levels_run_first)
{
    static const char *const names[] = {"listed", "sweep", "normal", "soon", "urgent"};
    struct workq *q = queue();
    for (int i = 0; i < WORKQ_LEVELS; i++) workq_add(q, names[i], 0, (enum workq_prio)i);
    for (int i = WORKQ_LEVELS - 1; i >= 0; i--) CHECK_STR(workq_take(q, 0), names[i]);
    workq_free(q);
}

TEST(workq, a_level_says_nothing_before_the_key_is_due)
{
    struct workq *q = queue();
    workq_add(q, "urgent", 10, WORKQ_URGENT);
    workq_add(q, "listed", 0, WORKQ_LISTED);
    CHECK_STR(workq_take(q, 5), "listed");
    CHECK_STR(workq_take(q, 10), "urgent");
    workq_free(q);
}

TEST(workq, the_highest_level_asked_for_counts_and_a_raised_key_goes_to_its_levels_end)
{
    struct workq *q = queue();
    workq_add(q, "a", 0, WORKQ_LISTED);
    workq_add(q, "b", 0, WORKQ_SOON);
    CHECK_INT(workq_depth(q, 0), 2); /* both are ready now */
    workq_add(q, "a", 0, WORKQ_SOON);
    workq_add(q, "b", 0, WORKQ_SWEEP);
    workq_add(q, "c", 0, WORKQ_NORMAL);
    CHECK_STR(workq_take(q, 0), "b");
    CHECK_STR(workq_take(q, 0), "a");
    CHECK_STR(workq_take(q, 0), "c");
    workq_free(q);
}

TEST(workq, a_failed_key_keeps_its_level_and_a_done_one_returns_at_normal)
{
    struct workq *q = queue();
    workq_add(q, "a", 0, WORKQ_URGENT);
    workq_fail(q, workq_take(q, 0), 0, 0);
    workq_add(q, "b", 0, WORKQ_SOON);
    CHECK_STR(workq_take(q, 100), "a");
    workq_done(q, "a", 100);
    CHECK_STR(workq_take(q, 100), "b");
    CHECK_STR(workq_take(q, 100), "a");
    workq_free(q);
}

TEST(workq, every_sixteenth_take_serves_the_oldest_of_the_lower_levels)
{
    struct workq *q = queue();
    workq_add(q, "sweep", 0, WORKQ_SWEEP);
    CHECK_INT(workq_depth(q, 0), 1);
    workq_add(q, "normal", 0, WORKQ_NORMAL);
    workq_add(q, "hot", 0, WORKQ_URGENT);
    char order[64] = "";
    for (int i = 0; i < 2 * WORKQ_FAIR_EVERY; i++) {
        const char *key = workq_take(q, 0);
        order[i] = key[0];
        if (key[0] == 'h') workq_add(q, "hot", 0, WORKQ_URGENT);
        workq_done(q, key, WORKQ_NEVER);
    }
    CHECK_STR(order, "hhhhhhhhhhhhhhhshhhhhhhhhhhhhhhn");
    workq_free(q);
}

TEST(workq, the_turn_of_the_lower_levels_goes_to_the_oldest_and_not_to_the_lowest)
{
    struct workq *q = queue();
    workq_add(q, "older", 0, WORKQ_SOON);
    CHECK_INT(workq_depth(q, 0), 1);
    workq_add(q, "lower", 0, WORKQ_LISTED);
    CHECK_INT(workq_depth(q, 0), 2);
    for (int i = 1; i < WORKQ_FAIR_EVERY; i++) {
        workq_add(q, "hot", 0, WORKQ_URGENT);
        CHECK_STR(workq_take(q, 0), "hot");
        workq_done(q, "hot", WORKQ_NEVER);
    }
    workq_add(q, "hot", 0, WORKQ_URGENT);
    CHECK_STR(workq_take(q, 0), "older");
    workq_free(q);
}

TEST(workq, key_that_rests_is_brought_forward_by_a_person_and_by_nothing_else)
{
    struct workq *q = queue();
    add(q, "ns/a", 0);
    workq_rest(q, workq_take(q, 0), 1000);
    add(q, "ns/a", 10);
    CHECK_INT(workq_next_due_ms(q), 1000);
    workq_add(q, "ns/a", 20, WORKQ_SOON);
    CHECK_INT(workq_next_due_ms(q), 20);
    CHECK_STR(workq_take(q, 20), "ns/a");
    workq_rest(q, "ns/a", 1000);
    CHECK_STR(workq_take(q, 1000), "ns/a");
    add(q, "ns/a", 1001); /* the rest is over */
    workq_done(q, "ns/a", WORKQ_NEVER);
    CHECK_STR(workq_take(q, 1001), "ns/a");
    workq_free(q);
}

TEST(workq, key_that_was_asked_for_while_it_ran_rests_all_the_same_but_not_from_a_person)
{
    struct workq *q = queue();
    add(q, "ns/a", 0);
    workq_take(q, 0);
    add(q, "ns/a", 0);
    workq_rest(q, "ns/a", 1000);
    CHECK_INT(workq_next_due_ms(q), 1000);
    workq_take(q, 1000);
    workq_add(q, "ns/a", 1000, WORKQ_URGENT);
    workq_rest(q, "ns/a", 2000);
    CHECK_INT(workq_next_due_ms(q), 1000);
    workq_free(q);
}

/* --- Against a model: an array of keys, searched in full --- */

enum { KEYS = 30, STEPS = 10000 };

struct model {
    bool waiting, running;
    int64_t due_ms; /* the earliest ask, waiting or since the run began */
    int64_t rest_ms; /* asks below WORKQ_SOON count as asks for then */
    bool asked;     /* since the run began */
    int prio;
};

static void model_ask(struct model *m, int64_t due_ms, int prio)
{
    bool is_new = m->running ? !m->asked : !m->waiting;
    if (prio >= WORKQ_SOON) m->rest_ms = 0;
    if (due_ms < m->rest_ms) due_ms = m->rest_ms;
    if (is_new || due_ms < m->due_ms) m->due_ms = due_ms;
    if (is_new || prio > m->prio) m->prio = prio;
    if (m->running)
        m->asked = true;
    else
        m->waiting = true;
}

static void model_end(struct model *m)
{
    m->running = false;
    m->waiting = m->asked;
    m->asked = false;
}

static void model_rest(struct model *m, int64_t until_ms)
{
    bool for_a_person = m->asked && m->prio >= WORKQ_SOON;
    if (!for_a_person) m->rest_ms = m->due_ms = until_ms;
    model_ask(m, until_ms, WORKQ_NORMAL);
    model_end(m);
}

static int highest_due(const struct model *model, int64_t now_ms)
{
    int highest = -1;
    for (int i = 0; i < KEYS; i++) {
        bool due = model[i].waiting && model[i].due_ms <= now_ms;
        if (due && model[i].prio > highest) highest = model[i].prio;
    }
    return highest;
}

/* Takes one key, and checks that the model allows that one. Its number, or -1. */
static int model_take(struct workq *q, struct model *model, int64_t now_ms, int *in_a_row)
{
    int highest = highest_due(model, now_ms), i = -1;
    const char *key = workq_take(q, now_ms);
    CHECK_INT(key != NULL, highest >= 0);
    if (!key) return -1;
    CHECK_INT(sscanf(key, "k%d", &i), 1);
    CHECK(model[i].waiting && !model[i].running && model[i].due_ms <= now_ms);
    if (model[i].prio < highest) CHECK_INT(*in_a_row, WORKQ_FAIR_EVERY - 1);
    bool lower_waits = false;
    for (int k = 0; k < KEYS; k++) {
        lower_waits |= model[k].waiting && model[k].due_ms <= now_ms && model[k].prio < highest;
    }
    if (lower_waits) *in_a_row = model[i].prio < highest ? 0 : *in_a_row + 1;
    CHECK(*in_a_row < WORKQ_FAIR_EVERY);
    model[i].waiting = false;
    model[i].running = true;
    model[i].rest_ms = 0;
    return i;
}

static void check_counts(struct workq *q, const struct model *model, int64_t now_ms)
{
    size_t count = 0, depth = 0;
    int64_t next = WORKQ_NEVER;
    for (int i = 0; i < KEYS; i++) {
        count += model[i].waiting || model[i].running;
        depth += model[i].waiting && model[i].due_ms <= now_ms;
        if (model[i].waiting && model[i].due_ms < next) next = model[i].due_ms;
    }
    CHECK_INT(workq_count(q), count);
    if (next > now_ms)
        CHECK_INT(workq_next_due_ms(q), next);
    else
        CHECK(workq_next_due_ms(q) <= now_ms);
    CHECK_INT(workq_depth(q, now_ms), depth);
}

TEST(workq, ten_thousand_random_operations_match_a_plain_model)
{
    static struct model model[KEYS];
    struct workq *q = queue();
    struct rng dice;
    int64_t now_ms = 0;
    int in_a_row = 0;
    rng_seed(&dice, 14);
    memset(model, 0, sizeof(model));
    for (int step = 0; step < STEPS; step++) {
        int i = (int)rng_below(&dice, KEYS), what = (int)rng_below(&dice, 10);
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        if (what < 4) {
            int64_t due_ms = now_ms + rng_between(&dice, -5, 50);
            int prio = (int)rng_below(&dice, WORKQ_LEVELS);
            workq_add(q, key, due_ms, (enum workq_prio)prio);
            model_ask(&model[i], due_ms, prio);
        } else if (what < 8) {
            model_take(q, model, now_ms, &in_a_row);
        } else if (model[i].running && what == 8) {
            workq_rest(q, key, now_ms + 30);
            model_rest(&model[i], now_ms + 30);
        } else if (model[i].running) {
            int64_t again_ms = rng_below(&dice, 2) ? now_ms + 20 : WORKQ_NEVER;
            if (again_ms < WORKQ_NEVER) model_ask(&model[i], again_ms, WORKQ_NORMAL);
            workq_done(q, key, again_ms);
            model_end(&model[i]);
        }
        now_ms += (int64_t)rng_below(&dice, 4);
        check_counts(q, model, now_ms);
    }
    workq_free(q);
}
