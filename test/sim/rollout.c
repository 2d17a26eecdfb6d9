#include "test/sim/rollout.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kinds.h"
#include "lib/xalloc.h"
#include "test/sim/expect.h"
#include "test/sim/instance.h"
#include "test/sim/run.h"

enum { INTENT_LEN = 38 /* its name and hash */, STEP_MS = 60000, SETTLE_MS = 900000 };

struct written { /* an object, while it goes on */
    unsigned times;
    char key[];
};

struct rollout {
    struct map written; /* "Kind ns/name" -> written */
    bool on;
};

/* The first apply of what was made by POST is preceded, once in its life, by a write that turns our
 * managed fields from Update into Apply and changes nothing else. */
static bool is_takeover(const struct store_commit *c)
{
    static const char mark[] = "\"operation\":\"Apply\"";
    if (!c->before || !str_equal(c->method, "PATCH") || *c->subresource) return false;
    if (strstr(c->before->text, mark) || !strstr(c->after->text, mark)) return false;
    const char *before = strstr(c->before->text, "\"spec\"");
    const char *after = strstr(c->after->text, "\"spec\"");
    const char *intent = strstr(c->before->text, ANNOTATION_INTENT);
    return before && after && str_equal(before, after) && intent &&
           strncmp(intent, strstr(c->after->text, ANNOTATION_INTENT), INTENT_LEN) == 0;
}

static struct written *written_of(struct rollout *r, const char *key)
{
    struct written *w = map_get(&r->written, key);
    if (w) return w;
    size_t n = strlen(key) + 1;
    w = xcalloc(1, sizeof(*w) + n);
    memcpy(w->key, key, n);
    map_put(&r->written, w->key, w);
    return w;
}

void rollout_seen(struct sim *sim, const struct store_commit *c)
{
    const struct store_object *o = c->after;
    if (!sim->rollout->on || o->type == sim_types()->lease) return;
    bool ours = c->user && text_starts(c->user, "operator-");
    if (c->event != STORE_MODIFIED && !str_equal(o->type->kind, "Event")) {
        sim_fail(sim, "F33", "%s: a new version makes %s %s/%s come or go",
                 c->user ? c->user : c->method, o->type->kind, o->ns, o->name);
    }
    if (!ours || is_takeover(c)) return;
    struct written *w = written_of(sim->rollout,
                                   sim_text(sim, "%s %s/%s", o->type->kind, o->ns, o->name));
    if (++w->times > 1) {
        sim_fail(sim, "F33", "%s is written %u times for a new version", w->key, w->times);
    }
}

static void roll(struct sim *sim, int version)
{
    TRACE(sim, "---- all become version %d, one after the other ----", version);
    map_release(&sim->rollout->written, free);
    sim->rollout->written = (struct map){0};
    sim->rollout->on = true;
    for (int i = 0; i < sim->plan.instances && !sim->failed; i++) {
        instance_upgrade(sim->instance[i], version);
        sim_run_until(sim, sim->now_ms + STEP_MS);
    }
    if (!sim->failed) run_until_met(sim, SETTLE_MS, "L1", expect_met);
    if (!sim->failed) sim_run_until(sim, sim->now_ms + STEP_MS);
    sim->rollout->on = false;
}

void run_rollout(struct sim *sim)
{
    int version = sim->instance[0]->version;
    roll(sim, 1 - version);
    if (!sim->failed) roll(sim, version);
}

struct rollout *rollout_new(void)
{
    return xcalloc(1, sizeof(struct rollout));
}

void rollout_free(struct rollout *rollout)
{
    map_release(&rollout->written, free);
    free(rollout);
}
