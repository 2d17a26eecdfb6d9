#include "lib/timers.h"

#include <stddef.h>

static bool due_before(const struct heap_node *x, const struct heap_node *y)
{
    const struct timer *a = HEAP_ENTRY(x, struct timer, node);
    const struct timer *b = HEAP_ENTRY(y, struct timer, node);
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->seq < b->seq;
}

void timers_init(struct timers *t)
{
    *t = (struct timers){0};
    heap_init(&t->heap, due_before);
}

void timers_release(struct timers *t)
{
    while (heap_pop(&t->heap)) continue;
    heap_release(&t->heap);
}

void timer_set(struct timers *t, struct timer *timer, int64_t due_ms)
{
    heap_remove(&t->heap, &timer->node);
    timer->due_ms = due_ms;
    timer->seq = t->seq++;
    heap_push(&t->heap, &timer->node);
}

void timer_stop(struct timers *t, struct timer *timer)
{
    heap_remove(&t->heap, &timer->node);
}

bool timer_is_set(const struct timer *timer)
{
    return timer->node.at != 0;
}

int64_t timers_next_ms(const struct timers *t)
{
    const struct heap_node *first = heap_first(&t->heap);
    return first ? HEAP_ENTRY(first, struct timer, node)->due_ms : TIMERS_NEVER;
}

unsigned timers_run(struct timers *t, unsigned most)
{
    unsigned fired = 0;
    while (fired < most && timers_next_ms(t) <= t->now_ms) {
        struct timer *timer = HEAP_ENTRY(heap_pop(&t->heap), struct timer, node);
        fired++;
        timer->fire(timer->user);
    }
    return fired;
}
