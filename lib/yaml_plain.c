#include "lib/yaml_plain.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/str.h"

static const struct {
    const char *text;
    enum yaml_plain kind;
    const char *json;
} words[] = {
    {"", PLAIN_NULL, "null"},        {"~", PLAIN_NULL, "null"},
    {"null", PLAIN_NULL, "null"},    {"Null", PLAIN_NULL, "null"},
    {"NULL", PLAIN_NULL, "null"},    {"true", PLAIN_BOOL, "true"},
    {"True", PLAIN_BOOL, "true"},    {"TRUE", PLAIN_BOOL, "true"},
    {"yes", PLAIN_BOOL, "true"},     {"Yes", PLAIN_BOOL, "true"},
    {"YES", PLAIN_BOOL, "true"},     {"y", PLAIN_BOOL, "true"},
    {"Y", PLAIN_BOOL, "true"},       {"on", PLAIN_BOOL, "true"},
    {"On", PLAIN_BOOL, "true"},      {"ON", PLAIN_BOOL, "true"},
    {"false", PLAIN_BOOL, "false"},  {"False", PLAIN_BOOL, "false"},
    {"FALSE", PLAIN_BOOL, "false"},  {"no", PLAIN_BOOL, "false"},
    {"No", PLAIN_BOOL, "false"},     {"NO", PLAIN_BOOL, "false"},
    {"n", PLAIN_BOOL, "false"},      {"N", PLAIN_BOOL, "false"},
    {"off", PLAIN_BOOL, "false"},    {"Off", PLAIN_BOOL, "false"},
    {"OFF", PLAIN_BOOL, "false"},    {".nan", PLAIN_NO_JSON, ""},
    {".NaN", PLAIN_NO_JSON, ""},     {".NAN", PLAIN_NO_JSON, ""},
    {".inf", PLAIN_NO_JSON, ""},     {".Inf", PLAIN_NO_JSON, ""},
    {".INF", PLAIN_NO_JSON, ""},     {"+.inf", PLAIN_NO_JSON, ""},
    {"+.Inf", PLAIN_NO_JSON, ""},    {"+.INF", PLAIN_NO_JSON, ""},
    {"-.inf", PLAIN_NO_JSON, ""},    {"-.Inf", PLAIN_NO_JSON, ""},
    {"-.INF", PLAIN_NO_JSON, ""},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_sign(char c)
{
    return c == '+' || c == '-';
}

/* The base that a number's prefix says, and the prefix's length. */
static int base_of(const char *p, size_t *prefix)
{
    char c = (char)(p[0] == '0' ? p[1] | 0x20 : 0);
    *prefix = 2;
    if (c == 'x') return 16;
    if (c == 'o') return 8;
    if (c == 'b') return 2;
    *prefix = 0;
    return p[0] == '0' ? 8 : 10;
}

static bool read_int(const char *p, char json[YAML_PLAIN_SIZE])
{
    bool minus = *p == '-';
    size_t prefix = 0;
    p += is_sign(*p);
    int base = base_of(p, &prefix);
    uint64_t value = 0;
    p += prefix;
    if (!*p) return false;
    for (; *p; p++) {
        int low = *p | 0x20, digit = is_digit(*p) ? *p - '0' : low >= 'a' ? low - 'a' + 10 : 99;
        if (digit >= base) return false;
        if (__builtin_mul_overflow(value, (uint64_t)base, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)digit, &value)) return false;
    }
    if (minus && value > (uint64_t)INT64_MAX + 1) return false;
    snprintf(json, YAML_PLAIN_SIZE, "%s%" PRIu64, minus && value ? "-" : "", value);
    return true;
}

static size_t span_digits(const char *p)
{
    return strspn(p, "0123456789");
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? as JSON: no plus, no zeros in front, digits
 * on both sides of the point. One that a double cannot hold is text: 12e4567 is a Git commit. */
static bool read_float(const char *text, char json[YAML_PLAIN_SIZE])
{
    const char *p = text + is_sign(*text);
    const char *whole = p;
    size_t whole_n = span_digits(p), part_n = 0;
    p += whole_n;
    if (*p == '.') {
        part_n = span_digits(p + 1);
        p += 1 + part_n;
    }
    const char *part = p - part_n, *exponent = p;
    if (whole_n + part_n == 0) return false;
    if (*p == 'e' || *p == 'E') {
        p += 1 + is_sign(p[1]);
        if (!is_digit(*p)) return false;
        p += span_digits(p);
    }
    if (*p || isinf(strtod(text, NULL))) return false;
    for (; whole_n > 1 && *whole == '0'; whole_n--) whole++;
    snprintf(json, YAML_PLAIN_SIZE, "%s%.*s%s%.*s%s", *text == '-' ? "-" : "",
             (int)(whole_n ? whole_n : 1), whole_n ? whole : "0", part_n ? "." : "", (int)part_n,
             part, exponent);
    return true;
}

enum yaml_plain yaml_plain(const char *text, size_t n, char json[YAML_PLAIN_SIZE])
{
    char clean[YAML_PLAIN_MAX + 1];
    size_t clean_n = 0;
    if (n > YAML_PLAIN_MAX) return PLAIN_TEXT;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strlen(words[i].text) != n || memcmp(words[i].text, text, n) != 0) continue;
        str_copy(json, YAML_PLAIN_SIZE, words[i].json);
        return words[i].kind;
    }
    if (!is_digit(*text) && !is_sign(*text) && *text != '.') return PLAIN_TEXT;
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '_') clean[clean_n++] = text[i];
    }
    clean[clean_n] = '\0';
    if (strlen(clean) != clean_n) return PLAIN_TEXT;
    if (read_int(clean, json)) return PLAIN_INT;
    return read_float(clean, json) ? PLAIN_FLOAT : PLAIN_TEXT;
}
