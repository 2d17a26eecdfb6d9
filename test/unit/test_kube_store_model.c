/* The store against a server that is an array: changes, a watch that lags, answers of our own
 * writes that come late, lists that come in pieces or fail, a restore from a backup. After each of
 * 20 000 steps the store must be something that the server really was, and when the watch has
 * caught up, exactly what the server is. */
#include <stdio.h>
#include <string.h>

#include "lib/kube/store.h"
#include "lib/rng.h"
#include "lib/str.h"
#include "test/check.h"
#include "test/unit/test_kube_things.h"

enum { KEYS = 12, NODES = 3, OWNERS = 3, STEPS = 20000, ANSWERS = 4 };

struct state { /* of one key at the server */
    bool lives;
    int key, rv, uid, node, owner, size; /* node, owner 0: none */
};

struct model {
    struct kube_store *store;
    struct rng rng;
    struct arena a;
    struct state now[KEYS];
    struct state log[STEPS + 1]; /* log[rv] is what happened then */
    int rv, seen, uids;          /* seen: where the watch is */
    struct state answers[ANSWERS];
    int learned[KEYS]; /* the version that each key was learned in; 0: none, or it does not count */
    bool listing, lags; /* lags: the watch brings nothing for a while */
    struct state list[KEYS];
    int list_rv, listed;
    bool forgotten[KEYS]; /* since the list began */
    struct state told[KEYS]; /* what an observer must believe from what it was told */
    int syncs, restores, told_count;
};

static int below(struct model *m, int n)
{
    return (int)rng_below(&m->rng, (uint64_t)n);
}

static struct kube_object *object_of(struct model *m, const struct state *s)
{
    struct arena *a = &m->a;
    return THING(a, .ns = "n", .name = arena_printf(a, "k%d", s->key),
                 .uid = arena_printf(a, "u%d", s->uid), .rv = arena_printf(a, "%d", s->rv),
                 .node = s->node ? arena_printf(a, "node%d", s->node) : NULL,
                 .owner = s->owner ? arena_printf(a, "owner%d", s->owner) : NULL,
                 .size = s->size);
}

static int number(const char *text, const char *prefix)
{
    int n = 0;
    CHECK(strncmp(text, prefix, strlen(prefix)) == 0);
    CHECK_INT(sscanf(text + strlen(prefix), "%d", &n), 1);
    return n;
}

static struct state state_of(const struct kube_object *o)
{
    return (struct state){.lives = true,
                          .key = number(o->meta.name, "k"),
                          .rv = number(o->meta.rv, ""),
                          .uid = number(o->meta.uid, "u"),
                          .node = as_thing(o)->node ? number(as_thing(o)->node, "node") : 0,
                          .owner = o->meta.owner_uid ? number(o->meta.owner_uid, "owner") : 0,
                          .size = (int)as_thing(o)->size};
}

static void check_same(struct state a, struct state b, bool also_rv)
{
    CHECK_INT(a.lives, b.lives);
    if (!a.lives) return;
    CHECK_INT(a.key, b.key);
    if (also_rv) CHECK_INT(a.rv, b.rv);
    CHECK_INT(a.uid, b.uid);
    CHECK_INT(a.node, b.node);
    CHECK_INT(a.owner, b.owner);
    CHECK_INT(a.size, b.size);
}

static void on_change(void *user, const struct kube_object *before,
                      const struct kube_object *after)
{
    struct model *m = user;
    int key = number((before ? before : after)->meta.name, "k");
    m->told_count++;
    CHECK_INT(m->told[key].lives, before != NULL);
    if (before) check_same(m->told[key], state_of(before), false);
    if (before && after) CHECK_INT(m->told[key].uid, state_of(after).uid);
    m->told[key] = after ? state_of(after) : (struct state){0};
}

/* --- what happens --------------------------------------------------------------------------- */

static void change_server(struct model *m)
{
    int key = below(m, KEYS);
    struct state *s = &m->now[key];
    if (s->lives && below(m, 4) == 0) {
        s->lives = false;
    } else if (s->lives) {
        if (below(m, 3) == 0) s->node = below(m, NODES + 1);
        else s->size = below(m, 3); /* often the same as before */
    } else {
        *s = (struct state){true, key, 0, ++m->uids, below(m, NODES + 1), below(m, OWNERS + 1), 1};
    }
    s->rv = ++m->rv;
    m->log[m->rv] = *s;
    if (s->lives && below(m, 2)) m->answers[below(m, ANSWERS)] = *s;
}

static void see_event(struct model *m)
{
    if (m->listing || m->lags || m->seen == m->rv) return;
    const struct state *s = &m->log[++m->seen];
    if (s->lives) kube_store_put(m->store, object_of(m, s));
    else kube_store_delete(m->store, object_of(m, s));
}

static void learn_answer(struct model *m)
{
    struct state *s = &m->answers[below(m, ANSWERS)];
    if (!s->lives) return;
    const struct kube_object *got = kube_store_learn(m->store, object_of(m, s));
    if (got) CHECK(state_of(got).rv >= s->rv || m->seen >= s->rv);
    else CHECK(m->seen >= s->rv);
    if (s->rv > m->learned[s->key]) m->learned[s->key] = s->rv;
    s->lives = false;
}

static void begin_list(struct model *m)
{
    if (m->listing || m->rv == 0) return;
    kube_store_list_begin(m->store);
    memcpy(m->list, m->now, sizeof(m->list));
    memset(m->forgotten, 0, sizeof(m->forgotten));
    m->list_rv = m->rv;
    m->listed = 0;
    m->listing = true;
}

static void fail_list(struct model *m)
{
    kube_store_list_fail(m->store);
    m->listing = false;
}

static struct state has(struct model *m, int key)
{
    const struct kube_object *o = kube_store_find(m->store, "n", arena_printf(&m->a, "k%d", key));
    return o ? state_of(o) : (struct state){0};
}

/* After a list all is as listed, but for what was learned of a later time. */
static void check_listed(struct model *m)
{
    for (int key = 0; key < KEYS; key++) {
        struct state s = has(m, key);
        if (m->forgotten[key] || s.rv > m->list_rv) continue;
        check_same(s, m->list[key], true);
    }
}

static void go_on_with_list(struct model *m)
{
    if (!m->listing) return;
    if (m->listed < KEYS) {
        const struct state *s = &m->list[m->listed++];
        if (s->lives) kube_store_list_add(m->store, object_of(m, s));
        return;
    }
    kube_store_list_end(m->store, arena_printf(&m->a, "%d", m->list_rv));
    m->listing = false;
    check_listed(m);
    m->seen = m->list_rv;
    m->syncs++;
}

/* The server is as it was before, and goes on from there. The store had seen it all. */
static void restore(struct model *m)
{
    if (m->rv < 10) return;
    if (m->listing) fail_list(m);
    m->lags = false;
    while (m->seen < m->rv) see_event(m);
    m->rv -= 1 + below(m, 8);
    memset(m->now, 0, sizeof(m->now));
    for (int rv = 1; rv <= m->rv; rv++) m->now[m->log[rv].key] = m->log[rv];
    memset(m->answers, 0, sizeof(m->answers));
    memset(m->learned, 0, sizeof(m->learned));
    begin_list(m);
    while (m->listing) go_on_with_list(m);
    m->restores++;
}

/* The server has answered 404. */
static void forget(struct model *m)
{
    const struct state *s = &m->now[below(m, KEYS)];
    if (s->lives || !s->rv) return;
    const char *name = arena_printf(&m->a, "k%d", s->key);
    const struct kube_object *known = kube_store_find(m->store, "n", name);
    if (known) kube_store_forget(m->store, "n", name, known->meta.uid);
    m->learned[s->key] = 0;
    m->forgotten[s->key] = true;
}

static void step(struct model *m)
{
    int what = below(m, 1000);
    if (what < 300) change_server(m);
    else if (what < 690) see_event(m);
    else if (what < 700) m->lags = below(m, 2);
    else if (what < 800) learn_answer(m);
    else if (what < 820) begin_list(m);
    else if (what < 840) forget(m);
    else if (what < 995) go_on_with_list(m);
    else if (what < 998 && m->listing) fail_list(m);
    else if (what == 999) restore(m);
}

/* --- what must hold ------------------------------------------------------------------------- */

static void check_objects(struct model *m)
{
    size_t count = 0;
    for (int key = 0; key < KEYS; key++) {
        struct state s = has(m, key);
        count += s.lives;
        if (s.lives) check_same(s, m->log[s.rv], true); /* nothing that never was */
        if (m->learned[key] > m->seen) CHECK(s.rv >= m->learned[key]); /* read your writes */
        check_same(s, m->told[key], false);
        bool caught_up = !m->listing && m->seen == m->rv && m->syncs;
        if (caught_up) check_same(s, m->now[key], true);
    }
    CHECK_INT(kube_store_count(m->store), count);
}

/* Counts by a walk what the index must have, and looks whether each object is there. */
static void check_index(struct model *m, int index, const char *key)
{
    struct kube_bucket bucket = kube_store_by(m->store, index, key);
    const struct kube_object *o;
    size_t want = 0;
    for (size_t i = 0; (o = kube_store_next(m->store, &i));) {
        const char *its = index == THINGS_BY_NODE ? as_thing(o)->node : o->meta.owner_uid;
        if (!its || strcmp(its, key) != 0) continue;
        want++;
        bool found = false;
        for (size_t k = 0; k < bucket.count; k++) found = found || bucket.objects[k] == o;
        CHECK(found);
    }
    CHECK_INT(bucket.count, want);
}

static void check_model(struct model *m)
{
    check_objects(m);
    for (int i = 1; i <= NODES; i++) {
        check_index(m, THINGS_BY_NODE, arena_printf(&m->a, "node%d", i));
    }
    for (int i = 1; i <= OWNERS; i++) {
        check_index(m, THINGS_BY_OWNER, arena_printf(&m->a, "owner%d", i));
    }
}

TEST(kube_store_model, after_twenty_thousand_steps_of_chance_it_is_what_the_server_is)
{
    static struct model m;
    m = (struct model){.store = kube_store_new(&thing_type)};
    rng_seed(&m.rng, 20261121);
    kube_store_observe(m.store, on_change, &m);
    for (int i = 0; i < STEPS; i++) {
        arena_reset(&m.a, 1 << 16);
        step(&m);
        check_model(&m);
    }
    while (m.listing) go_on_with_list(&m);
    m.lags = false;
    while (m.seen < m.rv) see_event(&m);
    check_model(&m);
    CHECK(m.syncs > 100 && m.restores > 5 && m.told_count > 1000);
    kube_store_free(m.store);
    arena_release(&m.a);
}
