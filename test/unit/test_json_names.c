#include "lib/json_names.h"

#include <string.h>

#include "test/check.h"

TEST(json_names, a_name_is_found_again_among_few_and_among_many)
{
    auto_arena a = {0};
    struct json_names names = {0};
    for (int i = 0; i < 5000; i++) {
        const char *name = arena_printf(&a, "name-%d", i);
        CHECK(!json_names_add(&names, &a, name, strlen(name)));
        const char *again = arena_printf(&a, "name-%d", i * 7919 % (i + 1));
        CHECK_STR(json_names_add(&names, &a, again, strlen(again)), "is there twice");
    }
    CHECK_INT(names.count, 5000);
}

TEST(json_names, names_differ_by_their_length_and_may_be_empty)
{
    auto_arena a = {0};
    struct json_names names = {0};
    CHECK(!json_names_add(&names, &a, "ab", 2));
    CHECK(!json_names_add(&names, &a, "ab", 1));
    CHECK(!json_names_add(&names, &a, "ab", 0));
    CHECK(json_names_add(&names, &a, "", 0) != NULL);
}

TEST(json_names, an_object_with_too_many_names_is_refused)
{
    auto_arena a = {0};
    struct json_names names = {0};
    for (int i = 0; i < JSON_NAMES_MOST; i++) {
        const char *name = arena_printf(&a, "%d", i);
        CHECK(!json_names_add(&names, &a, name, strlen(name)));
    }
    CHECK_HAS(json_names_add(&names, &a, "x", 1), "too many");
}
