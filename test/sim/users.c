#include "test/sim/users.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "test/sim/replay.h"
#include "test/sim/secrets.h"
#include "test/sim/visitors.h"

struct users {
    struct sim *sim;
    struct sim_event event;
    int left;     /* what they have yet to do */
    int variants; /* of templates, so that each change is one */
    int restarts;
    unsigned done;     /* their number in a replay */
    struct rng rng;    /* of this one thing */
    bool stopped;
};

static const char *const namespaces[] = {"lab", "ops"};

static char *sessions_path(struct sim *sim, const char *plural, const char *ns, const char *name)
{
    return sim_text(sim, "/apis/carrel.dev/v1alpha1/namespaces/%s/%s%s%s", ns, plural,
                    *name ? "/" : "", name);
}

/* --- what they do --- */

bool user_template_is_aware(const char *name)
{
    return (name[strlen(name) - 1] - '0') % 2 == 1;
}

/* Some objects are big, as far as the cuts in which they come leave time for that. */
static const char *huge_text(struct sim *sim)
{
    if (sim->plan.rate[FAULT_HUGE] <= 0) return "";
    size_t n = sim->plan.chunk_max < 4095 ? 3000 : 60000;
    char *text = arena_zalloc(&sim->arena, n + 1);
    memset(text, 'h', n);
    return text;
}

void user_template(struct sim *sim, const char *ns, const char *name, int variant)
{
    const char *spec =
        sim_text(sim,
                 "{\"displayName\":\"T\",\"baseImage\":\"registry.test/%s:%d\",\"ports\":[{"
                 "\"name\":\"http\",\"containerPort\":%d}],\"description\":\"%s\","
                 "\"basePathAware\":%s,\"env\":[{\"name\":\"VARIANT\",\"value\":\"%d\"}%s]%s}",
                 name, variant, 3000 + variant % 3, huge_text(sim),
                 user_template_is_aware(name) ? "true" : "false", variant,
                 variant % 2 ? ",{\"name\":\"ODD\",\"value\":\"yes\"}" : "",
                 variant % 4 == 3 ? ",\"command\":[\"serve\",\"--odd\"]" : "");
    if (store_get(sim->store, sim_types()->template, ns, name)) {
        sim_call(sim, "kubectl", "PATCH", "application/json-patch+json",
                 sessions_path(sim, "templates", ns, name),
                 sim_text(sim, "[{\"op\":\"replace\",\"path\":\"/spec\",\"value\":%s}]", spec));
        return;
    }
    sim_call(sim, "kubectl", "POST", JSON_TYPE, sessions_path(sim, "templates", ns, ""),
             sim_text(sim,
                      "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Template\",\"metadata\":"
                      "{\"name\":\"%s\"},\"spec\":%s}",
                      name, spec));
}

void user_session(struct sim *sim, const char *ns, const char *name, const char *user,
                  const char *template, const char *more_spec)
{
    sim_call(sim, "kubectl", "POST", JSON_TYPE, sessions_path(sim, "sessions", ns, ""),
             sim_text(sim,
                      "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"metadata\":"
                      "{\"name\":\"%s\",\"labels\":{\"foreign.example/mark\":\"user\"}},\"spec\":"
                      "{\"user\":\"%s\",\"template\":\"%s\"%s}}",
                      name, user, template, more_spec));
}

void user_state(struct sim *sim, const char *ns, const char *name, const char *state)
{
    sim_call(sim, "kubectl", "PATCH", MERGE_TYPE, sessions_path(sim, "sessions", ns, name),
             sim_text(sim, "{\"spec\":{\"state\":\"%s\"}}", state));
}

void user_restart(struct sim *sim, const char *ns, const char *name, int n)
{
    sim_call(sim, "kubectl", "PATCH", MERGE_TYPE, sessions_path(sim, "sessions", ns, name),
             sim_text(sim, "{\"metadata\":{\"annotations\":{\"carrel.dev/restart-at\":\"%d\"}}}",
                      n));
}

void user_delete(struct sim *sim, const char *plural, const char *ns, const char *name)
{
    sim_call(sim, "kubectl", "DELETE", JSON_TYPE, sessions_path(sim, plural, ns, name), NULL);
}

static void delete_all_of(struct sim *sim, const struct resource *type)
{
    for (;;) {
        size_t i = 0;
        const struct store_object *o = store_walk(sim->store, type, &i);
        while (o && o->deleting) o = store_walk(sim->store, type, &i);
        if (!o) return;
        user_delete(sim, type->plural, sim_text(sim, "%s", o->ns), sim_text(sim, "%s", o->name));
    }
}

void users_delete_all(struct sim *sim)
{
    delete_all_of(sim, sim_types()->session);
    delete_all_of(sim, sim_types()->template);
    delete_all_of(sim, sim_types()->connection);
    delete_all_of(sim, sim_types()->repository);
}

/* --- what comes to their minds --- */

static int64_t draw(struct users *u, int64_t low, int64_t high)
{
    return rng_between(&u->rng, low, high);
}

static void create(struct users *u, const char *ns, const char *name)
{
    struct sim *sim = u->sim;
    static const char *const times[] = {"120s", "10m", "1h"};
    char *more = sim_text(sim, "%s%s%s", draw(u, 0, 2) ? "" : ",\"persistentHome\":false",
                          draw(u, 0, 5) ? "" : ",\"state\":\"hibernated\"",
                          draw(u, 0, 4) ? "" : ",\"env\":[{\"name\":\"MINE\",\"value\":\""
                                                SECRET_ENV "\"}]");
    if (sim->plan.durations && draw(u, 0, 2) == 0) {
        more = sim_text(sim, "%s,\"maxSessionDuration\":\"%s\"", more, times[draw(u, 0, 2)]);
    }
    if (sim->plan.paths && draw(u, 0, 1)) {
        more = sim_text(sim, "%s,\"route\":{\"mode\":\"path\"}", more);
    }
    if (sim->plan.retentions && draw(u, 0, 1)) {
        more = sim_text(sim, "%s,\"retention\":\"%s\"", more, draw(u, 0, 1) ? "60s" : "10m");
    }
    if (sim->plan.rate[FAULT_HUGE] > 0 && draw(u, 0, 2) == 0) {
        more = sim_text(sim, "%s,\"tags\":[\"%s\"]", more, huge_text(sim));
    }
    user_session(sim, ns, name, sim_text(sim, "u%d", (int)draw(u, 0, sim->plan.users - 1)),
                 sim_text(sim, "t%d", (int)draw(u, 0, sim->plan.templates - 1)), more);
}

static void change_session(struct users *u, const char *ns, const char *name)
{
    struct sim *sim = u->sim;
    switch (draw(u, 0, 10)) {
    case 0: user_delete(sim, "sessions", ns, name); return;
    case 1:
        for (int64_t n = draw(u, 1, 3); n > 0; n--) { /* the name is another's at once */
            user_delete(sim, "sessions", ns, name);
            create(u, ns, name);
        }
        return;
    case 9: /* of a version that we do not know */
        sim_call(sim, "kubectl", "PATCH", MERGE_TYPE, sessions_path(sim, "sessions", ns, name),
                 draw(u, 0, 1) ? "{\"spec\":{\"newerField\":{\"deep\":[1,2]}}}"
                               : "{\"spec\":{\"state\":\"paused\"}}");
        return;
    case 2:
    case 3:
    case 4: user_state(sim, ns, name, "hibernated"); return;
    case 5:
    case 6: user_state(sim, ns, name, "running"); return;
    case 7: user_restart(sim, ns, name, ++u->restarts); return;
    case 8:
        sim_call(sim, "kubectl", "PATCH", MERGE_TYPE, sessions_path(sim, "sessions", ns, name),
                 sim_text(sim, "{\"spec\":{\"env\":[{\"name\":\"MINE\",\"value\":\"%d\"}]}}",
                          (int)draw(u, 0, 99)));
        return;
    default:
        if (sim->plan.retentions || draw(u, 0, 3) == 0) user_state(sim, ns, name, "terminated");
        return;
    }
}

static void change_template(struct users *u, const char *ns)
{
    struct sim *sim = u->sim;
    const char *name = sim_text(sim, "t%d", (int)draw(u, 0, sim->plan.templates - 1));
    if (sim->plan.shared_templates && draw(u, 0, 2)) ns = "shared";
    if (draw(u, 0, 9) == 0) user_delete(sim, "templates", ns, name);
    else user_template(sim, ns, name, ++u->variants);
}

static void one_thing(struct users *u)
{
    struct sim *sim = u->sim;
    const char *ns = namespaces[sim->plan.two_namespaces ? draw(u, 0, 1) : 0];
    const char *name = sim_text(sim, "s%d", (int)draw(u, 0, sim->plan.sessions - 1));
    if (sim->plan.connections && draw(u, 0, 3) == 0) connection_act(sim, &u->rng, ns, name);
    else if (sim->plan.repositories && draw(u, 0, 5) == 0) repository_act(sim, &u->rng, ns);
    else if (draw(u, 0, 5) == 0) change_template(u, ns);
    else if (store_get(sim->store, sim_types()->session, ns, name)) change_session(u, ns, name);
    else create(u, ns, name);
}

/* Chance is its own, so that leaving one out does not change what the others are. */
static void begin_thing(struct users *u)
{
    uint64_t which[2] = {CHANCE_USERS, u->done};
    rng_seed(&u->rng, u->sim->seed ^ hash_bytes(which, sizeof(which), 29));
}

static void on_user(void *user)
{
    struct users *u = user;
    if (u->stopped || u->left <= 0) return;
    u->left--;
    begin_thing(u);
    if (!replay_leaves_out(u->sim->replay, REPLAY_USERS, u->done)) one_thing(u);
    /* Mostly in bursts, sometimes after a while. */
    int64_t pause_ms = draw(u, 0, 9) ? u->sim->plan.user_pause_ms : 60000;
    sim_at(u->sim, &u->event, draw(u, 1, pause_ms));
    u->done++;
}

void users_begin(struct sim *sim)
{
    struct users *u = sim->users;
    for (int i = 0; i < sim->plan.templates; i++) {
        const char *ns = sim->plan.shared_templates && i % 2 ? "shared" : "lab";
        user_template(sim, ns, sim_text(sim, "t%d", i), ++u->variants);
    }
    u->left = sim->plan.user_ops;
    begin_thing(u);
    sim_at(sim, &u->event, draw(u, 1, 3000));
}

void users_stop(struct sim *sim)
{
    sim->users->stopped = true;
    sim_forget(sim, &sim->users->event);
}

bool users_done(const struct sim *sim)
{
    return sim->users->left <= 0;
}

struct users *users_new(struct sim *sim)
{
    struct users *u = xcalloc(1, sizeof(*u));
    u->sim = sim;
    u->event = (struct sim_event){.fire = on_user, .user = u};
    return u;
}

void users_free(struct users *users)
{
    sim_forget(users->sim, &users->event);
    free(users);
}

unsigned users_did(const struct sim *sim)
{
    return sim->users->done;
}
