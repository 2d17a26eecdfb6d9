#include "lib/shared.h"

#include "test/check.h"

TEST(shared, equal_texts_are_one_until_all_have_gone_back)
{
    size_t before = shared_count();
    char one[] = "Running", two[] = "Running";
    char *a = shared_ref(one), *b = shared_ref(two);
    CHECK(a == b && a != one);
    CHECK_INT(shared_count(), before + 1);
    shared_unref(a);
    CHECK_STR(b, "Running");
    CHECK_INT(shared_count(), before + 1);
    shared_unref(b);
    CHECK_INT(shared_count(), before);
}

TEST(shared, different_texts_stay_apart_and_null_goes_back_in_silence)
{
    size_t before = shared_count();
    char *a = shared_ref("a"), *empty = shared_ref("");
    CHECK(a != empty);
    CHECK_STR(empty, "");
    shared_unref(empty);
    shared_unref(NULL);
    CHECK_STR(a, "a");
    shared_unref(a);
    CHECK_INT(shared_count(), before);
}
