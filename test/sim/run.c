#include "test/sim/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "test/sim/admission.h"
#include "test/sim/cluster.h"
#include "test/sim/expect.h"
#include "test/sim/instance.h"
#include "test/sim/manners.h"
#include "test/sim/plan.h"
#include "test/sim/refused.h"
#include "test/sim/replay.h"
#include "test/sim/restore.h"
#include "test/sim/rogue.h"
#include "test/sim/rollout.h"
#include "test/sim/safety.h"
#include "test/sim/secrets.h"
#include "test/sim/users.h"

enum {
    CHAOS_EVENTS_MAX = 400000,
    SETTLE_MS = 900000, /* refusals are looked at again in five minutes, silence ends in three */
    GONE_MS = 1800000, /* a revision that nobody names goes ten minutes after it was marked */
    PRUNED_MS = 1800000,
    HOUR_MS = 3600000,
};

/* --- chaos --- */

struct trouble {
    struct sim *sim;
    struct sim_event event;
};

static void clocks(struct sim *sim, struct instance *i)
{
    if (sim_strikes(sim, FAULT_CLOCK, 20)) {
        i->wall_off_ms = sim_draw(sim, CHANCE_WEATHER, -1, 1) * HOUR_MS;
        TRACE(sim, "the wall clock of %s is off by %" PRId64 " ms", i->name, i->wall_off_ms);
    }
    if (i->alive && sim_strikes(sim, FAULT_CLOCK, 20)) {
        instance_sleep(i, sim_draw(sim, CHANCE_WEATHER, 1000, 60000));
    }
}

/* Somebody takes the Lease for a stranger, empties it, or renews it for its holder. */
static void edit_lease(struct sim *sim)
{
    static const char *const edits[] = {
        "{\"spec\":{\"holderIdentity\":\"stranger\"}}",
        "{\"spec\":{\"holderIdentity\":\"stranger\",\"leaseDurationSeconds\":40}}",
        "{\"spec\":{\"renewTime\":\"2036-01-01T00:00:00.000000Z\"}}",
        "{\"spec\":{\"strategy\":\"OldestEmulationVersion\",\"leaseTransitions\":-7}}",
    };
    sim_call(sim, "rogue", "PATCH", MERGE_TYPE,
             "/apis/coordination.k8s.io/v1/namespaces/carrel-system/leases/carrel",
             edits[sim_draw(sim, CHANCE_WEATHER, 0, 3)]);
}

/* A namespace is deleted with all that is in it; later it is there again. */
static void turn_namespace(struct sim *sim)
{
    if (store_get(sim->store, sim_types()->namespace, "", "ops")) {
        TRACE(sim, "the namespace ops is deleted");
        sim_call(sim, "kubectl", "DELETE", JSON_TYPE, "/api/v1/namespaces/ops", NULL);
    } else {
        sim_namespace(sim, "ops");
    }
}

static void make_trouble(struct sim *sim)
{
    int replica = (int)sim_draw(sim, CHANCE_FAULTS, 0, REPLICAS - 1);
    struct instance *i =
        sim->instance[sim_draw(sim, CHANCE_FAULTS, 0, sim->plan.instances - 1)];
    if (sim_strikes(sim, FAULT_LAG, 5)) {
        replica_freeze(sim, replica, sim_draw(sim, CHANCE_FAULTS, 100, sim->plan.lag_max_ms));
    }
    if (sim_strikes(sim, FAULT_RESTART, 20)) {
        replica_restart(sim, replica, sim_draw(sim, CHANCE_FAULTS, 100, 8000));
    }
    if (sim_strikes(sim, FAULT_CRASH, 30)) instance_kill(i, 0);
    if (sim_strikes(sim, FAULT_STOP, 15)) {
        instance_stop(i);
        if (sim_one_in(sim, CHANCE_WEATHER, 4)) instance_stop(i);
    }
    clocks(sim, i);
    if (sim_strikes(sim, FAULT_RESTORE, 12)) etcd_trouble(sim);
    if (sim_strikes(sim, FAULT_NAMESPACE, 15)) turn_namespace(sim);
    if (sim_strikes(sim, FAULT_FINALIZER, 6)) rogue_hold(sim);
    if (sim_strikes(sim, FAULT_FINALIZER, 12)) rogue_let_go(sim);
    if (sim_strikes(sim, FAULT_LEASE, 15)) edit_lease(sim);
    admission_strike(sim);
    if (sim_strikes(sim, FAULT_EXPIRED, 10)) {
        sim->credential_needed++;
        sim->credential_ms = sim->now_ms + sim_draw(sim, CHANCE_WEATHER, 0, 30000);
        TRACE(sim, "the credential has run out");
    }
    if (sim_strikes(sim, FAULT_UNKNOWN, 30) && sim->plan.election) {
        i->election.cut_off = !i->election.cut_off;
        TRACE(sim, "%s: the election's connection is %s", i->name,
              i->election.cut_off ? "cut" : "back");
    }
}

static void on_trouble(void *user)
{
    struct trouble *t = user;
    if (!t->sim->chaos) return;
    make_trouble(t->sim);
    sim_at(t->sim, &t->event, sim_draw(t->sim, CHANCE_FAULTS, 200, 6000));
}

static void chaos(struct sim *sim)
{
    struct trouble trouble = {.sim = sim};
    trouble.event = (struct sim_event){.fire = on_trouble, .user = &trouble};
    sim->chaos = true;
    sim_at(sim, &trouble.event, 1000);
    users_begin(sim);
    rogue_begin(sim);
    for (int i = 0; i < sim->plan.instances; i++) {
        sim->instance[i] = instance_new(sim, i);
        sim_at(sim, &sim->instance[i]->restart, sim_draw(sim, CHANCE_OPERATORS, 0, 3000));
    }
    uint64_t most = sim->fired + CHAOS_EVENTS_MAX;
    while (!users_done(sim) && sim->fired < most && sim_step(sim)) continue;
    sim_run_until(sim, sim->now_ms + sim_draw(sim, CHANCE_FAULTS, 0, 60000));
    sim->chaos = false;
    sim_forget(sim, &trouble.event);
}

static void heal(struct sim *sim)
{
    TRACE(sim, "---- from here on nothing goes wrong any more ----");
    arena_reset(&sim->arena, 256 * 1024);
    users_stop(sim);
    rogue_heal(sim);
    rogue_let_go(sim);
    cluster_heal(sim);
    replicas_heal(sim);
    manners_healed(sim);
    for (int i = 0; i < sim->plan.instances; i++) {
        struct instance *o = sim->instance[i];
        o->election.cut_off = false;
        o->wall_off_ms = 0;
        bool other = o->version != sim->instance[0]->version;
        if (other && o->alive) instance_kill(o, 1000); /* a rollout comes to its end */
        o->version = sim->instance[0]->version;
        if (!o->alive && !sim_is_set(&o->restart)) sim_at(sim, &o->restart, 1);
    }
}

/* --- what must come to be --- */

static void show_sessions(const struct sim *sim)
{
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->session, &i));) {
        const char *at = strstr(o->text, "\"spec\":");
        printf("   %s/%s %s\n", o->ns, o->name, at ? at : o->text);
    }
}

bool run_until_met(struct sim *sim, int64_t bound_ms, const char *invariant,
                   bool (*met)(struct sim *sim, char *why, size_t size))
{
    char why[400] = "";
    int64_t end_ms = sim->now_ms + bound_ms;
    while (!sim->failed) {
        arena_reset(&sim->arena, 256 * 1024);
        if (met(sim, why, sizeof(why))) return true;
        if (sim->now_ms >= end_ms) break;
        sim_run_until(sim, sim->now_ms + 2000);
    }
    if (sim->trace_live) show_sessions(sim);
    sim_fail(sim, invariant, "not within %" PRId64 " s: %s", bound_ms / 1000, why);
    return false;
}

static void still_met(struct sim *sim)
{
    char why[400];
    arena_reset(&sim->arena, 256 * 1024);
    if (!sim->failed && !expect_met(sim, why, sizeof(why))) {
        sim_fail(sim, "L1", "it was as it should be, and is no more: %s", why);
    }
}

/* Nothing happens, so nothing is written; a new operator that finds all well writes nothing
 * either. */
void run_quiet(struct sim *sim, int64_t for_ms)
{
    sim_run_until(sim, sim->now_ms + PRUNED_MS); /* late requests, old revisions */
    run_until_met(sim, 1000, "L3", expect_pruned);
    safety_quiet(sim, true);
    TRACE(sim, "---- quiet ----");
    manners_quiet(sim, true);
    sim_run_until(sim, sim->now_ms + for_ms);
    manners_quiet(sim, false);
    if (!sim->failed) instance_kill(sim->instance[0], 5000);
    sim_run_until(sim, sim->now_ms + 300000);
    safety_quiet(sim, false);
    still_met(sim);
}

/* --- the same from scratch --- */

struct past { /* of a Session */
    struct past *next;
    char *ns, *name, *body, *shape;
};

static void free_past(struct past *p)
{
    for (struct past *next; p; p = next) {
        next = p->next;
        free(p->ns);
        free(p->name);
        free(p->body);
        free(p->shape);
        free(p);
    }
}

/* Sessions without a template or at their end cannot be told by their spec alone: they go. All
 * others start anew, so that no old start is left in them. */
static void start_all_anew(struct sim *sim)
{
    size_t count = store_count(sim->store, sim_types()->session), n = 0;
    struct store_object **all =
        arena_zalloc(&sim->arena, (count + 1) * sizeof(struct store_object *));
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->session, &i));) {
        all[n++] = store_object_ref(o);
    }
    for (size_t i = 0; i < n; i++) {
        bool ends = strstr(all[i]->text, "\"state\":\"terminated\"") ||
                    !expect_can_start(sim, all[i]);
        if (ends) {
            user_delete(sim, "sessions", all[i]->ns, all[i]->name);
        } else {
            user_state(sim, all[i]->ns, all[i]->name, "running");
            user_restart(sim, all[i]->ns, all[i]->name, 100000);
        }
        store_object_unref(all[i]);
    }
}

static char *body_of(struct sim *sim, const struct store_object *o)
{
    struct arena *a = &sim->arena;
    struct json *tree, *body = json_object(a), *meta = json_object(a);
    if (json_parse(a, o->text, o->len, &tree, NULL) < 0) return xstrdup("{}");
    json_set_text(a, meta, "name", o->name);
    json_set(a, meta, "annotations", json_copy(a, json_path(tree, "metadata.annotations")));
    json_set_text(a, body, "apiVersion", "carrel.dev/v1alpha1");
    json_set_text(a, body, "kind", "Session");
    json_set(a, body, "metadata", meta);
    json_set(a, body, "spec", json_copy(a, json_get(tree, "spec")));
    return xstrdup(json_to_text(a, body));
}

/* Oldest first, so that hosts fall to the same. */
static struct past *note_past(struct sim *sim)
{
    struct past *first = NULL;
    const struct store_object *o;
    for (;;) {
        const struct store_object *best = NULL;
        for (size_t i = 0; (o = store_walk(sim->store, sim_types()->session, &i));) {
            bool noted = false;
            for (struct past *p = first; p && !noted; p = p->next) {
                noted = str_equal(p->ns, o->ns) && str_equal(p->name, o->name);
            }
            if (noted) continue;
            bool newer = !best || o->created_ms > best->created_ms ||
                         (o->created_ms == best->created_ms && strcmp(o->uid, best->uid) > 0);
            if (newer) best = o; /* the list grows at its front: the newest first */
        }
        if (!best) return first;
        struct past *p = xcalloc(1, sizeof(*p));
        *p = (struct past){first, xstrdup(best->ns), xstrdup(best->name), body_of(sim, best),
                           xstrdup(expect_shape(sim, best))};
        first = p;
    }
}

static bool sessions_are_gone(struct sim *sim, char *why, size_t size)
{
    const struct sim_types *t = sim_types();
    bool gone = store_count(sim->store, t->session) == 0 &&
                store_count(sim->store, t->deployment) == 0 &&
                store_count(sim->store, t->service) == 0 &&
                store_count(sim->store, t->ingress) == 0;
    if (!gone) str_copy(why, size, "children of deleted sessions are left");
    return gone;
}

static void compare_shapes(struct sim *sim, const struct past *p)
{
    for (; p && !sim->failed; p = p->next) {
        const struct store_object *o =
            store_get(sim->store, sim_types()->session, p->ns, p->name);
        const char *shape = o ? expect_shape(sim, o) : "";
        if (str_equal(shape, p->shape)) continue;
        size_t at = 0;
        while (shape[at] && shape[at] == p->shape[at]) at++;
        size_t from = at > 60 ? at - 60 : 0;
        sim_fail(sim, "L4", "%s/%s became %.160s and is from scratch %.160s", p->ns, p->name,
                 p->shape + from, shape + from);
    }
}

static void run_compare(struct sim *sim)
{
    TRACE(sim, "---- the same from scratch ----");
    arena_reset(&sim->arena, 256 * 1024);
    start_all_anew(sim);
    sim_run_until(sim, sim->now_ms + 1000);
    if (!run_until_met(sim, SETTLE_MS, "L1", expect_met)) return;
    struct past *past = note_past(sim);
    for (const struct past *p = past; p; p = p->next) user_delete(sim, "sessions", p->ns, p->name);
    if (run_until_met(sim, GONE_MS, "L3", sessions_are_gone)) {
        for (const struct past *p = past; p && !sim->failed; p = p->next) {
            sim_call(sim, "kubectl", "POST", JSON_TYPE,
                     sim_text(sim, "/apis/carrel.dev/v1alpha1/namespaces/%s/sessions", p->ns),
                     p->body);
            sim_run_until(sim, sim->now_ms + 1001);
        }
        if (run_until_met(sim, SETTLE_MS, "L1", expect_met)) compare_shapes(sim, past);
    }
    free_past(past);
}

/* --- the end --- */

void run_delete_all(struct sim *sim)
{
    size_t homes = store_count(sim->store, sim_types()->claim);
    TRACE(sim, "---- all is deleted ----");
    arena_reset(&sim->arena, 256 * 1024);
    users_delete_all(sim);
    if (!run_until_met(sim, GONE_MS, "L3", expect_gone)) return;
    if (store_count(sim->store, sim_types()->claim) != homes) {
        sim_fail(sim, "S3", "a home is gone with its session");
    }
}

void run_end(struct sim *sim)
{
    if (sim->failed) return;
    for (int i = 0; i < sim->plan.instances; i++) {
        instance_free(sim->instance[i]);
        sim->instance[i] = NULL;
    }
    if (net_owned(sim)) sim_fail(sim, "L6", "%u requests are left", net_owned(sim));
}

static struct run_result result_of(const struct sim *sim)
{
    struct run_result r = {.failed = sim->failed,
                           .events = sim->fired,
                           .commits = sim->commits,
                           .requests = sim->requests,
                           .hash = sim->hash,
                           .virtual_ms = sim->now_ms};
    memcpy(r.happened, sim->happened, sizeof(r.happened));
    r.users_did = users_did(sim);
    r.rogue_did = rogue_did(sim);
    str_copy(r.invariant, sizeof(r.invariant), sim->invariant);
    str_copy(r.failure, sizeof(r.failure), sim->failure);
    return r;
}

struct run_result run_replay(const struct replay *replay, bool trace, bool live)
{
    struct sim_plan plan = plan_of(replay);
    struct sim *sim = sim_new(replay->seed, &plan, trace, live);
    sim->replay = replay;
    secrets_begin(sim);
    chaos(sim);
    if (!sim->failed) heal(sim);
    if (!sim->failed) run_until_met(sim, SETTLE_MS, "L1", expect_met);
    if (!sim->failed) manners_settled(sim);
    if (!sim->failed && plan.durations) sim_run_until(sim, sim->now_ms + HOUR_MS + HOUR_MS / 4);
    /* What a clock that was an hour ahead has noted counts from then. */
    bool noted = plan.durations || plan.retentions;
    if (!sim->failed && noted && plan.rate[FAULT_CLOCK] > 0) {
        sim_run_until(sim, sim->now_ms + HOUR_MS);
    }
    if (!sim->failed) run_quiet(sim, HOUR_MS);
    if (!sim->failed && plan.versions) run_rollout(sim);
    bool wanted = plan.rate[FAULT_DENIED] > 0 || plan.rate[FAULT_QUOTA] > 0;
    if (!sim->failed && wanted) run_refused(sim);
    if (!sim->failed && plan.compare && !plan.durations) run_compare(sim);
    if (!sim->failed) run_delete_all(sim);
    run_end(sim);
    secrets_end(sim);
    struct run_result r = result_of(sim);
    if (trace && sim->failed) sim_trace_print(sim);
    sim_free(sim);
    return r;
}
