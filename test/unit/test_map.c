#include "lib/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rng.h"
#include "lib/xalloc.h"
#include "test/check.h"

enum { KEYS = 300 };

static char keys[KEYS][16];

static void name_keys(void)
{
    for (int i = 0; i < KEYS; i++) snprintf(keys[i], sizeof(keys[i]), "k%d", i);
}

static void check_like_model(const struct map *m, char *const model[KEYS])
{
    size_t count = 0, walked = 0;
    for (int i = 0; i < KEYS; i++) {
        CHECK(map_get(m, keys[i]) == model[i]);
        count += model[i] != NULL;
    }
    CHECK_INT(m->count, count);
    const struct map_entry *e = NULL;
    for (size_t i = 0; (e = map_next(m, &i)); walked++) CHECK(map_get(m, e->key) == e->value);
    CHECK_INT(walked, count);
}

static void compare_with_array(size_t first_key, size_t key_count, int steps)
{
    static char values[100];
    struct rng rng;
    struct map m = {0};
    char *model[KEYS] = {0};
    name_keys();
    rng_seed(&rng, first_key);
    for (int step = 0; step < steps; step++) {
        size_t i = first_key + (size_t)rng_below(&rng, key_count);
        /* grows for a while, then shrinks, so that removals meet long runs of full places */
        bool put = rng_below(&rng, 10) < (step * 4 / steps % 2 ? 3 : 7);
        char *value = put ? &values[rng_below(&rng, sizeof(values))] : NULL;
        void *old = put ? map_put(&m, keys[i], value) : map_remove(&m, keys[i]);
        CHECK(old == model[i]);
        model[i] = value;
        if ((size_t)step % (key_count / 5) == 0) check_like_model(&m, model);
    }
    check_like_model(&m, model);
    map_release(&m, NULL);
}

TEST(map, random_puts_and_removes_match_a_plain_array)
{
    compare_with_array(0, KEYS, 10000);
}

/* Five keys keep to the first eight places, where runs of full ones often go around the end. */
TEST(map, removals_close_gaps_around_the_end_too)
{
    for (size_t first = 0; first + 5 <= KEYS; first += 5) compare_with_array(first, 5, 200);
}

TEST(map, a_zeroed_struct_is_an_empty_map)
{
    struct map m = {0};
    size_t i = 0;
    CHECK(!map_get(&m, "a") && !map_remove(&m, "a") && !map_next(&m, &i));
    map_release(&m, free);
}

TEST(map, a_second_put_replaces_value_and_key)
{
    struct map m = {0};
    char first[] = "key", second[] = "key", a = 'a', b = 'b';
    CHECK(map_put(&m, first, &a) == NULL);
    CHECK(map_put(&m, second, &b) == &a);
    first[0] = 'x'; /* the first key may go with the first value */
    CHECK(map_get(&m, "key") == &b);
    CHECK_INT(m.count, 1);
    map_release(&m, NULL);
}

TEST(map, a_key_is_found_by_its_first_bytes_alone)
{
    struct map m = {0};
    char v = 'v';
    map_put(&m, "ns/name", &v);
    CHECK(map_get_n(&m, "ns/name/more", 7) == &v);
    CHECK(!map_get_n(&m, "ns/name", 6));
    CHECK(!map_get_n(&m, "ns/name/more", 8));
    CHECK(!map_get_n(&m, "ns/name\0x", 9));
    map_release(&m, NULL);
}

TEST(map, release_frees_each_value)
{
    struct map m = {0};
    name_keys();
    for (int i = 0; i < KEYS; i++) map_put(&m, keys[i], xmalloc(1)); /* the sanitizer counts */
    map_release(&m, free);
    CHECK_INT(m.count, 0);
    CHECK(!map_get(&m, keys[0]));
}

TEST(map, two_maps_of_one_history_walk_alike)
{
    struct map a = {0}, b = {0};
    char copies[KEYS][16], v = 'v';
    name_keys();
    memcpy(copies, keys, sizeof(copies));
    for (int i = 0; i < KEYS; i++) {
        map_put(&a, keys[i], &v);
        map_put(&b, copies[i], &v);
    }
    for (size_t i = 0, k = 0;;) {
        const struct map_entry *x = map_next(&a, &i), *y = map_next(&b, &k);
        CHECK_INT(!x, !y);
        if (!x) break;
        CHECK_STR(x->key, y->key);
    }
    map_release(&a, NULL);
    map_release(&b, NULL);
}

TEST(hash, it_depends_on_bytes_length_and_seed_and_not_on_the_place)
{
    char text[64] = "..session-1", other[64] = ".....session-1";
    CHECK(hash_bytes(text + 2, 9, 0) == hash_bytes(other + 5, 9, 0));
    CHECK(hash_bytes("session-1", 9, 0) != hash_bytes("session-2", 9, 0));
    CHECK(hash_bytes("session-1", 9, 0) != hash_bytes("session-1", 9, 1));
    CHECK(hash_bytes("a\0", 1, 0) != hash_bytes("a\0", 2, 0));
    CHECK(hash_bytes("", 0, 0) == hash_bytes(NULL, 0, 0));
}

/* Annotations in the cluster hold such hashes: a new binary must not see a change everywhere. */
TEST(hash, it_never_changes)
{
    CHECK_INT(hash_bytes("", 0, 0), -5982145780274722093);
    CHECK_INT(hash_bytes("carrel", 6, 0), 6165353138704963507);
    CHECK_INT(hash_bytes("a longer text than eight bytes", 30, 7), 4385780884644916437);
}

TEST(hash, similar_keys_spread_over_all_buckets)
{
    enum { BUCKETS = 64, EACH = 100 };
    int hits[BUCKETS] = {0};
    for (int i = 0; i < BUCKETS * EACH; i++) {
        char key[32];
        int n = snprintf(key, sizeof(key), "team/ss-%d", i);
        hits[hash_bytes(key, (size_t)n, 0) % BUCKETS]++;
    }
    for (int i = 0; i < BUCKETS; i++) CHECK(hits[i] > EACH / 2 && hits[i] < EACH * 2);
}
