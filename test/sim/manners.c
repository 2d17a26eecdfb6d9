#include "test/sim/manners.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "test/sim/caches.h"
#include "test/sim/instance.h"
#include "test/sim/wire_in.h"

enum {
    SILENT_MAX_MS = 200000, /* 150 s without a byte, and a little */
    SECOND_MS = 1000,
    RELISTS_MAX = 25, /* in an hour, of ten kinds; 75 without bookmarks */
};

struct told { /* to wait, by "life method path body" */
    int64_t until_ms; /* by the clock of that life */
    char key[];
};

struct manners {
    struct map told;
    struct refusal {
        unsigned life;
        int64_t at_ms; /* by the clock of that life */
    } last[INSTANCES_MAX]; /* 429 that each was answered with */
    int64_t healed_ms;
    uint64_t lists[INSTANCES_MAX];
    unsigned life[INSTANCES_MAX];
};

/* --- after a 429 --- */

static char *key_of(struct sim *sim, const struct instance *i, const char *method,
                    const char *path, const char *body, size_t len)
{
    return sim_text(sim, "%s %u %s %s %016" PRIx64, i->name, i->life, method, path,
                    hash_bytes(body ? body : "", body ? len : 0, 5));
}

void manners_request(const struct wire *wire, const struct kube_call *call)
{
    struct sim *sim = wire->sim;
    struct manners *m = sim->manners;
    if (call->lane != KUBE_LANE_REQUESTS || m->told.count == 0) return;
    const char *key =
        key_of(sim, wire->instance, call->method, call->path, call->body, call->body_len);
    const struct told *t = map_get(&m->told, key);
    int64_t now_ms = wire->instance->timers.now_ms;
    if (!t || now_ms >= t->until_ms) return;
    sim_fail(sim, "S10", "%s asks again %" PRId64 " ms before it was told to: %s %s", wire->name,
             t->until_ms - now_ms, call->method, call->path);
}

int manners_cap(const struct instance *i)
{
    return i->op ? operator_counts(i->op).cap : 0;
}

/* At the first 429 of a second. A read's may be a reflector's, which the client does not count. */
static void check_cap(struct sim *sim, const struct instance *i, int cap, bool write)
{
    struct refusal *last = &sim->manners->last[i->id];
    int64_t now_ms = i->timers.now_ms;
    bool first = last->life != i->life || now_ms - last->at_ms > SECOND_MS;
    int most = (cap + 1) / 2, now = manners_cap(i);
    *last = (struct refusal){.life = i->life, .at_ms = now_ms};
    if (!first || !write || now <= (most > 4 ? most : 4)) return;
    sim_fail(sim, "S10", "%s sends up to %d at once after a 429, and sent %d before", i->name, now,
             cap);
}

static bool is_judged(const struct kube_transfer *t)
{
    return !t->election && t->lane == KUBE_LANE_REQUESTS;
}

void manners_refused(const struct kube_transfer *t, const struct instance *i, int cap)
{
    if (is_judged(t) && i->alive) check_cap(i->sim, i, cap, t->write);
}

void manners_told(const struct kube_transfer *t, const struct instance *i)
{
    struct sim *sim = i->sim;
    if (!is_judged(t) || t->retry_after_s <= 0) return;
    const char *key = key_of(sim, i, t->method, t->path, t->body, t->body_len);
    struct told *told = map_get(&sim->manners->told, key);
    if (!told) {
        size_t n = strlen(key) + 1;
        told = xcalloc(1, sizeof(*told) + n);
        memcpy(told->key, key, n);
        map_put(&sim->manners->told, told->key, told);
    }
    told->until_ms = i->timers.now_ms + t->retry_after_s * SECOND_MS;
}

/* --- watches that fell silent --- */

void manners_settled(struct sim *sim)
{
    sim_run_until(sim, sim->manners->healed_ms + SILENT_MAX_MS);
    const struct kube_transfer *all = &sim->net->all;
    for (const struct kube_transfer *t = all->next; t != all && !sim->failed; t = t->next) {
        if (!t->wire || !t->silent) continue;
        sim_fail(sim, "L1", "%s still believes a watch that says nothing: %s", t->name, t->path);
    }
}

void manners_healed(struct sim *sim)
{
    sim->manners->healed_ms = sim->now_ms;
}

/* --- while nothing happens --- */

static void add_lists(void *user, const struct operator_informer *informer)
{
    *(uint64_t *)user += informer->stats.syncs;
}

static void begin_quiet(struct manners *m, const struct instance *i, uint64_t lists)
{
    m->lists[i->id] = lists;
    m->life[i->id] = i->life;
}

static void end_quiet(const struct manners *m, const struct instance *i, uint64_t lists)
{
    struct sim *sim = i->sim;
    int in_flight = operator_counts(i->op).in_flight;
    if (in_flight) sim_fail(sim, "L2", "%s counts %d requests under way", i->name, in_flight);
    if (!sim->plan.bookmarks || m->life[i->id] != i->life) return;
    uint64_t anew = lists - m->lists[i->id];
    if (anew <= RELISTS_MAX) return;
    sim_fail(sim, "L2", "%s lists %" PRIu64 " times anew while nothing happens", i->name, anew);
}

void manners_quiet(struct sim *sim, bool begins)
{
    for (int n = 0; n < INSTANCES_MAX && !sim->failed; n++) {
        struct instance *i = sim->instance[n];
        uint64_t lists = 0;
        if (!i || !i->alive) continue;
        caches_check(sim, i);
        operator_walk(i->op, add_lists, &lists);
        if (begins) begin_quiet(sim->manners, i, lists);
        else end_quiet(sim->manners, i, lists);
    }
}

struct manners *manners_new(void)
{
    return xcalloc(1, sizeof(struct manners));
}

void manners_free(struct manners *manners)
{
    map_release(&manners->told, free);
    free(manners);
}
