/* lib/kube/lines.h: a byte stream, in any cut, into lines that end in '\n'. The buffer grows to
 * LIMIT_WATCH_LINE_BYTES and no further. A last piece without '\n' is no line: the connection broke
 * in the middle of it. Pure.
 */
#pragma once

#include "lib/err.h"
#include "lib/str.h"

struct kube_lines {
    struct str partial; /* the beginning of a line whose end has not come */
};

void kube_lines_init(struct kube_lines *l);
void kube_lines_release(struct kube_lines *l);
void kube_lines_clear(struct kube_lines *l);

/* Calls line(user, text, len) for each line that is complete, without its '\n'; empty lines are
 * skipped. It stops when line returns not 0 and returns that; ERR_TOO_BIG makes it -1. */
MUST_CHECK int kube_lines_feed(struct kube_lines *l, const char *bytes, size_t n,
                               int (*line)(void *user, const char *text, size_t len), void *user,
                               struct err *err);
