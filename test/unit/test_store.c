#include "dev/store.h"

#include "test/unit/fixture_store.h"

TEST(store, a_created_object_can_be_read_and_has_what_the_server_adds)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(post(&w, SESSIONS, session(&w, "a")), 201);
    CHECK_INT(get(&w, SESSIONS "/a"), 200);
    CHECK_STR(text_at(&w, "metadata.namespace"), "n");
    CHECK_STR(text_at(&w, "metadata.resourceVersion"), "1");
    CHECK_STR(at(&w, "metadata.generation"), "1");
    CHECK_STR(text_at(&w, "metadata.creationTimestamp"), "2026-11-21T10:00:00Z");
    CHECK_INT(strlen(text_at(&w, "metadata.uid")), 36);
    CHECK_STR(text_at(&w, "spec.state"), "running");
    CHECK_STR(text_at(&w, "spec.idleTimeout"), "30m");
    CHECK_STR(text_at(&w, "spec.retention"), "0");
    CHECK_STR(text_at(&w, "spec.storage"), "none");
    CHECK_STR(at(&w, "spec.route"), "{\"mode\":\"host\"}");
    CHECK_STR(at(&w, "spec.persistentHome"), "true");
    world_close(&w);
}

TEST(store, the_same_calls_and_seed_give_the_same_bytes)
{
    struct world one, two;
    world_open(&one, (struct store_config){0});
    world_open(&two, (struct store_config){0});
    post(&one, SESSIONS, session(&one, "a"));
    post(&two, SESSIONS, session(&two, "a"));
    CHECK_STR(one.got.body, two.got.body);
    world_close(&one);
    world_close(&two);
}

TEST(store, a_name_that_is_taken_is_409_already_exists)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "a"));
    CHECK_INT(post(&w, SESSIONS, session(&w, "a")), 409);
    CHECK_STR(w.got.body,
              "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
              "\"message\":\"sessions.carrel.dev \\\"a\\\" already exists\","
              "\"reason\":\"AlreadyExists\",\"details\":{\"name\":\"a\",\"group\":\"carrel.dev\","
              "\"kind\":\"sessions\"},\"code\":409}");
    world_close(&w);
}

TEST(store, what_is_not_there_is_404_with_the_plural_as_kind)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(get(&w, PODS "/a"), 404);
    CHECK_STR(w.got.body,
              "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
              "\"message\":\"pods \\\"a\\\" not found\",\"reason\":\"NotFound\","
              "\"details\":{\"name\":\"a\",\"kind\":\"pods\"},\"code\":404}");
    CHECK_INT(put(&w, SESSIONS "/a", session(&w, "a")), 404);
    CHECK_INT(merge(&w, SESSIONS "/a", "{}"), 404);
    CHECK_INT(delete_with(&w, SESSIONS "/a", NULL), 404);
    world_close(&w);
}

TEST(store, unknown_paths_types_and_subresources_are_404_and_wrong_verbs_405)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(get(&w, "/apis/carrel.dev/v1/namespaces/n/sessions"), 404);
    CHECK_STR(w.got.body, "404 page not found\n"); /* plain text, as servers have it */
    CHECK_INT(get(&w, "/api/v1/namespaces/n/nodes"), 404); /* not in namespaces */
    CHECK_INT(get(&w, "/api/v1/pods/a"), 404);             /* in namespaces */
    CHECK_INT(get(&w, "/nonsense"), 404);
    CHECK_INT(get(&w, ""), 404);
    CHECK_INT(get(&w, CONFIGMAPS "/a/status"), 404);
    CHECK_STR(text_at(&w, "message"), "the server could not find the requested resource");
    CHECK_INT(post(&w, SESSIONS "/a", "{}"), 405);
    CHECK_INT(send(&w, "OPTIONS", SESSIONS, NULL, NULL), 405);
    CHECK_INT(post(&w, "/apis/carrel.dev/v1alpha1/sessions", session(&w, "a")), 405);
    world_close(&w);
}

TEST(store, a_generated_name_is_the_prefix_and_five_letters)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(post(&w, CONFIGMAPS, "{\"metadata\":{\"generateName\":\"c-\"}}"), 201);
    const char *name = text_at(&w, "metadata.name");
    CHECK_INT(strlen(name), 7);
    CHECK(strncmp(name, "c-", 2) == 0);
    CHECK_STR(text_at(&w, "metadata.generateName"), "c-");
    CHECK_INT(post(&w, CONFIGMAPS, "{\"metadata\":{}}"), 422);
    CHECK_HAS(w.got.body, "name or generateName is required");
    world_close(&w);
}

TEST(store, names_that_kubernetes_refuses_are_422_with_a_cause)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(post(&w, SESSIONS, session(&w, "Upper")), 422);
    CHECK_STR(text_at(&w, "reason"), "Invalid");
    CHECK_STR(text_at(&w, "details.kind"), "Session");
    CHECK_HAS(w.got.body, "\"field\":\"metadata.name\"");
    CHECK_HAS(w.got.body, "\"reason\":\"FieldValueInvalid\"");
    CHECK_INT(post(&w, "/api/v1/namespaces/n/services", "{\"metadata\":{\"name\":\"a.b\"}}"), 422);
    CHECK_INT(post(&w, CONFIGMAPS, "{\"metadata\":{\"name\":\"a.b\"}}"), 201);
    world_close(&w);
}

TEST(store, a_body_that_contradicts_its_path_is_400)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(post(&w, CONFIGMAPS, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"other\"}}"), 400);
    CHECK_INT(post(&w, CONFIGMAPS, "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}"), 400);
    CHECK_INT(post(&w, CONFIGMAPS, "{\"apiVersion\":\"v2\",\"metadata\":{\"name\":\"a\"}}"), 400);
    CHECK_INT(post(&w, SESSIONS, "{\"metadata\":{\"name\":\"a\"}}"), 400); /* kind is missing */
    CHECK_INT(post(&w, CONFIGMAPS, "{\"metadata\":"), 400);
    CHECK_INT(post(&w, CONFIGMAPS, "[]"), 400);
    CHECK_INT(post(&w, CONFIGMAPS, ""), 400);
    post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{}"));
    CHECK_INT(put(&w, CONFIGMAPS "/a", configmap(&w, "b", "{}", "{}")), 400);
    world_close(&w);
}

TEST(store, put_and_apply_name_their_object_and_apply_its_type_in_the_body)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(send(&w, "PUT", CONFIGMAPS "/a", PLAIN, "{}"), 400);
    CHECK_HAS(w.got.body, "the name of the object (a based on URL) was undeterminable");
    const char *path = CONFIGMAPS "/a?fieldManager=m";
    CHECK_INT(send(&w, "PATCH", path, APPLY, "{\"metadata\":{\"name\":\"a\"}}"), 400);
    CHECK_STR(text_at(&w, "message"), "invalid object type: /, Kind=");
    CHECK_INT(send(&w, "PATCH", path, APPLY, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}"),
              400);
    CHECK_INT(send(&w, "PATCH", path, APPLY,
                   "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
                   "\"name\":\"a\"}}"),
              201);
    world_close(&w);
}

TEST(store, built_in_types_print_no_empty_data_and_always_a_status)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{}"));
    CHECK_STR(at(&w, "data"), "-");
    CHECK_STR(at(&w, "metadata.labels"), "-");
    post(&w, DEPLOYMENTS, "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{}}}");
    CHECK_STR(at(&w, "status"), "{}");
    world_close(&w);
}

TEST(store, a_create_with_a_resource_version_is_refused)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    const char *body = "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"3\"}}";
    CHECK_INT(post(&w, CONFIGMAPS, body), 500);
    CHECK_STR(text_at(&w, "message"), "resourceVersion should not be set on objects to be created");
    world_close(&w);
}

TEST(store, put_with_a_stale_version_is_409_and_with_the_present_one_works)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{\"x\":\"1\"}"));
    merge(&w, CONFIGMAPS "/a", "{\"data\":{\"x\":\"2\"}}");
    CHECK_INT(put(&w, CONFIGMAPS "/a",
                  "{\"metadata\":{\"resourceVersion\":\"1\"},\"data\":{\"x\":\"3\"}}"),
              409);
    CHECK_STR(text_at(&w, "message"),
              "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; "
              "please apply your changes to the latest version and try again");
    CHECK_INT(put(&w, CONFIGMAPS "/a",
                  "{\"metadata\":{\"resourceVersion\":\"2\"},\"data\":{\"x\":\"3\"}}"),
              200);
    CHECK_STR(text_at(&w, "data.x"), "3");
    world_close(&w);
}

TEST(store, put_without_a_version_works_for_built_in_types_and_not_for_custom_ones)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{}"));
    post(&w, SESSIONS, session(&w, "a"));
    CHECK_INT(put(&w, CONFIGMAPS "/a", configmap(&w, "a", "{}", "{\"x\":\"1\"}")), 200);
    CHECK_INT(put(&w, SESSIONS "/a", session(&w, "a")), 422);
    CHECK_STR(text_at(&w, "message"), "sessions.carrel.dev \"a\" is invalid: "
                                      "metadata.resourceVersion: Invalid value: 0: must be "
                                      "specified for an update");
    world_close(&w);
}

TEST(store, another_uid_is_409_to_put_and_422_to_patch)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{}"));
    CHECK_INT(put(&w, CONFIGMAPS "/a", "{\"metadata\":{\"uid\":\"other\"}}"), 409);
    CHECK_HAS(text_at(&w, "message"), "Precondition failed: UID in precondition: other, UID in");
    CHECK_INT(merge(&w, CONFIGMAPS "/a", "{\"metadata\":{\"uid\":\"other\"}}"), 422);
    CHECK_STR(text_at(&w, "message"), "ConfigMap \"a\" is invalid: metadata.uid: Invalid value: "
                                      "\"other\": field is immutable");
    world_close(&w);
}

TEST(store, put_of_an_absent_lease_creates_it_and_with_a_uid_conflicts)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    const char *path = "/apis/coordination.k8s.io/v1/namespaces/n/leases/l";
    CHECK_INT(put(&w, path, "{\"metadata\":{\"name\":\"l\",\"uid\":\"gone\"}}"), 409);
    CHECK_INT(put(&w, path, "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":\"a\"}}"),
              201);
    CHECK_INT(put(&w, path, "{\"metadata\":{\"name\":\"l\"}}"), 422); /* leases need a version */
    world_close(&w);
}

TEST(store, a_write_that_changes_nothing_makes_no_version)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "a"));
    uint64_t rv = store_rv(w.s);
    CHECK_INT(merge(&w, SESSIONS "/a", "{\"spec\":{\"state\":\"running\"}}"), 200);
    CHECK_STR(text_at(&w, "metadata.resourceVersion"), "1");
    CHECK_INT(get(&w, SESSIONS "/a"), 200);
    CHECK_INT(put(&w, SESSIONS "/a", w.got.body), 200);
    /* Members in another order are no change either. */
    CHECK_INT(put(&w, SESSIONS "/a",
                  "{\"spec\":{\"template\":\"repl\",\"user\":\"ann\"},\"kind\":\"Session\","
                  "\"metadata\":{\"resourceVersion\":\"1\",\"name\":\"a\"},"
                  "\"apiVersion\":\"carrel.dev/v1alpha1\"}"),
              200);
    CHECK_INT(store_rv(w.s), rv);
    world_close(&w);
}

TEST(store, generation_counts_changes_of_spec_and_not_of_metadata_or_status)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "a"));
    merge(&w, SESSIONS "/a", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}");
    CHECK_STR(at(&w, "metadata.generation"), "1");
    merge(&w, SESSIONS "/a/status", "{\"status\":{\"phase\":\"Running\"}}");
    CHECK_STR(at(&w, "metadata.generation"), "1");
    merge(&w, SESSIONS "/a", "{\"spec\":{\"state\":\"hibernated\"}}");
    CHECK_STR(at(&w, "metadata.generation"), "2");
    CHECK_INT(post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{}")), 201);
    CHECK_STR(at(&w, "metadata.generation"), "-");
    world_close(&w);
}

TEST(store, a_deployment_counts_annotations_and_refuses_what_recreate_excludes)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, DEPLOYMENTS, "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{}}}");
    merge(&w, DEPLOYMENTS "/d", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}");
    CHECK_STR(at(&w, "metadata.generation"), "1");
    merge(&w, DEPLOYMENTS "/d", "{\"metadata\":{\"annotations\":{\"x\":\"y\"}}}");
    CHECK_STR(at(&w, "metadata.generation"), "2");
    CHECK_INT(merge(&w, DEPLOYMENTS "/d", "{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}"),
              422);
    CHECK_HAS(w.got.body, "\"field\":\"spec.strategy.rollingUpdate\"");
    CHECK_INT(merge(&w, DEPLOYMENTS "/d",
                    "{\"spec\":{\"strategy\":{\"type\":\"Recreate\","
                    "\"rollingUpdate\":null}}}"),
              200);
    world_close(&w);
}

TEST(store, the_main_endpoint_leaves_status_alone_and_status_leaves_all_else)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"metadata\":{"
                       "\"name\":\"a\"},\"spec\":{\"user\":\"ann\",\"template\":\"repl\"},"
                       "\"status\":{\"phase\":\"Failed\"}}");
    CHECK_STR(at(&w, "status"), "-");
    merge(&w, SESSIONS "/a/status",
          "{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"user\":\"eve\"},"
          "\"status\":{\"phase\":\"Running\"}}");
    CHECK_STR(text_at(&w, "status.phase"), "Running");
    CHECK_STR(text_at(&w, "spec.user"), "ann");
    CHECK_STR(at(&w, "metadata.labels"), "-");
    merge(&w, SESSIONS "/a",
          "{\"spec\":{\"state\":\"hibernated\"},\"status\":{\"phase\":\"Failed\"}}");
    CHECK_STR(text_at(&w, "status.phase"), "Running");
    CHECK_STR(text_at(&w, "spec.state"), "hibernated");
    world_close(&w);
}

TEST(store, put_cannot_change_what_the_server_owns)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{}"));
    const char *created = text_at(&w, "metadata.creationTimestamp");
    const char *uid = text_at(&w, "metadata.uid");
    put(&w, CONFIGMAPS "/a",
        "{\"metadata\":{\"creationTimestamp\":\"2000-01-01T00:00:00Z\",\"generation\":9,"
        "\"deletionTimestamp\":\"2000-01-01T00:00:00Z\"},\"data\":{\"x\":\"1\"}}");
    CHECK_STR(text_at(&w, "metadata.creationTimestamp"), created);
    CHECK_STR(text_at(&w, "metadata.uid"), uid);
    CHECK_STR(at(&w, "metadata.generation"), "-");
    CHECK_STR(at(&w, "metadata.deletionTimestamp"), "-");
    world_close(&w);
}

TEST(store, a_session_keeps_user_and_template_and_needs_both)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "a"));
    CHECK_INT(merge(&w, SESSIONS "/a", "{\"spec\":{\"user\":\"eve\"}}"), 422);
    CHECK_HAS(w.got.body, "\"reason\":\"FieldValueForbidden\"");
    CHECK_HAS(w.got.body, "\"field\":\"spec.user\"");
    CHECK_INT(merge(&w, SESSIONS "/a", "{\"spec\":{\"template\":\"other\"}}"), 422);
    CHECK_INT(merge(&w, SESSIONS "/a", "{\"spec\":{\"user\":null}}"), 422);
    CHECK_HAS(w.got.body, "FieldValueRequired");
    merge(&w, SESSIONS "/a", "{\"spec\":{\"state\":\"terminated\"}}");
    CHECK_INT(merge(&w, SESSIONS "/a", "{\"spec\":{\"state\":\"running\"}}"), 422);
    world_close(&w);
}

TEST(store, null_members_of_a_body_are_absent)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, CONFIGMAPS, "{\"metadata\":{\"name\":\"a\",\"creationTimestamp\":null,"
                         "\"labels\":null},\"data\":{\"x\":null,\"y\":\"1\"}}");
    CHECK_STR(at(&w, "data"), "{\"y\":\"1\"}");
    CHECK_STR(at(&w, "metadata.labels"), "-");
    world_close(&w);
}

TEST(store, a_dry_run_answers_as_if_and_stores_nothing)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(post(&w, SESSIONS "?dryRun=All", session(&w, "a")), 201);
    CHECK_STR(text_at(&w, "spec.state"), "running");
    CHECK_INT(get(&w, SESSIONS "/a"), 404);
    post(&w, SESSIONS, session(&w, "a"));
    CHECK_INT(merge(&w, SESSIONS "/a?dryRun=All", "{\"spec\":{\"state\":\"hibernated\"}}"), 200);
    CHECK_STR(text_at(&w, "spec.state"), "hibernated");
    CHECK_STR(text_at(&w, "metadata.resourceVersion"), "1");
    CHECK_INT(delete_with(&w, SESSIONS "/a?dryRun=All", NULL), 200);
    CHECK_INT(store_rv(w.s), 1);
    CHECK_INT(get(&w, SESSIONS "/a"), 200);
    CHECK_STR(text_at(&w, "spec.state"), "running");
    CHECK_INT(post(&w, SESSIONS "?dryRun=Some", session(&w, "b")), 422);
    world_close(&w);
}

TEST(store, a_terminating_namespace_takes_nothing_new)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, "/api/v1/namespaces", "{\"metadata\":{\"name\":\"n\"}}");
    CHECK_STR(text_at(&w, "status.phase"), "Active");
    post(&w, SESSIONS, session(&w, "a"));
    CHECK_INT(delete_with(&w, "/api/v1/namespaces/n", NULL), 200);
    CHECK_STR(text_at(&w, "status.phase"), "Terminating");
    CHECK_INT(post(&w, SESSIONS, session(&w, "b")), 403);
    CHECK_STR(text_at(&w, "reason"), "Forbidden");
    CHECK_HAS(w.got.body, "{\"reason\":\"NamespaceTerminating\","
                          "\"message\":\"namespace n is being terminated\","
                          "\"field\":\"metadata.namespace\"}");
    CHECK_INT(merge(&w, SESSIONS "/a", "{\"spec\":{\"state\":\"hibernated\"}}"), 200);
    world_close(&w);
}

TEST(store, a_namespace_must_exist_only_where_the_configuration_says_so)
{
    struct world w;
    world_open(&w, (struct store_config){.need_namespaces = true});
    CHECK_INT(post(&w, SESSIONS, session(&w, "a")), 404);
    CHECK_STR(text_at(&w, "message"), "namespaces \"n\" not found");
    post(&w, "/api/v1/namespaces", "{\"metadata\":{\"name\":\"n\"}}");
    CHECK_INT(post(&w, SESSIONS, session(&w, "a")), 201);
    world_close(&w);
}

TEST(store, managed_fields_can_be_left_out_of_answers_and_stay_stored)
{
    struct world w;
    world_open(&w, (struct store_config){.no_managed_fields = true});
    post(&w, SESSIONS, session(&w, "a"));
    CHECK_STR(at(&w, "metadata.managedFields"), "-");
    get(&w, SESSIONS);
    CHECK(!strstr(w.got.body, "managedFields"));
    const struct resource *r = resource_find("carrel.dev", "v1alpha1", "sessions");
    CHECK_HAS(store_get(w.s, r, "n", "a")->text, "managedFields");
    world_close(&w);
}

TEST(store, headless_services_stay_headless_and_others_get_an_address)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    const char *services = "/api/v1/namespaces/n/services";
    post(&w, services, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"ports\":[{\"port\":80}]}}");
    CHECK_HAS(text_at(&w, "spec.clusterIP"), "10.");
    CHECK_STR(at(&w, "spec.ports"), "[{\"port\":80,\"protocol\":\"TCP\",\"targetPort\":80}]");
    const char *address = text_at(&w, "spec.clusterIP");
    put(&w, "/api/v1/namespaces/n/services/a", "{\"spec\":{\"ports\":[{\"port\":81}]}}");
    CHECK_STR(text_at(&w, "spec.clusterIP"), address);
    post(&w, services, "{\"metadata\":{\"name\":\"h\"},\"spec\":{\"clusterIP\":\"None\"}}");
    CHECK_STR(text_at(&w, "spec.clusterIP"), "None");
    CHECK_INT(merge(&w, "/api/v1/namespaces/n/services/h",
                    "{\"spec\":{\"clusterIP\":\"10.1.1.1\"}}"),
              422);
    world_close(&w);
}

TEST(store, every_type_of_the_table_can_be_created_listed_and_found_by_kind)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    size_t count;
    const struct resource *all = resources_all(&count);
    for (size_t i = 0; i < count; i++) {
        const struct resource *r = &all[i];
        const char *version = resource_api_version(r, &w.a);
        CHECK(resource_of_kind(version, r->kind) == r);
        const char *path = arena_printf(&w.a, "/%s/%s%s/%s", *r->group ? "apis" : "api", version,
                                        (r->flags & RES_CLUSTER) ? "" : "/namespaces/n", r->plural);
        CHECK_INT(post(&w, path,
                       arena_printf(&w.a, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{"
                                          "\"name\":\"x\"},\"spec\":{\"user\":\"u\",\"template\":"
                                          "\"t\",\"url\":\"u\",\"sessionID\":\"s\","
                                          "\"userID\":\"u\",\"selector\":{},"
                                          "\"containers\":[{\"image\":\"i\"}],"
                                          "\"displayName\":\"d\","
                                          "\"baseImage\":\"b\"}}", version, r->kind)),
                  201);
        CHECK_INT(get(&w, path), 200);
        CHECK_STR(text_at(&w, "kind"), arena_printf(&w.a, "%sList", r->kind));
    }
    world_close(&w);
}

/* --- Observers and direct looks --- */

struct seen {
    int count;
    enum store_event event;
    char name[32], manager[32], method[8], sub[16];
    bool had_before;
};

static void note(void *user, const struct store_commit *c)
{
    struct seen *s = user;
    s->count++;
    s->event = c->event;
    s->had_before = c->before != NULL;
    str_copy(s->name, sizeof(s->name), c->after->name);
    str_copy(s->manager, sizeof(s->manager), c->manager);
    str_copy(s->method, sizeof(s->method), c->method);
    str_copy(s->sub, sizeof(s->sub), c->subresource);
}

TEST(store, observers_see_each_commit_with_both_sides_and_its_writer)
{
    struct world w;
    struct seen seen = {0};
    world_open(&w, (struct store_config){0});
    store_observe(w.s, note, &seen);
    post(&w, SESSIONS "?fieldManager=me", session(&w, "a"));
    CHECK_INT(seen.event, STORE_ADDED);
    CHECK(!seen.had_before);
    CHECK_STR(seen.manager, "me");
    merge(&w, SESSIONS "/a/status", "{\"status\":{\"phase\":\"Running\"}}");
    CHECK_INT(seen.event, STORE_MODIFIED);
    CHECK_STR(seen.method, "PATCH");
    CHECK_STR(seen.sub, "status");
    CHECK_STR(seen.manager, "tester"); /* the user agent up to its '/' */
    delete_with(&w, SESSIONS "/a", NULL);
    CHECK_INT(seen.event, STORE_DELETED);
    CHECK(seen.had_before);
    CHECK_INT(seen.count, 3);
    world_close(&w);
}

TEST(store, an_object_shows_its_labels_owners_and_selectable_fields_parsed)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"metadata\":{"
                       "\"name\":\"a\",\"labels\":{\"k\":\"v\"},\"finalizers\":[\"x/y\"],"
                       "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
                       "\"name\":\"p\",\"uid\":\"u-1\",\"controller\":true}]},"
                       "\"spec\":{\"user\":\"ann\",\"template\":\"repl\"}}");
    const struct resource *r = resource_find("carrel.dev", "v1alpha1", "sessions");
    const struct store_object *o = store_get(w.s, r, "n", "a");
    CHECK_STR(o->labels[0].key, "k");
    CHECK_STR(o->labels[0].value, "v");
    CHECK_STR(o->owners[0].uid, "u-1");
    CHECK(o->owners[0].controller);
    CHECK_INT(o->finalizers, 1);
    CHECK_STR(o->selectable[0], "ann");
    CHECK_STR(o->selectable[3], "");
    CHECK_INT(o->created_ms, w.wall_ms);
    CHECK(store_uid_lives(w.s, o->uid));
    CHECK_INT(store_count(w.s, r), 1);
    size_t i = 0;
    CHECK(store_walk(w.s, r, &i) == o);
    CHECK(!store_walk(w.s, r, &i));
    world_close(&w);
}
