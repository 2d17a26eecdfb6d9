#include "test/sim/plan.h"

#include <stdio.h>
#include <string.h>

#include "lib/rng.h"
#include "test/sim/replay.h"

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
        p->rate[f] = one_in(r, f < FAULT_RESTORE ? 2 : 4) ? rate : 0;
    }
    if (p->rate[FAULT_CRASH] > 0.02) p->rate[FAULT_CRASH] = 0.02;
}

/* What must not meet. A replica that has never seen a Lease takes one that was deleted at once, and
 * a deletion together with lost or late requests can open two gates for a moment
 * (docs/decisions.md): the Lease is only edited. */
static void agree(struct sim_plan *p)
{
    if (p->instances > 1) p->election = true;
    if (!p->election) p->rate[FAULT_LEASE] = 0;
    if (p->rate[FAULT_NAMESPACE] > 0) p->two_namespaces = true;
    /* That etcd has gone back is seen by the bookmarks that do not come. */
    if (p->rate[FAULT_RESTORE] > 0) p->bookmarks = true;
}

struct sim_plan plan_draw(uint64_t seed)
{
    static const int pages[] = {1, 2, 7, 500}, chunks[] = {1, 7, 100, 4095, 65536, 65536};
    static const int64_t latencies_ms[] = {1, 5, 30, 300};
    struct sim_plan p = {0};
    struct rng r;
    rng_seed(&r, seed ^ 0x706c616e);
    draw_faults(&p, &r);
    p.instances = (int)rng_between(&r, 1, INSTANCES_MAX);
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
    p.connections = one_in(&r, 3);
    p.repositories = one_in(&r, 4);
    p.paths = one_in(&r, 3);
    p.retentions = one_in(&r, 3);
    p.versions = one_in(&r, 3);
    p.audit = one_in(&r, 8);
    agree(&p);
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

const char *const sim_fault_names[FAULT_COUNT] = {
    "",        "crash",   "lag",    "travel",   "unseen",    "disorder", "storm",   "unknown",
    "late",    "silent",  "short",  "restart",  "compact",   "restore",  "expired", "clock",
    "busy",    "huge",    "malformed", "denied", "mutated",  "quota",    "namespace",
    "finalizer", "unserved", "lease", "stop",   "connect",   "sink"};

#define BOOL_KNOB(field) {#field, offsetof(struct sim_plan, field), KNOB_BOOL, 0}
#define INT_KNOB(field, least) {#field, offsetof(struct sim_plan, field), KNOB_INT, least}
#define RATE_KNOB(fault, word)                                                                     \
    {word, offsetof(struct sim_plan, rate) + (fault) * sizeof(double), KNOB_RATE, 0}

const struct sim_knob sim_knobs[] = {
    RATE_KNOB(FAULT_CRASH, "crash"),         RATE_KNOB(FAULT_LAG, "lag"),
    RATE_KNOB(FAULT_TRAVEL, "travel"),       RATE_KNOB(FAULT_UNSEEN, "unseen"),
    RATE_KNOB(FAULT_DISORDER, "disorder"),   RATE_KNOB(FAULT_STORM, "storm"),
    RATE_KNOB(FAULT_UNKNOWN, "unknown"),     RATE_KNOB(FAULT_LATE, "late"),
    RATE_KNOB(FAULT_SILENT, "silent"),       RATE_KNOB(FAULT_SHORT, "short"),
    RATE_KNOB(FAULT_RESTART, "restart"),     RATE_KNOB(FAULT_COMPACT, "compact"),
    RATE_KNOB(FAULT_RESTORE, "restore"),     RATE_KNOB(FAULT_EXPIRED, "expired"),
    RATE_KNOB(FAULT_CLOCK, "clock"),         RATE_KNOB(FAULT_BUSY, "busy"),
    RATE_KNOB(FAULT_HUGE, "huge"),           RATE_KNOB(FAULT_MALFORMED, "malformed"),
    RATE_KNOB(FAULT_DENIED, "denied"),       RATE_KNOB(FAULT_MUTATED, "mutated"),
    RATE_KNOB(FAULT_QUOTA, "quota"),         RATE_KNOB(FAULT_NAMESPACE, "namespace"),
    RATE_KNOB(FAULT_FINALIZER, "finalizer"), RATE_KNOB(FAULT_UNSERVED, "unserved"),
    RATE_KNOB(FAULT_LEASE, "lease"),         RATE_KNOB(FAULT_STOP, "stop"),
    RATE_KNOB(FAULT_CONNECT, "connect"),     RATE_KNOB(FAULT_SINK, "sink"),
    BOOL_KNOB(compare),       BOOL_KNOB(versions),      BOOL_KNOB(audit),
    BOOL_KNOB(rogue),         BOOL_KNOB(troubled_pods), BOOL_KNOB(durations),
    BOOL_KNOB(connections),   BOOL_KNOB(repositories),  BOOL_KNOB(paths),
    BOOL_KNOB(retentions),    BOOL_KNOB(two_namespaces), BOOL_KNOB(shared_templates),
    INT_KNOB(instances, 1),   BOOL_KNOB(election),      INT_KNOB(sessions, 1),
    INT_KNOB(users, 1),       INT_KNOB(templates, 1),   BOOL_KNOB(pages_only),
    BOOL_KNOB(no_watch_list), BOOL_KNOB(gone_by_status),
    {"bookmarks", offsetof(struct sim_plan, bookmarks), KNOB_BOOL, 1},
    {"headless", offsetof(struct sim_plan, headless), KNOB_BOOL, 1},
    INT_KNOB(page_size, 500), INT_KNOB(chunk_max, 65536), INT_KNOB(user_ops, 0),
    {"user_pause_ms", offsetof(struct sim_plan, user_pause_ms), KNOB_INT64, 5000},
    {"latency_ms", offsetof(struct sim_plan, latency_ms), KNOB_INT64, 0},
    {"lag_max_ms", offsetof(struct sim_plan, lag_max_ms), KNOB_INT64, 5000},
};
const int sim_knob_count = sizeof(sim_knobs) / sizeof(sim_knobs[0]);

int sim_knob_find(const char *name)
{
    for (int i = 0; i < sim_knob_count; i++) {
        if (strcmp(sim_knobs[i].name, name) == 0) return i;
    }
    return -1;
}

double sim_knob_get(const struct sim_plan *plan, int knob)
{
    const char *at = (const char *)plan + sim_knobs[knob].offset;
    switch (sim_knobs[knob].type) {
    case KNOB_BOOL: return *(const bool *)at;
    case KNOB_INT: return *(const int *)(const void *)at;
    case KNOB_INT64: return (double)*(const int64_t *)(const void *)at;
    default: return *(const double *)(const void *)at;
    }
}

static void knob_set(struct sim_plan *plan, int knob, double value)
{
    char *at = (char *)plan + sim_knobs[knob].offset;
    switch (sim_knobs[knob].type) {
    case KNOB_BOOL: *(bool *)at = value != 0; return;
    case KNOB_INT: *(int *)(void *)at = (int)value; return;
    case KNOB_INT64: *(int64_t *)(void *)at = (int64_t)value; return;
    default: *(double *)(void *)at = value; return;
    }
}

struct sim_plan plan_of(const struct replay *replay)
{
    struct sim_plan p = plan_draw(replay->seed);
    for (size_t i = 0; i < replay->set_count; i++) {
        knob_set(&p, replay->sets[i].knob, replay->sets[i].value);
    }
    if (p.instances < 1) p.instances = 1;
    if (p.instances > INSTANCES_MAX) p.instances = INSTANCES_MAX;
    agree(&p);
    return p;
}

void plan_print(uint64_t seed, const struct sim_plan *p)
{
    printf("seed %llu: %d operator%s%s, %d sessions, %d things that users do",
           (unsigned long long)seed, p->instances, p->instances > 1 ? "s" : "",
           p->election ? " with election" : "", p->sessions, p->user_ops);
    for (int f = 1; f < FAULT_COUNT; f++) {
        if (p->rate[f] > 0) printf(", %s %g %%", sim_fault_names[f], p->rate[f] * 100);
    }
    for (int i = 0; i < sim_knob_count; i++) {
        bool said = sim_knobs[i].type == KNOB_BOOL && strcmp(sim_knobs[i].name, "election") != 0;
        if (said && sim_knob_get(p, i) != 0) printf(", %s", sim_knobs[i].name);
    }
    printf("\n");
}
