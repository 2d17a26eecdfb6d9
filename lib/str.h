/* lib/str.h: text that grows, up to a maximum that it is born with.
 *
 * Append blindly and ask once: the first append past the maximum sets `over`, and from then on
 * appends do nothing. `at` is never NULL and always ends in '\0'. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct str {
    char *at;   /* never NULL, always ends in '\0' */
    size_t len; /* without the '\0' */
    size_t cap;
    size_t max; /* appending past it drops the text and sets over, once and for all */
    bool over;
};

void str_init(struct str *s, size_t max);
void str_release(struct str *s); /* also fine on a zeroed struct */
void str_clear(struct str *s);   /* empty again, over forgotten, memory kept */
void str_add(struct str *s, const char *text);
void str_add_n(struct str *s, const char *bytes, size_t n);
void str_add_c(struct str *s, char c);
void str_add_i(struct str *s, int64_t number);
void str_add_f(struct str *s, const char *fmt, ...) PRINTF(2, 3);

/* Appends text as a JSON string with its quotes. Escapes only what must be (the apiserver's YAML
 * reader of apply bodies knows no other escapes): quote, backslash and controls. A byte that is no
 * UTF-8 becomes U+FFFD, so that what is sent is JSON whatever text a stranger gave us. */
void str_add_json(struct str *s, const char *text);

/* Appends text percent-encoded, all but RFC 3986's unreserved characters. */
void str_add_url(struct str *s, const char *text);

void str_drop_front(struct str *s, size_t n); /* forgets the first n bytes */

MUST_CHECK int str_check(const struct str *s, const char *what, struct err *err); /* ERR_TOO_BIG */
char *str_take(struct str *s); /* the caller frees it; s is empty again */

static inline void str_releasep(struct str *s)
{
    str_release(s);
}
#define auto_str __attribute__((cleanup(str_releasep))) struct str

/* Bounded copy into an array: always terminated; false if it was cut, which leaves no half
 * character. */
bool str_copy(char *to, size_t size, const char *from);
bool str_equal(const char *a, const char *b); /* NULL equals only NULL */
int hex_digit(char c); /* 0 .. 15, or -1 */
