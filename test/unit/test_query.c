#include "lib/serve/query.h"

#include <string.h>

#include "lib/limits.h"
#include "test/check.h"

static struct query parse(struct arena *a, const char *raw)
{
    struct query q = {0};
    struct err err = {0};
    CHECK_OK(query_parse(a, raw, &q, &err), err);
    return q;
}

TEST(query, values_are_decoded_once)
{
    auto_arena a;
    arena_init(&a);
    struct query q = parse(&a, "a=1&b=x%20y+z&c=%2541&d&&e=&f=g=h");
    CHECK_INT(q.count, 6);
    CHECK_STR(query_get(&q, "a"), "1");
    CHECK_STR(query_get(&q, "b"), "x y z");
    CHECK_STR(query_get(&q, "c"), "%41");
    CHECK_STR(query_get(&q, "d"), "");
    CHECK_STR(query_get(&q, "e"), "");
    CHECK_STR(query_get(&q, "f"), "g=h");
    CHECK_STR(query_get(&q, "g"), NULL);
}

TEST(query, nothing_is_an_empty_query)
{
    auto_arena a;
    arena_init(&a);
    CHECK_INT(parse(&a, "").count, 0);
    CHECK_INT(parse(&a, "&&").count, 0);
}

TEST(query, the_first_of_a_name_counts)
{
    auto_arena a;
    arena_init(&a);
    struct query q = parse(&a, "user=ann&user=bob&%75ser=eve");
    CHECK_STR(query_get(&q, "user"), "ann");
}

TEST(query, what_is_no_text_is_refused_by_name)
{
    static const char *const bad[] = {"a=%",    "a=%1",   "a=%zz", "a=%00",
                                      "a=%ff",  "a=%c3", "a=%ed%a0%80", "a%00=1"};
    auto_arena a;
    arena_init(&a);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct query q;
        struct err err = {0};
        CHECK_ERR(query_parse(&a, bad[i], &q, &err), err, ERR_INVALID);
        CHECK_HAS(err.text, "a");
    }
}

TEST(query, too_many_parameters_are_refused)
{
    char raw[2 * LIMIT_QUERY_PAIRS + 2];
    for (size_t i = 0; i < sizeof(raw); i++) raw[i] = i % 2 ? '&' : 'a';
    raw[sizeof(raw) - 1] = '\0';
    auto_arena a;
    arena_init(&a);
    struct query q;
    struct err err = {0};
    CHECK_ERR(query_parse(&a, raw, &q, &err), err, ERR_INVALID);
    CHECK_HAS(err.text, "64");
}
