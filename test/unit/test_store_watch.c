#include "dev/store.h"

#include "test/unit/fixture_store.h"

static struct store_watch *open_watch(struct world *w, const char *path)
{
    const struct store_call call = world_call(w, "GET", path, NULL, NULL);
    return store_watch_open(w->s, &call, &w->a, &w->got);
}

/* The next line in short: "ADDED a 3", "BOOKMARK 3", "BOOKMARK 3 end", "ERROR 410", or "-". */
static const char *brief(struct world *w, const char *line, size_t len)
{
    struct json *tree;
    if (line[len - 1] != '\n') return "no line end";
    if (json_parse(&w->a, line, len, &tree, NULL) < 0) return "not JSON";
    const char *type = json_text(json_get(tree, "type"));
    const struct json *o = json_get(tree, "object"), *meta = json_get(o, "metadata");
    const char *rv = json_text(json_get(meta, "resourceVersion"));
    if (str_equal(type, "ERROR")) {
        return arena_printf(&w->a, "ERROR %s", json_to_text(&w->a, json_get(o, "code")));
    }
    if (str_equal(type, "BOOKMARK")) {
        const char *end = json_text(json_get(json_get(meta, "annotations"),
                                             "k8s.io/initial-events-end"));
        return arena_printf(&w->a, "BOOKMARK %s%s", rv, str_equal(end, "true") ? " end" : "");
    }
    return arena_printf(&w->a, "%s %s %s", type, json_text(json_get(meta, "name")), rv);
}

static const char *next_up_to(struct world *w, struct store_watch *watch, uint64_t up_to)
{
    const char *line;
    size_t len;
    return store_watch_next(watch, up_to, &line, &len) ? brief(w, line, len) : "-";
}

static const char *next(struct world *w, struct store_watch *watch)
{
    return next_up_to(w, watch, 0);
}

static const char *bookmark(struct world *w, struct store_watch *watch, uint64_t up_to)
{
    const char *line;
    size_t len;
    return store_watch_bookmark(watch, up_to, &line, &len) ? brief(w, line, len) : "-";
}

static const char WATCH_LIST[] =
    CONFIGMAPS "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
               "&allowWatchBookmarks=true";

static void fill(struct world *w)
{
    post(w, CONFIGMAPS, configmap(w, "a", "{\"app\":\"web\"}", "{}"));
    post(w, CONFIGMAPS, configmap(w, "b", "{\"app\":\"db\"}", "{}"));
}

TEST(store_watch, from_a_version_it_gives_only_what_came_after)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    struct store_watch *watch = open_watch(&w, CONFIGMAPS "?watch=1&resourceVersion=1");
    CHECK_STR(next(&w, watch), "ADDED b 2");
    CHECK_STR(next(&w, watch), "-");
    merge(&w, CONFIGMAPS "/a", "{\"data\":{\"x\":\"1\"}}");
    delete_with(&w, CONFIGMAPS "/b", NULL);
    CHECK_STR(next(&w, watch), "MODIFIED a 3");
    CHECK_STR(next(&w, watch), "DELETED b 4"); /* the last state, with the version of its end */
    CHECK_STR(next(&w, watch), "-");
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, without_a_version_it_begins_with_what_is_there)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    struct store_watch *watch = open_watch(&w, CONFIGMAPS "?watch=true");
    merge(&w, CONFIGMAPS "/a", "{\"data\":{\"x\":\"1\"}}");
    CHECK_STR(next(&w, watch), "ADDED a 1"); /* as it was when the watch was opened */
    CHECK_STR(next(&w, watch), "ADDED b 2");
    CHECK_STR(next(&w, watch), "MODIFIED a 3");
    CHECK_STR(next(&w, watch), "-");
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, a_watch_list_ends_its_first_part_with_a_marked_bookmark)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    struct store_watch *watch = open_watch(&w, WATCH_LIST);
    CHECK_STR(next(&w, watch), "ADDED a 1");
    post(&w, CONFIGMAPS, configmap(&w, "c", "{}", "{}"));
    CHECK_STR(next(&w, watch), "ADDED b 2");
    CHECK_STR(next(&w, watch), "BOOKMARK 2 end");
    CHECK_STR(next(&w, watch), "ADDED c 3");
    CHECK_STR(next(&w, watch), "-");
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, a_watch_list_of_nothing_is_the_end_mark_alone)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    struct store_watch *watch = open_watch(&w, WATCH_LIST);
    CHECK(store_watch_peek(watch) > 0);
    CHECK_STR(next(&w, watch), "BOOKMARK 0 end");
    CHECK_INT(store_watch_peek(watch), 0);
    CHECK_STR(next(&w, watch), "-");
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, watch_lists_can_be_switched_off_and_are_then_422)
{
    struct world w;
    world_open(&w, (struct store_config){.no_watch_list = true});
    CHECK(!open_watch(&w, WATCH_LIST));
    CHECK_INT(w.got.code, 422);
    CHECK_HAS(w.got.body, "sendInitialEvents is forbidden for watch unless the WatchList feature");
    CHECK_STR(text_at(&w, "details.kind"), "ListOptions");
    world_close(&w);
}

TEST(store_watch, wrong_options_and_paths_are_refused)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK(!open_watch(&w, CONFIGMAPS "?watch=true&sendInitialEvents=true"));
    CHECK_INT(w.got.code, 422);
    CHECK(!open_watch(&w, CONFIGMAPS "?watch=true&resourceVersionMatch=Exact&resourceVersion=1"));
    CHECK_INT(w.got.code, 422);
    CHECK(!open_watch(&w, CONFIGMAPS "?watch=true&resourceVersion=x"));
    CHECK_INT(w.got.code, 500); /* servers are like that */
    CHECK(!open_watch(&w, CONFIGMAPS "?watch=true&fieldSelector=x=y"));
    CHECK_INT(w.got.code, 400);
    CHECK(!open_watch(&w, "/api/v1/nothings?watch=true"));
    CHECK_INT(w.got.code, 404);
    world_close(&w);
}

TEST(store_watch, leaving_the_selector_is_a_deletion_and_entering_it_an_addition)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    struct store_watch *watch =
        open_watch(&w, CONFIGMAPS "?watch=true&resourceVersion=2&labelSelector=app%3Dweb");
    merge(&w, CONFIGMAPS "/a", "{\"metadata\":{\"labels\":{\"app\":\"db\"}}}");
    CHECK_STR(next(&w, watch), "DELETED a 3");
    merge(&w, CONFIGMAPS "/a", "{\"data\":{\"x\":\"1\"}}"); /* outside: unseen */
    CHECK_STR(next(&w, watch), "-");
    merge(&w, CONFIGMAPS "/a", "{\"metadata\":{\"labels\":{\"app\":\"web\"}}}");
    merge(&w, CONFIGMAPS "/a", "{\"data\":{\"x\":\"2\"}}");
    CHECK_STR(next(&w, watch), "ADDED a 5");
    CHECK_STR(next(&w, watch), "MODIFIED a 6");
    delete_with(&w, CONFIGMAPS "/b", NULL); /* never inside */
    CHECK_STR(next(&w, watch), "-");
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, an_object_that_left_the_selector_is_shown_as_it_was)
{
    struct world w;
    const char *line;
    size_t len;
    world_open(&w, (struct store_config){0});
    fill(&w);
    struct store_watch *watch =
        open_watch(&w, CONFIGMAPS "?watch=true&resourceVersion=2&labelSelector=app%3Dweb");
    merge(&w, CONFIGMAPS "/a", "{\"metadata\":{\"labels\":null},\"data\":{\"x\":\"1\"}}");
    CHECK(store_watch_next(watch, 0, &line, &len));
    CHECK_HAS(line, "\"app\":\"web\"");
    CHECK_HAS(line, "\"resourceVersion\":\"3\"");
    CHECK(!strstr(line, "\"data\":{\"x\""));
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, only_its_namespace_name_and_type_are_watched)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    struct store_watch *one =
        open_watch(&w, CONFIGMAPS "?watch=true&fieldSelector=metadata.name%3Db");
    struct store_watch *all = open_watch(&w, "/api/v1/configmaps?watch=true");
    fill(&w);
    post(&w, SESSIONS, session(&w, "b"));
    post(&w, "/api/v1/namespaces/m/configmaps", configmap(&w, "b", "{}", "{}"));
    CHECK_STR(next(&w, one), "ADDED b 2");
    CHECK_STR(next(&w, one), "-");
    CHECK_STR(next(&w, all), "ADDED a 1");
    CHECK_STR(next(&w, all), "ADDED b 2");
    CHECK_STR(next(&w, all), "ADDED b 4");
    CHECK_STR(next(&w, all), "-");
    store_watch_close(one);
    store_watch_close(all);
    world_close(&w);
}

TEST(store_watch, the_reader_decides_how_far_it_lags)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    struct store_watch *watch = open_watch(&w, CONFIGMAPS "?watch=true&allowWatchBookmarks=true");
    fill(&w);
    CHECK_INT(store_watch_peek(watch), 1);
    CHECK_STR(next_up_to(&w, watch, 1), "ADDED a 1");
    CHECK_STR(next_up_to(&w, watch, 1), "-");
    CHECK_INT(store_watch_peek(watch), 2);
    CHECK_STR(bookmark(&w, watch, 1), "BOOKMARK 1");
    CHECK_STR(bookmark(&w, watch, 0), "BOOKMARK 1"); /* b waits to be read */
    CHECK_STR(next(&w, watch), "ADDED b 2");
    post(&w, SESSIONS, session(&w, "s"));
    CHECK_STR(bookmark(&w, watch, 0), "BOOKMARK 3"); /* changes of other types move it too */
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, bookmarks_come_only_to_those_who_asked_and_after_the_first_part)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    struct store_watch *plain = open_watch(&w, CONFIGMAPS "?watch=true&resourceVersion=2");
    CHECK_STR(bookmark(&w, plain, 0), "-");
    struct store_watch *watch = open_watch(&w, WATCH_LIST);
    CHECK_STR(bookmark(&w, watch, 0), "-");
    while (strcmp(next(&w, watch), "-") != 0) continue;
    CHECK_STR(bookmark(&w, watch, 0), "BOOKMARK 2");
    store_watch_close(plain);
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, a_watch_from_a_compacted_version_opens_and_says_410_in_its_first_line)
{
    struct world w;
    const char *line;
    size_t len;
    world_open(&w, (struct store_config){0});
    fill(&w);
    store_compact(w.s, 0);
    struct store_watch *watch = open_watch(&w, CONFIGMAPS "?watch=true&resourceVersion=1");
    CHECK(store_watch_peek(watch) > 0);
    CHECK(store_watch_next(watch, 0, &line, &len));
    CHECK_STR(line, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\","
                    "\"metadata\":{},\"status\":\"Failure\",\"message\":\"too old resource "
                    "version: 1 (2)\",\"reason\":\"Expired\",\"code\":410}}\n");
    CHECK(store_watch_ended(watch));
    CHECK_STR(next(&w, watch), "-");
    CHECK_INT(store_watch_peek(watch), 0);
    store_watch_close(watch);
    watch = open_watch(&w, CONFIGMAPS "?watch=true&resourceVersion=2"); /* nothing is missing */
    CHECK_STR(next(&w, watch), "-");
    CHECK(!store_watch_ended(watch));
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, a_compacted_version_can_be_refused_by_status_instead)
{
    struct world w;
    world_open(&w, (struct store_config){.gone_by_status = true});
    fill(&w);
    store_compact(w.s, 0);
    CHECK(!open_watch(&w, CONFIGMAPS "?watch=true&resourceVersion=1"));
    CHECK_INT(w.got.code, 410);
    CHECK_STR(text_at(&w, "reason"), "Expired");
    world_close(&w);
}

TEST(store_watch, a_reader_overtaken_by_compaction_gets_410_and_one_that_kept_up_does_not)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    struct store_watch *slow = open_watch(&w, CONFIGMAPS "?watch=true");
    struct store_watch *quick = open_watch(&w, CONFIGMAPS "?watch=true");
    fill(&w);
    CHECK_STR(next(&w, quick), "ADDED a 1");
    CHECK_STR(next(&w, quick), "ADDED b 2");
    store_compact(w.s, 0);
    CHECK_STR(next(&w, slow), "ERROR 410");
    CHECK_STR(next(&w, slow), "-");
    post(&w, CONFIGMAPS, configmap(&w, "c", "{}", "{}"));
    CHECK_STR(next(&w, quick), "ADDED c 3");
    store_watch_close(slow);
    store_watch_close(quick);
    world_close(&w);
}

TEST(store_watch, initial_events_survive_the_compaction_of_what_they_show)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    struct store_watch *watch = open_watch(&w, WATCH_LIST);
    delete_with(&w, CONFIGMAPS "/a", NULL);
    store_compact(w.s, 2);
    CHECK_STR(next(&w, watch), "ADDED a 1");
    CHECK_STR(next(&w, watch), "ADDED b 2");
    CHECK_STR(next(&w, watch), "BOOKMARK 2 end");
    CHECK_STR(next(&w, watch), "DELETED a 3");
    store_watch_close(watch);
    world_close(&w);
}

TEST(store_watch, a_lagging_replica_starts_a_watch_at_0_from_its_own_past)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    delete_with(&w, CONFIGMAPS "/a", NULL);
    w.replica_rv = 1;
    struct store_watch *watch = open_watch(&w, CONFIGMAPS "?watch=true&resourceVersion=0");
    CHECK_STR(next_up_to(&w, watch, 1), "ADDED a 1");
    CHECK_STR(next_up_to(&w, watch, 1), "-");
    CHECK_STR(next_up_to(&w, watch, 3), "ADDED b 2");
    CHECK_STR(next_up_to(&w, watch, 3), "DELETED a 3");
    store_watch_close(watch);
    struct store_watch *list = open_watch(&w, WATCH_LIST); /* a consistent read: not its past */
    CHECK_STR(next(&w, list), "ADDED b 2");
    CHECK_STR(next(&w, list), "BOOKMARK 3 end");
    store_watch_close(list);
    CHECK(!open_watch(&w, arena_printf(&w.a, "%s&resourceVersion=2", WATCH_LIST)));
    CHECK_INT(w.got.code, 504);
    world_close(&w);
}
