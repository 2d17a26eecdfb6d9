/* lib/format.h: snprintf, for the paths where we print the most. Text, characters and whole numbers
 * (%s %.*s %c %d %u %lld %zu %%) are written here, several times as fast; the rest of a format,
 * from the first conversion that is none of these, goes to the C library. Pure; any thread.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* As snprintf: at most size bytes with the '\0', and how many bytes the whole text has without it.
 * %s of NULL is a mistake of the caller. to may be NULL where size is 0. */
size_t format(char *to, size_t size, const char *fmt, ...) PRINTF(3, 4);
size_t format_args(char *to, size_t size, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* The number's digits at the end of the buffer; returns where they begin. */
enum { FORMAT_NUMBER_SIZE = 24 };
char *format_number(char buffer[FORMAT_NUMBER_SIZE], int64_t number, size_t *len);
