#include "test/sim/rogue.h"

#include <stdlib.h>
#include <string.h>

#include "dev/store_path.h"
#include "lib/xalloc.h"
#include "test/sim/replay.h"

struct rogue {
    struct sim *sim;
    struct sim_event event;
    int marks;
    unsigned done;  /* his acts: their number in a replay */
    struct rng rng; /* of this act */
    bool healed;
};

static const char *const apis[] = {"/apis/apps/v1", "/api/v1", "/apis/networking.k8s.io/v1"};
static const char *const plurals[] = {"deployments", "services", "ingresses"};
static const char SQUATTER[] = "\"labels\":{\"squatter\":\"yes\"}";

static int64_t draw(struct rogue *r, int64_t low, int64_t high)
{
    return rng_between(&r->rng, low, high);
}

static const struct resource *type_at(int i)
{
    const struct sim_types *t = sim_types();
    return i == 0 ? t->deployment : i == 1 ? t->service : t->ingress;
}

static char *path_to(struct sim *sim, int i, const char *ns, const char *name)
{
    return sim_text(sim, "%s/namespaces/%s/%s%s%s", apis[i], ns, plurals[i], *name ? "/" : "",
                    name);
}

static void merge(struct sim *sim, const char *path, const char *body)
{
    sim_call(sim, "rogue", "PATCH", MERGE_TYPE, path, body);
}

/* --- mischief --- */

static const struct store_object *some_child(struct rogue *r, int type)
{
    size_t count = store_count(r->sim->store, type_at(type)), i = 0;
    if (count == 0) return NULL;
    const struct store_object *o = NULL;
    for (int64_t n = draw(r, 0, (int64_t)count - 1); n >= 0; n--) {
        o = store_walk(r->sim->store, type_at(type), &i);
    }
    return o;
}

/* Over a field that is ours. */
static const char *edit_of(struct rogue *r, int type)
{
    if (type == 0) {
        return draw(r, 0, 1) ? "{\"spec\":{\"replicas\":0}}"
                             : "{\"spec\":{\"revisionHistoryLimit\":7}}";
    }
    if (type == 1) {
        return draw(r, 0, 1) ? "{\"spec\":{\"selector\":{\"evil\":\"yes\"}}}"
                             : "{\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":1}]}}";
    }
    return "{\"spec\":{\"rules\":[{\"host\":\"evil.example.com\",\"http\":{\"paths\":[{"
           "\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":{\"service\":{"
           "\"name\":\"x\",\"port\":{\"number\":1}}}}]}}]}}";
}

static void mark(struct rogue *r, const char *path)
{
    merge(r->sim, path,
          sim_text(r->sim, "{\"metadata\":{\"labels\":{\"" FOREIGN_LABEL "\":\"%d\"}}}",
                   ++r->marks));
}

static void harm(struct rogue *r)
{
    static const char *const strips[] = {
        "{\"metadata\":{\"labels\":{\"app.kubernetes.io/managed-by\":null}}}",
        "{\"metadata\":{\"labels\":{\"carrel.dev/session\":null,\"session\":null}}}",
        "{\"metadata\":{\"annotations\":{\"carrel.dev/intent\":null}}}",
        "{\"metadata\":{\"labels\":{\"carrel.dev/user\":\"mallory\"}}}",
    };
    int type = (int)draw(r, 0, 2);
    const struct store_object *o = some_child(r, type);
    if (!o) return;
    char *path = path_to(r->sim, type, o->ns, o->name);
    switch (draw(r, 0, 6)) {
    case 6: /* it is somebody else's from now on */
        merge(r->sim, path,
              sim_text(r->sim, "{\"metadata\":{\"ownerReferences\":null,\"labels\":{%s}}}",
                       "\"squatter\":\"yes\""));
        return;
    case 0: sim_call(r->sim, "rogue", "DELETE", JSON_TYPE, path, NULL); return;
    case 1:
    case 2: merge(r->sim, path, strips[draw(r, 0, 3)]); return;
    case 3: mark(r, path); return;
    default: merge(r->sim, path, edit_of(r, type)); return;
    }
}

static void squat(struct rogue *r)
{
    static const char *const heads[] = {
        "\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{\"replicas\":0,\"selector\":{"
        "\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
        "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}",
        "\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":{\"ports\":[{\"port\":80}]}",
        ("\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"spec\":{\"rules\":[{"
         "\"host\":\"squat.example.com\"}]}"),
    };
    struct sim *sim = r->sim;
    int type = (int)draw(r, 0, 2);
    const char *ns = sim->plan.two_namespaces && draw(r, 0, 1) ? "ops" : "lab";
    sim_call(sim, "rogue", "POST", JSON_TYPE, path_to(sim, type, ns, ""),
             sim_text(sim, "{\"metadata\":{\"name\":\"ss-s%d\",%s},%s}",
                      (int)draw(r, 0, sim->plan.sessions - 1), SQUATTER, heads[type]));
}

static bool is_squatter(const struct store_object *o)
{
    for (size_t i = 0; i < o->label_count; i++) {
        if (str_equal(o->labels[i].key, "squatter")) return true;
    }
    return false;
}

static void leave_names(struct rogue *r)
{
    for (int type = 0; type < 3; type++) {
        const struct store_object *o;
        for (size_t i = 0; (o = store_walk(r->sim->store, type_at(type), &i));) {
            if (!is_squatter(o) || o->deleting) continue;
            sim_call(r->sim, "rogue", "DELETE", JSON_TYPE,
                     path_to(r->sim, type, o->ns, o->name), NULL);
            i = 0;
        }
    }
}

static void act(struct rogue *r)
{
    int64_t what = draw(r, 0, 9);
    if (what == 0) squat(r);
    else if (what == 1) leave_names(r);
    else harm(r);
}

static void on_rogue(void *user)
{
    struct rogue *r = user;
    if (r->healed) return;
    uint64_t which[2] = {CHANCE_ROGUE, r->done};
    rng_seed(&r->rng, r->sim->seed ^ hash_bytes(which, sizeof(which), 31));
    if (!replay_leaves_out(r->sim->replay, REPLAY_ROGUE, r->done++)) act(r);
    sim_at(r->sim, &r->event, draw(r, 50, 30000));
}

/* --- finalizers --- */

static const struct resource *held_type(int i)
{
    const struct sim_types *t = sim_types();
    const struct resource *const types[] = {t->session, t->deployment, t->service, t->ingress,
                                            t->connection, t->template};
    return types[i];
}

static char *object_path(struct sim *sim, const struct store_object *o)
{
    const struct resource *t = o->type;
    return sim_text(sim, "%s%s/%s/namespaces/%s/%s/%s", *t->group ? "/apis/" : "/api", t->group,
                    t->version, o->ns, t->plural, o->name);
}

void rogue_hold(struct sim *sim)
{
    const struct resource *type = held_type((int)sim_draw(sim, CHANCE_WEATHER, 0, 5));
    size_t count = store_count(sim->store, type), i = 0;
    const struct store_object *o = NULL;
    if (count == 0) return;
    for (int64_t n = sim_draw(sim, CHANCE_WEATHER, 0, (int64_t)count - 1); n >= 0; n--) {
        o = store_walk(sim->store, type, &i);
    }
    if (o->deleting || o->finalizers) return;
    merge(sim, object_path(sim, o), "{\"metadata\":{\"finalizers\":[\"foreign.example/hold\"]}}");
}

void rogue_let_go(struct sim *sim)
{
    const struct store_object *o;
    for (int type = 0; type < 6; type++) {
        for (size_t i = 0; (o = store_walk(sim->store, held_type(type), &i));) {
            if (!strstr(o->text, "\"foreign.example/hold\"")) continue;
            merge(sim, object_path(sim, o), "{\"metadata\":{\"finalizers\":null}}");
            i = 0;
        }
    }
}

/* --- the rest --- */

void rogue_touch(struct sim *sim, const char *path)
{
    struct store_path p;
    if (!store_path_parse(&sim->arena, path, &p) || !*p.name || sim->rogue->healed) return;
    if (!store_get(sim->store, p.type, p.ns, p.name)) return;
    size_t n = strcspn(path, "?");
    const char *plain = arena_strndup(&sim->arena, path, *p.sub ? n - strlen(p.sub) - 1 : n);
    mark(sim->rogue, plain);
}

void rogue_begin(struct sim *sim)
{
    if (sim->plan.rogue) sim_at(sim, &sim->rogue->event, 1000);
}

void rogue_heal(struct sim *sim)
{
    sim->rogue->healed = true;
    sim_forget(sim, &sim->rogue->event);
    leave_names(sim->rogue);
}

struct rogue *rogue_new(struct sim *sim)
{
    struct rogue *r = xcalloc(1, sizeof(*r));
    r->sim = sim;
    r->event = (struct sim_event){.fire = on_rogue, .user = r};
    return r;
}

void rogue_free(struct rogue *rogue)
{
    sim_forget(rogue->sim, &rogue->event);
    free(rogue);
}

unsigned rogue_did(const struct sim *sim)
{
    return sim->rogue->done;
}
