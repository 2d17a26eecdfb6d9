#include <string.h>

#include "lib/kube/store.h"
#include "lib/str.h"
#include "test/check.h"
#include "test/unit/test_kube_things.h"

struct world {
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

/* With "a" of version 3 and "b" of version 4, both by an ended list of version 5. */
static void world_open(struct world *w)
{
    *w = (struct world){.store = kube_store_new(&thing_type)};
    arena_init(&w->a);
    str_init(&w->told, 10000);
    kube_store_list_begin(w->store);
    kube_store_list_add(w->store, THING(&w->a, .name = "a", .uid = "ua", .rv = "3", .size = 1));
    kube_store_list_add(w->store, THING(&w->a, .name = "b", .uid = "ub", .rv = "4", .size = 1));
    kube_store_list_end(w->store, "5");
    kube_store_observe(w->store, on_change, w);
}

static void world_close(struct world *w)
{
    kube_store_free(w->store);
    arena_release(&w->a);
    str_release(&w->told);
}

#define ADD(w, ...) kube_store_list_add((w)->store, THING(&(w)->a, __VA_ARGS__))
#define LEARN(w, ...) kube_store_learn((w)->store, THING(&(w)->a, __VA_ARGS__))

static int64_t size_of(const struct world *w, const char *key)
{
    const struct kube_object *o = kube_store_get(w->store, key);
    return o ? as_thing(o)->size : -1;
}

TEST(kube_store_list, the_first_list_fills_the_store_and_makes_it_synced_for_good)
{
    struct world w;
    world_open(&w);
    CHECK(kube_store_synced(w.store));
    CHECK_INT(kube_store_count(w.store), 2);
    CHECK_STR(kube_store_rv(w.store), "5");
    kube_store_list_begin(w.store);
    CHECK(kube_store_synced(w.store));
    kube_store_list_fail(w.store);
    CHECK(kube_store_synced(w.store));
    world_close(&w);
}

TEST(kube_store_list, nothing_that_was_unknown_shows_before_the_list_ends)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    ADD(&w, .name = "c", .uid = "uc", .rv = "6");
    CHECK(!kube_store_get(w.store, "c"));
    CHECK_INT(kube_store_count(w.store), 2); /* and nothing is missing meanwhile */
    CHECK_STR(w.told.at, "");
    ADD(&w, .name = "a", .uid = "ua", .rv = "3", .size = 1);
    kube_store_list_end(w.store, "9");
    CHECK_STR(w.told.at, "-b +c ");
    CHECK_STR(kube_store_rv(w.store), "9");
    world_close(&w);
}

TEST(kube_store_list, a_known_object_takes_a_newer_state_at_once)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    ADD(&w, .name = "a", .uid = "ua", .rv = "7", .size = 2);
    CHECK_INT(size_of(&w, "a"), 2);
    CHECK_STR(w.told.at, "~a ");
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    kube_store_list_end(w.store, "9");
    CHECK_STR(w.told.at, "~a ");
    world_close(&w);
}

TEST(kube_store_list, a_failed_list_leaves_no_trace_of_what_it_had_new)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    ADD(&w, .name = "c", .uid = "uc", .rv = "6");
    kube_store_list_fail(w.store);
    CHECK_INT(kube_store_count(w.store), 2);
    CHECK_STR(w.told.at, "");
    CHECK_STR(kube_store_rv(w.store), "5");
    kube_store_list_begin(w.store);
    ADD(&w, .name = "a", .uid = "ua", .rv = "3", .size = 1);
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    kube_store_list_end(w.store, "9");
    CHECK_STR(w.told.at, "");
    world_close(&w);
}

TEST(kube_store_list, a_successor_in_the_list_is_removal_and_addition_at_its_end)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    ADD(&w, .name = "a", .uid = "ua2", .rv = "7", .size = 2);
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    CHECK_STR(kube_store_get(w.store, "a")->meta.uid, "ua");
    kube_store_list_end(w.store, "9");
    CHECK_STR(kube_store_get(w.store, "a")->meta.uid, "ua2");
    CHECK_STR(w.told.at, "-a +a ");
    world_close(&w);
}

TEST(kube_store_list, what_is_deleted_while_the_list_comes_in_is_gone_at_its_end)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    ADD(&w, .name = "a", .uid = "ua", .rv = "3", .size = 1);
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    ADD(&w, .name = "c", .uid = "uc", .rv = "6");
    kube_store_list_drop(w.store, "a");
    kube_store_list_drop(w.store, "c");
    kube_store_list_drop(w.store, "never-heard-of");
    CHECK_INT(kube_store_count(w.store), 2);
    kube_store_list_end(w.store, "9");
    CHECK_STR(w.told.at, "-a ");
    CHECK_INT(kube_store_count(w.store), 1);
    world_close(&w);
}

TEST(kube_store_list, deleted_and_made_again_while_the_list_comes_in_is_there_at_its_end)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    ADD(&w, .name = "a", .uid = "ua", .rv = "3", .size = 1);
    kube_store_list_drop(w.store, "a");
    ADD(&w, .name = "a", .uid = "ua2", .rv = "8", .size = 2);
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    kube_store_list_end(w.store, "9");
    CHECK_INT(size_of(&w, "a"), 2);
    CHECK_STR(w.told.at, "-a +a ");
    world_close(&w);
}

TEST(kube_store_list, of_two_states_of_one_object_the_greater_version_counts)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    ADD(&w, .name = "c", .uid = "uc", .rv = "7", .size = 7);
    ADD(&w, .name = "c", .uid = "uc", .rv = "6", .size = 6);
    ADD(&w, .name = "d", .uid = "ud", .rv = "6", .size = 6);
    ADD(&w, .name = "d", .uid = "ud", .rv = "7", .size = 7);
    kube_store_list_end(w.store, "9");
    CHECK_INT(size_of(&w, "c"), 7);
    CHECK_INT(size_of(&w, "d"), 7);
    world_close(&w);
}

TEST(kube_store_list, an_older_state_in_the_list_does_not_undo_a_newer_one)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    LEARN(&w, .name = "a", .uid = "ua", .rv = "12", .size = 2);
    ADD(&w, .name = "a", .uid = "ua", .rv = "3", .size = 1);
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    kube_store_list_end(w.store, "9");
    CHECK_INT(size_of(&w, "a"), 2);
    CHECK_STR(w.told.at, "~a ");
    world_close(&w);
}

TEST(kube_store_list, a_list_older_than_what_was_learned_before_it_began_takes_that_back)
{
    struct world w;
    world_open(&w);
    LEARN(&w, .name = "a", .uid = "ua", .rv = "12", .size = 2);
    LEARN(&w, .name = "c", .uid = "uc", .rv = "13", .size = 2);
    CHECK_STR(kube_store_high(w.store), "13");
    kube_store_list_begin(w.store);
    ADD(&w, .name = "a", .uid = "ua", .rv = "3", .size = 1);
    kube_store_list_end(w.store, "9"); /* the reflector took it: etcd was restored */
    CHECK_INT(size_of(&w, "a"), 1);
    CHECK(!kube_store_get(w.store, "c"));
    CHECK_STR(kube_store_high(w.store), "9");
    world_close(&w);
}

TEST(kube_store_list, what_was_learned_after_the_list_was_taken_is_not_missing_from_it)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    LEARN(&w, .name = "c", .uid = "uc", .rv = "10", .size = 2);
    ADD(&w, .name = "a", .uid = "ua", .rv = "3", .size = 1);
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    kube_store_list_end(w.store, "9");
    CHECK_INT(size_of(&w, "c"), 2);
    CHECK_STR(w.told.at, "+c ");
    world_close(&w);
}

TEST(kube_store_list, what_was_learned_meanwhile_and_is_not_in_a_later_list_has_gone)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    LEARN(&w, .name = "c", .uid = "uc", .rv = "7"); /* deleted at 8 by somebody */
    LEARN(&w, .name = "a", .uid = "ua", .rv = "6", .size = 2);
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    kube_store_list_end(w.store, "9");
    CHECK(!kube_store_get(w.store, "c"));
    CHECK(!kube_store_get(w.store, "a"));
    CHECK_INT(kube_store_count(w.store), 1);
    world_close(&w);
}

TEST(kube_store_list, what_was_learned_and_listed_is_told_once)
{
    struct world w;
    world_open(&w);
    kube_store_list_begin(w.store);
    ADD(&w, .name = "c", .uid = "uc", .rv = "6", .size = 1); /* listed, then learned */
    LEARN(&w, .name = "c", .uid = "uc", .rv = "7", .size = 2);
    LEARN(&w, .name = "d", .uid = "ud", .rv = "7", .size = 2); /* learned, then listed */
    ADD(&w, .name = "d", .uid = "ud", .rv = "7", .size = 2);
    ADD(&w, .name = "a", .uid = "ua", .rv = "3", .size = 1); /* known, listed and learned */
    LEARN(&w, .name = "a", .uid = "ua", .rv = "8", .size = 2);
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    kube_store_list_end(w.store, "9");
    CHECK_STR(w.told.at, "+c +d ~a ");
    CHECK_INT(size_of(&w, "c"), 2);
    world_close(&w);
}

TEST(kube_store_list, a_list_of_a_restored_cluster_is_the_truth)
{
    struct world w;
    world_open(&w);
    kube_store_put(w.store, THING(&w.a, .name = "a", .uid = "ua", .rv = "100", .size = 9));
    kube_store_put(w.store, THING(&w.a, .name = "c", .uid = "uc", .rv = "101", .size = 9));
    str_clear(&w.told);
    kube_store_list_begin(w.store);
    ADD(&w, .name = "a", .uid = "ua", .rv = "3", .size = 1);
    ADD(&w, .name = "b", .uid = "ub", .rv = "4", .size = 1);
    CHECK_INT(size_of(&w, "a"), 9);
    kube_store_list_end(w.store, "40");
    CHECK_INT(size_of(&w, "a"), 1);
    CHECK_INT(kube_store_count(w.store), 2);
    CHECK_STR(w.told.at, "-c ~a ");
    CHECK_STR(kube_store_rv(w.store), "40");
    kube_store_put(w.store, THING(&w.a, .name = "a", .uid = "ua", .rv = "41", .size = 2));
    CHECK_INT(size_of(&w, "a"), 2);
    world_close(&w);
}
