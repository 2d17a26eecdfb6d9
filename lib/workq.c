#include "lib/workq.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/heap.h"
#include "lib/map.h"
#include "lib/xalloc.h"

struct entry {
    struct heap_node node; /* in workq.waiting or workq.ready[prio], unless running */
    struct heap *in;       /* NULL: running */
    int64_t due_ms;        /* running: the earliest ask since it began */
    int64_t rest_ms;       /* asks below WORKQ_SOON wait until then */
    uint64_t seq;          /* first come, first served */
    unsigned failures;     /* in a row */
    enum workq_prio prio;  /* running: the highest ask since it began */
    enum workq_prio taken; /* running: the level that it was taken from */
    char key[];
};

struct workq {
    struct map entries;              /* key -> entry. One per live object at most: no cap here. */
    struct heap waiting;             /* not yet found due; who is due first, first */
    struct heap ready[WORKQ_LEVELS]; /* due; who was found first, first */
    struct workq_backoff backoff;
    struct rng *rng;
    uint64_t seq;
    unsigned takes; /* since the lower levels had their turn */
};

static struct entry *entry_of(const struct heap_node *node)
{
    return HEAP_ENTRY(node, struct entry, node);
}

static bool due_before(const struct heap_node *x, const struct heap_node *y)
{
    const struct entry *a = entry_of(x), *b = entry_of(y);
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->seq < b->seq;
}

static bool came_before(const struct heap_node *x, const struct heap_node *y)
{
    return entry_of(x)->seq < entry_of(y)->seq;
}

/* Moves an entry to the end of a heap; NULL takes it out of all. */
static void place(struct workq *q, struct entry *e, struct heap *to)
{
    if (e->in) heap_remove(e->in, &e->node);
    e->in = to;
    e->seq = q->seq++;
    if (to) heap_push(to, &e->node);
}

static struct entry *entry_new(struct workq *q, const char *key, enum workq_prio prio)
{
    size_t size = strlen(key) + 1;
    struct entry *e = xcalloc(1, sizeof(*e) + size);
    e->due_ms = WORKQ_NEVER;
    e->prio = prio;
    memcpy(e->key, key, size);
    map_put(&q->entries, e->key, e);
    place(q, e, &q->waiting);
    return e;
}

static struct entry *running_entry(const struct workq *q, const char *key)
{
    struct entry *e = map_get(&q->entries, key);
    assert(e);
    assert(!e->in);
    return e;
}

struct workq *workq_new(struct workq_backoff backoff, struct rng *rng)
{
    assert(backoff.delay_ms_min > 0);
    assert(backoff.delay_ms_max >= backoff.delay_ms_min);
    assert(backoff.delay_ms_max < WORKQ_NEVER / 4); /* so doubling it cannot overflow */
    struct workq *q = xcalloc(1, sizeof(*q));
    q->backoff = backoff;
    q->rng = rng;
    heap_init(&q->waiting, due_before);
    for (int i = 0; i < WORKQ_LEVELS; i++) heap_init(&q->ready[i], came_before);
    return q;
}

void workq_free(struct workq *q)
{
    if (!q) return;
    heap_release(&q->waiting);
    for (int i = 0; i < WORKQ_LEVELS; i++) heap_release(&q->ready[i]);
    map_release(&q->entries, free);
    free(q);
}

void workq_add(struct workq *q, const char *key, int64_t due_ms, enum workq_prio prio)
{
    assert(due_ms < WORKQ_NEVER);
    assert(prio < WORKQ_LEVELS);
    struct entry *e = map_get(&q->entries, key);
    if (!e) e = entry_new(q, key, prio);
    if (prio >= WORKQ_SOON) e->rest_ms = 0;
    if (due_ms < e->rest_ms) due_ms = e->rest_ms;
    bool raised = prio > e->prio, sooner = due_ms < e->due_ms;
    if (raised) e->prio = prio;
    if (e->in && e->in != &q->waiting) {
        if (raised) place(q, e, &q->ready[prio]);
        return;
    }
    if (!sooner) return;
    e->due_ms = due_ms;
    if (e->in) place(q, e, &q->waiting);
}

static void find_due(struct workq *q, int64_t now_ms)
{
    for (struct heap_node *n; (n = heap_first(&q->waiting));) {
        struct entry *e = entry_of(n);
        if (e->due_ms > now_ms) break;
        place(q, e, &q->ready[e->prio]);
    }
}

static struct entry *first_ready(const struct workq *q, int level)
{
    const struct heap_node *first = heap_first(&q->ready[level]);
    return first ? entry_of(first) : NULL;
}

/* The oldest of the levels below, or NULL. */
static struct entry *oldest_below(const struct workq *q, int level)
{
    struct entry *oldest = NULL;
    while (--level >= 0) {
        struct entry *e = first_ready(q, level);
        if (e && (!oldest || e->seq < oldest->seq)) oldest = e;
    }
    return oldest;
}

static struct entry *choose(struct workq *q)
{
    int level = WORKQ_LEVELS - 1;
    while (level >= 0 && !first_ready(q, level)) level--;
    if (level < 0) return NULL;
    struct entry *lower = oldest_below(q, level);
    if (!lower || ++q->takes < WORKQ_FAIR_EVERY) return first_ready(q, level);
    q->takes = 0;
    return lower;
}

const char *workq_take(struct workq *q, int64_t now_ms)
{
    find_due(q, now_ms);
    struct entry *e = choose(q);
    if (!e) return NULL;
    place(q, e, NULL);
    e->due_ms = WORKQ_NEVER;
    e->rest_ms = 0;
    e->taken = e->prio;
    e->prio = WORKQ_LISTED;
    return e->key;
}

/* back: the level at which the key returns if nobody asked for more. */
static void end_run(struct workq *q, struct entry *e, int64_t again_ms, enum workq_prio back)
{
    if (again_ms < WORKQ_NEVER && back > e->prio) e->prio = back;
    if (again_ms < e->due_ms) e->due_ms = again_ms;
    if (e->due_ms < WORKQ_NEVER) {
        place(q, e, &q->waiting);
    } else {
        map_remove(&q->entries, e->key);
        free(e);
    }
}

void workq_done(struct workq *q, const char *key, int64_t again_ms)
{
    struct entry *e = running_entry(q, key);
    e->failures = 0;
    end_run(q, e, again_ms, WORKQ_NORMAL);
}

void workq_rest(struct workq *q, const char *key, int64_t until_ms)
{
    struct entry *e = running_entry(q, key);
    if (e->prio < WORKQ_SOON) {
        e->rest_ms = until_ms;
        e->due_ms = until_ms;
    }
    workq_done(q, key, until_ms);
}

/* The wait after one more failure. By chance, because what fails together would come back together
 * and fail again. */
static int64_t delay_ms(struct workq *q, unsigned failures)
{
    int64_t delay = q->backoff.delay_ms_min;
    for (unsigned i = 0; i < failures && delay < q->backoff.delay_ms_max; i++) delay *= 2;
    if (delay > q->backoff.delay_ms_max) delay = q->backoff.delay_ms_max;
    return delay + rng_between(q->rng, -(delay / 10), delay / 10);
}

void workq_fail(struct workq *q, const char *key, int64_t now_ms, int64_t told_ms)
{
    struct entry *e = running_entry(q, key);
    int64_t again_ms = now_ms + delay_ms(q, e->failures);
    e->failures++;
    end_run(q, e, again_ms > told_ms ? again_ms : told_ms, e->taken);
}

int64_t workq_next_due_ms(const struct workq *q)
{
    for (int i = 0; i < WORKQ_LEVELS; i++) {
        const struct entry *e = first_ready(q, i);
        if (e) return e->due_ms;
    }
    const struct heap_node *first = heap_first(&q->waiting);
    return first ? entry_of(first)->due_ms : WORKQ_NEVER;
}

size_t workq_depth(struct workq *q, int64_t now_ms)
{
    size_t depth = 0;
    find_due(q, now_ms);
    for (int i = 0; i < WORKQ_LEVELS; i++) depth += q->ready[i].count;
    return depth;
}

size_t workq_count(const struct workq *q)
{
    return q->entries.count;
}

unsigned workq_failures(const struct workq *q, const char *key)
{
    const struct entry *e = map_get(&q->entries, key);
    return e ? e->failures : 0;
}
