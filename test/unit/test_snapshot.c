/* Readers on a thread of their own, the loop on the test's; nobody sleeps. */
#include "apiserver/snapshot.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "controller/kinds.h"
#include "lib/limits.h"
#include "test/check.h"

static struct loop *loop;
static struct asks *asks;
static struct snapshots *snapshots;
static struct kube_store *store;
static struct arena arena;
static int rendered;

static void render(void *user, const struct kube_object *o, struct snap_text *out)
{
    (void)user;
    rendered++;
    str_add_f(&out->json, "{\"n\":\"%s\"}", o->meta.name);
    out->field[0] = o->meta.name;
    out->count = 7;
}

static struct kube_object *thing(const char *name, int rv)
{
    char json[200];
    struct kube_object *o = NULL;
    struct err err = {0};
    snprintf(
        json, sizeof(json),
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"n\",\"uid\":\"u-%s\",\"resourceVersion\":"
        "\"%d\"},\"spec\":{\"user\":\"u%d\",\"template\":\"t\"}}",
        name, name, rv, rv);
    CHECK_OK(kube_object_read(&session_type, json, strlen(json), &arena, &o, &err), err);
    return o;
}

static void open_all(void)
{
    struct err err;
    rendered = 0;
    arena_reset(&arena, 0);
    CHECK_OK(loop_new(&loop, &err), err);
    asks = asks_new(&(struct asks_config){.loop = loop});
    const struct snap_kind kind = {"session", render, NULL};
    snapshots = snapshots_new(&kind, asks, loop_timers(loop));
    store = kube_store_new(&session_type);
    snapshots_attach(snapshots, store);
}

static void list(int count, const char *const *names, int rv)
{
    char text[16];
    kube_store_list_begin(store);
    for (int i = 0; i < count; i++) kube_store_list_add(store, thing(names[i], rv));
    snprintf(text, sizeof(text), "%d", rv);
    kube_store_list_end(store, text);
}

static void close_all(void)
{
    snapshots_free(snapshots);
    asks_stop(asks);
    asks_free(asks);
    kube_store_free(store);
    loop_free(loop);
}

static void *take(void *out)
{
    *(const struct snapshot **)out = snapshot_take(snapshots);
    loop_stop(loop);
    return NULL;
}

/* What a worker gets while the loop turns. */
static const struct snapshot *taken(void)
{
    pthread_t worker;
    const struct snapshot *s = NULL;
    pthread_create(&worker, NULL, take, &s);
    loop_run(loop);
    pthread_join(worker, NULL);
    return s;
}

static const char *keys_of(const struct snapshot *s)
{
    static char text[200];
    *text = '\0';
    for (size_t i = 0; i < s->count; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof(text) - n, "%s%s@%s", i > 0 ? " " : "", s->items[i]->key,
                 s->items[i]->rv);
    }
    return text;
}

TEST(snapshot, there_is_none_before_the_first_list)
{
    open_all();
    CHECK(taken() == NULL);
    list(1, (const char *const[]){"a"}, 5);
    auto_snapshot s = taken();
    CHECK(s);
    CHECK_STR(keys_of(s), "n/a@5");
    CHECK_STR(s->items[0]->json, "{\"n\":\"a\"}");
    CHECK_STR(s->items[0]->field[0], "a");
    CHECK_STR(s->items[0]->field[1], "");
    CHECK_INT(s->items[0]->count, 7);
    snapshot_give_back(s);
    s = NULL;
    close_all();
}

TEST(snapshot, what_has_not_changed_keeps_its_text)
{
    open_all();
    list(4, (const char *const[]){"d", "b", "a", "c"}, 5);
    const struct snapshot *first = taken();
    CHECK_STR(keys_of(first), "n/a@5 n/b@5 n/c@5 n/d@5");
    CHECK_INT(rendered, 4);
    kube_store_put(store, thing("b", 6));
    kube_store_put(store, thing("aa", 7));
    kube_store_delete(store, thing("c", 8));
    kube_store_put(store, thing("e", 9));
    const struct snapshot *second = taken();
    CHECK_STR(keys_of(second), "n/a@5 n/aa@7 n/b@6 n/d@5 n/e@9");
    CHECK_INT(rendered, 7);
    CHECK(second->items[0] == first->items[0]);
    CHECK(second->version != first->version);
    CHECK_STR(keys_of(first), "n/a@5 n/b@5 n/c@5 n/d@5"); /* it stays what it was */
    snapshot_give_back(first);
    CHECK_STR(second->items[0]->json, "{\"n\":\"a\"}");
    snapshot_give_back(second);
    close_all();
}

TEST(snapshot, nothing_new_is_the_same_one_again)
{
    open_all();
    list(1, (const char *const[]){"a"}, 5);
    const struct snapshot *first = taken(), *second = taken();
    CHECK(first == second);
    CHECK_INT(rendered, 1);
    snapshots_touch(snapshots, "n/a");
    const struct snapshot *third = taken();
    CHECK(third != first);
    CHECK_INT(rendered, 2);
    CHECK(snapshot_get(third, "n/a") == third->items[0]);
    CHECK(!snapshot_get(third, "n/b"));
    CHECK(!snapshot_get(third, ""));
    snapshot_give_back(first);
    snapshot_give_back(second);
    snapshot_give_back(third);
    close_all();
}

TEST(snapshot, one_that_came_and_went_between_two_reads_was_never_there)
{
    open_all();
    list(1, (const char *const[]){"b"}, 5);
    snapshot_give_back(taken());
    kube_store_put(store, thing("a", 6));
    kube_store_delete(store, thing("a", 7));
    kube_store_delete(store, thing("b", 8));
    kube_store_put(store, thing("b", 9));
    auto_snapshot s = taken();
    CHECK_STR(keys_of(s), "n/b@9");
    snapshot_give_back(s);
    s = NULL;
    close_all();
}

TEST(snapshot, when_the_caches_are_made_anew_the_last_one_is_shown_meanwhile)
{
    open_all();
    list(2, (const char *const[]){"a", "b"}, 5);
    snapshot_give_back(taken());
    snapshots_attach(snapshots, NULL);
    kube_store_free(store);
    const struct snapshot *old = taken();
    CHECK_STR(keys_of(old), "n/a@5 n/b@5");
    snapshot_give_back(old);
    store = kube_store_new(&session_type);
    snapshots_attach(snapshots, store);
    list(1, (const char *const[]){"b"}, 3);
    auto_snapshot s = taken();
    CHECK_STR(keys_of(s), "n/b@3");
    snapshot_give_back(s);
    s = NULL;
    close_all();
}

TEST(snapshot, who_asks_while_the_program_ends_is_told_so)
{
    open_all();
    list(1, (const char *const[]){"a"}, 5);
    snapshot_give_back(taken());
    snapshots_touch(snapshots, "n/a");
    asks_stop(asks);
    CHECK(snapshot_take(snapshots) == NULL);
    close_all();
}
