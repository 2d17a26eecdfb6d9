#include "lib/kube/store.h"

#include <stdio.h>
#include <string.h>

#include "lib/str.h"
#include "test/check.h"
#include "test/unit/test_kube_things.h"

struct world { /* a store and what its observer was told, such as "+n/a ~n/a -n/a " */
    struct kube_store *store;
    struct arena a;
    struct str told;
};

static void on_change(void *user, const struct kube_object *before,
                      const struct kube_object *after)
{
    struct world *w = user;
    const struct kube_object *o = after ? after : before;
    str_add_f(&w->told, "%c%s ", !before ? '+' : !after ? '-' : '~', o->meta.key);
}

static void world_open(struct world *w)
{
    *w = (struct world){.store = kube_store_new(&thing_type)};
    arena_init(&w->a);
    str_init(&w->told, 10000);
    kube_store_observe(w->store, on_change, w);
}

static void world_close(struct world *w)
{
    kube_store_free(w->store);
    arena_release(&w->a);
    str_release(&w->told);
}

#define PUT(w, ...) kube_store_put((w)->store, THING(&(w)->a, .ns = "n", __VA_ARGS__))
#define LEARN(w, ...) kube_store_learn((w)->store, THING(&(w)->a, .ns = "n", __VA_ARGS__))
#define DELETE(w, ...) kube_store_delete((w)->store, THING(&(w)->a, .ns = "n", __VA_ARGS__))

static const char *rv_of(const struct world *w, const char *key)
{
    const struct kube_object *o = kube_store_get(w->store, key);
    return o ? o->meta.rv : NULL;
}

TEST(kube_store, an_object_is_read_with_its_key_owner_and_what_the_kind_derives)
{
    auto_arena a = {0};
    const struct kube_object *o = THING(&a, .ns = "n", .name = "a", .uid = "u", .rv = "5",
                                        .owner = "ou", .node = "x", .phase = "up", .size = 3);
    CHECK_STR(o->meta.key, "n/a");
    CHECK_STR(o->meta.owner_kind, "Owner");
    CHECK_STR(o->meta.owner_name, "o");
    CHECK_STR(o->meta.owner_uid, "ou");
    CHECK_STR(as_thing(o)->shout, "UP");
    CHECK_INT(as_thing(o)->size, 3);
    const struct kube_object *bare = THING(&a, .name = "b", .uid = "u", .rv = "5");
    CHECK_STR(bare->meta.key, "b");
    CHECK_STR(bare->meta.ns, "");
    CHECK_STR(bare->meta.owner_uid, NULL);
}

TEST(kube_store, an_object_without_name_uid_or_a_good_version_is_refused)
{
    static const struct thing_text bad[] = {
        {.ns = "n", .uid = "u", .rv = "1"},
        {.ns = "n", .name = "", .uid = "u", .rv = "1"},
        {.ns = "n", .name = "a", .rv = "1"},
        {.ns = "n", .name = "a", .uid = "u"},
        {.ns = "n", .name = "a", .uid = "u", .rv = ""},
        {.ns = "n", .name = "a", .uid = "u", .rv = "0"},
        {.ns = "n", .name = "a", .uid = "u", .rv = "01"},
        {.ns = "n", .name = "a", .uid = "u", .rv = "x"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        auto_arena a = {0};
        struct err err = {0};
        struct kube_object *o = NULL;
        const char *json = thing_json(&a, &bad[i]);
        CHECK_ERR(kube_object_read(&thing_type, json, strlen(json), &a, &o, &err), err,
                  ERR_INVALID);
        CHECK(!o);
    }
}

TEST(kube_store, put_adds_and_replaces_and_is_found_by_key_and_by_name)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u", .rv = "5", .size = 1);
    PUT(&w, .name = "a", .uid = "u", .rv = "6", .size = 2);
    CHECK_INT(kube_store_count(w.store), 1);
    CHECK_INT(as_thing(kube_store_find(w.store, "n", "a"))->size, 2);
    CHECK(kube_store_get(w.store, "n/a") == kube_store_find(w.store, "n", "a"));
    CHECK(!kube_store_get(w.store, "a") && !kube_store_find(w.store, "", "a"));
    CHECK_STR(kube_store_rv(w.store), "6");
    CHECK_STR(w.told.at, "+n/a ~n/a ");
    CHECK(!kube_store_synced(w.store));
    world_close(&w);
}

TEST(kube_store, a_name_too_long_for_a_key_is_not_found)
{
    struct world w;
    char name[2 * KUBE_KEY_SIZE];
    world_open(&w);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    CHECK(!kube_store_find(w.store, "n", name));
    world_close(&w);
}

TEST(kube_store, an_object_outlives_the_arena_it_came_in)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u", .rv = "5", .node = "x", .phase = "up", .owner = "ou");
    arena_release(&w.a);
    arena_init(&w.a);
    const struct kube_object *o = kube_store_get(w.store, "n/a");
    CHECK_STR(as_thing(o)->shout, "UP");
    CHECK_STR(o->meta.owner_uid, "ou");
    CHECK_STR(o->meta.key, "n/a");
    world_close(&w);
}

TEST(kube_store, only_a_greater_version_replaces)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u", .rv = "10", .size = 1);
    PUT(&w, .name = "a", .uid = "u", .rv = "10", .size = 2);
    PUT(&w, .name = "a", .uid = "u", .rv = "9", .size = 3);
    CHECK_INT(as_thing(kube_store_get(w.store, "n/a"))->size, 1);
    CHECK_STR(w.told.at, "+n/a ");
    CHECK_STR(kube_store_rv(w.store), "10");
    world_close(&w);
}

TEST(kube_store, equal_structs_are_replaced_but_not_told)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u", .rv = "5", .size = 1, .phase = "up");
    PUT(&w, .name = "a", .uid = "u", .rv = "6", .size = 1, .phase = "up");
    CHECK_STR(rv_of(&w, "n/a"), "6");
    CHECK_STR(w.told.at, "+n/a ");
    PUT(&w, .name = "a", .uid = "u", .rv = "7", .size = 1, .phase = "down");
    PUT(&w, .name = "a", .uid = "u", .rv = "8", .size = 1, .phase = "down", .owner = "ou");
    CHECK_STR(w.told.at, "+n/a ~n/a ~n/a ");
    world_close(&w);
}

TEST(kube_store, a_changed_uid_is_told_as_removal_and_addition)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u1", .rv = "5", .size = 1);
    PUT(&w, .name = "a", .uid = "u2", .rv = "6", .size = 1);
    CHECK_STR(w.told.at, "+n/a -n/a +n/a ");
    CHECK_STR(kube_store_get(w.store, "n/a")->meta.uid, "u2");
    CHECK_INT(kube_store_count(w.store), 1);
    world_close(&w);
}

TEST(kube_store, delete_removes_the_object_of_that_uid_only)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u2", .rv = "6");
    DELETE(&w, .name = "a", .uid = "u1", .rv = "7");
    CHECK_INT(kube_store_count(w.store), 1);
    DELETE(&w, .name = "a", .uid = "u2", .rv = "8");
    DELETE(&w, .name = "a", .uid = "u2", .rv = "9");
    DELETE(&w, .name = "b", .uid = "u3", .rv = "10");
    CHECK_INT(kube_store_count(w.store), 0);
    CHECK_STR(w.told.at, "+n/a -n/a ");
    CHECK_STR(kube_store_rv(w.store), "10");
    world_close(&w);
}

TEST(kube_store, a_reader_may_keep_an_object_that_has_gone)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u", .rv = "5", .phase = "up");
    const struct kube_object *kept = kube_object_ref(kube_store_get(w.store, "n/a"));
    DELETE(&w, .name = "a", .uid = "u", .rv = "6");
    CHECK_STR(as_thing(kept)->phase, "up");
    kube_object_unref(kept);
    kube_object_unref(NULL);
    world_close(&w);
}

TEST(kube_store, a_bookmark_moves_the_version_forward_only)
{
    struct world w;
    world_open(&w);
    CHECK_STR(kube_store_rv(w.store), "");
    kube_store_advance(w.store, "10");
    kube_store_advance(w.store, "9");
    CHECK_STR(kube_store_rv(w.store), "10");
    world_close(&w);
}

/* --- learning from our own writes ---------------------------------------------------------- */

TEST(kube_store, what_a_write_taught_is_there_before_the_watch_says_it)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u", .rv = "5", .size = 1);
    const struct kube_object *o = LEARN(&w, .name = "a", .uid = "u", .rv = "7", .size = 2);
    CHECK(o == kube_store_get(w.store, "n/a"));
    CHECK_INT(as_thing(o)->size, 2);
    CHECK_STR(kube_store_rv(w.store), "5");
    PUT(&w, .name = "a", .uid = "u", .rv = "6", .size = 9); /* the watch comes after */
    PUT(&w, .name = "a", .uid = "u", .rv = "7", .size = 2);
    CHECK_INT(as_thing(kube_store_get(w.store, "n/a"))->size, 2);
    CHECK_STR(w.told.at, "+n/a ~n/a ");
    world_close(&w);
}

TEST(kube_store, what_the_watch_is_already_past_is_not_learned)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u", .rv = "5");
    DELETE(&w, .name = "a", .uid = "u", .rv = "9");
    CHECK(!LEARN(&w, .name = "a", .uid = "u", .rv = "8")); /* it was there, and has gone since */
    CHECK(!LEARN(&w, .name = "a", .uid = "u", .rv = "9"));
    CHECK_INT(kube_store_count(w.store), 0);
    PUT(&w, .name = "b", .uid = "v", .rv = "12", .size = 2);
    CHECK_INT(as_thing(LEARN(&w, .name = "b", .uid = "v", .rv = "11", .size = 1))->size, 2);
    CHECK(LEARN(&w, .name = "a", .uid = "u2", .rv = "13"));
    world_close(&w);
}

TEST(kube_store, an_older_answer_does_not_undo_a_newer_one)
{
    struct world w;
    world_open(&w);
    CHECK_INT(as_thing(LEARN(&w, .name = "a", .uid = "u", .rv = "8", .size = 2))->size, 2);
    CHECK_INT(as_thing(LEARN(&w, .name = "a", .uid = "u", .rv = "7", .size = 1))->size, 2);
    world_close(&w);
}

TEST(kube_store, learning_a_successor_is_removal_and_addition_too)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u1", .rv = "5");
    CHECK_STR(LEARN(&w, .name = "a", .uid = "u2", .rv = "9")->meta.uid, "u2");
    DELETE(&w, .name = "a", .uid = "u1", .rv = "8"); /* of the one before: late news */
    CHECK_STR(kube_store_get(w.store, "n/a")->meta.uid, "u2");
    CHECK_STR(w.told.at, "+n/a -n/a +n/a ");
    world_close(&w);
}

TEST(kube_store, what_the_server_says_is_not_there_is_let_go_before_its_event)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u", .rv = "5", .node = "x");
    kube_store_forget(w.store, "n", "a", "u");
    kube_store_forget(w.store, "n", "a", "u");
    kube_store_forget(w.store, "n", "b", "u");
    CHECK_INT(kube_store_count(w.store), 0);
    CHECK_INT(kube_store_by(w.store, THINGS_BY_NODE, "x").count, 0);
    CHECK_STR(kube_store_rv(w.store), "5");
    DELETE(&w, .name = "a", .uid = "u", .rv = "6");
    CHECK_STR(w.told.at, "+n/a -n/a ");
    world_close(&w);
}

TEST(kube_store, a_successor_that_came_meanwhile_is_not_let_go)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "u1", .rv = "5");
    PUT(&w, .name = "a", .uid = "u2", .rv = "9"); /* before the 404 about u1 is here */
    kube_store_forget(w.store, "n", "a", "u1");
    CHECK_STR(kube_store_get(w.store, "n/a")->meta.uid, "u2");
    world_close(&w);
}

/* --- indexes and observers ------------------------------------------------------------------ */

TEST(kube_store, an_index_follows_each_change_of_its_key)
{
    struct world w;
    world_open(&w);
    PUT(&w, .name = "a", .uid = "1", .rv = "1", .node = "x", .owner = "o");
    PUT(&w, .name = "b", .uid = "2", .rv = "2", .node = "x");
    PUT(&w, .name = "c", .uid = "3", .rv = "3", .node = "x");
    CHECK_INT(kube_store_by(w.store, THINGS_BY_NODE, "x").count, 3);
    CHECK_INT(kube_store_by(w.store, THINGS_BY_OWNER, "o").count, 1);
    PUT(&w, .name = "a", .uid = "1", .rv = "4", .node = "y", .owner = "o");
    CHECK_INT(kube_store_by(w.store, THINGS_BY_NODE, "x").count, 2);
    struct kube_bucket y = kube_store_by(w.store, THINGS_BY_NODE, "y");
    CHECK_INT(y.count, 1);
    CHECK_STR(y.objects[0]->meta.key, "n/a");
    DELETE(&w, .name = "b", .uid = "2", .rv = "5");
    struct kube_bucket x = kube_store_by(w.store, THINGS_BY_NODE, "x");
    CHECK_INT(x.count, 1);
    CHECK_STR(x.objects[0]->meta.key, "n/c");
    CHECK_INT(kube_store_by(w.store, THINGS_BY_NODE, "").count, 0);
    CHECK_INT(kube_store_by(w.store, THINGS_BY_NODE, "nowhere").count, 0);
    world_close(&w);
}

struct peek { /* an observer that looks at the store */
    struct kube_store *store;
    size_t found;
};

static void look(void *user, const struct kube_object *before, const struct kube_object *after)
{
    struct peek *p = user;
    const char *node = as_thing(after ? after : before)->node;
    p->found = kube_store_by(p->store, THINGS_BY_NODE, node).count;
    CHECK(kube_store_get(p->store, (after ? after : before)->meta.key) == after);
}

TEST(kube_store, an_observer_sees_the_store_as_it_is_after_the_change)
{
    struct world w;
    world_open(&w);
    struct peek p = {.store = w.store};
    kube_store_observe(w.store, look, &p);
    PUT(&w, .name = "a", .uid = "1", .rv = "1", .node = "x");
    CHECK_INT(p.found, 1);
    PUT(&w, .name = "b", .uid = "2", .rv = "2", .node = "x");
    CHECK_INT(p.found, 2);
    PUT(&w, .name = "b", .uid = "3", .rv = "3", .node = "x");
    CHECK_INT(p.found, 2);
    DELETE(&w, .name = "a", .uid = "1", .rv = "4", .node = "x");
    CHECK_INT(p.found, 1);
    world_close(&w);
}

TEST(kube_store, a_walk_meets_each_object_once)
{
    struct world w;
    world_open(&w);
    for (int i = 0; i < 100; i++) {
        char name[8], rv[8];
        snprintf(name, sizeof(name), "a%d", i);
        snprintf(rv, sizeof(rv), "%d", i + 1);
        PUT(&w, .name = name, .uid = "u", .rv = rv, .size = i);
    }
    int64_t sum = 0, count = 0;
    const struct kube_object *o;
    for (size_t i = 0; (o = kube_store_next(w.store, &i)); count++) sum += as_thing(o)->size;
    CHECK_INT(count, 100);
    CHECK_INT(sum, 4950);
    world_close(&w);
}
