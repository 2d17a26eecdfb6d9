/* lib/json_scan.h: the strict reader of JSON tokens under lib/json_table.c and lib/json.c, so that
 * checking, decoding and parsing accept the same texts.
 *
 * Functions take a place in the text and return the place behind what they read, or NULL after
 * they have noted in the scan what is wrong and where. Nothing is allocated, no byte at or behind
 * end is looked at. Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/limits.h"

struct json_scan {
    const char *begin, *end;
    const char *bad; /* after a failure: where */
    const char *why; /* after a failure: "lone surrogate"; NULL before */
    enum err_code code; /* ERR_NONE becomes ERR_INVALID at a failure */
};

struct json_slice { /* a string as it stands between its quotes */
    const char *at;
    size_t len;
    bool escaped;
};

/* Always NULL, so that a failing reader ends in one line. The first failure stays. */
const char *json_scan_fail(struct json_scan *s, const char *at, const char *why);
int json_scan_err(const struct json_scan *s, struct err *err); /* -1: "byte 17: lone surrogate" */

/* Past white space; never fails. May return end. */
const char *json_scan_space(const struct json_scan *s, const char *p);

/* Past the ASCII that stands for itself in a JSON string: no quote, backslash or control. */
const char *json_scan_plain(const char *p, const char *end);

/* At an opening quote. */
const char *json_scan_text(struct json_scan *s, const char *p, struct json_slice *out);
const char *json_scan_number(struct json_scan *s, const char *p);

/* Any value, in full; depth is how many objects and arrays are open around it. */
const char *json_scan_value(struct json_scan *s, const char *p, int depth);

/* The end of a document: white space and nothing else. */
const char *json_scan_end(struct json_scan *s, const char *p);

/* Walking an object or array, p at its bracket:
 *
 *     p = json_scan_open(s, p, depth, &more);
 *     while (p && more) {
 *         p = json_scan_name(s, p, &name);              objects only
 *         if (p) p = <a reader of the value>(p, depth + 1);
 *         if (p) p = json_scan_more(s, p, '}', &more);
 *     }
 */
const char *json_scan_open(struct json_scan *s, const char *p, int depth, bool *more);
const char *json_scan_name(struct json_scan *s, const char *p, struct json_slice *name);
const char *json_scan_more(struct json_scan *s, const char *p, char close, bool *more);

/* True when `more` bytes would leave the arena less than half of its limit. Small text can stand
 * for big things ("[0,0,0,..."), so whoever builds asks before each of them. */
static inline bool json_arena_full(const struct arena *a, size_t more)
{
    return more > LIMIT_ARENA_BYTES / 2 || a->used > LIMIT_ARENA_BYTES / 2 - more;
}

/* The string that a slice stands for, '\0' behind it; its length, which is at most slice.len. */
size_t json_unescape(char *to, struct json_slice from);
char *json_slice_text(struct arena *a, struct json_slice from);

/* The whole number that n bytes of a JSON number stand for, exactly; false if it has a fraction or
 * is beyond 64 bit. */
bool json_number_int(const char *text, size_t n, int64_t *out);
