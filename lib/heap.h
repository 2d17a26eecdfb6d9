/* lib/heap.h: a binary heap of nodes that live inside the caller's structs, the least first.
 *
 * A node knows its place, so that any of them leaves in O(log n). The heap owns only its array of
 * pointers; an element stays the caller's. No lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct heap_node {
    size_t at; /* 1 + index in the heap; 0: in no heap */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t cap;
    bool (*before)(const struct heap_node *a, const struct heap_node *b);
};

#define HEAP_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

void heap_init(struct heap *h, bool (*before)(const struct heap_node *, const struct heap_node *));
void heap_release(struct heap *h);
void heap_push(struct heap *h, struct heap_node *n);   /* it must be in no heap */
struct heap_node *heap_first(const struct heap *h);    /* NULL when empty */
struct heap_node *heap_pop(struct heap *h);            /* NULL when empty */
void heap_remove(struct heap *h, struct heap_node *n); /* does nothing if it is not there */
