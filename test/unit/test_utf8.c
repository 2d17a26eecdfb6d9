#include "lib/utf8.h"

#include <stdbool.h>
#include <string.h>

#include "test/check.h"

/* Encodes any number of up to 21 bits, also those that have no right to be encoded. */
static size_t encode(char out[4], unsigned code, size_t len)
{
    static const unsigned marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 1; code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(marks[len] | code);
    return len;
}

TEST(utf8, exactly_the_scalar_values_in_shortest_form_are_characters)
{
    for (unsigned code = 0; code < 0x1fffff; code += code < 0x11000 ? 1 : 37) {
        size_t right = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        bool scalar = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
        for (size_t len = right; len <= 4; len++) {
            char text[4];
            encode(text, code, len);
            CHECK_INT(utf8_len(text, len), scalar && len == right ? len : 0);
            for (size_t n = 0; n < len; n++) CHECK_INT(utf8_len(text, n), 0);
        }
    }
}

TEST(utf8, a_byte_that_continues_nothing_is_no_character)
{
    for (unsigned c = 0x80; c < 0x100; c++) {
        char text[4] = {(char)c, 'a', 'a', 'a'};
        CHECK_INT(utf8_len(text, 4), 0);
    }
}

TEST(utf8, a_cut_falls_between_characters)
{
    static const char text[] = "a\u00e9\u20ac\U0001F600z";
    static const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t n = 0; n < sizeof(text); n++) CHECK_INT(utf8_cut(text, n), kept[n]);
}

TEST(utf8, a_cut_of_what_is_no_utf8_stays_within_it)
{
    CHECK_INT(utf8_cut("\x80\x80\x80\x80\x80", 5), 5);
    CHECK_INT(utf8_cut("\x80", 1), 1);
    CHECK_INT(utf8_cut("a\xff", 2), 1);
}
