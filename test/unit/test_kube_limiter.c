#include "lib/kube/limiter.h"

#include "lib/limits.h"
#include "test/check.h"

enum { FLOOR = 4, START = LIMIT_IN_FLIGHT_WRITES, HALF = START / 2 };
enum { READS_ABOVE = LIMIT_IN_FLIGHT - LIMIT_IN_FLIGHT_WRITES };

static int fill(struct kube_limiter *l, bool write, int64_t now_ms)
{
    int n = 0;
    int64_t wait_ms = -1;
    while (kube_limiter_enter(l, write, now_ms, &wait_ms)) n++;
    CHECK_INT(wait_ms, 0);
    return n;
}

static void empty(struct kube_limiter *l, bool write, int n, int64_t now_ms)
{
    for (int i = 0; i < n; i++) kube_limiter_leave(l, write, false, now_ms);
}

/* One refused write at now_ms. */
static void refuse(struct kube_limiter *l, int64_t now_ms)
{
    int64_t wait_ms;
    CHECK(kube_limiter_enter(l, true, now_ms, &wait_ms));
    kube_limiter_leave(l, true, true, now_ms);
}

TEST(kube_limiter, writes_stop_at_the_cap_and_reads_have_some_room_above_it)
{
    struct kube_limiter l;
    int64_t wait_ms;
    kube_limiter_init(&l, 0, 0, 0);
    CHECK_INT(fill(&l, true, 0), START);
    CHECK_INT(fill(&l, false, 0), READS_ABOVE);
    kube_limiter_leave(&l, false, false, 0);
    CHECK(!kube_limiter_enter(&l, true, 0, &wait_ms));
    CHECK(kube_limiter_enter(&l, false, 0, &wait_ms));
    kube_limiter_leave(&l, true, false, 0);
    CHECK(kube_limiter_enter(&l, true, 0, &wait_ms));
}

TEST(kube_limiter, a_second_that_used_its_room_without_a_refusal_earns_one_up_to_the_ceiling)
{
    struct kube_limiter l;
    kube_limiter_init(&l, 0, 0, -5000);
    refuse(&l, -1000);
    for (int s = 0; s < 100; s++) {
        int n = fill(&l, true, s * 1000);
        CHECK_INT(n, HALF + s < LIMIT_IN_FLIGHT_WRITES ? HALF + s : LIMIT_IN_FLIGHT_WRITES);
        empty(&l, true, n, s * 1000 + 500);
    }
    CHECK_INT(l.cap, LIMIT_IN_FLIGHT_WRITES);
    CHECK_INT(fill(&l, true, 100000) + fill(&l, false, 100000), LIMIT_IN_FLIGHT);
}

TEST(kube_limiter, room_that_nobody_asked_for_does_not_grow)
{
    struct kube_limiter l;
    int64_t wait_ms;
    kube_limiter_init(&l, 0, 0, 0);
    for (int s = 0; s < 50; s++) {
        CHECK(kube_limiter_enter(&l, true, s * 1000, &wait_ms));
        kube_limiter_leave(&l, true, false, s * 1000);
    }
    CHECK_INT(l.cap, START);
}

TEST(kube_limiter, a_storm_of_refusals_halves_once_a_second_and_stops_at_the_floor)
{
    struct kube_limiter l;
    kube_limiter_init(&l, 0, 0, 0);
    for (int i = 0; i < 20; i++) refuse(&l, 100 + i);
    CHECK_INT(l.cap, HALF);
    refuse(&l, 1099);
    CHECK_INT(l.cap, HALF);
    refuse(&l, 1100);
    CHECK_INT(l.cap, HALF / 2);
    for (int i = 1; i < 10; i++) refuse(&l, 1100 + i * 1000);
    CHECK_INT(l.cap, FLOOR);
    CHECK_INT(fill(&l, true, 20000), FLOOR);
}

TEST(kube_limiter, a_second_with_a_refusal_earns_nothing_even_when_it_was_full)
{
    struct kube_limiter l;
    kube_limiter_init(&l, 0, 0, 0);
    refuse(&l, 0);
    CHECK_INT(l.cap, HALF);
    CHECK_INT(fill(&l, true, 10), HALF);
    empty(&l, true, HALF, 20);
    CHECK_INT(fill(&l, true, 1000), HALF);
    empty(&l, true, HALF, 1001);
    CHECK_INT(fill(&l, true, 2000), HALF + 1);
}

TEST(kube_limiter, a_smaller_cap_waits_until_enough_have_left)
{
    struct kube_limiter l;
    int64_t wait_ms;
    kube_limiter_init(&l, 0, 0, 0);
    CHECK_INT(fill(&l, true, 0), START);
    kube_limiter_leave(&l, true, true, 1);
    CHECK_INT(l.cap, HALF);
    for (int i = 0; i < START - HALF - 1; i++) {
        CHECK(!kube_limiter_enter(&l, true, 2, &wait_ms));
        kube_limiter_leave(&l, true, false, 2);
    }
    CHECK(!kube_limiter_enter(&l, true, 2, &wait_ms));
    kube_limiter_leave(&l, true, false, 2);
    CHECK(kube_limiter_enter(&l, true, 2, &wait_ms));
}

TEST(kube_limiter, a_rate_gives_its_burst_and_then_says_how_long_to_wait)
{
    struct kube_limiter l;
    int64_t wait_ms = 0, now_ms = 0;
    kube_limiter_init(&l, 10, 3, 0);
    for (int i = 0; i < 3; i++) CHECK(kube_limiter_enter(&l, false, now_ms, &wait_ms));
    for (int i = 0; i < 20; i++) {
        CHECK(!kube_limiter_enter(&l, false, now_ms, &wait_ms));
        CHECK(wait_ms >= 99 && wait_ms <= 101);
        now_ms += wait_ms;
        CHECK(kube_limiter_enter(&l, false, now_ms, &wait_ms));
    }
    CHECK(now_ms >= 1980 && now_ms <= 2040);
}

TEST(kube_limiter, an_idle_minute_saves_no_more_than_the_burst)
{
    struct kube_limiter l;
    int64_t wait_ms;
    kube_limiter_init(&l, 10, 3, 0);
    for (int i = 0; i < 3; i++) CHECK(kube_limiter_enter(&l, false, 60000, &wait_ms));
    CHECK(!kube_limiter_enter(&l, false, 60000, &wait_ms));
}

TEST(kube_limiter, a_rate_without_a_burst_still_lets_one_through)
{
    struct kube_limiter l;
    int64_t wait_ms = 0;
    kube_limiter_init(&l, 2, 0, 0);
    CHECK(kube_limiter_enter(&l, false, 0, &wait_ms));
    CHECK(!kube_limiter_enter(&l, false, 0, &wait_ms));
    CHECK(kube_limiter_enter(&l, false, wait_ms, &wait_ms));
}
