#include "lib/loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/check.h"

static struct loop *loop;
static int calls[16], call_count;

static void begin(void)
{
    struct err err;
    call_count = 0;
    CHECK_OK(loop_new(&loop, &err), err);
}

static void note(int what)
{
    if (call_count < 16) calls[call_count++] = what;
}

static void stop(void *user)
{
    (void)user;
    loop_stop(loop);
}

static void note_and_stop(void *user)
{
    note(*(int *)user);
    loop_stop(loop);
}

static void note_it(void *user)
{
    note(*(int *)user);
}

static int one = 1, two = 2, three = 3;

TEST(loop, posted_calls_run_in_order_and_a_call_posted_meanwhile_runs_later)
{
    begin();
    loop_post(loop, note_it, &one);
    loop_post(loop, note_it, &two);
    loop_post(loop, note_and_stop, &three);
    loop_run(loop);
    CHECK_INT(call_count, 3);
    CHECK(calls[0] == 1 && calls[1] == 2 && calls[2] == 3);
    loop_free(loop);
}

TEST(loop, stop_before_run_ends_it_at_once_and_it_can_run_again)
{
    begin();
    loop_stop(loop);
    loop_run(loop);
    loop_post(loop, note_and_stop, &one);
    loop_run(loop);
    CHECK_INT(call_count, 1);
    loop_free(loop);
}

TEST(loop, timers_fire_earliest_first_and_see_the_time_they_waited_for)
{
    begin();
    struct timers *t = loop_timers(loop);
    int64_t start_ms = t->now_ms;
    struct timer late = {.fire = note_and_stop, .user = &two};
    struct timer early = {.fire = note_it, .user = &one};
    struct timer never = {.fire = note_it, .user = &three};
    timer_set(t, &late, start_ms + 3);
    timer_set(t, &early, start_ms + 1);
    timer_set(t, &never, start_ms + 2);
    timer_stop(t, &never);
    loop_run(loop);
    CHECK_INT(call_count, 2);
    CHECK(calls[0] == 1 && calls[1] == 2);
    CHECK(t->now_ms >= start_ms + 3);
    CHECK(t->wall_ms > 1600000000000);
    loop_free(loop);
}

TEST(loop, timer_moved_to_an_earlier_time_does_not_wait_for_the_later_one)
{
    begin();
    struct timers *t = loop_timers(loop);
    struct timer far = {.fire = note_it, .user = &one};
    struct timer near = {.fire = note_and_stop, .user = &two};
    timer_set(t, &far, t->now_ms + 3600000);
    timer_set(t, &near, t->now_ms + 1000000);
    timer_set(t, &near, t->now_ms + 1);
    loop_run(loop);
    CHECK_INT(call_count, 1);
    CHECK_INT(calls[0], 2);
    loop_free(loop);
}

TEST(loop, timer_set_again_after_the_clock_passed_its_first_setting_still_fires)
{
    begin();
    struct timers *t = loop_timers(loop);
    struct timer first = {.fire = note_it, .user = &one};
    struct timer second = {.fire = note_and_stop, .user = &two};
    timer_set(t, &first, t->now_ms + 1);
    timer_set(t, &second, t->now_ms + 4); /* the timerfd is armed for the first only */
    loop_run(loop);
    CHECK_INT(call_count, 2);
    loop_free(loop);
}

static unsigned seen;

static void take_events(void *user, int fd, unsigned events)
{
    (void)user;
    (void)fd;
    seen |= events;
    loop_stop(loop);
}

TEST(loop, watch_tells_what_is_ready_and_a_second_call_changes_it)
{
    struct err err;
    int pair[2];
    begin();
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);

    seen = 0;
    CHECK_OK(loop_watch(loop, pair[0], LOOP_READ | LOOP_WRITE, take_events, NULL, &err), err);
    loop_run(loop);
    CHECK_INT(seen, LOOP_WRITE);

    seen = 0;
    CHECK_OK(loop_watch(loop, pair[0], LOOP_READ, take_events, NULL, &err), err);
    CHECK_INT(write(pair[1], "x", 1), 1);
    loop_run(loop);
    CHECK_INT(seen, LOOP_READ);

    loop_unwatch(loop, pair[0]);
    loop_unwatch(loop, pair[0]); /* does nothing */
    close(pair[0]);
    close(pair[1]);
    loop_free(loop);
}

TEST(loop, peer_that_goes_away_wakes_whoever_waits_to_read)
{
    struct err err;
    int pair[2];
    begin();
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    seen = 0;
    CHECK_OK(loop_watch(loop, pair[0], LOOP_READ, take_events, NULL, &err), err);
    close(pair[1]);
    loop_run(loop);
    CHECK_INT(seen, LOOP_READ);
    loop_unwatch(loop, pair[0]);
    close(pair[0]);
    loop_free(loop);
}

static int ready_fds[2];

/* The first of two ready fds closes the other, whose number comes back as a new, silent fd. */
static void replace_other(void *user, int fd, unsigned events)
{
    struct err err;
    (void)user;
    (void)events;
    int other = fd == ready_fds[0] ? ready_fds[1] : ready_fds[0];
    note(fd);
    loop_unwatch(loop, other);
    close(other);
    int fresh = eventfd(0, EFD_CLOEXEC);
    note(fresh == other);
    if (loop_watch(loop, fresh, LOOP_READ, replace_other, NULL, &err) < 0) note(-1);
    loop_unwatch(loop, fd);
    loop_post(loop, stop, NULL);
}

TEST(loop, event_of_an_fd_closed_in_the_same_round_does_not_reach_its_successor)
{
    struct err err;
    begin();
    for (int i = 0; i < 2; i++) {
        ready_fds[i] = eventfd(1, EFD_CLOEXEC);
        CHECK_OK(loop_watch(loop, ready_fds[i], LOOP_READ, replace_other, NULL, &err), err);
    }
    loop_run(loop);
    CHECK_INT(call_count, 2);
    CHECK_INT(calls[1], 1);
    loop_free(loop);
    close(ready_fds[0]);
    close(ready_fds[1]);
}

TEST(loop, fd_that_cannot_be_watched_is_an_error)
{
    struct err err;
    begin();
    CHECK_ERR(loop_watch(loop, 900, LOOP_READ, take_events, NULL, &err), err, ERR_INVALID);
    loop_free(loop);
}

enum { THREADS = 3, POSTS = 200 };
static int posted;

static void count_post(void *user)
{
    (void)user;
    if (++posted == THREADS * POSTS) loop_stop(loop);
}

static void *post_many(void *user)
{
    (void)user;
    for (int i = 0; i < POSTS; i++) loop_post(loop, count_post, NULL);
    return NULL;
}

TEST(loop, posts_of_several_threads_all_arrive)
{
    pthread_t threads[THREADS];
    begin();
    posted = 0;
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, post_many, NULL);
    loop_run(loop);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK_INT(posted, THREADS * POSTS);
    CHECK(loop_lag_us(loop) >= 0);
    CHECK(loop_last_tick_ms(loop) > 0);
    loop_free(loop);
}
