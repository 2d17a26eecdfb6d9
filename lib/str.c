#include "lib/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format.h"
#include "lib/json_scan.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

static char nothing[1] = ""; /* what an empty str points at; never written, cap is 0 */

void str_init(struct str *s, size_t max)
{
    *s = (struct str){.at = nothing, .max = max};
}

void str_release(struct str *s)
{
    if (s->cap) free(s->at);
    str_init(s, s->max);
}

void str_clear(struct str *s)
{
    s->len = 0;
    s->over = false;
    if (s->cap) s->at[0] = '\0';
}

/* Room for n more bytes and the '\0'; false if that is over the maximum. */
static bool str_grow(struct str *s, size_t n)
{
    if (s->over) return false;
    if (n > s->max || s->len > s->max - n) {
        s->over = true;
        return false;
    }
    size_t need = s->len + n + 1;
    if (need <= s->cap) return true;
    size_t cap = s->cap ? s->cap : 64;
    while (cap < need) cap *= 2;
    if (cap - 1 > s->max) cap = s->max + 1;
    s->at = xrealloc(s->cap ? s->at : NULL, cap, 1);
    s->cap = cap;
    return true;
}

void str_add_n(struct str *s, const char *bytes, size_t n)
{
    if (!str_grow(s, n)) return;
    memcpy(s->at + s->len, bytes, n);
    s->len += n;
    s->at[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
    str_add_n(s, text, strlen(text));
}

void str_add_c(struct str *s, char c)
{
    str_add_n(s, &c, 1);
}

void str_add_i(struct str *s, int64_t number)
{
    char buffer[FORMAT_NUMBER_SIZE];
    size_t n;
    const char *digits = format_number(buffer, number, &n);
    str_add_n(s, digits, n);
}

void str_add_f(struct str *s, const char *fmt, ...)
{
    va_list args, again;
    size_t room = s->cap ? s->cap - s->len : 0; /* cap is at most max + 1: what fits is allowed */
    if (s->over) return;
    va_start(args, fmt);
    va_copy(again, args);
    size_t n = format_args(room ? s->at + s->len : NULL, room, fmt, args);
    va_end(args);
    if (n < room) {
        s->len += n;
    } else {
        if (room) s->at[s->len] = '\0'; /* what was cut is no part of it */
        if (str_grow(s, n)) s->len += format_args(s->at + s->len, n + 1, fmt, again);
    }
    va_end(again);
}

/* How many bytes at p stand in a JSON string as they are: 0 if those there must be replaced. */
static size_t json_plain(const char *p, size_t n)
{
    unsigned char c = (unsigned char)*p;
    if (c < 0x20 || c == '"' || c == '\\') return 0;
    return c < 0x80 ? 1 : utf8_len(p, n);
}

static void add_json_escape(struct str *s, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    if (c >= 0x80) str_add(s, "\xef\xbf\xbd");
    else if (c >= 0x20) str_add_n(s, (const char[]){'\\', (char)c}, 2);
    else str_add_n(s, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

void str_add_json(struct str *s, const char *text)
{
    const char *plain = text, *p = text, *end = text + strlen(text);
    str_add_c(s, '"');
    while ((p = json_scan_plain(p, end)) < end) {
        size_t n = json_plain(p, (size_t)(end - p));
        p += n;
        if (n > 0) continue;
        str_add_n(s, plain, (size_t)(p - plain));
        add_json_escape(s, (unsigned char)*p++);
        plain = p;
    }
    str_add_n(s, plain, (size_t)(end - plain));
    str_add_c(s, '"');
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

void str_add_url(struct str *s, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (is_unreserved(c)) str_add_c(s, *p);
        else str_add_n(s, (const char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
}

void str_drop_front(struct str *s, size_t n)
{
    assert(n <= s->len);
    if (n == 0) return;
    s->len -= n;
    memmove(s->at, s->at + n, s->len + 1);
}

int str_check(const struct str *s, const char *what, struct err *err)
{
    if (!s->over) return 0;
    return err_set(err, ERR_TOO_BIG, "%s is over %zu bytes", what, s->max);
}

char *str_take(struct str *s)
{
    char *text = s->cap ? s->at : xstrdup("");
    str_init(s, s->max);
    return text;
}

bool str_copy(char *to, size_t size, const char *from)
{
    assert(size > 0);
    size_t n = strlen(from);
    bool fits = n < size;
    if (!fits) n = utf8_cut(from, size - 1);
    memcpy(to, from, n);
    to[n] = '\0';
    return fits;
}

bool str_equal(const char *a, const char *b)
{
    if (a == b || !a || !b) return a == b;
    return strcmp(a, b) == 0;
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}
