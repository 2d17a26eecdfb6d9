#include "lib/kube/lines.h"

#include <string.h>

#include "lib/limits.h"

void kube_lines_init(struct kube_lines *l)
{
    str_init(&l->partial, LIMIT_WATCH_LINE_BYTES);
}

void kube_lines_release(struct kube_lines *l)
{
    str_release(&l->partial);
}

void kube_lines_clear(struct kube_lines *l)
{
    str_clear(&l->partial);
}

int kube_lines_feed(struct kube_lines *l, const char *bytes, size_t n,
                    int (*line)(void *user, const char *text, size_t len), void *user,
                    struct err *err)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t len = end ? (size_t)(end - bytes) : n;
        bool whole = end && l->partial.len == 0; /* the common case: nothing to copy */
        if (!whole) str_add_n(&l->partial, bytes, len);
        else if (len > LIMIT_WATCH_LINE_BYTES) l->partial.over = true; /* the limit knows no cuts */
        if (str_check(&l->partial, "watch line", err) < 0) return -1;
        if (!end) return 0;
        const char *text = whole ? bytes : l->partial.at;
        size_t text_len = whole ? len : l->partial.len;
        int stop = text_len > 0 ? line(user, text, text_len) : 0;
        if (!whole) str_clear(&l->partial);
        if (stop) return stop;
        bytes += len + 1;
        n -= len + 1;
    }
    return 0;
}
