#include "lib/timers.h"

#include <stdio.h>
#include <string.h>

#include "lib/rng.h"
#include "test/check.h"

struct note {
    struct timer timer;
    char *log;
    char name;
    struct timers *again_on; /* set itself again at once */
    struct timer *stops;
};

static void write_note(void *user)
{
    struct note *n = user;
    size_t len = strlen(n->log);
    n->log[len] = n->name;
    n->log[len + 1] = '\0';
    if (n->again_on) timer_set(n->again_on, &n->timer, n->again_on->now_ms);
    if (n->stops) timer_stop(n->again_on, n->stops);
}

static struct note note(char *log, char name)
{
    struct note n = {.log = log, .name = name};
    n.timer.fire = write_note;
    return n;
}

TEST(timers, what_is_due_fires_earliest_first_and_what_is_not_waits)
{
    struct timers t;
    char log[16] = "";
    struct note a = note(log, 'a'), b = note(log, 'b'), c = note(log, 'c'), d = note(log, 'd');
    timers_init(&t);
    CHECK_INT(timers_next_ms(&t), TIMERS_NEVER);
    a.timer.user = &a;
    b.timer.user = &b;
    c.timer.user = &c;
    d.timer.user = &d;
    timer_set(&t, &c.timer, 30);
    timer_set(&t, &b.timer, 10);
    timer_set(&t, &a.timer, 10); /* due together: the first set is the first to fire */
    timer_set(&t, &d.timer, 31);
    t.now_ms = 30;
    CHECK_INT(timers_next_ms(&t), 10);
    CHECK_INT(timers_run(&t, 10), 3);
    CHECK_STR(log, "bac");
    CHECK(!timer_is_set(&a.timer) && timer_is_set(&d.timer));
    CHECK_INT(timers_next_ms(&t), 31);
    timers_release(&t);
    CHECK(!timer_is_set(&d.timer));
}

TEST(timers, a_timer_that_is_set_again_moves)
{
    struct timers t;
    char log[16] = "";
    struct note a = note(log, 'a');
    timers_init(&t);
    a.timer.user = &a;
    timer_set(&t, &a.timer, 10);
    timer_set(&t, &a.timer, 50);
    t.now_ms = 20;
    CHECK_INT(timers_run(&t, 10), 0);
    timer_set(&t, &a.timer, -5); /* in the past: at once */
    CHECK_INT(timers_run(&t, 10), 1);
    CHECK_INT(timers_run(&t, 10), 0);
    CHECK_STR(log, "a");
    timers_release(&t);
}

TEST(timers, a_stopped_timer_does_not_fire)
{
    struct timers t;
    char log[16] = "";
    struct note a = note(log, 'a'), b = note(log, 'b');
    timers_init(&t);
    a.timer.user = &a;
    b.timer.user = &b;
    timer_stop(&t, &a.timer);
    timer_set(&t, &a.timer, 1);
    timer_set(&t, &b.timer, 2);
    a.again_on = &t;
    a.stops = &b.timer; /* one that is due stops another that is due */
    t.now_ms = 5;
    timers_run(&t, 1);
    CHECK(!timer_is_set(&b.timer));
    timer_stop(&t, &a.timer);
    CHECK_INT(timers_run(&t, 10), 0);
    CHECK_STR(log, "a");
    timers_release(&t);
}

TEST(timers, one_that_sets_itself_again_at_once_does_not_run_for_ever)
{
    struct timers t;
    char log[16] = "";
    struct note a = note(log, 'a');
    timers_init(&t);
    a.timer.user = &a;
    a.again_on = &t;
    timer_set(&t, &a.timer, 0);
    CHECK_INT(timers_run(&t, 5), 5);
    CHECK_STR(log, "aaaaa");
    CHECK(timer_is_set(&a.timer));
    timers_release(&t);
}

static void count_up(void *user)
{
    ++*(int *)user;
}

TEST(timers, random_sets_and_stops_fire_just_what_is_due)
{
    enum { TIMERS = 50 };
    struct timers t;
    static struct timer all[TIMERS];
    int64_t due[TIMERS];
    int fired[TIMERS] = {0}, want[TIMERS] = {0};
    struct rng rng;
    timers_init(&t);
    rng_seed(&rng, 10);
    for (int i = 0; i < TIMERS; i++) {
        all[i] = (struct timer){.fire = count_up, .user = &fired[i]};
        due[i] = TIMERS_NEVER;
    }
    for (int step = 0; step < 5000; step++) {
        size_t i = (size_t)rng_below(&rng, TIMERS);
        if (rng_below(&rng, 3)) {
            due[i] = t.now_ms + rng_between(&rng, -5, 100);
            timer_set(&t, &all[i], due[i]);
        } else {
            due[i] = TIMERS_NEVER;
            timer_stop(&t, &all[i]);
        }
        t.now_ms += (int64_t)rng_below(&rng, 3);
        timers_run(&t, TIMERS);
        for (int k = 0; k < TIMERS; k++) {
            if (due[k] <= t.now_ms) {
                want[k]++;
                due[k] = TIMERS_NEVER;
            }
            CHECK_INT(fired[k], want[k]);
        }
    }
    timers_release(&t);
}
