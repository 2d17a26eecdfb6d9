#include "lib/utf8.h"

/* Table 3-7 of the Unicode standard: what the first byte asks of the second. */
size_t utf8_len(const char *at, size_t n)
{
    const unsigned char *p = (const unsigned char *)at;
    unsigned low = 0x80, high = 0xbf;
    size_t len = 2;
    if (n == 0) return 0;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    if (p[0] >= 0xe0) len = p[0] >= 0xf0 ? 4 : 3;
    if (p[0] == 0xe0) low = 0xa0;
    if (p[0] == 0xed) high = 0x9f;
    if (p[0] == 0xf0) low = 0x90;
    if (p[0] == 0xf4) high = 0x8f;
    if (n < len || p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    return len;
}

size_t utf8_cut(const char *text, size_t n)
{
    size_t back = 0; /* bytes after the last one that begins a character */
    while (back < 3 && back < n && ((unsigned char)text[n - 1 - back] & 0xc0) == 0x80) back++;
    if (back == n) return n;
    unsigned char first = (unsigned char)text[n - 1 - back];
    size_t wants = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    return wants > back + 1 ? n - back - 1 : n;
}
