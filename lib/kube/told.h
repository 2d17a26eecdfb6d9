/* lib/kube/told.h: which requests a server told us to make later, and when. Whoever makes one of
 * them anew waits its rest too: the next pass over a key, or the second try of an event. The same
 * method, path and body are the same request; an object that has changed makes another body, which
 * nobody was told to keep back.
 *
 * At most KUBE_TOLD_MAX are known; then the one that may go first is forgotten. Pure: time is
 * passed in. A zeroed struct knows of none.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { KUBE_TOLD_MAX = 512 };

struct kube_told {
    int64_t latest_ms; /* from then on nothing is kept back */
    size_t count;
    struct kube_told_item {
        uint64_t request;
        int64_t until_ms;
    } items[KUBE_TOLD_MAX];
};

/* What a request is known by. body may be NULL. */
uint64_t kube_told_request(const char *method, const char *path, const char *body, size_t len);

/* Not before until_ms, which replaces what was told before. Forgets what is over at now_ms. */
void kube_told_keep(struct kube_told *t, uint64_t request, int64_t until_ms, int64_t now_ms);

/* 0: it may go at now_ms. */
int64_t kube_told_until(const struct kube_told *t, uint64_t request, int64_t now_ms);
