#include "test/sim/instance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "test/sim/wire_in.h"

enum {
    TIMERS_AT_ONCE_MAX = 20000,
    HEARS_LATE_MS = 3000,
    DRAIN_MS = 25000,  /* of cmd/serve.c */
    LEAVES_MS = 12000, /* one answer about the lease more */
};

/* Its loop's clock, which also counts suspend, as CLOCK_BOOTTIME does. */
static int64_t own_ms(const struct instance *i)
{
    return i->offset_ms + (i->sim->now_ms - i->born_ms) * i->rate / 1000;
}

/* How long the world waits until its clock shows that. */
static int64_t world_until(const struct instance *i, int64_t own_at_ms)
{
    int64_t passed = own_at_ms - i->offset_ms;
    int64_t at_ms = i->born_ms + (passed * 1000 + i->rate - 1) / i->rate;
    return at_ms - i->sim->now_ms;
}

static int64_t own_wall_ms(const struct instance *i)
{
    return sim_wall_ms(i->sim) + i->wall_off_ms;
}

static void instance_at(struct instance *i)
{
    i->timers.now_ms = own_ms(i);
    i->timers.wall_ms = own_wall_ms(i);
}

static bool sleeps(struct instance *i, struct sim_event *event)
{
    if (i->asleep_until_ms <= i->sim->now_ms) return false;
    sim_at(i->sim, event, i->asleep_until_ms - i->sim->now_ms);
    return true;
}

bool instance_may_write(struct instance *i)
{
    if (!i->lease) return i->alive;
    return lease_held(i->lease, own_ms(i));
}

static bool gate(void *user)
{
    return instance_may_write(user);
}

/* S9: no two of them may write at one instant. */
static void check_one_leader(struct instance *i)
{
    for (int n = 0; n < INSTANCES_MAX; n++) {
        struct instance *other = i->sim->instance[n];
        if (!other || other == i || !other->alive || !i->lease) continue;
        if (other->lease && instance_may_write(other)) {
            sim_fail(i->sim, "S9", "%s and %s both have an open write gate", i->name, other->name);
        }
    }
}

static void follow_lease(struct instance *i)
{
    if (!i->lease || !i->op || i->ending == INSTANCE_RELEASES) return;
    bool holds = instance_may_write(i);
    if (holds) check_one_leader(i);
    if (holds == operator_leads(i->op) || sim_is_set(&i->hear)) return;
    int64_t late_ms = i->sim->chaos ? sim_draw(i->sim, CHANCE_OPERATORS, 0, HEARS_LATE_MS) : 0;
    sim_at(i->sim, &i->hear, late_ms);
}

/* The operator hears of it from another thread, some time after; until then only the gate holds. */
static void on_hear(void *user)
{
    struct instance *i = user;
    if (!i->op || sleeps(i, &i->hear)) return;
    bool holds = instance_may_write(i);
    instance_enter(i);
    if (holds != operator_leads(i->op)) {
        TRACE(i->sim, "%s %s", i->name, holds ? "leads" : "leads no more");
        operator_lead(i->op, holds);
    }
    instance_leave(i);
}

/* --- the election, as lease_thread.c drives it --- */

static void ask(struct instance *i);

static void on_asked(void *user, const struct kube_answer *answer)
{
    struct instance *i = user;
    i->asking = NULL;
    int code = answer->outcome == KUBE_ANSWERED ? answer->code : 0;
    struct kube_transport *t = &i->election.transport;
    if (code == 401) t->rejected(t, answer->credential);
    unsigned before = lease_set_backs(i->lease);
    lease_answer(i->lease, code, answer->body, answer->len, i->asked_ms, i->timers.now_ms);
    if (lease_set_backs(i->lease) != before && i->op) operator_history_undone(i->op);
    ask(i);
}

static void ask(struct instance *i)
{
    static const struct kube_handlers handlers = {.done = on_asked};
    struct lease_request r =
        lease_next(i->lease, i->timers.now_ms, own_wall_ms(i) * 1000);
    if (!r.due && lease_released(i->lease)) return;
    if (!r.due) {
        int64_t until_ms = lease_until_ms(i->lease), again_ms = r.again_ms;
        if (until_ms > i->timers.now_ms && until_ms < again_ms) again_ms = until_ms;
        sim_at(i->sim, &i->elect, world_until(i, again_ms));
        return;
    }
    struct kube_call call = {.lane = KUBE_LANE_REQUESTS,
                             .method = r.method,
                             .path = r.path,
                             .content_type = r.body ? JSON_TYPE : NULL,
                             .body = r.body,
                             .body_len = r.len,
                             .timeout_ms = r.timeout_ms};
    i->asked_ms = i->timers.now_ms;
    i->asking = i->election.transport.start(&i->election.transport, &call, &handlers, i);
    /* The gate must be seen to shut while an answer is awaited, too. */
    int64_t until_ms = lease_until_ms(i->lease);
    if (until_ms > i->timers.now_ms) sim_at(i->sim, &i->elect, world_until(i, until_ms));
}

static void on_elect(void *user)
{
    struct instance *i = user;
    if (sleeps(i, &i->elect)) return;
    instance_enter(i);
    if (!i->asking) ask(i);
    instance_leave(i);
}

static void begin_election(struct instance *i)
{
    struct lease_config config = {.ns = "carrel-system",
                                  .name = "carrel",
                                  .identity = i->identity,
                                  .lease_ms = 15000,
                                  .renew_ms = 10000,
                                  .retry_ms = 2000};
    i->lease = lease_new(&config, &i->rng);
    sim_at(i->sim, &i->elect, 0);
}

/* --- its time --- */

void instance_enter(struct instance *i)
{
    instance_at(i);
}

void instance_leave(struct instance *i)
{
    if (!i->alive) return;
    follow_lease(i);
    while (timers_next_ms(&i->timers) <= i->timers.now_ms && !i->sim->failed) {
        unsigned fired = timers_run(&i->timers, 64);
        i->sim->fired += fired;
        if (i->stuck_at_ms != i->sim->now_ms) i->stuck_at_ms = i->sim->now_ms, i->stuck = 0;
        i->stuck += fired;
        if (i->stuck > TIMERS_AT_ONCE_MAX) {
            sim_fail(i->sim, "S10", "%s fires timers for ever without time passing", i->name);
        }
    }
    int64_t next_ms = timers_next_ms(&i->timers);
    if (next_ms == TIMERS_NEVER) {
        sim_forget(i->sim, &i->wake);
        return;
    }
    int64_t wait_ms = world_until(i, next_ms);
    if (sim_is_set(&i->wake) && i->wake.at_ms == i->sim->now_ms + wait_ms) return;
    sim_at(i->sim, &i->wake, wait_ms);
}

static void on_wake(void *user)
{
    struct instance *i = user;
    if (sleeps(i, &i->wake)) return;
    instance_enter(i);
    instance_leave(i);
}

/* --- life --- */

static void on_ready(void *user)
{
    struct instance *i = user;
    i->ready = true;
    TRACE(i->sim, "%s has read everything", i->name);
    if (!i->sim->plan.election) operator_lead(i->op, true);
    else if (!i->lease) begin_election(i); /* else it has started over */
}

static void settings_of(struct sim *sim, struct settings *s)
{
    *s = settings_default;
    s->domain = "example.com";
    s->template_namespace = sim->plan.shared_templates ? "shared" : "";
    s->page_size = sim->plan.page_size;
    s->pages_only = sim->plan.pages_only;
    s->headless = sim->plan.headless;
}

/* Two versions: the newer makes pods in another way and words its intents in another. */
static void set_version(struct instance *i)
{
    bool any = i->sim->plan.versions && i->sim->chaos;
    if (any) i->version = (int)sim_draw(i->sim, CHANCE_WEATHER, 0, 1);
    i->settings.renderer = settings_default.renderer + i->version;
    i->settings.intent_schema = settings_default.intent_schema + i->version;
}


static void on_undone(void *user)
{
    struct instance *i = user;
    TRACE(i->sim, "%s takes what it knows for undone", i->name);
    if (!i->sim->restored) sim_fail(i->sim, "S7", "%s: history was not undone", i->name);
    sim_at(i->sim, &i->over, 0);
}

static void start_operator(struct instance *i)
{
    struct operator_env env = {.transport = &i->wire.transport,
                               .timers = &i->timers,
                               .rng = &i->rng,
                               .settings = &i->settings,
                               .may_write = i->sim->plan.election ? gate : NULL,
                               .gate_user = i,
                               .ready = on_ready,
                               .ready_user = i,
                               .undone = on_undone,
                               .undone_user = i,
                               .instance = i->identity};
    i->op = operator_new(&env);
    operator_start(i->op);
}

static void on_over(void *user)
{
    struct instance *i = user;
    if (!i->op || i->ending != INSTANCE_SERVES || sleeps(i, &i->over)) return;
    instance_enter(i);
    bool leads = operator_leads(i->op);
    operator_free(i->op);
    if (i->wire.running) sim_fail(i->sim, "L6", "%u requests are left", i->wire.running);
    i->life++; /* in all but its identity: what servers told it is forgotten too */
    i->ready = false;
    memset(i->seen, 0, sizeof(i->seen));
    start_operator(i);
    operator_lead(i->op, leads);
    instance_leave(i);
}

void instance_start(struct instance *i)
{
    struct sim *sim = i->sim;
    i->life++;
    i->alive = true;
    i->ready = false;
    i->born_ms = sim->now_ms;
    i->offset_ms = sim_draw(sim, CHANCE_OPERATORS, 0, 1000000);
    i->rate = 1000;
    /* One of them only: lease and renewal are 1.5 apart, which is what rates may differ by. */
    if (sim->chaos && i->id == 0 && sim_strikes(sim, FAULT_CLOCK, 1)) {
        i->rate = sim_draw(sim, CHANCE_WEATHER, 700, 1300);
    }
    i->asleep_until_ms = 0;
    i->ending = INSTANCE_SERVES;
    snprintf(i->identity, sizeof(i->identity), "host%d_%u", i->id, i->life);
    rng_seed(&i->rng, rng_next(&sim->chance[CHANCE_OPERATORS]));
    memset(i->seen, 0, sizeof(i->seen));
    timers_init(&i->timers);
    instance_at(i);
    wire_init(&i->wire, sim, i, i->name, false);
    wire_init(&i->election, sim, i, i->name, true);
    set_version(i);
    TRACE(sim, "%s starts, version %d", i->name, i->version);
    start_operator(i);
    instance_leave(i);
}

static void end_life(struct instance *i)
{
    struct sim *sim = i->sim;
    if (!i->alive) return;
    instance_at(i);
    wire_abandon(&i->election);
    i->asking = NULL;
    operator_free(i->op);
    i->alive = false;
    i->op = NULL;
    if (i->wire.running) {
        sim_fail(sim, "L6", "%u requests are left of an operator that has ended", i->wire.running);
        wire_abandon(&i->wire);
    }
    lease_free(i->lease);
    i->lease = NULL;
    if (timers_next_ms(&i->timers) != TIMERS_NEVER) {
        sim_fail(sim, "S10", "a timer is left of an operator that has ended");
    }
    timers_release(&i->timers);
    sim_forget(sim, &i->wake);
    sim_forget(sim, &i->elect);
    sim_forget(sim, &i->hear);
    sim_forget(sim, &i->kill);
    sim_forget(sim, &i->end);
    sim_forget(sim, &i->drain);
    sim_forget(sim, &i->over);
}

void instance_kill(struct instance *i, int64_t restart_ms)
{
    if (!i->alive) return;
    TRACE(i->sim, "%s is killed", i->name);
    end_life(i);
    if (restart_ms <= 0) restart_ms = sim_draw(i->sim, CHANCE_FAULTS, 100, 20000);
    sim_at(i->sim, &i->restart, restart_ms);
}

/* --- a regular end, in the order of cmd/serve.c --- */

static void give_lease_back(struct instance *i)
{
    instance_enter(i);
    operator_free(i->op);
    i->op = NULL;
    i->ending = INSTANCE_RELEASES;
    if (i->wire.running) {
        sim_fail(i->sim, "F29", "%u requests outlive the operator", i->wire.running);
    }
    if (!i->lease) return;
    lease_release(i->lease);
    if (!i->asking) ask(i);
}

static void on_drain(void *user)
{
    struct instance *i = user;
    if (sleeps(i, &i->drain)) return;
    instance_enter(i);
    bool late = i->timers.now_ms >= i->drain_until_ms;
    if (i->ending == INSTANCE_DRAINS && (late || operator_idle(i->op))) give_lease_back(i);
    bool over = i->ending == INSTANCE_RELEASES && (!i->lease || lease_released(i->lease));
    if (!over) {
        instance_leave(i);
        if (i->timers.now_ms > i->drain_until_ms + LEAVES_MS) {
            sim_fail(i->sim, "F29", "%s was asked to end and does not", i->name);
        }
        sim_at(i->sim, &i->drain, 50);
        return;
    }
    TRACE(i->sim, "%s has ended", i->name);
    end_life(i);
    sim_at(i->sim, &i->restart, sim_draw(i->sim, CHANCE_FAULTS, 100, 5000));
}

/* A machine that sleeps delivers the signal when it wakes. */
static void on_end(void *user)
{
    struct instance *i = user;
    if (sleeps(i, &i->end)) return;
    instance_enter(i);
    i->ending = INSTANCE_DRAINS;
    i->drain_until_ms = i->timers.now_ms + DRAIN_MS;
    operator_drain(i->op);
    instance_leave(i);
    sim_at(i->sim, &i->drain, 20);
}

void instance_stop(struct instance *i)
{
    if (!i->alive) return;
    if (i->ending != INSTANCE_SERVES || sim_is_set(&i->end)) {
        instance_kill(i, 0);
        return;
    }
    TRACE(i->sim, "%s is asked to end", i->name);
    on_end(i);
}

void instance_upgrade(struct instance *i, int version)
{
    i->version = version;
    instance_stop(i);
}

void instance_sleep(struct instance *i, int64_t for_ms)
{
    TRACE(i->sim, "the machine of %s sleeps for %" PRId64 " ms", i->name, for_ms);
    i->asleep_until_ms = i->sim->now_ms + for_ms;
    i->drain_until_ms += 2 * for_ms; /* asleep it cannot end */
}

static void on_kill(void *user)
{
    instance_kill(user, 1000);
}

void instance_kill_soon(struct instance *i)
{
    sim_at(i->sim, &i->kill, 0);
}

static void on_restart(void *user)
{
    struct instance *i = user;
    struct sim *sim = i->sim;
    if (sim->crash.at && sim->crash.lagging) {
        replica_freeze(sim, 0, 30000);
        replica_freeze(sim, 1, 30000);
    }
    instance_start(i);
}

struct instance *instance_new(struct sim *sim, int id)
{
    struct instance *i = xcalloc(1, sizeof(*i));
    i->sim = sim;
    i->id = id;
    snprintf(i->name, sizeof(i->name), "operator-%d", id);
    settings_of(sim, &i->settings);
    i->wake = (struct sim_event){.fire = on_wake, .user = i};
    i->elect = (struct sim_event){.fire = on_elect, .user = i};
    i->hear = (struct sim_event){.fire = on_hear, .user = i};
    i->restart = (struct sim_event){.fire = on_restart, .user = i};
    i->kill = (struct sim_event){.fire = on_kill, .user = i};
    i->end = (struct sim_event){.fire = on_end, .user = i};
    i->drain = (struct sim_event){.fire = on_drain, .user = i};
    i->over = (struct sim_event){.fire = on_over, .user = i};
    return i;
}

void instance_free(struct instance *i)
{
    if (!i) return;
    end_life(i);
    sim_forget(i->sim, &i->restart);
    free(i);
}
