#include "lib/clock.h"

#include <stdlib.h>
#include <string.h>

#include "lib/rng.h"
#include "test/check.h"

static const char *formatted(int64_t wall_ms)
{
    static char text[TIME_TEXT_SIZE];
    time_format(text, wall_ms);
    return text;
}

static int64_t parsed(const char *text)
{
    int64_t ms = -1;
    struct err err;
    CHECK_OK(time_parse(text, &ms, &err), err);
    return ms;
}

TEST(time, known_moments_are_formatted)
{
    CHECK_STR(formatted(0), "1970-01-01T00:00:00Z");
    CHECK_STR(formatted(999), "1970-01-01T00:00:00Z");
    CHECK_STR(formatted(-1), "1969-12-31T23:59:59Z");
    CHECK_STR(formatted(951782400000), "2000-02-29T00:00:00Z");
    CHECK_STR(formatted(1795255200000), "2026-11-21T10:00:00Z");
    CHECK_STR(formatted(4107542399000), "2100-02-28T23:59:59Z");
    CHECK_STR(formatted(4107542400000), "2100-03-01T00:00:00Z");
    CHECK_STR(formatted(253402300799000), "9999-12-31T23:59:59Z");
    CHECK_INT(strlen(formatted(INT64_MAX)), 20); /* no year of ours, but no overrun either */
    CHECK_INT(strlen(formatted(INT64_MIN)), 20);
}

TEST(time, microseconds_have_six_digits)
{
    char text[TIME_TEXT_SIZE];
    time_format_us(text, 1795255200000042);
    CHECK_STR(text, "2026-11-21T10:00:00.000042Z");
    time_format_us(text, -1);
    CHECK_STR(text, "1969-12-31T23:59:59.999999Z");
}

TEST(time, what_is_formatted_is_read_back)
{
    struct rng rng;
    rng_seed(&rng, 9);
    for (int i = 0; i < 5000; i++) {
        int64_t ms = rng_between(&rng, -62167219200, 253402300799) * 1000; /* years 0 to 9999 */
        CHECK_INT(parsed(formatted(ms)), ms);
    }
}

TEST(time, fractions_are_cut_to_milliseconds)
{
    CHECK_INT(parsed("1970-01-01T00:00:00.1Z"), 100);
    CHECK_INT(parsed("1970-01-01T00:00:00.123999Z"), 123);
    CHECK_INT(parsed("1970-01-01T00:00:00.000000001Z"), 0);
    CHECK_INT(parsed("1970-01-01T00:00:00.9999999999999999999999Z"), 999);
}

TEST(time, offsets_count_and_small_letters_do_not)
{
    CHECK_INT(parsed("1970-01-01T01:00:00+01:00"), 0);
    CHECK_INT(parsed("1969-12-31T18:30:00-05:30"), 0);
    CHECK_INT(parsed("1970-01-01t00:00:01z"), 1000);
    CHECK_INT(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01T00:00:00Z"));
}

TEST(time, what_is_not_rfc_3339_is_refused)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T10:00:00",
        "2026-11-21 10:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+0100",
        "+026-01-01T00:00:00Z",
        "2026-+1-01T00:00:00Z",
        "2026- 1-01T00:00:00Z",
        "2026-1-1T0:0:0Z",
        "2026-01-01T00:00:00.5",
        "2026-01-01T00:00:00+-1:00",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z ",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int64_t ms = 77;
        struct err err;
        CHECK_ERR(time_parse(bad[i], &ms, &err), err, ERR_INVALID);
        CHECK_INT(ms, 77);
    }
}

TEST(time, a_duration_is_a_number_and_a_unit)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"0", 0},        {"0s", 0},       {"5ms", 5},     {"30s", 30000},
                {"15m", 900000}, {"2h", 7200000}, {"007s", 7000}, {"1000000h", 3600000000000}};
    static const char *const bad[] = {"",   "5",    "s",     "-5s", "5 s",
                                      "5S", "1.5h", "1h30m", "00",  "99999999999999999999s",
                                      "5d", "0x5s", "+5s"};
    struct err err;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        int64_t ms = -1;
        CHECK_OK(duration_parse(good[i].text, &ms, &err), err);
        CHECK_INT(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int64_t ms = -1;
        CHECK_ERR(duration_parse(bad[i], &ms, &err), err, ERR_INVALID);
        CHECK_INT(ms, -1);
    }
}
