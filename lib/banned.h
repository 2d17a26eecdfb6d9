/* lib/banned.h: functions that nobody calls here, as compile errors that name what to use instead.
 *
 * The Makefile puts this file before every source (-include). A call and a mere mention both fail.
 * The marks stand before the system's headers: clang takes no mark after a definition, and glibc's
 * fortified headers hold definitions. Bare malloc and its kin are test/tidy's business, because
 * lib/xalloc.h needs them.
 */
#pragma once

#include <alloca.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

struct tm;

#define BANNED(instead) __attribute__((unavailable("banned here: use " instead)))

char *strcpy(char *to, const char *from) BANNED("struct str, or memcpy with a size");
char *strcat(char *to, const char *from) BANNED("struct str");
char *strncpy(char *to, const char *from, size_t n) BANNED("struct str, or memcpy with a size");
char *strncat(char *to, const char *from, size_t n) BANNED("struct str");
int sprintf(char *to, const char *fmt, ...) BANNED("snprintf or struct str");
int vsprintf(char *to, const char *fmt, va_list args) BANNED("vsnprintf or struct str");
char *strtok(char *text, const char *marks) BANNED("strcspn and strspn");
char *gets(char *to) BANNED("fgets");
int atoi(const char *text) BANNED("strtoll, which can say no");
struct tm *localtime(const time_t *at) BANNED("lib/clock.h");
struct tm *gmtime(const time_t *at) BANNED("lib/clock.h");

#undef BANNED
#undef alloca
#define alloca(size) alloca_is_banned_here_use_xmalloc
