#include "dev/apply.h"

#include "test/unit/fixture_store.h"

#define MINE "?fieldManager=carrel-controller&force=true"

/* The fields of an entry of the last answer, "-" where there is no such entry. */
static const char *fields(struct world *w, const char *manager, const char *operation)
{
    struct json *tree;
    if (json_parse(&w->a, w->got.body, w->got.len, &tree, NULL) < 0) return "not JSON";
    const struct json *e = json_first(json_path(tree, "metadata.managedFields"));
    for (; e; e = json_next(e)) {
        if (!str_equal(json_text(json_get(e, "manager")), manager)) continue;
        if (!str_equal(json_text(json_get(e, "operation")), operation)) continue;
        return json_to_text(&w->a, json_get(e, "fieldsV1"));
    }
    return "-";
}

static const char *deployment(struct world *w, const char *env, const char *annotations)
{
    return arena_printf(
        &w->a,
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\","
        "\"annotations\":%s},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{"
        "\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\","
        "\"image\":\"i:1\",\"env\":%s,\"ports\":[{\"containerPort\":80}]}]}}}}",
        annotations, env);
}

static const char ONE[] = "[{\"name\":\"A\",\"value\":\"1\"}]";
static const char TWO[] = "[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"2\"}]";

static const char *env_now(struct world *w)
{
    struct json *tree;
    get(w, DEPLOYMENTS "/d");
    if (json_parse(&w->a, w->got.body, w->got.len, &tree, NULL) < 0) return "not JSON";
    const struct json *c = json_first(json_path(tree, "spec.template.spec.containers"));
    const struct json *env = json_get(c, "env");
    return env ? json_to_text(&w->a, env) : "-";
}

TEST(apply, of_an_absent_object_creates_it_and_owns_what_it_said)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, ONE, "{\"x\":\"1\"}")), 201);
    CHECK_STR(fields(&w, "carrel-controller", "Apply"),
              "{\"f:metadata\":{\"f:annotations\":{\"f:x\":{}}},"
              "\"f:spec\":{\"f:selector\":{},\"f:template\":{"
              "\"f:metadata\":{\"f:labels\":{\"f:a\":{}}},"
              "\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},"
              "\"f:env\":{\"k:{\\\"name\\\":\\\"A\\\"}\":{\".\":{},\"f:name\":{},\"f:value\":{}}},"
              "\"f:image\":{},\"f:name\":{},"
              "\"f:ports\":{\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{"
              "\".\":{},\"f:containerPort\":{}}}}}}}}}");
    CHECK_STR(at(&w, "spec.replicas"), "1"); /* defaulted, and owned by nobody */
    world_close(&w);
}

TEST(apply, of_the_same_again_makes_no_version_even_later)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, TWO, "{\"x\":\"1\"}"));
    w.wall_ms += 60000;
    CHECK_INT(apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, TWO, "{\"x\":\"1\"}")), 200);
    CHECK_INT(store_rv(w.s), 1);
    world_close(&w);
}

TEST(apply, what_is_left_out_goes_if_nobody_else_owns_it)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, TWO, "{\"x\":\"1\",\"y\":\"2\"}"));
    CHECK_INT(apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, ONE, "{\"y\":\"2\"}")), 200);
    CHECK_STR(at(&w, "metadata.annotations"), "{\"y\":\"2\"}");
    CHECK_STR(env_now(&w), ONE);
    merge(&w, DEPLOYMENTS "/d?fieldManager=kubectl",
          "{\"metadata\":{\"annotations\":{\"y\":\"3\",\"z\":\"4\"}}}");
    CHECK_INT(apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, "[]", "{}")), 200);
    CHECK_STR(at(&w, "metadata.annotations"), "{\"y\":\"3\",\"z\":\"4\"}");
    world_close(&w);
}

TEST(apply, a_whole_list_left_out_goes_whole)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    const char *path = "/apis/networking.k8s.io/v1/namespaces/n/ingresses/i" MINE;
    apply(&w, path, "{\"metadata\":{\"annotations\":{\"a\":\"1\"}},\"spec\":{\"tls\":[{\"hosts\":"
                    "[\"h\"]}],\"rules\":[{\"host\":\"h\"}]}}");
    apply(&w, path, "{\"spec\":{\"rules\":[{\"host\":\"h\"}]}}");
    CHECK_STR(at(&w, "spec"), "{\"rules\":[{\"host\":\"h\"}]}");
    CHECK_STR(at(&w, "metadata.annotations"), "-");
    world_close(&w);
}

TEST(apply, over_an_object_that_was_posted_drops_nothing_of_it)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, DEPLOYMENTS "?fieldManager=carrel-controller", deployment(&w, TWO, "{\"x\":\"1\"}"));
    CHECK_INT(apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, ONE, "{}")), 200);
    CHECK_STR(at(&w, "metadata.annotations"), "{\"x\":\"1\"}"); /* still the POST's entry's */
    CHECK_STR(env_now(&w), TWO);
    world_close(&w);
}

TEST(apply, after_the_entry_of_the_post_was_turned_into_apply_drops_fields)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, DEPLOYMENTS "?fieldManager=carrel-controller", deployment(&w, TWO, "{\"x\":\"1\"}"));
    CHECK(strcmp(fields(&w, "carrel-controller", "Update"), "-") != 0);
    const char *turn =
        "[{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\",\"value\":\"1\"},"
        "{\"op\":\"replace\",\"path\":\"/metadata/managedFields/0/operation\","
        "\"value\":\"Apply\"}]";
    CHECK_INT(json_patch(&w, DEPLOYMENTS "/d?fieldManager=carrel-controller", turn), 200);
    CHECK_STR(fields(&w, "carrel-controller", "Update"), "-");
    CHECK(strcmp(fields(&w, "carrel-controller", "Apply"), "-") != 0);
    CHECK_INT(json_patch(&w, DEPLOYMENTS "/d", turn), 422); /* the version has moved */
    CHECK_STR(w.got.body,
              "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
              "\"message\":\"the server rejected our request due to an error in our request\","
              "\"reason\":\"Invalid\",\"details\":{},\"code\":422}");
    CHECK_INT(apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, ONE, "{}")), 200);
    CHECK_STR(at(&w, "metadata.annotations"), "-");
    CHECK_STR(at(&w, "spec.replicas"), "1"); /* a default comes back when its owner lets go */
    CHECK_STR(env_now(&w), ONE);
    uint64_t rv = store_rv(w.s);
    CHECK_INT(apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, ONE, "{}")), 200);
    CHECK_INT(store_rv(w.s), rv);
    world_close(&w);
}

TEST(apply, over_anothers_field_conflicts_with_a_cause_for_each)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    apply(&w, CONFIGMAPS "/c?fieldManager=one", "{\"data\":{\"x\":\"1\",\"y\":\"1\"}}");
    CHECK_INT(apply(&w, CONFIGMAPS "/c?fieldManager=two", "{\"data\":{\"x\":\"2\"}}"), 409);
    CHECK_STR(w.got.body,
              "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
              "\"message\":\"Apply failed with 1 conflict: conflict with \\\"one\\\": .data.x\","
              "\"reason\":\"Conflict\",\"details\":{\"causes\":[{\"reason\":"
              "\"FieldManagerConflict\",\"message\":\"conflict with \\\"one\\\"\","
              "\"field\":\".data.x\"}]},\"code\":409}");
    CHECK_INT(apply(&w, CONFIGMAPS "/c?fieldManager=two", "{\"data\":{\"x\":\"1\"}}"), 200);
    CHECK_INT(apply(&w, CONFIGMAPS "/c?fieldManager=two",
                    "{\"data\":{\"x\":\"2\",\"y\":\"2\"}}"),
              409);
    CHECK_STR(text_at(&w, "message"),
              "Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.x\n- .data.y");
    world_close(&w);
}

TEST(apply, names_version_and_subresource_of_an_update_that_it_conflicts_with)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, DEPLOYMENTS "?fieldManager=kubectl", deployment(&w, ONE, "{}"));
    merge(&w, DEPLOYMENTS "/d/status?fieldManager=ctl", "{\"status\":{\"replicas\":1}}");
    CHECK_INT(apply(&w, DEPLOYMENTS "/d?fieldManager=me",
                    "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\","
                    "\"image\":\"j\"}]}}}}"),
              409);
    CHECK_STR(text_at(&w, "message"),
              "Apply failed with 1 conflict: conflict with \"kubectl\" using apps/v1: "
              ".spec.template.spec.containers[name=\"c\"].image");
    CHECK_INT(apply(&w, DEPLOYMENTS "/d/status?fieldManager=me", "{\"status\":{\"replicas\":2}}"),
              409);
    CHECK_HAS(text_at(&w, "message"), "\"ctl\" with subresource \"status\" using apps/v1: ");
    world_close(&w);
}

TEST(apply, by_force_takes_the_field_from_its_owner)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    apply(&w, CONFIGMAPS "/c?fieldManager=one", "{\"data\":{\"x\":\"1\",\"y\":\"1\"}}");
    CHECK_INT(apply(&w, CONFIGMAPS "/c?fieldManager=two&force=true", "{\"data\":{\"x\":\"2\"}}"),
              200);
    CHECK_STR(at(&w, "data"), "{\"x\":\"2\",\"y\":\"1\"}");
    CHECK_STR(fields(&w, "one", "Apply"), "{\"f:data\":{\"f:y\":{}}}");
    CHECK_STR(fields(&w, "two", "Apply"), "{\"f:data\":{\"f:x\":{}}}");
    world_close(&w);
}

TEST(apply, a_field_of_two_appliers_goes_when_both_have_let_go)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    apply(&w, CONFIGMAPS "/c?fieldManager=one", "{\"data\":{\"x\":\"1\"}}");
    apply(&w, CONFIGMAPS "/c?fieldManager=two", "{\"data\":{\"x\":\"1\"}}");
    apply(&w, CONFIGMAPS "/c?fieldManager=one", "{}");
    CHECK_STR(at(&w, "data"), "{\"x\":\"1\"}");
    CHECK_STR(fields(&w, "one", "Apply"), "-");
    apply(&w, CONFIGMAPS "/c?fieldManager=two", "{}");
    CHECK_STR(at(&w, "data"), "-");
    world_close(&w);
}

TEST(apply, updates_take_what_they_change_and_nothing_else)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    apply(&w, CONFIGMAPS "/c?fieldManager=one", "{\"data\":{\"x\":\"1\",\"y\":\"1\"}}");
    merge(&w, CONFIGMAPS "/c", "{\"data\":{\"x\":\"2\",\"y\":\"1\"}}");
    CHECK_STR(fields(&w, "one", "Apply"), "{\"f:data\":{\"f:y\":{}}}");
    CHECK_STR(fields(&w, "tester", "Update"), "{\"f:data\":{\"f:x\":{}}}");
    merge(&w, CONFIGMAPS "/c?fieldManager=other", "{\"data\":{\"y\":null}}");
    CHECK_STR(fields(&w, "one", "Apply"), "-"); /* what is gone is owned by nobody */
    CHECK_STR(fields(&w, "other", "Update"), "-");
    world_close(&w);
}

TEST(apply, a_post_owns_what_it_made_with_its_parents)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, CONFIGMAPS, configmap(&w, "c", "{\"a\":\"b\"}", "{\"x\":\"1\"}"));
    CHECK_STR(at(&w, "metadata.managedFields"),
              "[{\"manager\":\"tester\",\"operation\":\"Update\",\"apiVersion\":\"v1\","
              "\"time\":\"2026-11-21T10:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{"
              "\"f:data\":{\".\":{},\"f:x\":{}},"
              "\"f:metadata\":{\"f:labels\":{\".\":{},\"f:a\":{}}}}}]");
    world_close(&w);
}

TEST(apply, status_has_an_entry_of_its_own_and_touches_nothing_else)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "s"));
    const char *body =
        "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"metadata\":{\"labels\":{"
        "\"x\":\"y\"}},\"spec\":{\"user\":\"eve\"},\"status\":{\"phase\":\"Running\","
        "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}";
    const char *path = SESSIONS "/s/status?fieldManager=carrel-status&force=true";
    CHECK_INT(apply(&w, path, body), 200);
    CHECK_STR(text_at(&w, "spec.user"), "ann");
    CHECK_STR(at(&w, "metadata.labels"), "-");
    CHECK_STR(fields(&w, "carrel-status", "Apply"),
              "{\"f:status\":{\"f:conditions\":{\"k:{\\\"type\\\":\\\"Ready\\\"}\":{"
              "\".\":{},\"f:status\":{},\"f:type\":{}}},\"f:phase\":{}}}");
    CHECK_HAS(w.got.body, "\"subresource\":\"status\"");
    CHECK_INT(apply(&w, path, body), 200);
    CHECK_INT(store_rv(w.s), 2);
    /* A dropped condition goes, and the main endpoint takes no status. */
    CHECK_INT(apply(&w, path, "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\","
                              "\"status\":{\"phase\":\"Running\"}}"),
              200);
    CHECK_STR(at(&w, "status"), "{\"phase\":\"Running\"}");
    CHECK_INT(apply(&w, SESSIONS "/s" MINE,
                    "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"metadata\":{"
                    "\"labels\":{\"a\":\"b\"}},\"status\":{\"phase\":\"Failed\"}}"),
              200);
    CHECK_STR(text_at(&w, "status.phase"), "Running");
    CHECK_STR(fields(&w, "carrel-controller", "Apply"),
              "{\"f:metadata\":{\"f:labels\":{\"f:a\":{}}}}");
    CHECK_INT(apply(&w, SESSIONS "/absent/status?fieldManager=x", body), 404);
    world_close(&w);
}

TEST(apply, with_a_uid_of_an_object_that_is_gone_conflicts_instead_of_creating)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(apply(&w, CONFIGMAPS "/c" MINE, "{\"metadata\":{\"uid\":\"u\"}}"), 409);
    CHECK_INT(get(&w, CONFIGMAPS "/c"), 404);
    post(&w, CONFIGMAPS, configmap(&w, "c", "{}", "{}"));
    CHECK_INT(apply(&w, CONFIGMAPS "/c" MINE, "{\"metadata\":{\"uid\":\"u\"}}"), 422);
    CHECK_INT(apply(&w, CONFIGMAPS "/c" MINE, "{\"metadata\":{\"resourceVersion\":\"9\"}}"), 409);
    world_close(&w);
}

TEST(apply, needs_a_manager_and_no_managed_fields)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(apply(&w, CONFIGMAPS "/c", "{}"), 422);
    CHECK_STR(text_at(&w, "message"), "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: "
                                      "Required value: is required for apply patch");
    CHECK_INT(apply(&w, CONFIGMAPS "/c" MINE, "{\"metadata\":{\"managedFields\":[{}]}}"), 400);
    CHECK_INT(send(&w, "PATCH", CONFIGMAPS "/c", "application/strategic-merge-patch+json", "{}"),
              415);
    world_close(&w);
}

TEST(apply, finalizers_are_a_set_and_owners_a_map_by_uid)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    apply(&w, CONFIGMAPS "/c?fieldManager=one",
          "{\"metadata\":{\"finalizers\":[\"x/one\"],\"ownerReferences\":[{\"apiVersion\":\"v1\","
          "\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"u1\"}]}}");
    apply(&w, CONFIGMAPS "/c?fieldManager=two",
          "{\"metadata\":{\"finalizers\":[\"x/two\"],\"ownerReferences\":[{\"apiVersion\":\"v1\","
          "\"kind\":\"Pod\",\"name\":\"q\",\"uid\":\"u2\"}]}}");
    CHECK_STR(at(&w, "metadata.finalizers"), "[\"x/one\",\"x/two\"]");
    CHECK_HAS(at(&w, "metadata.ownerReferences"), "u1");
    CHECK_STR(fields(&w, "two", "Apply"),
              "{\"f:metadata\":{\"f:finalizers\":{\"v:\\\"x/two\\\"\":{}},"
              "\"f:ownerReferences\":{\"k:{\\\"uid\\\":\\\"u2\\\"}\":{}}}}");
    apply(&w, CONFIGMAPS "/c?fieldManager=one", "{}");
    CHECK_STR(at(&w, "metadata.finalizers"), "[\"x/two\"]");
    CHECK(!strstr(at(&w, "metadata.ownerReferences"), "u1"));
    world_close(&w);
}

TEST(apply, ports_are_told_apart_by_number_and_protocol_with_tcp_understood)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    const char *path = "/api/v1/namespaces/n/services/s" MINE;
    apply(&w, path, "{\"spec\":{\"clusterIP\":\"None\",\"ports\":[{\"port\":53,\"name\":\"t\"},"
                    "{\"port\":53,\"protocol\":\"UDP\",\"name\":\"u\"}]}}");
    uint64_t rv = store_rv(w.s);
    apply(&w, path, "{\"spec\":{\"clusterIP\":\"None\",\"ports\":[{\"port\":53,\"name\":\"t\"},"
                    "{\"port\":53,\"protocol\":\"UDP\",\"name\":\"u\"}]}}");
    CHECK_INT(store_rv(w.s), rv);
    apply(&w, path, "{\"spec\":{\"clusterIP\":\"None\",\"ports\":[{\"port\":53,\"name\":\"t\"}]}}");
    CHECK_STR(at(&w, "spec.ports"),
              "[{\"port\":53,\"name\":\"t\",\"protocol\":\"TCP\",\"targetPort\":53}]");
    world_close(&w);
}

TEST(apply, items_of_others_keep_their_place_in_a_keyed_list)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, TWO, "{}"));
    merge(&w, DEPLOYMENTS "/d?fieldManager=injector",
          "{\"spec\":{\"template\":{\"spec\":{\"containers\":["
          "{\"name\":\"side\",\"image\":\"s:1\"},{\"name\":\"c\","
          "\"image\":\"i:1\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},"
          "{\"name\":\"B\",\"value\":\"2\"}],\"ports\":[{\"containerPort\":80}]}]}}}}");
    CHECK_INT(apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, ONE, "{}")), 200);
    const char *body = w.got.body, *side = strstr(body, "\"name\":\"side\"");
    CHECK(side && side < strstr(body, "\"name\":\"c\""));
    CHECK(!strstr(body, "\"name\":\"B\""));
    world_close(&w);
}

TEST(apply, an_item_left_out_goes_even_if_another_owns_one_of_its_fields)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, TWO, "{}"));
    merge(&w, DEPLOYMENTS "/d?fieldManager=k",
          "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\","
          "\"image\":\"i:1\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},"
          "{\"name\":\"B\",\"value\":\"9\"}],\"ports\":[{\"containerPort\":80}]}]}}}}");
    CHECK_INT(apply(&w, DEPLOYMENTS "/d" MINE, deployment(&w, ONE, "{}")), 200);
    CHECK_STR(env_now(&w), ONE);
    CHECK_STR(fields(&w, "k", "Update"), "-");
    world_close(&w);
}

TEST(apply, managed_fields_can_be_reset_and_then_the_first_apply_takes_nothing_away)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, CONFIGMAPS, configmap(&w, "c", "{}", "{\"x\":\"1\"}"));
    CHECK_INT(merge(&w, CONFIGMAPS "/c", "{\"metadata\":{\"managedFields\":[{}]}}"), 200);
    CHECK_STR(at(&w, "metadata.managedFields"), "-");
    merge(&w, CONFIGMAPS "/c", "{\"data\":{\"y\":\"1\"}}");
    CHECK_STR(at(&w, "metadata.managedFields"), "-"); /* untracked stays untracked */
    CHECK_INT(apply(&w, CONFIGMAPS "/c?fieldManager=one", "{\"data\":{\"x\":\"2\"}}"), 409);
    CHECK_HAS(text_at(&w, "message"), "before-first-apply");
    CHECK_INT(apply(&w, CONFIGMAPS "/c?fieldManager=one&force=1", "{\"data\":{\"x\":\"2\"}}"), 200);
    CHECK_STR(fields(&w, "before-first-apply", "Update"),
              "{\"f:data\":{\".\":{},\"f:y\":{}}}");
    CHECK_STR(at(&w, "data"), "{\"x\":\"2\",\"y\":\"1\"}");
    world_close(&w);
}

TEST(apply, the_servers_own_metadata_is_owned_by_nobody)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "s"));
    CHECK(!strstr(at(&w, "metadata.managedFields"), "f:uid"));
    CHECK(!strstr(at(&w, "metadata.managedFields"), "f:name"));
    CHECK(!strstr(at(&w, "metadata.managedFields"), "f:generation"));
    CHECK_HAS(fields(&w, "tester", "Update"), "f:state"); /* a POST owns defaults too */
    world_close(&w);
}

TEST(apply, of_a_dry_run_stores_nothing)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(apply(&w, CONFIGMAPS "/c" MINE "&dryRun=All", "{\"data\":{\"x\":\"1\"}}"), 201);
    CHECK_INT(store_rv(w.s), 0);
    world_close(&w);
}
