#include "lib/kube/told.h"

#include <string.h>

#include "lib/map.h"

uint64_t kube_told_request(const char *method, const char *path, const char *body, size_t len)
{
    uint64_t h = hash_bytes(method, strlen(method), 1);
    h = hash_bytes(path, strlen(path), h);
    return body ? hash_bytes(body, len, h) : h;
}

/* Takes out what is over, and the request itself. */
static void forget(struct kube_told *t, uint64_t request, int64_t now_ms)
{
    size_t left = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct kube_told_item *item = &t->items[i];
        if (item->until_ms > now_ms && item->request != request) t->items[left++] = *item;
    }
    t->count = left;
}

static struct kube_told_item *place_for_one(struct kube_told *t)
{
    if (t->count < KUBE_TOLD_MAX) return &t->items[t->count++];
    struct kube_told_item *first = t->items;
    for (size_t i = 1; i < t->count; i++) {
        if (t->items[i].until_ms < first->until_ms) first = &t->items[i];
    }
    return first;
}

void kube_told_keep(struct kube_told *t, uint64_t request, int64_t until_ms, int64_t now_ms)
{
    forget(t, request, now_ms);
    if (until_ms <= now_ms) return;
    if (until_ms > t->latest_ms) t->latest_ms = until_ms;
    *place_for_one(t) = (struct kube_told_item){.request = request, .until_ms = until_ms};
}

int64_t kube_told_until(const struct kube_told *t, uint64_t request, int64_t now_ms)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct kube_told_item *item = &t->items[i];
        if (item->request == request) return item->until_ms > now_ms ? item->until_ms : 0;
    }
    return 0;
}
