#include "lib/rng.h"

#include "test/check.h"

TEST(rng, a_seed_reproduces_the_sequence)
{
    struct rng a, b, c;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    rng_seed(&c, 43);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rng_next(&a);
        CHECK(x == rng_next(&b));
        same += x == rng_next(&c);
    }
    CHECK_INT(same, 0);
}

/* The first outputs after the state 1, 2, 3, 4, as the authors' reference code gives them. */
TEST(rng, it_is_xoshiro256_starstar)
{
    struct rng r = {{1, 2, 3, 4}};
    CHECK(rng_next(&r) == 11520);
    CHECK(rng_next(&r) == 0);
    CHECK(rng_next(&r) == 1509978240);
    CHECK(rng_next(&r) == 1215971899390074240);
}

TEST(rng, below_stays_below_and_reaches_all)
{
    struct rng r;
    int hits[7] = {0};
    rng_seed(&r, 5);
    for (int i = 0; i < 7000; i++) hits[rng_below(&r, 7)]++;
    for (int i = 0; i < 7; i++) CHECK(hits[i] > 800 && hits[i] < 1200);
    CHECK_INT(rng_below(&r, 1), 0);
}

TEST(rng, between_includes_both_ends)
{
    struct rng r;
    int64_t least = 100, most = -100;
    rng_seed(&r, 6);
    for (int i = 0; i < 1000; i++) {
        int64_t x = rng_between(&r, -3, 3);
        if (x < least) least = x;
        if (x > most) most = x;
    }
    CHECK_INT(least, -3);
    CHECK_INT(most, 3);
    CHECK_INT(rng_between(&r, 9, 9), 9);
}

TEST(rng, between_works_over_the_whole_range)
{
    struct rng r;
    int negative = 0;
    rng_seed(&r, 7);
    for (int i = 0; i < 1000; i++) negative += rng_between(&r, INT64_MIN, INT64_MAX) < 0;
    CHECK(negative > 400 && negative < 600);
    CHECK(rng_between(&r, INT64_MIN, INT64_MIN + 1) <= INT64_MIN + 1);
}

TEST(rng, unit_is_from_0_to_less_than_1)
{
    struct rng r;
    double sum = 0;
    rng_seed(&r, 8);
    for (int i = 0; i < 10000; i++) {
        double x = rng_unit(&r);
        CHECK(x >= 0 && x < 1);
        sum += x;
    }
    CHECK(sum > 4800 && sum < 5200);
}

TEST(rng, entropy_differs_each_time)
{
    unsigned char a[16] = {0}, b[16] = {0};
    int same = 0;
    rng_bytes(a, sizeof(a));
    rng_bytes(b, sizeof(b));
    for (int i = 0; i < 16; i++) same += a[i] == b[i];
    CHECK(same < 16);
    CHECK(rng_entropy() != rng_entropy());
}
