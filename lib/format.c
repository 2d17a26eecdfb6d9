#include "lib/format.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct out {
    char *to;
    size_t size; /* with the '\0' */
    size_t len;  /* of the whole text so far, whether it had room or not */
};

static void add(struct out *out, const char *bytes, size_t n)
{
    size_t room = out->len < out->size ? out->size - out->len : 0;
    if (room > 0) memcpy(out->to + out->len, bytes, n < room ? n : room);
    out->len += n;
}

static char *digits(char buffer[FORMAT_NUMBER_SIZE], uint64_t number)
{
    char *at = buffer + FORMAT_NUMBER_SIZE;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return at;
}

char *format_number(char buffer[FORMAT_NUMBER_SIZE], int64_t number, size_t *len)
{
    bool negative = number < 0;
    char *at = digits(buffer, negative ? -(uint64_t)number : (uint64_t)number);
    if (negative) *--at = '-';
    *len = (size_t)(buffer + FORMAT_NUMBER_SIZE - at);
    return at;
}

static void add_signed(struct out *out, int64_t number)
{
    char buffer[FORMAT_NUMBER_SIZE];
    size_t n;
    const char *at = format_number(buffer, number, &n);
    add(out, at, n);
}

static void add_unsigned(struct out *out, uint64_t number)
{
    char buffer[FORMAT_NUMBER_SIZE];
    const char *at = digits(buffer, number);
    add(out, at, (size_t)(buffer + FORMAT_NUMBER_SIZE - at));
}

static void add_cut(struct out *out, int max, const char *text)
{
    add(out, text, max < 0 ? strlen(text) : strnlen(text, (size_t)max));
}

/* The conversion at p, behind its '%'. Where it ends; NULL: none of ours, nothing is taken. */
static const char *convert(struct out *out, const char *p, va_list *args)
{
    switch (*p) {
    case 's': add_cut(out, -1, va_arg(*args, const char *)); return p + 1;
    case 'd': add_signed(out, va_arg(*args, int)); return p + 1;
    case 'u': add_unsigned(out, va_arg(*args, unsigned)); return p + 1;
    case '%': add(out, "%", 1); return p + 1;
    case 'c': add(out, (const char[]){(char)va_arg(*args, int)}, 1); return p + 1;
    default: break;
    }
    if (strncmp(p, "lld", 3) == 0) {
        add_signed(out, va_arg(*args, long long));
        return p + 3;
    }
    if (strncmp(p, "zu", 2) == 0) {
        add_unsigned(out, va_arg(*args, size_t));
        return p + 2;
    }
    if (strncmp(p, ".*s", 3) == 0) {
        int max = va_arg(*args, int);
        add_cut(out, max, va_arg(*args, const char *));
        return p + 3;
    }
    return NULL;
}

__attribute__((format(printf, 2, 0))) static void add_rest(struct out *out, const char *fmt,
                                                           va_list args)
{
    size_t room = out->len < out->size ? out->size - out->len : 0;
    int n = vsnprintf(room ? out->to + out->len : NULL, room, fmt, args);
    assert(n >= 0);
    out->len += (size_t)n;
}

size_t format_args(char *to, size_t size, const char *fmt, va_list args)
{
    struct out out = {.to = to, .size = size};
    va_list left;
    va_copy(left, args);
    for (const char *p = fmt; *p;) {
        const char *mark = strchrnul(p, '%');
        add(&out, p, (size_t)(mark - p));
        if (!*mark) break;
        p = convert(&out, mark + 1, &left);
        if (p) continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* what is left of a checked format */
        add_rest(&out, mark, left);
#pragma GCC diagnostic pop
        break;
    }
    va_end(left);
    if (size > 0) to[out.len < size ? out.len : size - 1] = '\0';
    return out.len;
}

size_t format(char *to, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t n = format_args(to, size, fmt, args);
    va_end(args);
    return n;
}
