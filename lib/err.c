#include "lib/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/utf8.h"

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    if (!err) return -1;
    va_list args;
    va_start(args, fmt);
    char text[sizeof(err->text)]; /* a copy first: the arguments may point into *err */
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (n >= (int)sizeof(text)) text[utf8_cut(text, sizeof(text) - 1)] = '\0';
    err->code = code;
    memcpy(err->text, text, sizeof(text));
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err) return -1;
    char context[sizeof(err->text)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);

    size_t inner = strlen(err->text), outer = strlen(context);
    const size_t glue = 2; /* ": " */
    if (inner + glue >= sizeof(err->text)) return -1;
    size_t room = sizeof(err->text) - 1 - inner - glue;
    if (outer > room) outer = utf8_cut(context, room);
    if (outer == 0) return -1;
    memmove(err->text + outer + glue, err->text, inner + 1);
    memcpy(err->text, context, outer);
    memcpy(err->text + outer, ": ", glue);
    return -1;
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[ERR_CODE_COUNT] = {
        [ERR_NONE] = "none",           [ERR_INVALID] = "invalid",
        [ERR_DENIED] = "denied",       [ERR_NOT_FOUND] = "not found",
        [ERR_EXISTS] = "exists",       [ERR_CONFLICT] = "conflict",
        [ERR_GONE] = "gone",           [ERR_TOO_BIG] = "too big",
        [ERR_BUSY] = "busy",           [ERR_UNAVAILABLE] = "unavailable",
        [ERR_UNKNOWN] = "outcome unknown",
    };
    return code < ERR_CODE_COUNT ? names[code] : "?";
}
