#include "test/sim/exhaustive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "test/sim/expect.h"
#include "test/sim/instance.h"
#include "test/sim/plan.h"
#include "test/sim/run.h"
#include "test/sim/safety.h"
#include "test/sim/users.h"

enum { STORY_PAUSE_MS = 15000, PHASES = 3, WOKEN_FROM = 6 };
/* Who comes back before a lagging server may make the children of one that is gone, once (S5). */
enum { STALE_MAX = 3 };

static const char *const phases[PHASES] = {"before it is sent", "done and not answered",
                                           "after its answer"};

/* --- the story: a line is what a user does, and the next one waits for it to settle --- */

static void story(struct sim *sim, int line)
{
    switch (line) {
    case 0: user_template(sim, "lab", "t0", 1); return;
    case 1: user_session(sim, "lab", "s0", "u0", "t0", ""); return;
    case 2: user_session(sim, "ops", "s0", "u0", "t0", ",\"persistentHome\":false"); return;
    case 3: user_template(sim, "lab", "t0", 2); return;
    case 4: user_restart(sim, "lab", "s0", 1); return;
    case 5: user_state(sim, "lab", "s0", "hibernated"); return;
    case 6: user_state(sim, "lab", "s0", "running"); return;
    case 7: user_session(sim, "lab", "s1", "u0", "t0", ""); return;
    case 8: user_delete(sim, "sessions", "lab", "s1"); return;
    case 9: user_session(sim, "lab", "s1", "u0", "t0", ""); return;
    case 10: user_state(sim, "lab", "s1", "terminated"); return;
    default: user_template(sim, "lab", "t0", 3); return;
    }
}

enum { STORY_LINES = 12 };

static char *shape_of_all(struct sim *sim)
{
    auto_str out;
    const struct store_object *o;
    str_init(&out, 1 << 20);
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->session, &i));) {
        str_add_f(&out, "%s/%s: ", o->ns, o->name);
        str_add(&out, expect_shape(sim, o));
        str_add_c(&out, '\n');
    }
    return str_take(&out);
}

struct telling {
    unsigned writes, homes, children, pods; /* as often as they were made */
    char *shape;
    bool failed;
    char failure[700];
};

static void check_homes(struct sim *sim, struct telling *t)
{
    t->homes = safety_creates(sim, "PersistentVolumeClaim lab/home-u0");
    t->children = safety_children_made(sim);
    t->pods = safety_pods_made(sim);
    if (!sim->failed && t->homes != 1) sim_fail(sim, "L6", "%u homes were made for one", t->homes);
}

static struct telling tell(unsigned at, int phase, bool lagging, bool trace)
{
    struct sim_plan plan = plan_calm();
    struct telling t = {0};
    plan.shared_templates = false;
    struct sim *sim = sim_new(7, &plan, trace, false);
    sim->crash.at = at;
    sim->crash.phase = phase;
    sim->crash.lagging = lagging;
    sim->instance[0] = instance_new(sim, 0);
    instance_start(sim->instance[0]);
    for (int line = 0; line < STORY_LINES && !sim->failed; line++) {
        arena_reset(&sim->arena, 256 * 1024);
        story(sim, line);
        sim_run_until(sim, sim->now_ms + STORY_PAUSE_MS);
    }
    run_until_met(sim, 300000, "L1", expect_met);
    t.writes = sim->writes;
    t.shape = shape_of_all(sim);
    check_homes(sim, &t);
    if (!sim->failed) run_quiet(sim, 60000);
    if (!sim->failed) run_delete_all(sim);
    run_end(sim);
    t.failed = sim->failed;
    if (t.failed) snprintf(t.failure, sizeof(t.failure), "%s: %s", sim->invariant, sim->failure);
    if (trace && t.failed) sim_trace_print(sim);
    sim_free(sim);
    return t;
}

static bool made_too_often(const struct telling *t, const struct telling *reference, bool lagging)
{
    unsigned children = reference->children + (lagging ? STALE_MAX : 0);
    return t->children > children || t->pods > reference->pods + 1;
}

static void note_failure(unsigned at, int phase, bool lagging, const char *what)
{
    printf("not ok - crash at write %u, %s, then %s apiservers: %s\n", at, phases[phase],
           lagging ? "lagging" : "fresh", what);
}

/* What wakes starts from the template of that moment. Without a crash, for a cache that catches up
 * may show the wake before the template. */
static bool wakes_anew(void)
{
    struct sim_plan plan = plan_calm();
    struct sim *sim = sim_new(7, &plan, false, false);
    sim->instance[0] = instance_new(sim, 0);
    instance_start(sim->instance[0]);
    for (int line = 0; line < 5 && !sim->failed; line++) {
        arena_reset(&sim->arena, 256 * 1024);
        if (line < 2) story(sim, line);
        else if (line == 3) user_template(sim, "lab", "t0", WOKEN_FROM);
        else user_state(sim, "lab", "s0", line == 2 ? "hibernated" : "running");
        sim_run_until(sim, sim->now_ms + STORY_PAUSE_MS);
    }
    run_until_met(sim, 300000, "L1", expect_met);
    const struct store_object *d =
        store_get(sim->store, sim_types()->deployment, "lab", "ss-s0");
    const char *image = sim_text(sim, "\"registry.test/t0:%d\"", WOKEN_FROM);
    bool ok = !sim->failed && d && strstr(d->text, image);
    if (!ok) printf("not ok - L1: a session that was woken runs from what it slept with\n");
    sim_free(sim);
    return ok;
}

void exhaustive_run(unsigned *passed, unsigned *failed)
{
    struct telling reference = tell(0, 0, false, false);
    if (reference.failed) {
        free(tell(0, 0, false, true).shape);
        printf("not ok - the story without a crash: %s\n", reference.failure);
        ++*failed;
        free(reference.shape);
        return;
    }
    unsigned bad = !wakes_anew(), runs = 1;
    for (unsigned at = 1; at <= reference.writes && bad < 3; at++) {
        for (int k = 0; k < 2 * PHASES && bad < 3; k++) {
            struct telling t = tell(at, k / 2, k % 2, false);
            bool differs = !t.failed && !str_equal(t.shape, reference.shape);
            if (t.failed) {
                free(tell(at, k / 2, k % 2, true).shape);
                note_failure(at, k / 2, k % 2, t.failure);
            } else if (made_too_often(&t, &reference, k % 2)) {
                char what[120];
                snprintf(what, sizeof(what), "L6: %u children, %u pods made, %u and %u without it",
                         t.children, t.pods, reference.children, reference.pods);
                note_failure(at, k / 2, k % 2, what);
                t.failed = true;
            } else if (differs) {
                note_failure(at, k / 2, k % 2, "it ends otherwise than without the crash");
            }
            bad += t.failed || differs;
            runs++;
            free(t.shape);
        }
    }
    printf("crash plan: %u writes, %u runs\n", reference.writes, runs);
    *failed += bad;
    *passed += runs - bad;
    free(reference.shape);
}
