#include "controller/step.h"

#include "test/check.h"

TEST(step, a_round_holds_four_requests_and_the_next_one_asks_again)
{
    struct step_io io = {0};
    for (int i = 0; i < STEP_REQUESTS_MAX; i++) CHECK(step_send(&io, i) != NULL);
    CHECK(!step_send(&io, 9));
    CHECK_INT(io.request_count, STEP_REQUESTS_MAX);
    CHECK_INT(io.requests[3].tag, 3);
}

TEST(step, of_several_times_the_earliest_counts)
{
    struct step_io io = {.again_ms = STEP_NEVER};
    step_again(&io, 500);
    step_again(&io, 900);
    step_again(&io, 300);
    CHECK_INT(io.again_ms, 300);
}

TEST(step, events_over_the_bound_are_left_out)
{
    struct step_io io = {0};
    for (int i = 0; i < STEP_EVENTS_MAX + 2; i++) step_event(&io, true, "R", i, "n");
    CHECK_INT(io.event_count, STEP_EVENTS_MAX);
    CHECK_INT(io.events[STEP_EVENTS_MAX - 1].once, STEP_EVENTS_MAX - 1);
}
