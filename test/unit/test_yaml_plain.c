#include "lib/yaml_plain.h"

#include <string.h>

#include "test/check.h"

struct sample {
    const char *text;
    enum yaml_plain kind;
    const char *json;
};

static void check_samples(const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char json[YAML_PLAIN_SIZE] = "";
        CHECK_INT(yaml_plain(samples[i].text, strlen(samples[i].text), json), samples[i].kind);
        CHECK_STR(json, samples[i].json);
    }
}
#define CHECK_SAMPLES(samples) check_samples(samples, sizeof(samples) / sizeof(*(samples)))

TEST(yaml_plain, words_of_yaml_1_1_are_bools_and_nulls)
{
    static const struct sample samples[] = {
        {"yes", PLAIN_BOOL, "true"},    {"On", PLAIN_BOOL, "true"},   {"TRUE", PLAIN_BOOL, "true"},
        {"y", PLAIN_BOOL, "true"},      {"no", PLAIN_BOOL, "false"},  {"OFF", PLAIN_BOOL, "false"},
        {"False", PLAIN_BOOL, "false"}, {"n", PLAIN_BOOL, "false"},   {"", PLAIN_NULL, "null"},
        {"~", PLAIN_NULL, "null"},      {"Null", PLAIN_NULL, "null"}, {"yES", PLAIN_TEXT, ""},
        {"tRue", PLAIN_TEXT, ""},       {"nULL", PLAIN_TEXT, ""},     {"yes ", PLAIN_TEXT, ""},
    };
    CHECK_SAMPLES(samples);
}

TEST(yaml_plain, whole_numbers_come_in_four_bases)
{
    static const struct sample samples[] = {
        {"0", PLAIN_INT, "0"},
        {"-0", PLAIN_INT, "0"},
        {"+12", PLAIN_INT, "12"},
        {"-12", PLAIN_INT, "-12"},
        {"0x1F", PLAIN_INT, "31"},
        {"-0x10", PLAIN_INT, "-16"},
        {"017", PLAIN_INT, "15"},
        {"0o17", PLAIN_INT, "15"},
        {"0b101", PLAIN_INT, "5"},
        {"-0b11", PLAIN_INT, "-3"},
        {"1_000_000", PLAIN_INT, "1000000"},
        {"9223372036854775808", PLAIN_INT, "9223372036854775808"},
        {"18446744073709551615", PLAIN_INT, "18446744073709551615"},
        {"-9223372036854775808", PLAIN_INT, "-9223372036854775808"},
        {"0xffffffffffffffffff", PLAIN_TEXT, ""},
        {"0x", PLAIN_TEXT, ""},
        {"0b2", PLAIN_TEXT, ""},
        {"0xg", PLAIN_TEXT, ""},
        {"-", PLAIN_TEXT, ""},
        {"+", PLAIN_TEXT, ""},
    };
    CHECK_SAMPLES(samples);
}

TEST(yaml_plain, fractions_become_json_numbers)
{
    static const struct sample samples[] = {
        {"1.5", PLAIN_FLOAT, "1.5"},
        {".5", PLAIN_FLOAT, "0.5"},
        {"5.", PLAIN_FLOAT, "5"},
        {"-.5e+3", PLAIN_FLOAT, "-0.5e+3"},
        {"+1.50", PLAIN_FLOAT, "1.50"},
        {"1e3", PLAIN_FLOAT, "1e3"},
        {"00.5", PLAIN_FLOAT, "0.5"},
        {"08", PLAIN_FLOAT, "8"},
        {"007.0", PLAIN_FLOAT, "7.0"},
        {"09e1", PLAIN_FLOAT, "9e1"},
        {"0.", PLAIN_FLOAT, "0"},
        {"18446744073709551616", PLAIN_FLOAT, "18446744073709551616"},
        {".inf", PLAIN_NO_JSON, ""},
        {"-.INF", PLAIN_NO_JSON, ""},
        {".NaN", PLAIN_NO_JSON, ""},
    };
    CHECK_SAMPLES(samples);
}

TEST(yaml_plain, what_only_begins_like_a_number_is_text)
{
    static const char *const texts[] = {
        "1:30",    "2026-11-21", "2026-11-21T10:00:00Z",
        "1.2.3",   "100m",       "1Gi",
        "12e4567", "1e",         "1e+",
        ".",       ".e1",        "1.5.",
        "-a",      "+-1",        "0x1.8p3",
        "1e5x",    "--1",        "infinity",
        "nan",     "e5",         "...",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char json[YAML_PLAIN_SIZE];
        CHECK_INT(yaml_plain(texts[i], strlen(texts[i]), json), PLAIN_TEXT);
    }
}

TEST(yaml_plain, very_long_digits_are_text)
{
    char digits[YAML_PLAIN_MAX + 2], json[YAML_PLAIN_SIZE];
    memset(digits, '7', sizeof(digits));
    CHECK_INT(yaml_plain(digits, YAML_PLAIN_MAX, json), PLAIN_FLOAT);
    CHECK_INT(strlen(json), YAML_PLAIN_MAX);
    CHECK_INT(yaml_plain(digits, YAML_PLAIN_MAX + 1, json), PLAIN_TEXT);
    digits[0] = '-';
    digits[1] = '.';
    CHECK_INT(yaml_plain(digits, YAML_PLAIN_MAX, json), PLAIN_FLOAT);
    CHECK_INT(strlen(json), YAML_PLAIN_MAX + 1);
}
