#include "lib/ring.h"

#include <string.h>

#include "lib/rng.h"
#include "test/check.h"

TEST(ring, a_full_ring_lets_the_oldest_go_and_counts_it)
{
    struct ring r;
    int gone = -1;
    ring_init(&r, sizeof(int), 3);
    for (int i = 0; i < 3; i++) CHECK(!ring_push(&r, &i, &gone));
    CHECK_INT(gone, -1);
    CHECK(ring_push(&r, &(int){3}, &gone));
    CHECK_INT(gone, 0);
    CHECK(ring_push(&r, &(int){4}, NULL));
    CHECK_INT(ring_take_dropped(&r), 2);
    CHECK_INT(ring_take_dropped(&r), 0);
    for (int i = 2; i < 5; i++) {
        int got = -1;
        CHECK(ring_pop(&r, &got));
        CHECK_INT(got, i);
    }
    CHECK(!ring_pop(&r, &gone));
    CHECK_INT(gone, 0);
    ring_release(&r);
}

TEST(ring, an_empty_ring_has_no_memory)
{
    struct ring r;
    int x = 1;
    ring_init(&r, sizeof(int), 1000);
    CHECK(r.items == NULL);
    ring_push(&r, &x, NULL);
    ring_trim(&r);
    CHECK_INT(r.count, 1);
    CHECK(ring_pop(&r, &x));
    ring_trim(&r);
    CHECK(r.items == NULL);
    ring_push(&r, &x, NULL);
    CHECK_INT(*(int *)ring_at(&r, 0), 1);
    ring_release(&r);
    ring_release(&r);
}

TEST(ring, random_pushes_and_pops_match_a_plain_array)
{
    struct rng rng;
    rng_seed(&rng, 11);
    for (size_t max = 1; max < 20; max++) {
        struct ring r;
        int64_t model[20], next = 0, dropped = 0;
        size_t count = 0;
        ring_init(&r, sizeof(int64_t), max);
        for (int step = 0; step < 1000; step++) {
            int64_t out = -1;
            bool pop = rng_below(&rng, 2), leaves = pop ? count > 0 : count == max;
            if (pop)
                CHECK_INT(ring_pop(&r, &out), leaves);
            else
                CHECK_INT(ring_push(&r, &(int64_t){++next}, &out), leaves);
            CHECK_INT(out, leaves ? model[0] : -1);
            if (leaves) memmove(model, model + 1, --count * sizeof(*model));
            if (!pop) model[count++] = next;
            dropped += !pop && leaves;
            CHECK_INT(r.count, count);
            CHECK_INT(r.dropped, dropped);
            for (size_t i = 0; i < count; i++) CHECK_INT(*(int64_t *)ring_at(&r, i), model[i]);
        }
        ring_release(&r);
    }
}
