#include "test/sim/visitors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

enum { STALE_MS = 6 * 60 * 1000, LATE_MS = 60000 };

static char *path_to(struct sim *sim, const char *plural, const char *ns, const char *name)
{
    return sim_text(sim, "/apis/carrel.dev/v1alpha1/namespaces/%s/%s%s%s", ns, plural,
                    *name ? "/" : "", name);
}

/* --- what happens --- */

static void beat(struct sim *sim, const char *ns, const char *name)
{
    char now[TIME_TEXT_SIZE];
    time_format(now, sim_wall_ms(sim));
    sim_call(sim, "api", "PATCH", MERGE_TYPE,
             sim_text(sim, "%s/status", path_to(sim, "connections", ns, name)),
             sim_text(sim, "{\"status\":{\"lastHeartbeat\":\"%s\"}}", now));
}

static void end_connection(struct sim *sim, const char *ns, const char *name)
{
    sim_call(sim, "api", "PATCH", MERGE_TYPE,
             sim_text(sim, "%s/status", path_to(sim, "connections", ns, name)),
             "{\"status\":{\"state\":\"disconnected\"}}");
}

void connection_act(struct sim *sim, struct rng *rng, const char *ns, const char *session)
{
    const char *name = sim_text(sim, "c%d", (int)rng_between(rng, 0, 3));
    if (!store_get(sim->store, sim_types()->connection, ns, name)) {
        sim_call(sim, "api", "POST", JSON_TYPE, path_to(sim, "connections", ns, ""),
                 sim_text(sim,
                          "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Connection\","
                          "\"metadata\":{\"name\":\"%s\"},\"spec\":{\"sessionID\":\"%s\","
                          "\"userID\":\"u0\"}}",
                          name, session));
        return;
    }
    switch (rng_between(rng, 0, 3)) {
    case 0: end_connection(sim, ns, name); return;
    case 1:
        sim_call(sim, "api", "DELETE", JSON_TYPE, path_to(sim, "connections", ns, name), NULL);
        return;
    default: beat(sim, ns, name); return;
    }
}

void repository_act(struct sim *sim, struct rng *rng, const char *ns)
{
    const char *name = sim_text(sim, "r%d", (int)rng_between(rng, 0, 1));
    const char *path = path_to(sim, "templaterepositories", ns, name);
    if (!store_get(sim->store, sim_types()->repository, ns, name)) {
        sim_call(sim, "kubectl", "POST", JSON_TYPE,
                 path_to(sim, "templaterepositories", ns, ""),
                 sim_text(sim,
                          "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":"
                          "\"TemplateRepository\",\"metadata\":{\"name\":\"%s\"},\"spec\":{"
                          "\"url\":\"https://git.test/r\"}}",
                          name));
    } else if (rng_between(rng, 0, 2) == 0) {
        sim_call(sim, "kubectl", "DELETE", JSON_TYPE, path, NULL);
    } else {
        sim_call(sim, "kubectl", "PATCH", MERGE_TYPE, path,
                 sim_text(sim, "{\"spec\":{\"branch\":\"b%d\"}}", (int)rng_between(rng, 0, 9)));
    }
}

/* --- what there should be --- */

static const char *text_at(const struct json *tree, const char *path)
{
    const char *text = json_text(json_path(tree, path));
    return text ? text : "";
}

static struct json *tree_of(struct sim *sim, const struct store_object *o)
{
    struct json *tree = NULL;
    if (json_parse(&sim->arena, o->text, o->len, &tree, NULL) < 0) return NULL;
    return tree;
}

static bool differs(char *why, size_t size, const struct store_object *o, const char *what)
{
    snprintf(why, size, "%s %s/%s: %s", o->type->kind, o->ns, o->name, what);
    return false;
}

/* Active while its heartbeat is younger than six minutes; without its session it has ended. */
static bool connection_met(struct sim *sim, const struct store_object *o, char *why, size_t size)
{
    struct json *tree = tree_of(sim, o);
    const char *state = text_at(tree, "status.state");
    int64_t beat_ms = 0;
    if (o->deleting) return true;
    const struct store_object *session =
        store_get(sim->store, sim_types()->session, o->ns, text_at(tree, "spec.sessionID"));
    if (!session && !str_equal(state, "disconnected")) {
        return differs(why, size, o, sim_text(sim, "%s without its session", state));
    }
    if (session && !session->deleting && !o->owner_count) return differs(why, size, o, "no owner");
    if (time_parse(text_at(tree, "status.lastHeartbeat"), &beat_ms, NULL) < 0) {
        return differs(why, size, o, "no heartbeat");
    }
    int64_t age_ms = sim_wall_ms(sim) - beat_ms;
    if (str_equal(state, "active") && age_ms > STALE_MS + LATE_MS) {
        return differs(why, size, o, "active, and nobody has been heard of for long");
    }
    bool early = str_equal(state, "stale") && age_ms < STALE_MS - LATE_MS;
    return early ? differs(why, size, o, "stale, and was heard of just now") : true;
}

static bool repository_met(struct sim *sim, const struct store_object *o, char *why, size_t size)
{
    struct json *tree = tree_of(sim, o);
    int64_t observed = 0;
    json_int(json_path(tree, "status.observedGeneration"), &observed);
    if (o->deleting || (*text_at(tree, "status.phase") && observed == o->generation)) return true;
    return differs(why, size, o, "nobody has looked at it");
}

bool visitors_met(struct sim *sim, char *why, size_t size)
{
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->connection, &i));) {
        if (!connection_met(sim, o, why, size)) return false;
    }
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->repository, &i));) {
        if (!repository_met(sim, o, why, size)) return false;
    }
    return true;
}
