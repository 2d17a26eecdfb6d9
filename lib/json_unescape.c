/* What scanned strings and numbers stand for: see lib/json_scan.h. The scanner has checked them, so
 * nothing here fails on form. */
#include <string.h>

#include "lib/json_scan.h"

static uint32_t hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)p[i] | 0x20u; /* lower case; digits have the bit already */
        value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

static char short_escape(char c)
{
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c; /* quote, slash, backslash */
    }
}

size_t json_unescape(char *to, struct json_slice from)
{
    char *begin = to;
    const char *p = from.at, *end = from.at + from.len;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((slash ? slash : end) - p);
        memcpy(to, p, plain);
        to += plain;
        p += plain;
        if (!slash) break;
        if (p[1] != 'u') {
            *to++ = short_escape(p[1]);
            p += 2;
            continue;
        }
        uint32_t code = hex4(p + 2);
        p += 6;
        if (code >= 0xd800 && code < 0xdc00) {
            code = 0x10000 + ((code - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
            p += 6;
        }
        to = put_utf8(to, code);
    }
    *to = '\0';
    return (size_t)(to - begin);
}

char *json_slice_text(struct arena *a, struct json_slice from)
{
    if (!from.escaped) return arena_strndup(a, from.at, from.len);
    char *text = arena_alloc(a, from.len + 1);
    json_unescape(text, from);
    return text;
}

/* The power of ten behind e or E. Beyond what any text of ours can balance it is cut. */
static int64_t exponent_of(const char *p, const char *end)
{
    int64_t value = 0;
    bool minus = p < end && *p == '-';
    for (p += p < end && (*p == '-' || *p == '+'); p < end && value < INT32_MAX; p++) {
        value = value * 10 + (*p - '0');
    }
    return minus ? -value : value;
}

bool json_number_int(const char *text, size_t n, int64_t *out)
{
    const char *p = text, *end = text + n;
    bool minus = n > 0 && *p == '-', fraction = false;
    int64_t value = 0, power = 0, zeros = 0; /* zeros: seen, and not yet in value */
    for (p += minus; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        power -= fraction;
        zeros++;
        if (*p == '0') continue;
        for (; zeros > 0; zeros--) { /* down, because the least number has no positive twin */
            int64_t digit = zeros == 1 ? *p - '0' : 0;
            if (__builtin_mul_overflow(value, 10, &value)) return false;
            if (__builtin_sub_overflow(value, digit, &value)) return false;
        }
    }
    power += zeros;
    if (p < end) power += exponent_of(p + 1, end);
    if (value != 0 && power < 0) return false;
    for (; value != 0 && power > 0; power--) {
        if (__builtin_mul_overflow(value, 10, &value)) return false;
    }
    if (!minus && __builtin_sub_overflow(0, value, &value)) return false;
    *out = value;
    return true;
}
