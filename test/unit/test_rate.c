#include "apiserver/rate.h"

#include <stdio.h>

#include "test/check.h"

static int burst_of(struct rates *rates, const char *caller, int64_t now_ms)
{
    int n = 0;
    while (n < 1000 && rates_take(rates, caller, now_ms) == 0) n++;
    return n;
}

TEST(rate, a_caller_has_a_burst_and_then_a_rate)
{
    struct rates *rates = rates_new(10, 5);
    CHECK_INT(burst_of(rates, "ann", 0), 5);
    CHECK_INT(rates_take(rates, "ann", 0), 101);
    CHECK_INT(rates_take(rates, "ann", 50), 51);
    CHECK_INT(rates_take(rates, "ann", 101), 0);
    CHECK_INT(burst_of(rates, "ann", 60000), 5); /* an hour saves no more than the burst */
    rates_free(rates);
}

TEST(rate, callers_do_not_share)
{
    struct rates *rates = rates_new(1, 2);
    CHECK_INT(burst_of(rates, "ann", 0), 2);
    CHECK_INT(burst_of(rates, "bob", 0), 2);
    CHECK_INT(burst_of(rates, "ann", 0), 0);
    rates_free(rates);
}

TEST(rate, no_rate_lets_all_through)
{
    struct rates *rates = rates_new(0, 0);
    CHECK_INT(burst_of(rates, "ann", 0), 1000);
    rates_free(rates);
}

TEST(rate, a_clock_that_goes_back_gives_nothing)
{
    struct rates *rates = rates_new(10, 1);
    CHECK_INT(rates_take(rates, "ann", 1000), 0);
    CHECK(rates_take(rates, "ann", 0) > 0);
    CHECK(rates_take(rates, "ann", 50) > 0);
    rates_free(rates);
}

TEST(rate, a_crowd_is_bounded_and_locks_nobody_out)
{
    struct rates *rates = rates_new(1, 2);
    char caller[24];
    for (int i = 0; i < RATE_CALLERS_MAX; i++) {
        snprintf(caller, sizeof(caller), "c-%d", i);
        CHECK_INT(rates_take(rates, caller, 0), 0);
    }
    CHECK_INT(burst_of(rates, "newcomer", 0), 1000); /* no room to count in */
    CHECK_INT(burst_of(rates, "c-7", 0), 1);
    CHECK_INT(burst_of(rates, "newcomer", 1000), 2); /* most are idle by now, and forgotten */
    CHECK_INT(burst_of(rates, "c-7", 1000), 1);      /* but not who was not */
    rates_free(rates);
}
