#include "lib/base64url.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64url_encode(struct arena *a, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    char *text = arena_alloc(a, (n + 2) / 3 * 4 + 1), *to = text;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t group = (uint32_t)from[i] << 16 | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                         (left > 2 ? from[i + 2] : 0u);
        for (size_t k = 0; k <= (left < 3 ? left : 3); k++)
            *to++ = digits[group >> (18 - 6 * k) & 63];
    }
    *to = '\0';
    return text;
}

static int digit(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

int base64url_decode(struct arena *a, const char *text, size_t n, unsigned char **out, size_t *len)
{
    unsigned char *bytes = arena_alloc(a, n * 3 / 4 + 1), *to = bytes;
    uint32_t bits = 0;
    int count = 0;
    if (n % 4 == 1) return -1;
    for (size_t i = 0; i < n; i++) {
        int d = digit(text[i]);
        if (d < 0) return -1;
        bits = bits << 6 | (uint32_t)d;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        *to++ = (unsigned char)(bits >> count);
    }
    if (bits & ((1u << count) - 1)) return -1;
    *to = '\0';
    *out = bytes;
    *len = (size_t)(to - bytes);
    return 0;
}
