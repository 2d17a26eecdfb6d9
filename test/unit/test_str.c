#include "lib/str.h"

#include <stdlib.h>
#include <string.h>

#include "lib/rng.h"
#include "lib/xalloc.h"
#include "test/check.h"

static void check_sane(const struct str *s)
{
    CHECK(s->at != NULL);
    CHECK_INT(s->at[s->len], '\0');
    CHECK(s->len <= s->max);
    CHECK(s->cap == 0 || s->len < s->cap);
    CHECK(s->cap <= s->max + 1);
}

TEST(str, an_empty_one_is_text_already)
{
    auto_str s;
    str_init(&s, 10);
    CHECK_STR(s.at, "");
    check_sane(&s);
    str_clear(&s);
    str_drop_front(&s, 0);
    CHECK_STR(s.at, "");
}

TEST(str, what_is_appended_stands_one_after_another)
{
    auto_str s;
    str_init(&s, 100);
    str_add(&s, "a");
    str_add_n(&s, "bcd", 2);
    str_add_c(&s, '-');
    str_add_i(&s, INT64_MIN);
    str_add_f(&s, "/%s/%d", "x", 5);
    CHECK_STR(s.at, "abc--9223372036854775808/x/5");
    check_sane(&s);
}

TEST(str, up_to_the_maximum_fits_and_one_more_does_not)
{
    auto_str s;
    str_init(&s, 3);
    str_add(&s, "abc");
    CHECK(!s.over);
    str_add(&s, "");
    CHECK(!s.over);
    str_add_c(&s, 'd');
    CHECK(s.over);
    CHECK_STR(s.at, "abc");
    check_sane(&s);
}

TEST(str, after_the_first_append_too_many_all_are_dropped)
{
    auto_str s;
    struct err err;
    str_init(&s, 4);
    str_add(&s, "ab");
    CHECK_OK(str_check(&s, "body", &err), err);
    str_add_f(&s, "%s", "cde");
    str_add(&s, "c");
    CHECK_STR(s.at, "ab");
    CHECK_ERR(str_check(&s, "body", &err), err, ERR_TOO_BIG);
    CHECK_STR(err.text, "body is over 4 bytes");
    str_clear(&s);
    str_add(&s, "cd");
    CHECK_STR(s.at, "cd");
    CHECK_OK(str_check(&s, "body", &err), err);
}

TEST(str, no_maximum_at_all_is_a_maximum_too)
{
    auto_str s;
    str_init(&s, SIZE_MAX);
    for (int i = 0; i < 1000; i++) str_add(&s, "0123456789");
    CHECK_INT(s.len, 10000);
    CHECK_INT(s.at[s.len], '\0');
}

TEST(str, random_appends_match_a_plain_buffer)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    struct rng rng;
    rng_seed(&rng, 2);
    for (int round = 0; round < 200; round++) {
        char model[500] = "";
        size_t len = 0, max = (size_t)rng_below(&rng, 400);
        bool over = false;
        auto_str s;
        str_init(&s, max);
        for (int i = 0; i < 40; i++) {
            size_t n = (size_t)rng_below(&rng, 30), drop = (size_t)rng_below(&rng, len + 1);
            over = over || len + n > max;
            if (!over) {
                memcpy(model + len, letters, n);
                len += n;
            }
            str_add_n(&s, letters, n);
            if (i % 5 == 0) {
                str_drop_front(&s, drop);
                memmove(model, model + drop, len - drop);
                len -= drop;
            }
            model[len] = '\0';
            check_sane(&s);
            CHECK_STR(s.at, model);
            CHECK_INT(s.over, over);
        }
    }
}

TEST(str, taken_text_is_the_callers_and_leaves_an_empty_str)
{
    auto_str s;
    str_init(&s, 100);
    auto_free char *nothing = str_take(&s);
    CHECK_STR(nothing, "");
    str_add(&s, "mine");
    auto_free char *text = str_take(&s);
    CHECK_STR(text, "mine");
    CHECK_STR(s.at, "");
    CHECK_INT(s.max, 100);
    str_add(&s, "next");
    CHECK_STR(s.at, "next");
    CHECK_STR(text, "mine");
}

TEST(str, release_is_fine_on_a_zeroed_struct)
{
    struct str s = {0};
    str_release(&s);
    CHECK_STR(s.at, "");
}

TEST(str, json_escapes_quote_backslash_and_controls_only)
{
    auto_str s;
    str_init(&s, 100);
    str_add_json(&s, "a\"b\\c\n\x01\x1f/\x7f\xc3\xa9");
    CHECK_STR(s.at, "\"a\\\"b\\\\c\\u000a\\u0001\\u001f/\x7f\xc3\xa9\"");
}

TEST(str, json_replaces_bytes_that_are_no_utf8)
{
    auto_str s;
    str_init(&s, 100);
    str_add_json(&s, "a\xffz\xe2\x82\xed\xa0\x80\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3");
    CHECK_STR(s.at, "\"a\ufffdz\ufffd\ufffd\ufffd\ufffd\ufffd\u00e9\u20ac\U0001F600\ufffd\"");
}

TEST(str, url_leaves_unreserved_characters_alone)
{
    auto_str s;
    str_init(&s, 100);
    str_add_url(&s, "aZ09-._~ /?&=%+\xc3\xa9");
    CHECK_STR(s.at, "aZ09-._~%20%2F%3F%26%3D%25%2B%C3%A9");
}

TEST(str, copy_is_bounded_and_says_if_it_cut)
{
    char to[4];
    CHECK(str_copy(to, sizeof(to), "abc"));
    CHECK_STR(to, "abc");
    CHECK(!str_copy(to, sizeof(to), "abcd"));
    CHECK_STR(to, "abc");
    CHECK(!str_copy(to, 1, "x"));
    CHECK_STR(to, "");
    CHECK(str_copy(to, 1, ""));
}

TEST(str, a_copy_that_is_cut_ends_between_characters)
{
    char to[6];
    CHECK(!str_copy(to, sizeof(to), "\u20ac\u20ac"));
    CHECK_STR(to, "\u20ac");
}

TEST(str, null_equals_only_null)
{
    CHECK(str_equal(NULL, NULL));
    CHECK(!str_equal(NULL, "") && !str_equal("", NULL));
    CHECK(str_equal("a", "a") && !str_equal("a", "b"));
}
