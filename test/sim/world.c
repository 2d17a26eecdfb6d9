#include "test/sim/world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "test/sim/admission.h"
#include "test/sim/cluster.h"
#include "test/sim/instance.h"
#include "test/sim/manners.h"
#include "test/sim/plan.h"
#include "test/sim/replay.h"
#include "test/sim/rogue.h"
#include "test/sim/rollout.h"
#include "test/sim/safety.h"
#include "test/sim/starts.h"
#include "test/sim/users.h"
#include "test/sim/wire.h"

const char JSON_TYPE[] = "application/json", MERGE_TYPE[] = "application/merge-patch+json";

static const int64_t WALL_AT_BEGIN_MS = 1767225600000; /* 2026-01-01 */

/* --- time --- */

static bool event_before(const struct heap_node *x, const struct heap_node *y)
{
    const struct sim_event *a = HEAP_ENTRY(x, struct sim_event, node);
    const struct sim_event *b = HEAP_ENTRY(y, struct sim_event, node);
    if (a->at_ms != b->at_ms) return a->at_ms < b->at_ms;
    if (a->tie != b->tie) return a->tie < b->tie;
    return a->seq < b->seq;
}

void sim_at(struct sim *sim, struct sim_event *event, int64_t delay_ms)
{
    assert(event->fire);
    heap_remove(&sim->events, &event->node);
    event->at_ms = sim->now_ms + (delay_ms > 0 ? delay_ms : 0);
    event->tie = (uint32_t)rng_next(&sim->chance[CHANCE_SCHEDULE]);
    event->seq = sim->seq++;
    heap_push(&sim->events, &event->node);
}

void sim_forget(struct sim *sim, struct sim_event *event)
{
    heap_remove(&sim->events, &event->node);
}

bool sim_is_set(const struct sim_event *event)
{
    return event->node.at != 0;
}

bool sim_step(struct sim *sim)
{
    struct heap_node *node = sim->failed ? NULL : heap_pop(&sim->events);
    if (!node) return false;
    struct sim_event *event = HEAP_ENTRY(node, struct sim_event, node);
    assert(event->at_ms >= sim->now_ms);
    sim->now_ms = event->at_ms;
    sim->fired++;
    sim->hash = (sim->hash ^ (uint64_t)sim->now_ms) * 0x9e3779b97f4a7c15u;
    arena_reset(&sim->arena, 256 * 1024);
    event->fire(event->user);
    return !sim->failed;
}

void sim_run_until(struct sim *sim, int64_t at_ms)
{
    for (struct heap_node *node; (node = heap_first(&sim->events));) {
        if (HEAP_ENTRY(node, struct sim_event, node)->at_ms > at_ms) break;
        if (!sim_step(sim)) return;
    }
    if (sim->now_ms < at_ms) sim->now_ms = at_ms;
}

int64_t sim_wall_ms(const struct sim *sim)
{
    return WALL_AT_BEGIN_MS + sim->now_ms;
}

/* --- chance --- */

static bool happens(struct sim *sim, enum sim_fault fault, double rate)
{
    struct rng rng;
    uint64_t which[2] = {fault, sim->asked[fault]++};
    rng_seed(&rng, sim->seed ^ hash_bytes(which, sizeof(which), 23));
    if (rng_unit(&rng) >= rate) return false;
    return !replay_leaves_out(sim->replay, (int)fault, sim->happened[fault]++);
}

bool sim_fault(struct sim *sim, enum sim_fault fault)
{
    double rate = sim->plan.rate[fault];
    return sim->chaos && rate > 0 && happens(sim, fault, rate);
}

bool sim_strikes(struct sim *sim, enum sim_fault fault, unsigned n)
{
    return sim->chaos && sim->plan.rate[fault] > 0 && happens(sim, fault, 1.0 / n);
}

void sim_begin(struct sim *sim, enum sim_fault fault, int64_t for_ms)
{
    sim->until_ms[fault] = sim->now_ms + for_ms;
    TRACE(sim, "---- %s for %" PRId64 " ms", sim_fault_names[fault], for_ms);
}

bool sim_goes_on(const struct sim *sim, enum sim_fault fault)
{
    return sim->now_ms < sim->until_ms[fault];
}

int64_t sim_draw(struct sim *sim, enum sim_stream stream, int64_t low, int64_t high)
{
    return rng_between(&sim->chance[stream], low, high);
}

bool sim_one_in(struct sim *sim, enum sim_stream stream, unsigned n)
{
    return rng_below(&sim->chance[stream], n) == 0;
}

void sim_mix(struct sim *sim, uint64_t value)
{
    sim->hash = (sim->hash ^ value) * 0xff51afd7ed558ccdu;
    sim->hash ^= sim->hash >> 29;
}

/* --- failure and trace --- */

void sim_fail(struct sim *sim, const char *invariant, const char *fmt, ...)
{
    if (sim->failed) return;
    sim->failed = true;
    str_copy(sim->invariant, sizeof(sim->invariant), invariant);
    va_list args;
    va_start(args, fmt);
    vsnprintf(sim->failure, sizeof(sim->failure), fmt, args);
    va_end(args);
    TRACE(sim, "FAILED %s: %s", invariant, sim->failure);
}

void sim_trace(struct sim *sim, const char *fmt, ...)
{
    char *line = sim->traced[sim->trace_next++ % TRACE_LINES];
    int64_t s = sim->now_ms / 1000;
    int n = snprintf(line, TRACE_WIDTH, "%3" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64 "  ",
                     s / 3600, s / 60 % 60, s % 60, sim->now_ms % 1000);
    va_list args;
    va_start(args, fmt);
    vsnprintf(line + n, (size_t)(TRACE_WIDTH - n), fmt, args);
    va_end(args);
    if (sim->trace_live) puts(line);
}

void sim_trace_print(const struct sim *sim)
{
    if (sim->trace_live) return;
    unsigned first = sim->trace_next > TRACE_LINES ? sim->trace_next - TRACE_LINES : 0;
    for (unsigned i = first; i < sim->trace_next; i++) puts(sim->traced[i % TRACE_LINES]);
}

/* --- requests --- */

struct store_answer sim_call(struct sim *sim, const char *who, const char *method,
                             const char *type, const char *path, const char *body)
{
    struct store_answer answer;
    struct store_call call = {.method = method,
                              .path = path,
                              .content_type = type,
                              .body = body,
                              .body_len = body ? strlen(body) : 0,
                              .user_agent = who,
                              .user = who,
                              .wall_ms = sim_wall_ms(sim)};
    store_request(sim->store, &call, &sim->arena, &answer);
    if (!str_equal(method, "GET") && answer.code >= 300) {
        TRACE(sim, "%s: %s %s answered %d", who, method, path, answer.code);
        TRACE(sim, "   %.190s", answer.code == 422 ? answer.body : "");
    }
    return answer;
}

const struct sim_types *sim_types(void)
{
    static struct sim_types t;
    if (t.session) return &t;
    t.template = resource_find("carrel.dev", "v1alpha1", "templates");
    t.deployment = resource_find("apps", "v1", "deployments");
    t.service = resource_find("", "v1", "services");
    t.ingress = resource_find("networking.k8s.io", "v1", "ingresses");
    t.claim = resource_find("", "v1", "persistentvolumeclaims");
    t.pod = resource_find("", "v1", "pods");
    t.revision = resource_find("apps", "v1", "controllerrevisions");
    t.event = resource_find("events.k8s.io", "v1", "events");
    t.lease = resource_find("coordination.k8s.io", "v1", "leases");
    t.connection = resource_find("carrel.dev", "v1alpha1", "connections");
    t.repository = resource_find("carrel.dev", "v1alpha1", "templaterepositories");
    t.namespace = resource_find("", "v1", "namespaces");
    t.session = resource_find("carrel.dev", "v1alpha1", "sessions");
    assert(t.template && t.deployment && t.service && t.ingress && t.claim && t.pod);
    assert(t.revision && t.lease && t.session && t.connection && t.repository && t.namespace);
    return &t;
}

/* --- apiservers --- */

uint64_t replica_seen(const struct sim *sim, int replica)
{
    const struct replica *r = &sim->replica[replica];
    return r->frozen ? r->seen : store_rv(sim->store);
}

static void thaw(struct sim *sim, int replica)
{
    sim->replica[replica].frozen = false;
    net_pump(sim, NULL);
    TRACE(sim, "apiserver %d has caught up", replica);
}

static void thaw_0(void *user)
{
    thaw(user, 0);
}

static void thaw_1(void *user)
{
    thaw(user, 1);
}

static void up_0(void *user)
{
    ((struct sim *)user)->replica[0].down = false;
}

static void up_1(void *user)
{
    ((struct sim *)user)->replica[1].down = false;
}

void replica_freeze(struct sim *sim, int replica, int64_t for_ms)
{
    struct replica *r = &sim->replica[replica];
    if (r->frozen || store_rv(sim->store) == 0) return;
    r->frozen = true;
    r->seen = store_rv(sim->store);
    sim_at(sim, &r->thaw, for_ms);
    TRACE(sim, "apiserver %d falls behind for %" PRId64 " ms", replica, for_ms);
}

void replica_restart(struct sim *sim, int replica, int64_t for_ms)
{
    struct replica *r = &sim->replica[replica];
    if (r->down && r->up.at_ms >= sim->now_ms + for_ms) return;
    TRACE(sim, "apiserver %d restarts, down for %" PRId64 " ms", replica, for_ms);
    r->down = true;
    r->frozen = false;
    sim_forget(sim, &r->thaw);
    sim_at(sim, &r->up, for_ms);
    net_cut(sim, replica);
}

void replicas_heal(struct sim *sim)
{
    for (int i = 0; i < REPLICAS; i++) {
        struct replica *r = &sim->replica[i];
        sim_forget(sim, &r->thaw);
        sim_forget(sim, &r->up);
        r->frozen = r->down = false;
    }
    memset(sim->until_ms, 0, sizeof(sim->until_ms));
    net_pump(sim, NULL);
}

/* --- birth and end --- */

static void collect(void *user)
{
    struct sim *sim = user;
    for (int i = 0; i < 4; i++) {
        if (!store_gc_step(sim->store, sim_wall_ms(sim))) return;
    }
    sim_at(sim, &sim->gc, sim_draw(sim, CHANCE_CLUSTER, 1, 200));
}

static void seen(void *user, const struct store_commit *commit)
{
    struct sim *sim = user;
    const struct store_object *o = commit->after;
    sim->commits++;
    sim_mix(sim, hash_bytes(o->text, o->len, o->rv));
    if (sim->trace) {
        static const char *const verbs[] = {"creates", "changes", "deletes"};
        TRACE(sim, "   %s %s %s %s/%s%s%s at %" PRIu64 "%s",
              commit->user ? commit->user : commit->method, verbs[commit->event], o->type->kind,
              o->ns, o->name, *commit->subresource ? " " : "", commit->subresource, o->rv,
              o->deleting && commit->event == STORE_MODIFIED ? " (is being deleted)" : "");
    }
    safety_seen(sim, commit);
    starts_seen(sim, commit);
    rollout_seen(sim, commit);
    cluster_seen(sim, commit);
    net_pump(sim, o->type);
    if (!sim_is_set(&sim->gc) && (o->owner_count || o->deleting || o->tombstone)) {
        sim_at(sim, &sim->gc, sim_draw(sim, CHANCE_CLUSTER, 1, sim->chaos ? 3000 : 300));
    }
}

static void compact(void *user)
{
    struct sim *sim = user;
    uint64_t rv = store_rv(sim->store);
    uint64_t keep = (uint64_t)sim_draw(sim, CHANCE_FAULTS, 0, 20);
    bool backup = sim->chaos && sim->backup_rv && !sim->restored; /* what it needs stays */
    if (rv > keep && !backup) {
        TRACE(sim, "etcd compacts up to %" PRIu64, rv - keep);
        store_compact(sim->store, rv - keep);
    }
    if (sim->chaos) sim_at(sim, &sim->compact, sim_draw(sim, CHANCE_FAULTS, 1000, 120000));
    else sim_at(sim, &sim->compact, 300000);
}

void sim_namespace(struct sim *sim, const char *name)
{
    sim_call(sim, "kubectl", "POST", JSON_TYPE, "/api/v1/namespaces",
             sim_text(sim, "{\"metadata\":{\"name\":\"%s\"}}", name));
}

struct sim *sim_new(uint64_t seed, const struct sim_plan *plan, bool trace, bool live)
{
    struct sim *sim = xcalloc(1, sizeof(*sim));
    sim->seed = seed;
    sim->plan = *plan;
    sim->trace = trace;
    sim->trace_live = live;
    if (trace) sim->traced = xcalloc(TRACE_LINES, TRACE_WIDTH);
    for (int i = 0; i < CHANCE_COUNT; i++) {
        rng_seed(&sim->chance[i], seed ^ hash_bytes(&i, sizeof(i), 17));
    }
    heap_init(&sim->events, event_before);
    arena_init(&sim->arena);
    str_init(&sim->out, 1 << 20);
    sim->store = store_new(&(struct store_config){.rng = &sim->chance[CHANCE_STORE],
                                                  .need_namespaces = true,
                                                  .no_watch_list = plan->no_watch_list,
                                                  .gone_by_status = plan->gone_by_status});
    store_observe(sim->store, seen, sim);
    sim->replica[0].thaw = (struct sim_event){.fire = thaw_0, .user = sim};
    sim->replica[1].thaw = (struct sim_event){.fire = thaw_1, .user = sim};
    sim->replica[0].up = (struct sim_event){.fire = up_0, .user = sim};
    sim->replica[1].up = (struct sim_event){.fire = up_1, .user = sim};
    sim->gc = (struct sim_event){.fire = collect, .user = sim};
    sim->compact = (struct sim_event){.fire = compact, .user = sim};
    sim_at(sim, &sim->compact, plan->rate[FAULT_COMPACT] > 0 ? 1000 : 300000);
    sim->net = net_new(sim);
    sim->admission = admission_new(sim);
    sim->rollout = rollout_new();
    sim->safety = safety_new(sim);
    sim->manners = manners_new();
    sim->starts = starts_new();
    sim->cluster = cluster_new(sim);
    sim->users = users_new(sim);
    sim->rogue = rogue_new(sim);
    static const char *const namespaces[] = {"lab", "ops", "shared", "carrel-system"};
    for (int i = 0; i < 4; i++) sim_namespace(sim, namespaces[i]);
    return sim;
}

void sim_free(struct sim *sim)
{
    for (int i = 0; i < INSTANCES_MAX; i++) instance_free(sim->instance[i]);
    net_free(sim->net);
    admission_free(sim->admission);
    rollout_free(sim->rollout);
    rogue_free(sim->rogue);
    users_free(sim->users);
    cluster_free(sim->cluster);
    safety_free(sim->safety);
    manners_free(sim->manners);
    starts_free(sim->starts);
    while (heap_pop(&sim->events)) continue;
    heap_release(&sim->events);
    store_free(sim->store);
    arena_release(&sim->arena);
    str_release(&sim->out);
    free(sim->traced);
    free(sim);
}
