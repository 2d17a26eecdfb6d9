/* The watch after the list: what each event, refusal, end and silence leads to. */
#include "test/unit/test_kube_reflector.h"

/* After how long the watch is asked for again from that version, and no list. */
static void check_resumes(struct world *w, const char *rv, int64_t low_ms, int64_t high_ms)
{
    CHECK_INT(state(w), KUBE_BACKOFF);
    check_sent_between(w, low_ms, high_ms);
    CHECK(is_watch(w));
    CHECK_STR(param(w, "resourceVersion"), rv);
    CHECK_STR(param(w, "allowWatchBookmarks"), "true");
    CHECK_INT(state(w), KUBE_WATCH);
    CHECK_INT(kube_reflector_stats(w->r).relists, 0);
}

static void end_watch(struct world *w)
{
    fake_answer(call(w), 200, "");
}

TEST(kube_reflector_watch, events_change_the_store_in_their_order)
{
    struct world w;
    world_open_synced(&w);
    CHECK(EVENT(&w, "ADDED", .name = "c", .uid = "uc", .rv = "11"));
    CHECK(EVENT(&w, "MODIFIED", .name = "a", .uid = "ua", .rv = "12", .size = 2));
    CHECK(EVENT(&w, "DELETED", .name = "b", .uid = "ub", .rv = "13"));
    CHECK(EVENT(&w, "ADDED", .name = "b", .uid = "ub2", .rv = "14"));
    CHECK(EVENT(&w, "ADDED", .name = "a", .uid = "ua2", .rv = "15")); /* no DELETED came */
    CHECK(EVENT(&w, "DELETED", .name = "b", .uid = "ub", .rv = "16")); /* of the one before */
    CHECK_STR(w.told.at, "+c ~a -b +b -a +a ");
    CHECK_STR(kube_store_rv(w.store), "16");
    CHECK_INT(kube_reflector_stats(w.r).protocol_errors, 0);
    world_close(&w);
}

TEST(kube_reflector_watch, a_clean_end_is_followed_at_once_from_the_last_version)
{
    struct world w;
    world_open_synced(&w);
    EVENT(&w, "ADDED", .name = "c", .uid = "uc", .rv = "11");
    end_watch(&w);
    check_resumes(&w, "11", 1, 200);
    bookmark(&w, "15");
    CHECK_STR(kube_store_rv(w.store), "15");
    end_watch(&w);
    check_resumes(&w, "15", 1, 200);
    fake_run(&w.fake, 1000); /* no event, but long enough */
    end_watch(&w);
    check_resumes(&w, "15", 1, 200);
    CHECK_INT(w.troubles, 0);
    CHECK_INT(kube_reflector_stats(w.r).last_error.code, ERR_NONE);
    world_close(&w);
}

TEST(kube_reflector_watch, a_very_short_watch_backs_off_more_each_time)
{
    struct world w;
    world_open_synced(&w);
    end_watch(&w);
    wait_for_call(&w);
    for (int64_t ms = 800; ms <= 30000; ms *= 2) {
        fake_run(&w.fake, 500);
        end_watch(&w);
        check_resumes(&w, "10", ms, 2 * ms);
    }
    CHECK_HAS(w.trouble, "short");
    fake_run(&w.fake, 500);
    end_watch(&w);
    check_resumes(&w, "10", 30000, 60000);
    world_close(&w);
}

TEST(kube_reflector_watch, two_minutes_without_failure_forget_the_backoff)
{
    struct world w;
    world_open_synced(&w);
    for (int64_t ms = 800; ms <= 6400; ms *= 2) {
        fake_fail(call(&w), KUBE_NOT_SENT, "refused");
        check_resumes(&w, "10", ms, 2 * ms);
    }
    for (int i = 0; i < 3; i++) {
        fake_run(&w.fake, 60000);
        bookmark(&w, "10");
    }
    fake_fail(call(&w), KUBE_NOT_SENT, "refused");
    check_resumes(&w, "10", 800, 1600);
    world_close(&w);
}

TEST(kube_reflector_watch, a_failure_backs_off_and_resumes_without_a_list)
{
    static const struct {
        enum kube_outcome outcome;
        int code;
    } table[] = {{KUBE_NOT_SENT, 0},   {KUBE_LOST, 0},       {KUBE_ANSWERED, 429},
                 {KUBE_ANSWERED, 500}, {KUBE_ANSWERED, 502}, {KUBE_ANSWERED, 503},
                 {KUBE_ANSWERED, 504}, {KUBE_ANSWERED, 401}, {KUBE_ANSWERED, 403},
                 {KUBE_ANSWERED, 404}};
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct world w;
        world_open_synced(&w);
        EVENT(&w, "ADDED", .name = "c", .uid = "uc", .rv = "11");
        if (table[i].outcome == KUBE_ANSWERED) fake_answer(call(&w), table[i].code, "<html>");
        else fake_fail(call(&w), table[i].outcome, "no luck");
        CHECK_INT(w.troubles, 1);
        CHECK(kube_reflector_stats(w.r).last_error.code != ERR_NONE);
        CHECK_INT(w.fake.rejections, table[i].code == 401);
        check_resumes(&w, "11", 800, 1600);
        CHECK(bookmark(&w, "12"));
        CHECK_INT(kube_reflector_stats(w.r).last_error.code, ERR_NONE); /* all is well again */
        world_close(&w);
    }
}

TEST(kube_reflector_watch, half_a_line_at_the_end_is_thrown_away_and_seen_again)
{
    struct world w;
    world_open_synced(&w);
    fake_run(&w.fake, 5000);
    fake_data(call(&w), "{\"type\":\"DELETED\",\"obj");
    end_watch(&w);
    CHECK_HAS(w.trouble, "middle of a line");
    check_resumes(&w, "10", 800, 1600);
    CHECK(EVENT(&w, "DELETED", .name = "a", .uid = "ua", .rv = "11"));
    CHECK_STR(w.told.at, "-a ");
    world_close(&w);
}

TEST(kube_reflector_watch, a_version_that_is_gone_leads_to_a_list)
{
    for (int how = 0; how < 4; how++) {
        struct world w;
        world_open_synced(&w);
        switch (how) {
        case 0: fake_answer(call(&w), 410, "{\"kind\":\"Status\",\"reason\":\"Expired\"}"); break;
        case 1: CHECK(!error_event(&w, 410, "")); break;
        case 2: fake_answer(call(&w), 504, refusal(&w, "ResourceVersionTooLarge")); break;
        case 3: CHECK(!error_event(&w, 504, "ResourceVersionTooLarge")); break;
        }
        CHECK_INT(kube_store_count(w.store), 2);
        check_sent_between(&w, 800, 1600);
        CHECK(is_watch_list(&w));
        CHECK_STR(param(&w, "resourceVersion"), how < 2 ? "10" : NULL);
        CHECK_INT(kube_store_count(w.store), 2);
        list_ab(&w, "20");
        CHECK_INT(kube_reflector_stats(w.r).relists, 1);
        world_close(&w);
    }
}

/* --- what the server should not send -------------------------------------------------------- */

TEST(kube_reflector_watch, nonsense_ends_the_stream_and_three_times_in_a_row_leads_to_a_list)
{
    static const char *const lines[] = {
        "nonsense\n",
        "{\"type\":\"ADDED\"}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\",\"uid\":\"u\","
        "\"resourceVersion\":\"007\"}}}\n",
        "{\"type\":\"SURPRISE\",\"object\":{\"metadata\":{\"name\":\"x\",\"uid\":\"u\","
        "\"resourceVersion\":\"11\"}}}\n",
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{}}}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"\xff\"}}}\n",
        "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":500}}\n",
        "{\"type\":\"ERROR\",\"object\":{}}\n",
        "{\"type\":\"ERROR\"}\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct world w;
        world_open_synced(&w);
        for (int n = 0; n < 2; n++) {
            CHECK(!fake_data(call(&w), lines[i]));
            check_resumes(&w, "10", 800 << n, 1600 << n);
        }
        CHECK(!fake_data(call(&w), lines[i]));
        fake_run(&w.fake, 6400);
        CHECK(is_watch_list(&w));
        CHECK_STR(w.told.at, "");
        CHECK_INT(kube_reflector_stats(w.r).protocol_errors, 3);
        world_close(&w);
    }
}

TEST(kube_reflector_watch, a_good_event_between_them_makes_malformed_lines_no_row)
{
    struct world w;
    char rv[8] = "11";
    world_open_synced(&w);
    for (int n = 0; n < 6; n++, rv[1]++) {
        CHECK(EVENT(&w, "ADDED", .name = "c", .uid = "uc", .rv = rv));
        CHECK(!fake_data(call(&w), "nonsense\n"));
        check_resumes(&w, rv, 800, 61000);
    }
    world_close(&w);
}

TEST(kube_reflector_watch, a_line_over_the_limit_leads_to_a_list)
{
    struct world w;
    char block[1000];
    memset(block, 'x', sizeof(block));
    world_open_synced(&w);
    size_t sent = 0;
    while (sent < 8u << 20 && fake_data_n(call(&w), block, sizeof(block))) sent += sizeof(block);
    CHECK(sent > 4000000 && sent < 4300000);
    fake_run(&w.fake, 1600);
    CHECK(is_watch_list(&w));
    world_close(&w);
}

TEST(kube_reflector_watch, an_event_that_comes_twice_is_dropped)
{
    struct world w;
    world_open_synced(&w);
    EVENT(&w, "MODIFIED", .name = "a", .uid = "ua", .rv = "11", .size = 2);
    CHECK(EVENT(&w, "MODIFIED", .name = "a", .uid = "ua", .rv = "11", .size = 2));
    CHECK(EVENT(&w, "ADDED", .name = "a", .uid = "ua", .rv = "3", .size = 1));
    EVENT(&w, "DELETED", .name = "a", .uid = "ua", .rv = "12");
    CHECK(EVENT(&w, "DELETED", .name = "a", .uid = "ua", .rv = "12"));
    CHECK_STR(w.told.at, "~a -a ");
    CHECK_STR(kube_store_rv(w.store), "12");
    world_close(&w);
}

TEST(kube_reflector_watch, an_event_out_of_order_that_is_no_repetition_leads_to_a_list)
{
    static const struct thing_text table[] = {
        {.name = "new", .uid = "un", .rv = "10"},
        {.name = "new", .uid = "un", .rv = "9"},
        {.name = "a", .uid = "other", .rv = "10"},
        {.name = "a", .uid = "ua", .rv = "9"}, /* the store has version 3 */
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct world w;
        world_open_synced(&w);
        CHECK(!fake_data(call(&w), thing_event(&w.a, "MODIFIED", &table[i])));
        CHECK_STR(w.told.at, "");
        CHECK_INT(kube_reflector_stats(w.r).protocol_errors, 1);
        fake_run(&w.fake, 1600);
        CHECK(is_watch_list(&w));
        world_close(&w);
    }
}

TEST(kube_reflector_watch, an_older_bookmark_changes_nothing)
{
    struct world w;
    world_open_synced(&w);
    EVENT(&w, "ADDED", .name = "c", .uid = "uc", .rv = "11");
    CHECK(bookmark(&w, "9"));
    CHECK(bookmark(&w, "11"));
    end_watch(&w);
    check_resumes(&w, "11", 1, 200);
    world_close(&w);
}

TEST(kube_reflector_watch, what_a_write_taught_does_not_move_the_place_in_the_watch)
{
    struct world w;
    world_open_synced(&w);
    kube_store_learn(w.store, THING(&w.a, .name = "a", .uid = "ua", .rv = "14", .size = 4));
    end_watch(&w);
    fake_run(&w.fake, 1600);
    CHECK_STR(param(&w, "resourceVersion"), "10");
    CHECK(EVENT(&w, "MODIFIED", .name = "a", .uid = "ua", .rv = "12", .size = 2));
    CHECK(EVENT(&w, "MODIFIED", .name = "a", .uid = "ua", .rv = "14", .size = 4));
    CHECK_STR(w.told.at, "~a ");
    CHECK(EVENT(&w, "DELETED", .name = "a", .uid = "ua", .rv = "15"));
    CHECK_STR(w.told.at, "~a -a ");
    world_close(&w);
}

/* --- silence -------------------------------------------------------------------------------- */

static struct kube_transfer *wait_for_canary(struct world *w)
{
    size_t count = w->fake.count;
    const struct kube_transfer *watch = call(w);
    fake_run(&w->fake, 69999);
    CHECK_INT(w->fake.count, count);
    fake_run(&w->fake, 1);
    CHECK_INT(w->fake.count, count + 1);
    struct kube_transfer *canary = call(w);
    CHECK_STR(canary->path, "/livez");
    CHECK_INT(canary->lane, KUBE_LANE_WATCHES);
    CHECK(canary->beside == watch);
    CHECK_INT(canary->timeout_ms, 10000);
    return canary;
}

TEST(kube_reflector_watch, after_seventy_silent_seconds_a_canary_goes_and_its_death_ends_the_watch)
{
    struct world w;
    world_open_synced(&w);
    struct kube_transfer *watch = call(&w);
    wait_for_canary(&w);
    CHECK_INT(state(&w), KUBE_WATCH);
    fake_run(&w.fake, 10000); /* its deadline */
    CHECK_INT(watch->state, FAKE_CANCELLED);
    check_resumes(&w, "10", 800, 1600);
    world_close(&w);
}

TEST(kube_reflector_watch, a_canary_that_lives_buys_time_until_150_seconds)
{
    struct world w;
    world_open_synced(&w);
    struct kube_transfer *watch = call(&w);
    fake_answer(wait_for_canary(&w), 200, "ok");
    fake_run(&w.fake, 79999);
    CHECK_INT(watch->state, FAKE_RUNNING);
    CHECK_INT(state(&w), KUBE_WATCH);
    fake_run(&w.fake, 1);
    CHECK_INT(watch->state, FAKE_CANCELLED);
    check_resumes(&w, "10", 800, 1600);
    world_close(&w);
}

TEST(kube_reflector_watch, a_byte_is_a_sign_of_life)
{
    struct world w;
    world_open_synced(&w);
    struct kube_transfer *watch = call(&w);
    for (int i = 0; i < 4; i++) {
        fake_run(&w.fake, 69000);
        CHECK(fake_data(watch, "\n"));
    }
    CHECK_INT(w.fake.count, 1);
    CHECK_INT(watch->state, FAKE_RUNNING);
    world_close(&w);
}

TEST(kube_reflector_watch, a_byte_while_the_canary_is_out_starts_the_silence_anew)
{
    struct world w;
    world_open_synced(&w);
    struct kube_transfer *watch = call(&w);
    struct kube_transfer *canary = wait_for_canary(&w);
    fake_run(&w.fake, 5000);
    CHECK(fake_data(watch, bookmark_event(&w.a, "11", false)));
    fake_answer(canary, 200, "ok");
    fake_run(&w.fake, 69999);
    CHECK_INT(watch->state, FAKE_RUNNING);
    CHECK_INT(w.fake.count, 2);
    fake_run(&w.fake, 10000);
    CHECK_STR(call(&w)->path, "/livez");
    fake_answer(call(&w), 200, "ok");
    fake_run(&w.fake, 60000);
    CHECK_INT(watch->state, FAKE_RUNNING);
    world_close(&w);
}

TEST(kube_reflector_watch, a_stream_that_ends_takes_its_canary_with_it)
{
    struct world w;
    world_open_synced(&w);
    struct kube_transfer *watch = call(&w);
    struct kube_transfer *canary = wait_for_canary(&w);
    fake_answer(watch, 200, "");
    CHECK_INT(canary->state, FAKE_CANCELLED);
    check_resumes(&w, "10", 1, 200);
    world_close(&w);
}

TEST(kube_reflector_watch, a_server_that_forgets_its_own_timeout_is_cut_off_thirty_seconds_later)
{
    struct world w;
    world_open_synced(&w);
    struct kube_transfer *watch = call(&w);
    int64_t end_ms = watch->sent_ms + watch->timeout_ms;
    while (w.fake.timers.now_ms + 60000 < end_ms) {
        fake_run(&w.fake, 60000);
        CHECK(fake_data(watch, bookmark_event(&w.a, "11", false)));
    }
    fake_run(&w.fake, end_ms - 1 - w.fake.timers.now_ms);
    CHECK_INT(watch->state, FAKE_RUNNING);
    fake_run(&w.fake, 1);
    CHECK_INT(watch->state, FAKE_ENDED);
    check_resumes(&w, "11", 800, 1600);
    world_close(&w);
}

/* --- what cannot be read -------------------------------------------------------------------- */

static bool odd_event(struct world *w, const char *type, const char *name, const char *rv)
{
    return fake_data(call(w), arena_printf(&w->a,
                                           "{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":"
                                           "\"%s\",\"uid\":\"u%s\",\"resourceVersion\":\"%s\"},"
                                           "\"spec\":{\"size\":\"big\"}}}\n",
                                           type, name, name, rv));
}

TEST(kube_reflector_watch, one_object_that_cannot_be_read_stops_no_other)
{
    struct world w;
    world_open_synced(&w);
    CHECK(odd_event(&w, "MODIFIED", "a", "11"));
    CHECK(odd_event(&w, "ADDED", "c", "12"));
    CHECK(EVENT(&w, "MODIFIED", .name = "b", .uid = "ub", .rv = "13", .size = 2));
    CHECK_STR(w.told.at, "~a +c ~b ");
    CHECK_INT(kube_store_flawed(w.store), 2);
    CHECK_STR(kube_store_get(w.store, "a")->flaw, "spec.size: must be a whole number");
    CHECK(odd_event(&w, "MODIFIED", "a", "14")); /* the same flaw is no news */
    CHECK_STR(w.told.at, "~a +c ~b ");
    CHECK_INT(w.troubles, 0);
    CHECK_INT(kube_reflector_stats(w.r).protocol_errors, 0);
    world_close(&w);
}

TEST(kube_reflector_watch, an_object_that_was_mended_or_deleted_is_no_longer_counted)
{
    struct world w;
    world_open_synced(&w);
    CHECK(odd_event(&w, "MODIFIED", "a", "11"));
    CHECK(odd_event(&w, "ADDED", "c", "12"));
    CHECK(EVENT(&w, "MODIFIED", .name = "a", .uid = "ua", .rv = "13", .size = 1));
    CHECK_INT(kube_store_flawed(w.store), 1);
    CHECK_STR(kube_store_get(w.store, "a")->flaw, NULL);
    CHECK(odd_event(&w, "DELETED", "c", "14"));
    CHECK_STR(w.told.at, "~a +c ~a -c ");
    CHECK_INT(kube_store_flawed(w.store), 0);
    world_close(&w);
}

TEST(kube_reflector_watch, a_list_with_an_object_that_cannot_be_read_is_a_list)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){0});
    CHECK(odd_event(&w, "ADDED", "c", "1"));
    list_ab(&w, "10");
    CHECK_INT(w.synced, 1);
    CHECK_STR(w.told.at, "+a +b +c ");
    CHECK_INT(kube_store_flawed(w.store), 1);
    world_close(&w);
}

TEST(kube_reflector_watch, a_watch_that_never_said_a_word_leads_to_a_list)
{
    struct world w;
    world_open_synced(&w);
    EVENT(&w, "ADDED", .name = "c", .uid = "uc", .rv = "11");
    end_watch(&w);
    check_resumes(&w, "11", 1, 200);
    fake_answer(wait_for_canary(&w), 200, "ok");
    fake_run(&w.fake, 80000);
    fake_run(&w.fake, 1600);
    CHECK(is_watch_list(&w));
    world_close(&w);
}
