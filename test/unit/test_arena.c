#include "lib/arena.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/rng.h"
#include "test/check.h"

TEST(arena, memory_fits_any_type_and_no_two_pieces_overlap)
{
    enum { PIECES = 2000 };
    auto_arena a = {0};
    struct rng rng;
    static struct piece {
        unsigned char *at;
        size_t size;
    } pieces[PIECES];
    rng_seed(&rng, 1);
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = (size_t)rng_below(&rng, i % 100 ? 300 : 40000);
        pieces[i] = (struct piece){arena_alloc(&a, size), size};
        CHECK_INT((uintptr_t)pieces[i].at % _Alignof(max_align_t), 0);
        memset(pieces[i].at, (int)(i & 0xff), size);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < pieces[i].size; k++) CHECK_INT(pieces[i].at[k], i & 0xff);
    }
}

TEST(arena, a_warm_arena_serves_from_the_same_memory)
{
    auto_arena a = {0};
    char *first = arena_alloc(&a, 1000), *big = arena_alloc(&a, 100000);
    arena_reset(&a, 1 << 20);
    CHECK_INT(a.used, 0);
    CHECK(arena_alloc(&a, 1000) == first);
    CHECK(arena_alloc(&a, 100000) == big);
}

TEST(arena, reset_gives_back_what_is_over_the_bound)
{
    auto_arena a = {0};
    arena_alloc(&a, 1 << 20);
    arena_reset(&a, 64 << 10);
    CHECK(a.first == NULL);
    char *small = arena_alloc(&a, 10);
    arena_alloc(&a, 1 << 20);
    arena_reset(&a, 64 << 10);
    CHECK(a.first != NULL);
    CHECK(arena_alloc(&a, 10) == small);
}

TEST(arena, used_counts_what_was_handed_out)
{
    auto_arena a = {0};
    arena_alloc(&a, 100);
    CHECK(a.used >= 100 && a.used < 200);
    arena_alloc(&a, 1 << 20);
    CHECK(a.used >= (1 << 20) + 100);
}

TEST(arena, zalloc_is_zero_also_in_used_memory)
{
    auto_arena a = {0};
    memset(arena_alloc(&a, 5000), 0xff, 5000);
    arena_reset(&a, 1 << 20);
    static const char zeros[5000];
    CHECK_MEM(arena_zalloc(&a, 5000), zeros, sizeof(zeros));
}

TEST(arena, text_is_copied_and_terminated)
{
    auto_arena a = {0};
    char text[] = "hello";
    char *copy = arena_strdup(&a, text), *part = arena_strndup(&a, text, 2);
    text[0] = 'J';
    CHECK_STR(copy, "hello");
    CHECK_STR(part, "he");
    CHECK_STR(arena_strndup(&a, text, 0), "");
    CHECK_STR(arena_printf(&a, "%s-%d", copy, 7), "hello-7");
    char *longer = arena_printf(&a, "%05000d", 3);
    CHECK_INT(strlen(longer), 5000);
}

TEST(arena, release_leaves_an_arena_that_can_be_used_again)
{
    struct arena a = {0};
    arena_release(&a);
    arena_alloc(&a, 10);
    arena_release(&a);
    CHECK(a.first == NULL && a.used == 0);
    arena_alloc(&a, 10);
    arena_release(&a);
}
