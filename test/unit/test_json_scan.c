#include "lib/json_scan.h"

#include <string.h>

#include "lib/json_table.h"
#include "lib/str.h"
#include "lib/xalloc.h"
#include "test/check.h"

/* In a block of exactly its size, so that the address sanitizer sees a read past the end. */
static int check_n(const char *text, size_t n, struct err *err)
{
    auto_free char *exact = xmalloc(n);
    memcpy(exact, text, n);
    return json_check(exact, n, err);
}

static bool accepts(const char *text)
{
    struct err err;
    return check_n(text, strlen(text), &err) == 0;
}

static const char *why_not(const char *text)
{
    static struct err err;
    err = (struct err){0};
    return check_n(text, strlen(text), &err) < 0 ? err.text : "accepted";
}

TEST(json_check, every_kind_of_value_is_a_document)
{
    static const char *const good[] = {
        "0",        "-0",
        "12",       "-1.5e+10",
        "1E5",      "0.1",
        "true",     "false",
        "null",     "\"\"",
        "[]",       "{}",
        "[1,2]",    "{\"a\":1}",
        " [ ] ",    "\t{\r\n\"a\" : [ null ] }\n",
        "\"/\"",    "\"\\/\\\"\\\\\\b\\f\\n\\r\\t\\u0041\"",
        "\"\x7f\"",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        CHECK_STR(why_not(good[i]), "accepted");
}

TEST(json_check, what_the_grammar_does_not_know_is_refused)
{
    static const char *const bad[] = {
        "",          " ",           "01",      "-",        "+1",         "1.",
        ".5",        "1e",          "1e+",     "0x1",      "NaN",        "tru",
        "truee",     "nul",         "'a'",     "[1,]",     "[,1]",       "[1 2]",
        "[1",        "]",           "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
        "{1:1}",     "{\"a\":1",    "{",       "[[]",      "[}",         "{]",
        "1 2",       "[] []",       "\"",      "\"a",      "\"\\",       "\"\\x\"",
        "\"\\u12\"", "\"\\u12g4\"", "\"\n\"",  "\"\x01\"", "// a\n1",    "\xef\xbb\xbf{}",
        "{\"a\" 1}", "--1",         "1-",      "\"\\u\"",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err;
        CHECK_ERR(check_n(bad[i], strlen(bad[i]), &err), err, ERR_INVALID);
    }
}

TEST(json_check, bytes_that_are_no_utf8_are_refused)
{
    static const char *const bad[] = {
        "\"\x80\"",
        "\"\xbf\"",
        "\"\xc0\x80\"",
        "\"\xc1\xbf\"",
        "\"\xe0\x80\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xed\xbf\xbf\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xff\"",
        "\"\xc3\"",
        "\"\xe2\x82\"",
        "\"\xf0\x9f\x98\"",
        "\"\xc3(\"",
        "\"\xe2\x82(\"",
    };
    static const char *const good[] = {
        "\"\xc2\x80\"",     "\"\xdf\xbf\"",     "\"\xe0\xa0\x80\"",     "\"\xed\x9f\xbf\"",
        "\"\xee\x80\x80\"", "\"\xef\xbf\xbf\"", "\"\xf0\x90\x80\x80\"", "\"\xf4\x8f\xbf\xbf\""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) CHECK_HAS(why_not(bad[i]), "UTF-8");
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) CHECK(accepts(good[i]));
}

TEST(json_check, a_nul_and_a_lone_surrogate_are_refused_also_when_escaped)
{
    struct err err;
    CHECK_ERR(check_n("\"a\0b\"", 5, &err), err, ERR_INVALID);
    CHECK_HAS(why_not("\"\\u0000\""), "NUL");
    CHECK_HAS(why_not("\"\\ud800\""), "surrogate");
    CHECK_HAS(why_not("\"\\udc00\""), "surrogate");
    CHECK_HAS(why_not("\"\\ud800\\ud800\""), "surrogate");
    CHECK_HAS(why_not("\"\\udc00\\udc00\""), "surrogate");
    CHECK_HAS(why_not("\"\\ud800x\\udc00\""), "surrogate");
    CHECK(accepts("\"\\ud83d\\ude00\""));
}

/* The quick loop looks at 16 bytes at a time: each place of a bad byte must be found. */
TEST(json_check, a_bad_byte_is_found_wherever_it_stands)
{
    static const char bad[] = {'\n', '\x1f', '\0', '\x80', '\xff'};
    for (size_t n = 1; n < 70; n++) {
        for (size_t at = 0; at < n; at++) {
            for (size_t i = 0; i < sizeof(bad); i++) {
                char text[80];
                struct err err;
                memset(text, 'x', sizeof(text));
                text[0] = text[n + 1] = '"';
                CHECK_INT(check_n(text, n + 2, &err), 0);
                text[at + 1] = bad[i];
                CHECK_INT(check_n(text, n + 2, &err), -1);
            }
        }
    }
}

TEST(json_check, no_beginning_of_a_document_is_a_document)
{
    static const char text[] =
        "{\"a\":[1.5,true,null,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\"],\"b\":{}}";
    struct err err;
    for (size_t n = 0; n < sizeof(text) - 1; n++) CHECK_INT(check_n(text, n, &err), -1);
    CHECK_INT(check_n(text, sizeof(text) - 1, &err), 0);
}

static int check_depth(int depth, struct err *err)
{
    char text[400];
    memset(text, '[', (size_t)depth);
    memset(text + depth, ']', (size_t)depth);
    return check_n(text, (size_t)depth * 2, err);
}

TEST(json_check, nesting_over_the_limit_is_too_big)
{
    struct err err;
    CHECK_OK(check_depth(LIMIT_JSON_DEPTH, &err), err);
    CHECK_ERR(check_depth(LIMIT_JSON_DEPTH + 1, &err), err, ERR_TOO_BIG);
}

TEST(json_check, the_error_says_at_which_byte)
{
    CHECK_STR(why_not("[1,2,x]"), "byte 5: no JSON value");
    CHECK_STR(why_not("{\"a\":\"\\q\"}"), "byte 6: unknown escape");
    CHECK_STR(why_not("[]x"), "byte 2: text after the end");
}

static const char *unescape(struct arena *a, const char *quoted)
{
    struct json_scan s = {.begin = quoted, .end = quoted + strlen(quoted)};
    struct json_slice slice;
    return json_scan_text(&s, quoted, &slice) ? json_slice_text(a, slice) : NULL;
}

TEST(json_unescape, escapes_become_what_they_stand_for)
{
    auto_arena a = {0};
    CHECK_STR(unescape(&a, "\"plain\""), "plain");
    CHECK_STR(unescape(&a, "\"\""), "");
    CHECK_STR(unescape(&a, "\"a\\b\\f\\n\\r\\t\\\"\\\\\\/z\""), "a\b\f\n\r\t\"\\/z");
    CHECK_STR(unescape(&a, "\"\\u0041\\u00e9\\u20AC\\uD83D\\ude00!\""), "A\u00e9\u20ac\U0001F600!");
    CHECK_STR(unescape(&a, "\"\\u007f\\u0080\\u07ff\\u0800\\uffff\\udbff\\udfff\""),
              "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf");
}

static bool whole(const char *text, int64_t want)
{
    int64_t got = 0;
    return json_number_int(text, strlen(text), &got) && got == want;
}

TEST(json_number, whole_numbers_are_exact_in_any_form)
{
    CHECK(whole("0", 0));
    CHECK(whole("-0", 0));
    CHECK(whole("0.000", 0));
    CHECK(whole("0e99999999999", 0));
    CHECK(whole("5.0", 5));
    CHECK(whole("1e3", 1000));
    CHECK(whole("1.5e1", 15));
    CHECK(whole("1500e-2", 15));
    CHECK(whole("1.230E+2", 123));
    CHECK(whole("100", 100));
    CHECK(whole("-100200", -100200));
    CHECK(whole("9007199254740993", 9007199254740993));
    CHECK(whole("9223372036854775807", INT64_MAX));
    CHECK(whole("-9223372036854775808", INT64_MIN));
    CHECK(whole("-9.223372036854775808e18", INT64_MIN));
    CHECK(whole("0.0000000000000000000000000000001e31", 1));
}

TEST(json_number, a_fraction_or_more_than_64_bit_is_no_whole_number)
{
    static const char *const bad[] = {
        "1.5",
        "1e-1",
        "15e-2",
        "9223372036854775808",
        "-9223372036854775809",
        "1e19",
        "1e99999999999",
        "1e-99999999999",
        "123456789012345678901234567890",
        "0.1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int64_t out = 77;
        CHECK(!json_number_int(bad[i], strlen(bad[i]), &out));
        CHECK_INT(out, 77);
    }
}
