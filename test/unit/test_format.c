#include "lib/format.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "test/check.h"

static bool is_as_printed(const char *got, size_t n, const char *want)
{
    return n == strlen(want) && strcmp(got, want) == 0;
}

#define CHECK_AS_SNPRINTF(...)                                                                     \
    do {                                                                                           \
        char ours[200], theirs[200];                                                               \
        size_t n = format(ours, sizeof(ours), __VA_ARGS__);                                        \
        snprintf(theirs, sizeof(theirs), __VA_ARGS__);                                             \
        CHECK(is_as_printed(ours, n, theirs));                                                     \
    } while (0)

TEST(format, prints_as_snprintf_does)
{
    CHECK_AS_SNPRINTF("nothing to convert");
    CHECK_AS_SNPRINTF("%s%s", "", "a text");
    CHECK_AS_SNPRINTF("[%.*s|%.*s|%.*s]", 2, "abc", 9, "abc", 0, "abc");
    CHECK_AS_SNPRINTF("%c%%%c", 'x', 'y');
    CHECK_AS_SNPRINTF("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
    CHECK_AS_SNPRINTF("%u %zu", UINT_MAX, (size_t)SIZE_MAX);
    CHECK_AS_SNPRINTF("%lld %lld %lld", 10LL, LLONG_MAX, LLONG_MIN);
}

TEST(format, leaves_what_it_does_not_know_to_the_c_library)
{
    CHECK_AS_SNPRINTF("%s %08x %d", "first", 0xbeefu, 7);
    CHECK_AS_SNPRINTF("%016llx.%lld", 0x1234ULL, 5LL);
    CHECK_AS_SNPRINTF("%d %.2f %-5s|%5d", 1, 2.345, "ab", 42);
    CHECK_AS_SNPRINTF("%s %ld %.50s", "a", 12L, "cut at fifty");
}

TEST(format, tells_how_long_it_would_be_and_ends_what_it_cuts)
{
    char small[5];
    CHECK(format(small, sizeof(small), "%s-%d", "abc", 123) == 7);
    CHECK_STR(small, "abc-");
    CHECK(format(small, sizeof(small), "%s%x", "abcdef", 255u) == 8);
    CHECK_STR(small, "abcd");
    CHECK(format(small, 1, "%d", 5) == 1);
    CHECK_STR(small, "");
    CHECK(format(NULL, 0, "%s %x", "abc", 1u) == 5);
}

TEST(format, a_number_stands_at_the_end_of_its_buffer)
{
    char buffer[FORMAT_NUMBER_SIZE];
    size_t n;
    const char *at = format_number(buffer, INT64_MIN, &n);
    CHECK(n == 20 && memcmp(at, "-9223372036854775808", n) == 0);
    CHECK(at + n == buffer + FORMAT_NUMBER_SIZE);
}
