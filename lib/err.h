/* lib/err.h: what went wrong, in a form the caller can act on. A plain value: nothing to free.
 *
 * A function that can fail returns 0, or -1 with *err set; its other outputs are then untouched.
 * The code says what to do about the failure, the text says it to a person. Compare codes only,
 * never texts. lib/ does not log: an error is logged once, by whoever ends its journey.
 */
#pragma once

#include <stdbool.h>

enum err_code { /* named for what to do about it, not for where it came from */
    ERR_NONE,
    ERR_INVALID,     /* the input is wrong: tell its author, do not retry */
    ERR_DENIED,      /* not allowed: tell the operator, do not retry soon */
    ERR_NOT_FOUND,
    ERR_EXISTS,      /* the name is taken: look at who has it */
    ERR_CONFLICT,    /* someone wrote first: read again, decide again */
    ERR_GONE,        /* our place in the watch is too old: list again */
    ERR_TOO_BIG,     /* over a bound of ours: refuse */
    ERR_BUSY,        /* the other side asks us to wait: retry after its delay */
    ERR_UNAVAILABLE, /* the other side is down or slow, and did nothing: retry with backoff */
    ERR_UNKNOWN,     /* nobody can say whether it happened: read before deciding again */
    ERR_CODE_COUNT
};

struct err {
    enum err_code code;
    char text[256]; /* outermost context first: "session a/b: create deployment: 403 quota" */
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* Both return -1, so that a failing function ends in one line: return err_set(err, ...);
 * A NULL err is allowed: the caller wants to know only that it failed. Where a wrap does not fit,
 * the outer context is what is cut: the root cause stays. No cut leaves half a character. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF(3, 4);
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);

const char *err_code_name(enum err_code code); /* "invalid", "not found", ...: for logs, metrics */
