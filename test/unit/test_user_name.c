#include "apiserver/user_name.h"

#include <string.h>

#include "test/check.h"

static const char *named(const char *id)
{
    static char out[USER_NAME_SIZE];
    user_name(id, out);
    return out;
}

TEST(user_name, what_fits_stays_as_it_is)
{
    static const char *const plain[] = {"alice", "a", "a-b", "0", "alice-smith-2"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
        CHECK_STR(named(plain[i]), plain[i]);
    CHECK_STR(named(""), "");
}

TEST(user_name, what_does_not_fit_gets_what_is_left_and_eight_digits)
{
    CHECK_STR(named("Alice@Example.com"), "alice-example-com-f8db6f2f");
    CHECK_STR(named("@@"), "u-3330e5ba");
}

TEST(user_name, it_always_fits_and_never_belongs_to_two)
{
    static const char *const ids[] = {
        "Alice",
        "ALICE",
        "alice@",
        "alice.",
        "-alice",
        "alice-",
        "älice",
        "a b",
        "a.b",
        "a_b",
        "\xff",
        "..",
        "a012345678901234567890123456789012345678901234567890123456789012345",
        "a0123456789012345678901234567890123456789012345678901234567890123456"};
    char seen[sizeof(ids) / sizeof(*ids)][USER_NAME_SIZE];
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        user_name(ids[i], seen[i]);
        CHECK(user_name_fits(seen[i]));
        for (size_t k = 0; k < i; k++) CHECK(strcmp(seen[i], seen[k]) != 0);
    }
}
