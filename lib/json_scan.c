#include "lib/json_scan.h"

#include <string.h>

#include "lib/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

const char *json_scan_fail(struct json_scan *s, const char *at, const char *why)
{
    if (s->why) return NULL;
    s->bad = at;
    s->why = why;
    if (s->code == ERR_NONE) s->code = ERR_INVALID;
    return NULL;
}

int json_scan_err(const struct json_scan *s, struct err *err)
{
    return err_set(err, s->code, "byte %zu: %s", (size_t)(s->bad - s->begin), s->why);
}

static inline const char *space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
    return p;
}

const char *json_scan_space(const struct json_scan *s, const char *p)
{
    return space(p, s->end);
}

/* --- Strings --- */

static inline bool is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\'; /* signed: 0x80 and up is not */
}

/* Past ASCII that stands for itself. Strings are most of what Kubernetes sends, so this loop is
 * what decides how fast a watch is read. */
static inline const char *plain_end(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), low = _mm_set1_epi8(32);
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash));
        stop = _mm_or_si128(stop, _mm_cmplt_epi8(x, low)); /* signed: controls and 0x80 and up */
        int at = _mm_movemask_epi8(stop);
        if (at) return p + __builtin_ctz((unsigned)at);
    }
#else
    const uint64_t ones = ~(uint64_t)0 / 255, tops = ones << 7;
    for (; end - p >= 8; p += 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        uint64_t quote = x ^ (ones * '"'), slash = x ^ (ones * '\\');
        uint64_t stop = (quote - ones) | (slash - ones) | (x - ones * 0x20) | x;
        if (stop & tops) break; /* one of the eight is; a borrow can only come from such a one */
    }
#endif
    while (p < end && is_plain(*p)) p++;
    return p;
}

const char *json_scan_plain(const char *p, const char *end)
{
    return plain_end(p, end);
}

static const char *scan_utf8(struct json_scan *s, const char *at)
{
    size_t n = utf8_len(at, (size_t)(s->end - at));
    return n ? at + n : json_scan_fail(s, at, "no UTF-8");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The four digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static const char *scan_escape(struct json_scan *s, const char *at)
{
    if (s->end - at < 2) return json_scan_fail(s, at, "the text does not end");
    if (at[1] != 'u') {
        if (at[1] && strchr("\"\\/bfnrt", at[1])) return at + 2;
        return json_scan_fail(s, at, "unknown escape");
    }
    int32_t code = hex4(at + 2, s->end);
    if (code < 0) return json_scan_fail(s, at, "\\u wants four hex digits");
    if (code == 0) return json_scan_fail(s, at, "a NUL in text");
    if (code < 0xd800 || code > 0xdfff) return at + 6;
    bool pair = code < 0xdc00 && s->end - at >= 12 && at[6] == '\\' && at[7] == 'u';
    int32_t low = pair ? hex4(at + 8, s->end) : -1;
    if (low < 0xdc00 || low > 0xdfff) return json_scan_fail(s, at, "lone surrogate");
    return at + 12;
}

static inline const char *scan_text(struct json_scan *s, const char *p, bool *escaped)
{
    const char *end = s->end;
    for (p++;;) {
        p = plain_end(p, end);
        if (p == end) return json_scan_fail(s, p, "the text does not end");
        if (*p == '"') return p + 1;
        if (*p == '\\') {
            *escaped = true;
            p = scan_escape(s, p);
        } else if (*p & 0x80) {
            p = scan_utf8(s, p);
        } else {
            return json_scan_fail(s, p, "a control character in text");
        }
        if (!p) return NULL;
    }
}

const char *json_scan_text(struct json_scan *s, const char *p, struct json_slice *out)
{
    out->escaped = false;
    out->at = p + 1;
    p = scan_text(s, p, &out->escaped);
    if (p) out->len = (size_t)(p - 1 - out->at);
    return p;
}

/* --- Numbers, literals --- */

static inline const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p;
}

const char *json_scan_number(struct json_scan *s, const char *p)
{
    const char *end = s->end, *from = p;
    if (p < end && *p == '-') p++;
    const char *whole = p;
    p = digits(p, end);
    if (p == whole) return json_scan_fail(s, from, "no JSON value");
    if (*whole == '0' && p - whole > 1) return json_scan_fail(s, from, "a number begins with 0");
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        p = digits(p, end);
        if (p == fraction) return json_scan_fail(s, from, "no digits behind the point");
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        const char *exponent = p;
        p = digits(p, end);
        if (p == exponent) return json_scan_fail(s, from, "no digits in the exponent");
    }
    return p;
}

static const char *scan_word(struct json_scan *s, const char *p, const char *word, size_t n)
{
    if ((size_t)(s->end - p) < n || memcmp(p, word, n) != 0) {
        return json_scan_fail(s, p, "no JSON value");
    }
    return p + n;
}

/* --- Structure --- */

static inline const char *open_bracket(struct json_scan *s, const char *p, int depth, bool *more)
{
    char close = *p == '{' ? '}' : ']';
    if (depth >= LIMIT_JSON_DEPTH) {
        s->code = ERR_TOO_BIG;
        return json_scan_fail(s, p, "nested too deep");
    }
    p = space(p + 1, s->end);
    if (p == s->end) return json_scan_fail(s, p, "the text ends too early");
    *more = *p != close;
    return *more ? p : p + 1;
}

static inline const char *behind_name(struct json_scan *s, const char *p)
{
    p = space(p, s->end);
    if (p == s->end || *p != ':') return json_scan_fail(s, p, "a ':' is missing");
    return space(p + 1, s->end);
}

static inline const char *next_item(struct json_scan *s, const char *p, char close, bool *more)
{
    p = space(p, s->end);
    if (p == s->end) return json_scan_fail(s, p, "the text ends too early");
    *more = *p == ',';
    if (*more) return space(p + 1, s->end);
    return *p == close ? p + 1 : json_scan_fail(s, p, "a ',' or closing bracket is missing");
}

static inline const char *quote(struct json_scan *s, const char *p)
{
    return p < s->end && *p == '"' ? p : json_scan_fail(s, p, "a member's name is missing");
}

static const char *skip_container(struct json_scan *s, const char *p, int depth)
{
    bool more = false, object = *p == '{', escaped = false;
    p = open_bracket(s, p, depth, &more);
    while (p && more) {
        if (object) {
            p = quote(s, p);
            if (p) p = scan_text(s, p, &escaped);
            if (p) p = behind_name(s, p);
            if (!p) return NULL;
        }
        p = json_scan_value(s, p, depth + 1);
        if (p) p = next_item(s, p, object ? '}' : ']', &more);
    }
    return p;
}

const char *json_scan_value(struct json_scan *s, const char *p, int depth)
{
    bool escaped = false;
    if (p == s->end) return json_scan_fail(s, p, "the text ends too early");
    switch (*p) {
    case '"': return scan_text(s, p, &escaped);
    case '{':
    case '[': return skip_container(s, p, depth);
    case 't': return scan_word(s, p, "true", 4);
    case 'f': return scan_word(s, p, "false", 5);
    case 'n': return scan_word(s, p, "null", 4);
    default: return json_scan_number(s, p);
    }
}

const char *json_scan_end(struct json_scan *s, const char *p)
{
    p = space(p, s->end);
    return p == s->end ? p : json_scan_fail(s, p, "text after the end");
}

const char *json_scan_open(struct json_scan *s, const char *p, int depth, bool *more)
{
    return open_bracket(s, p, depth, more);
}

const char *json_scan_name(struct json_scan *s, const char *p, struct json_slice *name)
{
    p = quote(s, p);
    if (p) p = json_scan_text(s, p, name);
    return p ? behind_name(s, p) : NULL;
}

const char *json_scan_more(struct json_scan *s, const char *p, char close, bool *more)
{
    return next_item(s, p, close, more);
}
