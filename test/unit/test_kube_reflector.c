/* The first list and each later one, as a watch-list. */
#include "test/unit/test_kube_reflector.h"

#include <stdlib.h>

TEST(kube_reflector, the_first_request_is_a_watch_list_of_no_version)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){.ns = "n", .label_selector = "a=b,c"});
    CHECK_INT(state(&w), KUBE_SYNC_STREAM);
    CHECK_INT(call(&w)->lane, KUBE_LANE_WATCHES);
    CHECK_HAS(call(&w)->path, "/apis/test.dev/v1/namespaces/n/things?");
    CHECK_STR(param(&w, "watch"), "1");
    CHECK_STR(param(&w, "sendInitialEvents"), "true");
    CHECK_STR(param(&w, "resourceVersionMatch"), "NotOlderThan");
    CHECK_STR(param(&w, "allowWatchBookmarks"), "true");
    CHECK_STR(param(&w, "labelSelector"), "a%3Db%2Cc");
    CHECK_STR(param(&w, "resourceVersion"), NULL);
    long long seconds = strtoll(param(&w, "timeoutSeconds"), NULL, 10);
    CHECK(seconds >= 290 && seconds <= 590);
    CHECK_INT(call(&w)->timeout_ms, seconds * 1000 + 30000);
    world_close(&w);
}

TEST(kube_reflector, the_end_mark_makes_the_store_synced_and_the_stream_goes_on)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){0});
    EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "30");
    EVENT(&w, "ADDED", .name = "b", .uid = "ub", .rv = "4"); /* versions rise later only */
    CHECK(bookmark(&w, "40"));
    CHECK_INT(w.synced, 0);
    CHECK_INT(kube_store_count(w.store), 0);
    CHECK_INT(w.gate.running, 1);
    CHECK(end_list(&w, "50"));
    CHECK_INT(w.synced, 1);
    CHECK_INT(w.gate.running, 0);
    CHECK_INT(kube_store_count(w.store), 2);
    CHECK_STR(kube_store_rv(w.store), "50");
    CHECK_INT(state(&w), KUBE_WATCH);
    CHECK(EVENT(&w, "DELETED", .name = "a", .uid = "ua", .rv = "51"));
    CHECK_STR(w.told.at, "+a +b -a ");
    CHECK_INT(w.fake.count, 1);
    CHECK_INT(w.troubles, 0);
    CHECK_INT(kube_reflector_stats(w.r).syncs, 1);
    CHECK_INT(kube_reflector_stats(w.r).relists, 0);
    world_close(&w);
}

TEST(kube_reflector, what_changes_while_the_list_comes_in_is_in_it)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){0});
    EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "3", .size = 1);
    EVENT(&w, "ADDED", .name = "b", .uid = "ub", .rv = "2", .size = 1);
    EVENT(&w, "MODIFIED", .name = "a", .uid = "ua", .rv = "5", .size = 2);
    EVENT(&w, "DELETED", .name = "b", .uid = "ub", .rv = "6", .size = 1);
    end_list(&w, "7");
    CHECK_INT(kube_store_count(w.store), 1);
    CHECK_INT(as_thing(kube_store_get(w.store, "a"))->size, 2);
    world_close(&w);
}

TEST(kube_reflector, the_stream_may_be_cut_anywhere)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){0});
    const char *text = arena_printf(
        &w.a, "%s%s%s", thing_event(&w.a, "ADDED",
                                    &(struct thing_text){.name = "a", .uid = "u", .rv = "3"}),
        bookmark_event(&w.a, "10", true),
        thing_event(&w.a, "DELETED", &(struct thing_text){.name = "a", .uid = "u", .rv = "11"}));
    for (const char *p = text; *p; p++) CHECK(fake_data_n(call(&w), p, 1));
    CHECK_STR(w.told.at, "+a -a ");
    world_close(&w);
}

TEST(kube_reflector, a_server_that_knows_no_watch_list_gets_pages_at_once_and_for_ever)
{
    static const int codes[] = {400, 422};
    for (int i = 0; i < 2; i++) {
        struct world w;
        world_open(&w, (struct kube_reflector_config){0});
        fake_answer(call(&w), codes[i], refusal(&w, "FieldValueForbidden"));
        CHECK_INT(w.fake.count, 2);
        CHECK(is_page(&w));
        CHECK_INT(state(&w), KUBE_SYNC_PAGES);
        CHECK_INT(w.troubles, 0);
        fake_fail(call(&w), KUBE_LOST, "reset");
        fake_run(&w.fake, 1600);
        CHECK(is_page(&w));
        world_close(&w);
    }
}

TEST(kube_reflector, a_list_that_fails_is_dropped_and_asked_for_again_after_a_while)
{
    for (int how = 0; how < 7; how++) {
        struct world w;
        world_open(&w, (struct kube_reflector_config){0});
        EVENT(&w, "ADDED", .name = "ghost", .uid = "ug", .rv = "3");
        switch (how) {
        case 0: fake_fail(call(&w), KUBE_LOST, "reset"); break;
        case 1: fake_fail(call(&w), KUBE_NOT_SENT, "refused"); break;
        case 2: fake_answer(call(&w), 200, ""); break; /* ended before its end mark */
        case 3: fake_answer(call(&w), 429, ""); break;
        case 4: fake_answer(call(&w), 503, ""); break;
        case 5: CHECK(!error_event(&w, 500, "")); break;
        case 6: CHECK(!fake_data(call(&w), "nonsense\n")); break;
        }
        CHECK_INT(state(&w), KUBE_BACKOFF);
        CHECK_INT(w.gate.running, 0);
        CHECK_INT(w.troubles, 1);
        check_sent_between(&w, 800, 1600);
        CHECK(is_watch_list(&w));
        CHECK_STR(param(&w, "resourceVersion"), NULL);
        list_ab(&w, "10");
        CHECK(!kube_store_get(w.store, "ghost"));
        CHECK_INT(kube_reflector_stats(w.r).last_error.code, ERR_NONE);
        world_close(&w);
    }
}

TEST(kube_reflector, a_watch_list_that_says_nothing_for_a_minute_is_tried_again)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){0});
    fake_run(&w.fake, 59999);
    CHECK_INT(state(&w), KUBE_SYNC_STREAM);
    fake_run(&w.fake, 1);
    CHECK_INT(state(&w), KUBE_BACKOFF);
    CHECK_INT(fake_call(&w.fake, 0)->state, FAKE_CANCELLED);
    fake_run(&w.fake, 1600);
    CHECK(is_watch_list(&w));
    world_close(&w);
}

TEST(kube_reflector, a_server_that_never_ends_its_list_gets_pages)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){0});
    fake_run(&w.fake, 50000);
    EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "3");
    fake_run(&w.fake, 29999);
    CHECK_INT(state(&w), KUBE_SYNC_STREAM);
    fake_run(&w.fake, 1);
    CHECK_INT(fake_call(&w.fake, 0)->state, FAKE_CANCELLED);
    fake_run(&w.fake, 1600);
    CHECK(is_page(&w));
    world_close(&w);
}

TEST(kube_reflector, a_slow_list_that_keeps_coming_is_waited_for)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){0});
    for (int i = 0; i < 8; i++) {
        fake_run(&w.fake, 29000);
        EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "3");
    }
    end_list(&w, "10");
    CHECK_INT(w.synced, 1);
    CHECK_INT(w.fake.count, 1);
    world_close(&w);
}

/* --- resync ---------------------------------------------------------------------------------- */

static void lose_place(struct world *w)
{
    CHECK(!error_event(w, 410, ""));
    wait_for_call(w);
    CHECK(is_watch_list(w));
}

TEST(kube_reflector, the_store_is_readable_during_a_resync_which_then_sets_it_right)
{
    struct world w;
    world_open_synced(&w);
    lose_place(&w);
    CHECK_STR(param(&w, "resourceVersion"), "10");
    CHECK_INT(kube_store_count(w.store), 2);
    EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "3", .size = 1);
    EVENT(&w, "ADDED", .name = "c", .uid = "uc", .rv = "12");
    CHECK_INT(kube_store_count(w.store), 2);
    CHECK_STR(w.told.at, "");
    end_list(&w, "20");
    CHECK_STR(w.told.at, "-b +c ");
    CHECK_INT(w.synced, 1); /* said once */
    CHECK_INT(kube_reflector_stats(w.r).relists, 1);
    world_close(&w);
}

TEST(kube_reflector, a_resync_whose_version_is_gone_or_too_new_asks_without_one)
{
    for (int how = 0; how < 4; how++) {
        struct world w;
        world_open_synced(&w);
        lose_place(&w);
        switch (how) {
        case 0: fake_answer(call(&w), 410, refusal(&w, "")); break;
        case 1: CHECK(!error_event(&w, 410, "")); break;
        case 2: fake_answer(call(&w), 504, refusal(&w, "ResourceVersionTooLarge")); break;
        case 3: CHECK(!error_event(&w, 504, "ResourceVersionTooLarge")); break;
        }
        fake_run(&w.fake, 4000);
        CHECK(is_watch_list(&w));
        CHECK_STR(param(&w, "resourceVersion"), NULL);
        list_ab(&w, "20");
        lose_place(&w);
        CHECK_STR(param(&w, "resourceVersion"), "20");
        world_close(&w);
    }
}

/* --- history that goes back ----------------------------------------------------------------- */

/* A list of version 40 with an older "a", whose end was refused. */
static void refuse_old_list(struct world *w)
{
    CHECK(is_watch_list(w));
    CHECK(EVENT(w, "ADDED", .name = "a", .uid = "ua", .rv = "3", .size = 1));
    CHECK(!end_list(w, "40"));
    CHECK_INT(as_thing(kube_store_get(w->store, "a"))->size, 9);
    CHECK_INT(kube_store_count(w->store), 3);
    CHECK_INT(state(w), KUBE_BACKOFF);
}

/* Version 101 was seen, "a" is of 100 and "c" of 101; a resync has begun. */
static void open_ahead(struct world *w)
{
    world_open_synced(w);
    EVENT(w, "MODIFIED", .name = "a", .uid = "ua", .rv = "100", .size = 9);
    EVENT(w, "ADDED", .name = "c", .uid = "uc", .rv = "101");
    lose_place(w);
}

static void check_restored(struct world *w)
{
    CHECK_INT(as_thing(kube_store_get(w->store, "a"))->size, 1);
    CHECK_INT(kube_store_count(w->store), 1);
    CHECK_STR(kube_store_rv(w->store), "40");
    CHECK(EVENT(w, "MODIFIED", .name = "a", .uid = "ua", .rv = "41", .size = 2));
    CHECK_INT(as_thing(kube_store_get(w->store, "a"))->size, 2);
}

/* Version 101 was seen; somebody doubts it. The answer's version is rv. */
static void doubt(struct world *w, const char *rv)
{
    kube_reflector_doubt(w->r);
    CHECK(is_page(w));
    CHECK_STR(param(w, "limit"), "1");
    CHECK_STR(param(w, "resourceVersion"), NULL);
    fake_answer(call(w), 200,
                arena_printf(&w->a,
                             "{\"kind\":\"ThingList\",\"apiVersion\":\"test.dev/v1\","
                             "\"metadata\":{\"resourceVersion\":\"%s\"},\"items\":[]}",
                             rv));
}

TEST(kube_reflector, in_doubt_it_asks_at_what_version_etcd_is_and_older_than_was_seen_is_undone)
{
    struct world w;
    world_open_synced(&w);
    EVENT(&w, "ADDED", .name = "c", .uid = "uc", .rv = "101");
    doubt(&w, "101");
    doubt(&w, "250");
    CHECK_INT(w.undone, 0);
    CHECK_INT(kube_store_count(w.store), 3); /* it takes nothing from the answer */
    doubt(&w, "100");
    CHECK_INT(w.undone, 1);
    CHECK_INT(w.troubles, 0);
    world_close(&w);
}

TEST(kube_reflector, a_doubt_that_is_not_answered_waits_for_the_next_and_as_long_as_it_is_told)
{
    struct world w;
    world_open_synced(&w);
    kube_reflector_doubt(w.r);
    size_t asked = w.fake.count;
    kube_reflector_doubt(w.r); /* one question at a time */
    CHECK_INT(w.fake.count, asked);
    fake_answer_later(call(&w), 429, 7, "");
    kube_reflector_doubt(w.r);
    CHECK_INT(w.fake.count, asked);
    fake_run(&w.fake, 7000);
    kube_reflector_doubt(w.r);
    CHECK_INT(w.fake.count, asked + 1);
    fake_fail(call(&w), KUBE_LOST, "cut");
    CHECK_INT(w.undone, 0);
    kube_reflector_doubt(w.r); /* and one that is out when it ends is cancelled */
    world_close(&w);
}

TEST(kube_reflector, a_list_older_than_what_was_seen_is_refused_ten_times_and_then_believed)
{
    struct world w;
    open_ahead(&w);
    for (int i = 0; i < 10; i++) {
        refuse_old_list(&w);
        CHECK_INT(kube_reflector_stats(w.r).regressions, i + 1);
        CHECK_HAS(w.trouble, "version 40, 101 was seen");
        wait_for_call(&w);
    }
    EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "3", .size = 1);
    CHECK_INT(w.undone, 0);
    CHECK(end_list(&w, "40"));
    CHECK_INT(w.undone, 1);
    check_restored(&w);
    lose_place(&w);
    EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "3", .size = 1);
    CHECK(!end_list(&w, "39")); /* the next one has to insist again */
    world_close(&w);
}

TEST(kube_reflector, a_server_that_says_so_for_five_minutes_is_believed_too)
{
    struct world w;
    open_ahead(&w);
    refuse_old_list(&w);
    wait_for_call(&w);
    refuse_old_list(&w);
    wait_for_call(&w);
    for (int i = 0; i < 11; i++) {
        CHECK(EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "3", .size = 1));
        fake_run(&w.fake, 29000); /* a slow list */
    }
    CHECK(end_list(&w, "40"));
    check_restored(&w);
    world_close(&w);
}

TEST(kube_reflector, one_apiserver_that_lags_behind_costs_a_retry_and_nothing_else)
{
    struct world w;
    open_ahead(&w);
    refuse_old_list(&w);
    wait_for_call(&w);
    EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "100", .size = 9);
    CHECK(end_list(&w, "101"));
    CHECK_STR(w.told.at, "~a +c -b -c ");
    world_close(&w);
}

/* --- the gate, the end ---------------------------------------------------------------------- */

TEST(kube_reflector, at_most_two_resync_at_once_but_first_lists_are_not_held_up)
{
    struct world w;
    world_open_synced(&w);
    w.gate.running = 2; /* by others */
    CHECK(!error_event(&w, 410, ""));
    fake_run(&w.fake, 30000);
    CHECK_INT(w.fake.count, 1);
    w.gate.running = 1;
    fake_run(&w.fake, 200);
    CHECK(is_watch_list(&w));
    CHECK_INT(w.gate.running, 2);
    list_ab(&w, "20");
    CHECK_INT(w.gate.running, 1);
    w.gate.running = 0;
    world_close(&w);

    world_open(&w, (struct kube_reflector_config){0});
    CHECK_INT(w.gate.running, 1);
    struct kube_reflector_config second = {.transport = &w.fake.transport,
                                           .timers = &w.fake.timers,
                                           .rng = &w.fake.rng,
                                           .store = w.store,
                                           .type = &thing_type,
                                           .ns = "",
                                           .gate = &w.gate};
    w.gate.running = 5;
    struct kube_reflector *r = kube_reflector_new(&second);
    kube_reflector_start(r);
    CHECK_INT(w.fake.count, 2);
    kube_reflector_free(r);
    CHECK_INT(w.gate.running, 5);
    w.gate.running = 1;
    world_close(&w);
}

TEST(kube_reflector, freeing_it_in_any_state_cancels_what_runs_and_frees_the_gate)
{
    for (int at = 0; at < 8; at++) {
        struct world w;
        world_open(&w, (struct kube_reflector_config){.pages_only = at >= 6});
        if (at == 1) fake_data(call(&w), "{\"type\":\"ADD");
        if (at == 2) EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "3");
        if (at == 3) fake_fail(call(&w), KUBE_LOST, "reset");
        if (at == 4 || at == 5) list_ab(&w, "10");
        if (at == 5) fake_run(&w.fake, 71000); /* a canary is out */
        if (at == 7) {
            fake_answer(call(&w), 200,
                        "{\"kind\":\"ThingList\",\"metadata\":{\"resourceVersion\":\"5\","
                        "\"continue\":\"t\"},\"items\":[]}");
        }
        world_close(&w);
    }
    kube_reflector_free(NULL);
}

TEST(kube_reflector, a_reflector_that_was_never_started_can_be_freed)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){0});
    struct kube_reflector_config config = {.transport = &w.fake.transport,
                                           .timers = &w.fake.timers,
                                           .rng = &w.fake.rng,
                                           .store = w.store,
                                           .type = &thing_type,
                                           .ns = ""};
    kube_reflector_free(kube_reflector_new(&config));
    world_close(&w);
}
