#include "dev/store.h"

#include "test/unit/fixture_store.h"

/* The names of the last answer's items: "a,b". */
static const char *names(struct world *w)
{
    struct json *tree;
    const char *out = "";
    if (json_parse(&w->a, w->got.body, w->got.len, &tree, NULL) < 0) return "not JSON";
    for (const struct json *i = json_first(json_get(tree, "items")); i; i = json_next(i)) {
        const char *name = json_text(json_path(i, "metadata.name"));
        out = arena_printf(&w->a, "%s%s%s", out, *out ? "," : "", name);
    }
    return out;
}

static const char *list(struct world *w, const char *query)
{
    int code = get(w, arena_printf(&w->a, "%s%s", CONFIGMAPS, query));
    return code == 200 ? names(w) : arena_printf(&w->a, "%d", code);
}

static void fill(struct world *w)
{
    post(w, CONFIGMAPS, configmap(w, "c", "{\"app\":\"web\",\"tier\":\"front\"}", "{}"));
    post(w, CONFIGMAPS, configmap(w, "a", "{\"app\":\"web\"}", "{}"));
    post(w, CONFIGMAPS, configmap(w, "b", "{\"app\":\"db\"}", "{}"));
    post(w, "/api/v1/namespaces/n-2/configmaps", configmap(w, "z", "{}", "{}"));
}

TEST(store_list, items_come_in_the_order_of_namespace_and_name)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    CHECK_STR(list(&w, ""), "a,b,c");
    CHECK_STR(text_at(&w, "kind"), "ConfigMapList");
    CHECK_STR(text_at(&w, "metadata.resourceVersion"), "4");
    get(&w, "/api/v1/configmaps");
    CHECK_STR(names(&w), "z,a,b,c"); /* "n-2/" stands before "n/", as in etcd */
    world_close(&w);
}

TEST(store_list, an_empty_list_has_items_and_the_version_of_the_store)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(get(&w, CONFIGMAPS), 200);
    CHECK_STR(w.got.body, "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{"
                          "\"resourceVersion\":\"0\"},\"items\":[]}");
    world_close(&w);
}

TEST(store_list, items_of_custom_types_say_their_kind_and_those_of_built_in_types_do_not)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "a"));
    post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{}"));
    get(&w, SESSIONS);
    CHECK_HAS(w.got.body, "[{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",");
    get(&w, CONFIGMAPS);
    CHECK_HAS(w.got.body, "\"items\":[{\"metadata\":{");
    world_close(&w);
}

TEST(store_list, label_selectors_know_equality_sets_and_existence)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    CHECK_STR(list(&w, "?labelSelector=app=web"), "a,c");
    CHECK_STR(list(&w, "?labelSelector=app%3D%3Dweb"), "a,c");
    CHECK_STR(list(&w, "?labelSelector=app!=web"), "b");
    CHECK_STR(list(&w, "?labelSelector=app%20in%20(web,%20db)"), "a,b,c");
    CHECK_STR(list(&w, "?labelSelector=app+notin+(web)"), "b");
    CHECK_STR(list(&w, "?labelSelector=tier"), "c");
    CHECK_STR(list(&w, "?labelSelector=!tier"), "a,b");
    CHECK_STR(list(&w, "?labelSelector=app%3Dweb%2C!tier"), "a");
    CHECK_STR(list(&w, "?labelSelector=tier+notin+(front),app"), "a,b"); /* absent: not in */
    CHECK_STR(list(&w, "?labelSelector=app%20in%20web"), "400");
    CHECK_STR(list(&w, "?labelSelector=%3Dx"), "400");
    world_close(&w);
}

TEST(store_list, field_selectors_know_name_namespace_and_declared_fields)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    CHECK_STR(list(&w, "?fieldSelector=metadata.name=b"), "b");
    CHECK_STR(list(&w, "?fieldSelector=metadata.name!=b"), "a,c");
    CHECK_STR(list(&w, "?fieldSelector=metadata.namespace=n,metadata.name=c"), "c");
    CHECK_STR(list(&w, "?fieldSelector=data.x=1"), "400");
    CHECK_STR(text_at(&w, "message"), "field label not supported: data.x");
    post(&w, SESSIONS, session(&w, "s"));
    get(&w, SESSIONS "?fieldSelector=spec.user%3Dann");
    CHECK_STR(names(&w), "s");
    get(&w, SESSIONS "?fieldSelector=spec.user%3Deve");
    CHECK_STR(names(&w), "");
    get(&w, SESSIONS "?fieldSelector=status.phase%3D");
    CHECK_STR(names(&w), "s");
    world_close(&w);
}

TEST(store_list, pages_show_one_moment_even_while_the_store_changes)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    CHECK_STR(list(&w, "?limit=2"), "a,b");
    CHECK_STR(at(&w, "metadata.remainingItemCount"), "1");
    const char *token = text_at(&w, "metadata.continue");
    post(&w, CONFIGMAPS, configmap(&w, "bb", "{}", "{}"));
    merge(&w, CONFIGMAPS "/c", "{\"data\":{\"late\":\"1\"}}");
    CHECK_STR(list(&w, arena_printf(&w.a, "?limit=2&continue=%s", token)), "c");
    CHECK(!strstr(w.got.body, "late"));
    CHECK_STR(text_at(&w, "metadata.resourceVersion"), "4");
    CHECK_STR(at(&w, "metadata.continue"), "-");
    world_close(&w);
}

TEST(store_list, a_full_page_has_a_token_as_long_as_any_key_is_left_even_one_that_does_not_match)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    CHECK_STR(list(&w, "?limit=2&labelSelector=app=web"), "a,c");
    CHECK_STR(at(&w, "metadata.continue"), "-");
    CHECK_STR(list(&w, "?limit=1&labelSelector=app=db"), "b");
    CHECK_STR(at(&w, "metadata.remainingItemCount"), "-"); /* unknown under a selector */
    const char *token = text_at(&w, "metadata.continue");
    CHECK_STR(list(&w, arena_printf(&w.a, "?labelSelector=app=db&continue=%s", token)), "");
    CHECK_INT(w.got.code, 200);
    world_close(&w);
}

TEST(store_list, a_token_from_before_compaction_is_410_with_a_token_to_go_on)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    list(&w, "?limit=1");
    const char *token = text_at(&w, "metadata.continue");
    post(&w, CONFIGMAPS, configmap(&w, "bb", "{}", "{}"));
    store_compact(w.s, 0);
    CHECK_STR(list(&w, arena_printf(&w.a, "?limit=9&continue=%s", token)), "410");
    CHECK_STR(text_at(&w, "reason"), "Expired");
    const char *again = text_at(&w, "metadata.continue");
    CHECK_STR(list(&w, arena_printf(&w.a, "?limit=9&continue=%s", again)), "b,bb,c");
    CHECK_STR(list(&w, "?continue=nonsense"), "400");
    CHECK_STR(list(&w, "?continue=v1:2:n/a&resourceVersion=3"), "400");
    world_close(&w);
}

TEST(store_list, an_exact_version_shows_the_past_until_it_is_compacted)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    delete_with(&w, CONFIGMAPS "/a", NULL);
    CHECK_STR(list(&w, ""), "b,c");
    CHECK_STR(list(&w, "?resourceVersion=2&resourceVersionMatch=Exact"), "a,c");
    CHECK_STR(text_at(&w, "metadata.resourceVersion"), "2");
    CHECK_STR(list(&w, "?resourceVersion=2&limit=5"), "a,c"); /* the old meaning with a limit */
    CHECK_STR(list(&w, "?resourceVersion=99&resourceVersionMatch=Exact"), "504");
    store_compact(w.s, 3);
    CHECK_STR(list(&w, "?resourceVersion=3&resourceVersionMatch=Exact"), "a,b,c");
    CHECK_STR(list(&w, "?resourceVersion=2&resourceVersionMatch=Exact"), "410");
    CHECK_STR(text_at(&w, "message"), "The resourceVersion for the provided list is too old.");
    CHECK_STR(list(&w, "?resourceVersion=2"), "b,c"); /* at least 2 is never too old */
    world_close(&w);
}

TEST(store_list, at_least_a_version_is_served_or_504_when_it_is_in_the_future)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    CHECK_STR(list(&w, "?resourceVersion=2&resourceVersionMatch=NotOlderThan"), "a,b,c");
    CHECK_STR(list(&w, "?resourceVersion=5"), "504");
    CHECK_STR(w.got.body,
              "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
              "\"message\":\"Timeout: Too large resource version: 5, current: 4\","
              "\"reason\":\"Timeout\","
              "\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\","
              "\"message\":\"Too large resource version\"}],\"retryAfterSeconds\":1},"
              "\"code\":504}");
    CHECK_INT(w.got.retry_after_s, 1);
    world_close(&w);
}

TEST(store_list, a_lagging_replica_shows_the_past_at_version_0_and_the_truth_when_asked_for_it)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    delete_with(&w, CONFIGMAPS "/a", NULL);
    w.replica_rv = 2;
    CHECK_STR(list(&w, "?resourceVersion=0"), "a,c");
    CHECK_STR(text_at(&w, "metadata.resourceVersion"), "2");
    CHECK_INT(get(&w, CONFIGMAPS "/a?resourceVersion=0"), 200);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 404);
    CHECK_STR(list(&w, "?resourceVersion=3"), "504");
    CHECK_STR(list(&w, ""), "b,c");
    world_close(&w);
}

TEST(store_list, contradicting_options_are_refused)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_STR(list(&w, "?resourceVersionMatch=Exact"), "422");
    CHECK_STR(list(&w, "?resourceVersion=0&resourceVersionMatch=Exact"), "422");
    CHECK_STR(list(&w, "?resourceVersion=1&resourceVersionMatch=Roughly"), "422");
    CHECK_STR(list(&w, "?resourceVersion=x"), "400");
    CHECK_STR(list(&w, "?resourceVersion=01"), "400");
    CHECK_STR(list(&w, "?limit=many"), "400");
    CHECK_STR(list(&w, "?watch=true"), "400"); /* watches have their own door */
    world_close(&w);
}

TEST(store_list, compaction_forgets_deleted_objects_and_keeps_living_ones)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    fill(&w);
    delete_with(&w, CONFIGMAPS "/a", NULL);
    post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{\"new\":\"1\"}"));
    delete_with(&w, CONFIGMAPS "/b", NULL);
    store_compact(w.s, 0);
    CHECK_STR(list(&w, ""), "a,c");
    CHECK_INT(get(&w, CONFIGMAPS "/b"), 404);
    post(&w, CONFIGMAPS, configmap(&w, "b", "{}", "{}"));
    CHECK_STR(list(&w, ""), "a,b,c");
    world_close(&w);
}

TEST(store_list, a_bounded_history_compacts_itself)
{
    struct world w;
    world_open(&w, (struct store_config){.history_max = 2});
    fill(&w); /* four changes of one type */
    CHECK_STR(list(&w, "?resourceVersion=1&resourceVersionMatch=Exact"), "410");
    CHECK_STR(list(&w, "?resourceVersion=2&resourceVersionMatch=Exact"), "a,c");
    for (int i = 0; i < 20; i++) {
        merge(&w, CONFIGMAPS "/a", arena_printf(&w.a, "{\"data\":{\"x\":\"%d\"}}", i));
        delete_with(&w, CONFIGMAPS "/b", NULL);
        post(&w, CONFIGMAPS, configmap(&w, "b", "{}", "{}"));
    }
    CHECK_STR(list(&w, ""), "a,b,c");
    world_close(&w);
}
