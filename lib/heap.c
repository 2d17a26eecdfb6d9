#include "lib/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/xalloc.h"

static void put(struct heap *h, size_t i, struct heap_node *n)
{
    h->nodes[i] = n;
    n->at = i + 1;
}

static void sift_up(struct heap *h, size_t i)
{
    struct heap_node *n = h->nodes[i];
    while (i > 0 && h->before(n, h->nodes[(i - 1) / 2])) {
        put(h, i, h->nodes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(h, i, n);
}

static void sift_down(struct heap *h, size_t i)
{
    struct heap_node *n = h->nodes[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count) break;
        if (child + 1 < h->count && h->before(h->nodes[child + 1], h->nodes[child])) child++;
        if (!h->before(h->nodes[child], n)) break;
        put(h, i, h->nodes[child]);
        i = child;
    }
    put(h, i, n);
}

void heap_init(struct heap *h, bool (*before)(const struct heap_node *, const struct heap_node *))
{
    *h = (struct heap){.before = before};
}

void heap_release(struct heap *h)
{
    free(h->nodes);
    *h = (struct heap){.before = h->before};
}

void heap_push(struct heap *h, struct heap_node *n)
{
    assert(n->at == 0);
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->nodes = xrealloc(h->nodes, h->cap, sizeof(struct heap_node *));
    }
    put(h, h->count++, n);
    sift_up(h, n->at - 1);
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}

struct heap_node *heap_pop(struct heap *h)
{
    struct heap_node *n = heap_first(h);
    if (n) heap_remove(h, n);
    return n;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    if (n->at == 0) return;
    size_t i = n->at - 1;
    assert(i < h->count && h->nodes[i] == n);
    struct heap_node *last = h->nodes[--h->count];
    n->at = 0;
    if (last == n) return;
    put(h, i, last);
    sift_up(h, i);
    sift_down(h, last->at - 1);
}
