/* lib/utf8.h: where text is UTF-8 and where it is not. Pure; any thread. */
#pragma once

#include <stddef.h>

/* The length, 1 to 4, of the character that begins the n bytes at p; 0 if they begin with none:
 * n is 0, the bytes are cut short, overlong, a surrogate, or over U+10FFFF. */
size_t utf8_len(const char *p, size_t n);

/* How many of the first n bytes of text can be kept without cutting a character in two. */
size_t utf8_cut(const char *text, size_t n);
