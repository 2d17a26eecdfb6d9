#include "controller/plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/str.h"
#include "lib/utf8.h"

/* The code of a character that a YAML reader does not take as it stands, else 0. n: its bytes. */
static unsigned odd_character(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    if (n == 1) return p[0] == 0x7f ? 0x7f : 0;
    if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0) return p[1]; /* U+0080 to U+009F */
    if (n != 3) return 0;
    unsigned code = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    bool odd = code == 0x2028 || code == 0x2029 || code == 0xfeff || code >= 0xfffe;
    return odd ? code : 0;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 && c != '\n' && c != '\t';
}

/* How many bytes at the front are printable ASCII: eight at a time, which is nearly all of them. */
static size_t printable(const char *text, size_t left)
{
    const uint64_t ones = ~(uint64_t)0 / 255, tops = ones << 7;
    size_t n = 0;
    for (; left - n >= 8; n += 8) {
        uint64_t x;
        memcpy(&x, text + n, 8);
        if ((x | (x - ones * 0x20) | (x + ones)) & tops) break; /* over 0x7f, under 0x20, 0x7f */
    }
    return n;
}

/* Where the first character stands that must change; the text's end if none does. */
static size_t first_odd(const char *text, bool controls)
{
    size_t left = strlen(text);
    const char *p = text;
    while (left > 0) {
        size_t n = printable(p, left);
        p += n;
        left -= n;
        if (left == 0) break;
        n = utf8_len(p, left);
        if (n == 0 || odd_character(p, n) || (controls && is_control(*p))) break;
        p += n;
        left -= n;
    }
    return (size_t)(p - text);
}

static void add_plain(struct str *out, const char *text)
{
    for (size_t left = strlen(text), n; left > 0; left -= n, text += n) {
        n = utf8_len(text, left);
        if (n == 0 || odd_character(text, n) || is_control(*text)) {
            str_add_c(out, '?');
            if (n == 0) n = 1;
        } else {
            str_add_n(out, text, n);
        }
    }
}

char *plain_text(struct arena *a, char *text, size_t bytes_max)
{
    static const char more[] = "...";
    if (!text) return NULL;
    size_t len = strlen(text);
    if (len > bytes_max) {
        size_t keep = utf8_cut(text, bytes_max - strlen(more));
        text = arena_printf(a, "%.*s%s", (int)keep, text, more);
        len = strlen(text);
    }
    if (first_odd(text, true) == len) return text;
    auto_str out;
    str_init(&out, bytes_max);
    add_plain(&out, text);
    return arena_strndup(a, out.at, out.len);
}

char *plain_json(struct arena *a, char *json)
{
    size_t len = strlen(json), front = first_odd(json, false);
    if (front == len) return json;
    auto_str out;
    str_init(&out, 6 * len);
    str_add_n(&out, json, front);
    for (size_t at = front, n; at < len; at += n) {
        n = utf8_len(json + at, len - at);
        unsigned code = odd_character(json + at, n);
        if (n == 0) n = 1; /* JSON that we made or read is UTF-8: pass it on */
        if (code) str_add_f(&out, "\\u%04x", code);
        else str_add_n(&out, json + at, n);
    }
    return arena_strndup(a, out.at, out.len);
}
