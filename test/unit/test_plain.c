#include "controller/plain.h"

#include <string.h>

#include "test/check.h"

static const char *text(const char *from, size_t max)
{
    static struct arena a;
    arena_reset(&a, 4096);
    return plain_text(&a, arena_strdup(&a, from), max);
}

TEST(plain, text_that_is_fine_is_not_copied)
{
    char fine[] = "line one\n\tline two \xc3\xa9 \xf0\x9f\x98\x80";
    auto_arena a = {0};
    CHECK(plain_text(&a, fine, 100) == fine);
    CHECK(plain_json(&a, fine) == fine);
    CHECK(!plain_text(&a, NULL, 100));
}

TEST(plain, what_a_yaml_reader_refuses_or_changes_becomes_a_question_mark)
{
    CHECK_STR(text("\x1b[31mred\x7f", 100), "?[31mred?");
    CHECK_STR(text("a\xc2\x85" "b\xe2\x80\xa8" "c\xef\xbb\xbf" "d\xef\xbf\xbe", 100), "a?b?c?d?");
    CHECK_STR(text("cut \xc3", 100), "cut ?"); /* half a character */
}

TEST(plain, what_is_too_long_is_cut_between_characters)
{
    CHECK_STR(text("0123456789", 10), "0123456789");
    CHECK_STR(text("0123456789a", 10), "0123456...");
    CHECK_STR(text("012345\xc3\xa9\xc3\xa9\xc3\xa9", 10), "012345...");
}

TEST(plain, json_keeps_its_meaning)
{
    auto_arena a = {0};
    char json[] = "{\"a\":\"x\x7f\xc2\x9f\xef\xbf\xbf\\n\"}";
    CHECK_STR(plain_json(&a, json), "{\"a\":\"x\\u007f\\u009f\\uffff\\n\"}");
}
