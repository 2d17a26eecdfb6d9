#include "test/sim/plan.h"

#include <stdio.h>

#include "lib/rng.h"

static bool one_in(struct rng *r, unsigned n)
{
    return rng_below(r, n) == 0;
}

/* Swarm: each fault is on or off, so that seeds differ in kind and not only in order. */
static void draw_faults(struct sim_plan *p, struct rng *r)
{
    static const double rates[] = {0.001, 0.01, 0.1};
    for (int f = 1; f < FAULT_COUNT; f++) {
        double rate = rates[rng_below(r, 3)];
        p->rate[f] = one_in(r, 2) ? rate : 0;
    }
    if (p->rate[FAULT_CRASH] > 0.02) p->rate[FAULT_CRASH] = 0.02;
}

struct sim_plan plan_draw(uint64_t seed)
{
    static const int pages[] = {1, 2, 7, 500}, chunks[] = {1, 7, 100, 4095, 65536, 65536};
    static const int64_t latencies_ms[] = {1, 5, 30, 300};
    struct sim_plan p = {0};
    struct rng r;
    rng_seed(&r, seed ^ 0x706c616e);
    draw_faults(&p, &r);
    p.instances = one_in(&r, 2) ? 2 : 1;
    p.election = p.instances > 1 || one_in(&r, 3);
    p.rogue = one_in(&r, 2);
    p.troubled_pods = one_in(&r, 2);
    p.durations = one_in(&r, 4);
    p.two_namespaces = one_in(&r, 2);
    p.shared_templates = one_in(&r, 3);
    p.pages_only = one_in(&r, 5);
    p.no_watch_list = one_in(&r, 5);
    p.gone_by_status = one_in(&r, 2);
    p.bookmarks = !one_in(&r, 4);
    p.headless = !one_in(&r, 4);
    p.page_size = pages[rng_below(&r, 4)];
    p.chunk_max = chunks[rng_below(&r, 6)];
    p.sessions = (int)rng_between(&r, 1, 8);
    p.users = (int)rng_between(&r, 1, 3);
    p.templates = (int)rng_between(&r, 1, 3);
    p.user_ops = (int)rng_between(&r, 5, 60);
    p.user_pause_ms = one_in(&r, 3) ? 300 : 5000;
    p.latency_ms = latencies_ms[rng_below(&r, 4)];
    p.lag_max_ms = one_in(&r, 2) ? 5000 : 120000;
    p.compare = one_in(&r, 4);
    return p;
}

struct sim_plan plan_calm(void)
{
    return (struct sim_plan){.instances = 1,
                             .bookmarks = true,
                             .headless = true,
                             .page_size = 500,
                             .chunk_max = 65536,
                             .sessions = 2,
                             .users = 1,
                             .templates = 1,
                             .latency_ms = 5,
                             .lag_max_ms = 5000};
}

void plan_print(uint64_t seed, const struct sim_plan *p)
{
    static const char *const names[FAULT_COUNT] = {
        "",        "crash",  "lag",   "travel",  "unseen",  "disorder", "storm",
        "unknown", "late",   "silent", "short",  "restart", "compact"};
    printf("seed %llu: %d operator%s%s, %d sessions, %d things that users do",
           (unsigned long long)seed, p->instances, p->instances > 1 ? "s" : "",
           p->election ? " with election" : "", p->sessions, p->user_ops);
    for (int f = 1; f < FAULT_COUNT; f++) {
        if (p->rate[f] > 0) printf(", %s %g %%", names[f], p->rate[f] * 100);
    }
    printf("%s%s%s%s%s%s\n", p->rogue ? ", rogue" : "", p->troubled_pods ? ", troubled pods" : "",
           p->durations ? ", durations" : "", p->two_namespaces ? ", two namespaces" : "",
           p->pages_only || p->no_watch_list ? ", paged lists" : "",
           p->compare ? ", compared with a fresh one" : "");
}
