#include "lib/heap.h"

#include "lib/rng.h"
#include "test/check.h"

enum { ITEMS = 200 };

struct item {
    int rank;
    struct heap_node node;
};

static bool less(const struct heap_node *x, const struct heap_node *y)
{
    return HEAP_ENTRY(x, struct item, node)->rank < HEAP_ENTRY(y, struct item, node)->rank;
}

static int rank_of(const struct heap_node *n)
{
    return n ? HEAP_ENTRY(n, struct item, node)->rank : -1;
}

static void check_heap(const struct heap *h, const struct item *items)
{
    int least = -1;
    size_t count = 0;
    for (int i = 0; i < ITEMS; i++) {
        if (items[i].node.at == 0) continue;
        count++;
        CHECK(h->nodes[items[i].node.at - 1] == &items[i].node);
        if (least < 0 || items[i].rank < least) least = items[i].rank;
    }
    CHECK_INT(h->count, count);
    CHECK_INT(rank_of(heap_first(h)), least);
}

TEST(heap, random_pushes_pops_and_removals_match_a_plain_search)
{
    static struct item items[ITEMS];
    struct heap h;
    struct rng rng;
    heap_init(&h, less);
    rng_seed(&rng, 4);
    for (int step = 0; step < 20000; step++) {
        struct item *it = &items[rng_below(&rng, ITEMS)];
        if (rng_below(&rng, 4) == 0) {
            heap_pop(&h);
        } else if (it->node.at) {
            heap_remove(&h, &it->node);
            CHECK_INT(it->node.at, 0);
        } else {
            it->rank = (int)rng_below(&rng, 100);
            heap_push(&h, &it->node);
        }
        check_heap(&h, items);
    }
    for (int last = -1, rank = 0; h.count; last = rank) {
        rank = rank_of(heap_pop(&h));
        CHECK(rank >= last);
    }
    heap_release(&h);
}

TEST(heap, an_empty_heap_has_no_first)
{
    struct heap h;
    struct heap_node stranger = {0};
    heap_init(&h, less);
    CHECK(!heap_first(&h) && !heap_pop(&h));
    heap_remove(&h, &stranger);
    heap_release(&h);
}

TEST(heap, after_release_it_can_be_used_again)
{
    struct heap h;
    struct item a = {.rank = 1};
    heap_init(&h, less);
    heap_push(&h, &a.node);
    CHECK(heap_pop(&h) == &a.node);
    heap_release(&h);
    heap_push(&h, &a.node);
    CHECK_INT(rank_of(heap_first(&h)), 1);
    heap_release(&h);
}
