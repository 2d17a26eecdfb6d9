/* Lists in pages, for servers without a watch-list. */
#include "test/unit/test_kube_reflector.h"

static void world_open_pages(struct world *w)
{
    world_open(w, (struct kube_reflector_config){.pages_only = true});
    CHECK(is_page(w));
}

/* One page with one thing in it. */
static const char *page(struct world *w, const char *name, const char *rv, const char *next)
{
    const char *uid = arena_printf(&w->a, "u%s", name);
    return arena_printf(&w->a,
                        "{\"kind\":\"ThingList\",\"apiVersion\":\"test.dev/v1\",\"metadata\":{"
                        "\"resourceVersion\":\"%s\",\"continue\":\"%s\",\"remainingItemCount\":9},"
                        "\"items\":[%s]}",
                        rv, next,
                        thing_json(&w->a, &(struct thing_text){.name = name, .uid = uid,
                                                               .rv = "3"}));
}

TEST(kube_reflector_pages, pages_follow_each_other_and_the_watch_follows_the_last)
{
    struct world w;
    world_open_pages(&w);
    CHECK_INT(call(&w)->lane, KUBE_LANE_REQUESTS);
    CHECK_INT(call(&w)->timeout_ms, 60000);
    CHECK_STR(param(&w, "limit"), "500");
    CHECK_STR(param(&w, "resourceVersion"), NULL);
    CHECK_STR(param(&w, "continue"), NULL);
    fake_answer(call(&w), 200, page(&w, "a", "20", "to/k="));
    CHECK_STR(param(&w, "continue"), "to%2Fk%3D");
    CHECK_STR(param(&w, "limit"), "500");
    CHECK_INT(kube_store_count(w.store), 0);
    fake_answer(call(&w), 200, page(&w, "b", "20", ""));
    CHECK_STR(w.told.at, "+a +b ");
    CHECK_INT(w.synced, 1);
    CHECK_INT(w.gate.running, 0);
    fake_run(&w.fake, 0);
    CHECK(is_watch(&w));
    CHECK_STR(param(&w, "resourceVersion"), "20");
    CHECK_INT(w.troubles, 0);
    world_close(&w);
}

TEST(kube_reflector_pages, the_page_size_and_the_selector_are_as_configured)
{
    struct world w;
    world_open(&w, (struct kube_reflector_config){
                       .pages_only = true, .page_size = 7, .ns = "n", .label_selector = "a=b"});
    CHECK_STR(param(&w, "limit"), "7");
    fake_answer(call(&w), 200, page(&w, "a", "20", "t"));
    CHECK_STR(param(&w, "labelSelector"), "a%3Db");
    CHECK_HAS(call(&w)->path, "/namespaces/n/things?");
    world_close(&w);
}

TEST(kube_reflector_pages, later_pages_ask_for_no_version)
{
    struct world w;
    world_open_pages(&w);
    fake_answer(call(&w), 200, page(&w, "a", "20", ""));
    fake_run(&w.fake, 0);
    fake_answer(call(&w), 410, "");
    fake_run(&w.fake, 1600);
    CHECK(is_page(&w));
    CHECK_STR(param(&w, "resourceVersion"), "20");
    CHECK_STR(param(&w, "resourceVersionMatch"), "NotOlderThan");
    fake_answer(call(&w), 200, page(&w, "a", "30", "t"));
    CHECK_STR(param(&w, "resourceVersion"), NULL);
    CHECK_STR(param(&w, "resourceVersionMatch"), NULL);
    world_close(&w);
}

TEST(kube_reflector_pages, a_second_page_that_expired_makes_one_list_without_pages)
{
    struct world w;
    world_open_pages(&w);
    fake_answer(call(&w), 200, page(&w, "ghost", "20", "t"));
    fake_answer(call(&w), 410, "{\"kind\":\"Status\",\"reason\":\"Expired\"}");
    CHECK(is_page(&w)); /* at once */
    CHECK_STR(param(&w, "limit"), NULL);
    CHECK_STR(param(&w, "continue"), NULL);
    fake_answer(call(&w), 200, page(&w, "a", "30", ""));
    CHECK_STR(w.told.at, "+a ");
    CHECK_INT(w.troubles, 0);
    world_close(&w);
}

TEST(kube_reflector_pages, when_the_list_without_pages_fails_there_are_pages_again)
{
    struct world w;
    world_open_pages(&w);
    fake_answer(call(&w), 200, page(&w, "a", "20", "t"));
    fake_answer(call(&w), 410, "");
    CHECK_STR(param(&w, "limit"), NULL);
    fake_fail(call(&w), KUBE_LOST, "answer is too big");
    fake_run(&w.fake, 1600);
    CHECK(is_page(&w));
    CHECK_STR(param(&w, "limit"), "500");
    world_close(&w);
}

TEST(kube_reflector_pages, a_version_that_is_gone_or_too_new_is_asked_for_no_more)
{
    for (int how = 0; how < 2; how++) {
        struct world w;
        world_open_pages(&w);
        fake_answer(call(&w), 200, page(&w, "a", "20", ""));
        fake_run(&w.fake, 0);
        fake_answer(call(&w), 410, "");
        fake_run(&w.fake, 1600);
        CHECK_STR(param(&w, "resourceVersion"), "20");
        if (how) fake_answer(call(&w), 504, refusal(&w, "ResourceVersionTooLarge"));
        else fake_answer(call(&w), 410, "");
        CHECK_INT(state(&w), KUBE_BACKOFF);
        fake_run(&w.fake, 3200);
        CHECK(is_page(&w));
        CHECK_STR(param(&w, "resourceVersion"), NULL);
        fake_answer(call(&w), 200, page(&w, "b", "30", ""));
        CHECK_STR(w.told.at, "+a -a +b ");
        world_close(&w);
    }
}

TEST(kube_reflector_pages, a_page_that_fails_drops_the_list_and_backs_off)
{
    static const struct {
        enum kube_outcome outcome;
        int code;
        const char *body;
    } table[] = {
        {KUBE_NOT_SENT, 0, ""},
        {KUBE_LOST, 0, ""},
        {KUBE_ANSWERED, 401, ""},
        {KUBE_ANSWERED, 403, ""},
        {KUBE_ANSWERED, 404, ""},
        {KUBE_ANSWERED, 429, ""},
        {KUBE_ANSWERED, 500, ""},
        {KUBE_ANSWERED, 200, ""},
        {KUBE_ANSWERED, 200, "<html>welcome</html>"},
        {KUBE_ANSWERED, 200, "{\"kind\":\"Table\",\"metadata\":{\"resourceVersion\":\"5\"}}"},
        {KUBE_ANSWERED, 200, "{\"kind\":\"ThingList\",\"metadata\":{},\"items\":[]}"},
        {KUBE_ANSWERED, 200,
         "{\"kind\":\"ThingList\",\"metadata\":{\"resourceVersion\":\"0\"},\"items\":[]}"},
        {KUBE_ANSWERED, 200,
         "{\"kind\":\"ThingList\",\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[{}]}"},
        {KUBE_ANSWERED, 200, "{\"kind\":\"Status\",\"status\":\"Failure\"}"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct world w;
        world_open_pages(&w);
        fake_answer(call(&w), 200, page(&w, "ghost", "20", "t"));
        if (table[i].outcome == KUBE_ANSWERED) {
            fake_answer(call(&w), table[i].code, table[i].body);
        } else {
            fake_fail(call(&w), table[i].outcome, "no luck");
        }
        CHECK_INT(state(&w), KUBE_BACKOFF);
        CHECK_INT(w.troubles, 1);
        CHECK_INT(w.gate.running, 0);
        CHECK_INT(w.fake.rejections, table[i].code == 401);
        CHECK_INT(kube_reflector_stats(w.r).protocol_errors, table[i].code == 200);
        check_sent_between(&w, 800, 1600);
        CHECK(is_page(&w));
        CHECK_STR(param(&w, "continue"), NULL);
        fake_answer(call(&w), 200, page(&w, "a", "30", ""));
        CHECK_STR(w.told.at, "+a ");
        world_close(&w);
    }
}

TEST(kube_reflector_pages, a_list_that_is_told_to_wait_waits_and_forgets_it_afterwards)
{
    struct world w;
    world_open_pages(&w);
    fake_answer_later(call(&w), 429, 20, "");
    check_sent_between(&w, 20800, 21600);
    fake_answer_later(call(&w), 503, 3600, "");
    check_sent_between(&w, 61600, 63200);
    fake_answer_later(call(&w), 500, 20, "");
    check_sent_between(&w, 3200, 6400);
    fake_answer(call(&w), 200, page(&w, "a", "30", ""));
    CHECK_STR(w.told.at, "+a ");
    world_close(&w);
}

TEST(kube_reflector_pages, a_list_with_null_items_is_empty)
{
    struct world w;
    world_open_pages(&w);
    fake_answer(call(&w), 200,
                "{\"kind\":\"ThingList\",\"metadata\":{\"resourceVersion\":\"5\"},\"items\":null}");
    CHECK_INT(w.synced, 1);
    CHECK_INT(kube_store_count(w.store), 0);
    world_close(&w);
}

TEST(kube_reflector_pages, an_older_list_is_refused_here_too)
{
    struct world w;
    world_open_pages(&w);
    fake_answer(call(&w), 200, page(&w, "a", "20", ""));
    fake_run(&w.fake, 0);
    fake_answer(call(&w), 410, "");
    fake_run(&w.fake, 1600);
    fake_answer(call(&w), 200, page(&w, "b", "19", ""));
    CHECK_INT(kube_reflector_stats(w.r).regressions, 1);
    CHECK_STR(w.told.at, "+a ");
    CHECK_INT(state(&w), KUBE_BACKOFF);
    fake_run(&w.fake, 3200);
    CHECK(is_page(&w));
    world_close(&w);
}
