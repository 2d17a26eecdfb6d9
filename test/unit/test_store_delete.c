#include "dev/store.h"

#include "test/unit/fixture_store.h"

static const char HELD[] =
    "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"metadata\":{\"name\":\"a\","
    "\"finalizers\":[\"carrel.dev/save\"]},\"spec\":{\"user\":\"ann\",\"template\":\"repl\"}}";

TEST(store_delete, custom_objects_answer_a_status_with_the_uid)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "a"));
    const char *uid = text_at(&w, "metadata.uid");
    CHECK_INT(delete_with(&w, SESSIONS "/a", NULL), 200);
    CHECK_STR(text_at(&w, "status"), "Success");
    CHECK_STR(text_at(&w, "details.uid"), uid);
    CHECK_STR(text_at(&w, "details.kind"), "sessions");
    CHECK_INT(get(&w, SESSIONS "/a"), 404);
    CHECK_INT(store_rv(w.s), 2);
    CHECK(!store_uid_lives(w.s, uid));
    world_close(&w);
}

TEST(store_delete, services_and_claims_answer_the_object)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, "/api/v1/namespaces/n/services", "{\"metadata\":{\"name\":\"a\"}}");
    CHECK_INT(delete_with(&w, "/api/v1/namespaces/n/services/a", NULL), 200);
    CHECK_STR(text_at(&w, "kind"), "Service");
    world_close(&w);
}

TEST(store_delete, preconditions_on_uid_and_version_hold_or_are_409)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "a"));
    const char *uid = text_at(&w, "metadata.uid");
    CHECK_INT(delete_with(&w, SESSIONS "/a", "{\"preconditions\":{\"uid\":\"other\"}}"), 409);
    CHECK_STR(text_at(&w, "reason"), "Conflict");
    CHECK_HAS(w.got.body, "the UID in the precondition (other) does not match the UID in record");
    CHECK_INT(delete_with(&w, SESSIONS "/a", "{\"preconditions\":{\"resourceVersion\":\"9\"}}"),
              409);
    CHECK_INT(delete_with(&w, SESSIONS "/a",
                          arena_printf(&w.a, "{\"preconditions\":{\"uid\":\"%s\","
                                             "\"resourceVersion\":\"1\"}}", uid)),
              200);
    world_close(&w);
}

TEST(store_delete, a_finalizer_holds_the_object_until_it_is_taken_off)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, HELD);
    CHECK_INT(delete_with(&w, SESSIONS "/a", NULL), 200);
    CHECK_STR(text_at(&w, "kind"), "Session");
    CHECK_STR(text_at(&w, "metadata.deletionTimestamp"), "2026-11-21T10:00:00Z");
    CHECK_STR(at(&w, "metadata.deletionGracePeriodSeconds"), "0");
    CHECK_STR(at(&w, "metadata.generation"), "2");
    w.wall_ms += 5000;
    CHECK_INT(delete_with(&w, SESSIONS "/a", NULL), 200); /* once more changes nothing */
    CHECK_STR(text_at(&w, "metadata.deletionTimestamp"), "2026-11-21T10:00:00Z");
    CHECK_INT(store_rv(w.s), 2);
    CHECK_INT(post(&w, SESSIONS, session(&w, "a")), 409);
    CHECK_HAS(text_at(&w, "message"), "object is being deleted: ");
    CHECK_INT(json_patch(&w, SESSIONS "/a",
                         "[{\"op\":\"remove\",\"path\":\"/metadata/finalizers/0\"}]"),
              200);
    CHECK_INT(get(&w, SESSIONS "/a"), 404);
    CHECK_INT(store_rv(w.s), 3); /* one commit: the end, no change before it */
    world_close(&w);
}

TEST(store_delete, what_is_being_deleted_takes_no_new_finalizer)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, HELD);
    delete_with(&w, SESSIONS "/a", NULL);
    CHECK_INT(merge(&w, SESSIONS "/a",
                    "{\"metadata\":{\"finalizers\":[\"carrel.dev/save\",\"x/new\"]}}"),
              422);
    CHECK_HAS(w.got.body, "no new finalizers can be added if the object is being deleted");
    CHECK_INT(merge(&w, SESSIONS "/a/status", "{\"status\":{\"phase\":\"Terminated\"}}"), 200);
    world_close(&w);
}

static void run_pod(struct world *w, const char *name)
{
    post(w, PODS, arena_printf(&w->a, "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"nodeName\":"
                                      "\"node\",\"containers\":[{\"name\":\"c\","
                                      "\"image\":\"i\"}]}}", name));
}

TEST(store_delete, a_running_pod_waits_its_grace_and_ends_when_the_kubelet_says_so)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    run_pod(&w, "p");
    CHECK_INT(delete_with(&w, PODS "/p", NULL), 200);
    CHECK_STR(text_at(&w, "metadata.deletionTimestamp"), "2026-11-21T10:00:30Z");
    CHECK_STR(at(&w, "metadata.deletionGracePeriodSeconds"), "30");
    CHECK_INT(delete_with(&w, PODS "/p", "{\"gracePeriodSeconds\":60}"), 200); /* never longer */
    CHECK_STR(at(&w, "metadata.deletionGracePeriodSeconds"), "30");
    CHECK_INT(delete_with(&w, PODS "/p", "{\"gracePeriodSeconds\":5}"), 200); /* but shorter */
    CHECK_STR(text_at(&w, "metadata.deletionTimestamp"), "2026-11-21T10:00:05Z");
    CHECK_INT(merge(&w, PODS "/p/status", "{\"status\":{\"phase\":\"Succeeded\"}}"), 200);
    CHECK_INT(get(&w, PODS "/p"), 200);
    CHECK_INT(delete_with(&w, PODS "/p?gracePeriodSeconds=0", NULL), 200);
    CHECK_INT(get(&w, PODS "/p"), 404);
    world_close(&w);
}

TEST(store_delete, a_pod_that_runs_nowhere_ends_at_once)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, PODS, "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\","
                   "\"image\":\"i\"}]}}");
    CHECK_INT(delete_with(&w, PODS "/p", NULL), 200);
    CHECK_STR(text_at(&w, "kind"), "Pod");
    CHECK_INT(get(&w, PODS "/p"), 404);
    run_pod(&w, "done");
    merge(&w, PODS "/done/status", "{\"status\":{\"phase\":\"Failed\"}}");
    delete_with(&w, PODS "/done", NULL);
    CHECK_INT(get(&w, PODS "/done"), 404);
    world_close(&w);
}

TEST(store_delete, options_may_stand_in_the_query_and_nonsense_is_refused)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, SESSIONS, session(&w, "a"));
    CHECK_INT(delete_with(&w, SESSIONS "/a", "{\"propagationPolicy\":\"Sideways\"}"), 422);
    CHECK_INT(delete_with(&w, SESSIONS "/a", "{\"dryRun\":[\"All\"]}"), 200);
    CHECK_INT(get(&w, SESSIONS "/a"), 200);
    CHECK_INT(delete_with(&w, SESSIONS "/a?propagationPolicy=Foreground", NULL), 200);
    CHECK_STR(at(&w, "metadata.finalizers"), "[\"foregroundDeletion\"]");
    world_close(&w);
}

TEST(store_delete, a_collection_is_deleted_by_selector)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, CONFIGMAPS, configmap(&w, "a", "{\"x\":\"1\"}", "{}"));
    post(&w, CONFIGMAPS, configmap(&w, "b", "{}", "{}"));
    post(&w, CONFIGMAPS, configmap(&w, "c", "{\"x\":\"1\"}", "{}"));
    CHECK_INT(delete_with(&w, CONFIGMAPS "?labelSelector=x%3D1", NULL), 200);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 404);
    CHECK_INT(get(&w, CONFIGMAPS "/b"), 200);
    CHECK_INT(get(&w, CONFIGMAPS "/c"), 404);
    world_close(&w);
}

/* --- The garbage collector --- */

static int collect(struct world *w)
{
    int steps = 0;
    while (steps < 1000 && store_gc_step(w->s, w->wall_ms)) steps++;
    return steps;
}

/* Makes a ConfigMap that depends on a Session. */
static void depend(struct world *w, const char *name, const char *owner, const char *uid,
                   const char *more)
{
    post(w, CONFIGMAPS,
         arena_printf(&w->a, "{\"metadata\":{\"name\":\"%s\",\"ownerReferences\":[{\"apiVersion\":"
                             "\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"name\":\"%s\","
                             "\"uid\":\"%s\"%s}]}}", name, owner, uid, more));
}

static const char *make(struct world *w, const char *name)
{
    post(w, SESSIONS, session(w, name));
    return text_at(w, "metadata.uid");
}

TEST(store_gc, dependents_go_after_their_owner)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    const char *uid = make(&w, "s");
    depend(&w, "a", "s", uid, "");
    depend(&w, "b", "s", uid, "");
    CHECK_INT(collect(&w), 0);
    delete_with(&w, SESSIONS "/s", NULL);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 200); /* nothing happens by itself */
    CHECK_INT(collect(&w), 2);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 404);
    CHECK_INT(get(&w, CONFIGMAPS "/b"), 404);
    world_close(&w);
}

TEST(store_gc, a_reference_with_a_wrong_uid_or_to_nobody_is_deadly)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    const char *uid = make(&w, "s");
    depend(&w, "wrong", "s", "00000000-0000-4000-8000-000000000000", "");
    depend(&w, "nobody", "t", uid, "");
    depend(&w, "right", "s", uid, "");
    CHECK_INT(collect(&w), 2);
    CHECK_INT(get(&w, CONFIGMAPS "/wrong"), 404);
    CHECK_INT(get(&w, CONFIGMAPS "/nobody"), 404);
    CHECK_INT(get(&w, CONFIGMAPS "/right"), 200);
    world_close(&w);
}

TEST(store_gc, an_owner_made_anew_under_the_same_name_is_another)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    depend(&w, "a", "s", make(&w, "s"), "");
    delete_with(&w, SESSIONS "/s", NULL);
    make(&w, "s");
    CHECK_INT(collect(&w), 1);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 404);
    world_close(&w);
}

TEST(store_gc, an_owner_in_another_namespace_does_not_count)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, "/apis/carrel.dev/v1alpha1/namespaces/m/sessions", session(&w, "s"));
    depend(&w, "a", "s", text_at(&w, "metadata.uid"), "");
    CHECK_INT(collect(&w), 1);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 404);
    world_close(&w);
}

TEST(store_gc, of_two_owners_the_dead_one_is_taken_off)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    const char *one = make(&w, "one"), *two = make(&w, "two");
    const char *owner = "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",";
    post(&w, CONFIGMAPS,
         arena_printf(&w.a, "{\"metadata\":{\"name\":\"a\",\"ownerReferences\":["
                            "%s\"name\":\"one\",\"uid\":\"%s\"},"
                            "%s\"name\":\"two\",\"uid\":\"%s\"}]}}",
                      owner, one, owner, two));
    delete_with(&w, SESSIONS "/one", NULL);
    CHECK_INT(collect(&w), 1);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 200);
    CHECK(!strstr(at(&w, "metadata.ownerReferences"), one));
    CHECK_HAS(at(&w, "metadata.ownerReferences"), two);
    delete_with(&w, SESSIONS "/two", NULL);
    CHECK_INT(collect(&w), 1);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 404);
    world_close(&w);
}

TEST(store_gc, foreground_deletion_keeps_the_owner_until_blocking_dependents_are_gone)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    depend(&w, "a", "s", make(&w, "s"), ",\"blockOwnerDeletion\":true");
    merge(&w, CONFIGMAPS "/a", "{\"metadata\":{\"finalizers\":[\"x/hold\"]}}");
    delete_with(&w, SESSIONS "/s", "{\"propagationPolicy\":\"Foreground\"}");
    collect(&w);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 200);
    CHECK_STR(text_at(&w, "metadata.deletionTimestamp"), "2026-11-21T10:00:00Z");
    CHECK_INT(get(&w, SESSIONS "/s"), 200);
    merge(&w, CONFIGMAPS "/a", "{\"metadata\":{\"finalizers\":null}}");
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 404);
    CHECK_INT(collect(&w), 1);
    CHECK_INT(get(&w, SESSIONS "/s"), 404);
    world_close(&w);
}

TEST(store_gc, orphaned_dependents_stay_without_the_reference)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    depend(&w, "a", "s", make(&w, "s"), "");
    delete_with(&w, SESSIONS "/s", "{\"propagationPolicy\":\"Orphan\"}");
    CHECK_INT(get(&w, SESSIONS "/s"), 200);
    collect(&w);
    CHECK_INT(get(&w, SESSIONS "/s"), 404);
    CHECK_INT(get(&w, CONFIGMAPS "/a"), 200);
    CHECK_STR(at(&w, "metadata.ownerReferences"), "-");
    world_close(&w);
}

TEST(store_gc, a_terminating_namespace_is_emptied_and_then_goes)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    post(&w, "/api/v1/namespaces", "{\"metadata\":{\"name\":\"n\"}}");
    make(&w, "s");
    post(&w, CONFIGMAPS, configmap(&w, "a", "{}", "{}"));
    merge(&w, CONFIGMAPS "/a", "{\"metadata\":{\"finalizers\":[\"x/hold\"]}}");
    post(&w, "/api/v1/namespaces/n-2/configmaps", configmap(&w, "a", "{}", "{}"));
    delete_with(&w, "/api/v1/namespaces/n", NULL);
    collect(&w);
    CHECK_INT(get(&w, SESSIONS "/s"), 404);
    CHECK_INT(get(&w, "/api/v1/namespaces/n"), 200); /* waits for the finalizer */
    merge(&w, CONFIGMAPS "/a", "{\"metadata\":{\"finalizers\":null}}");
    collect(&w);
    CHECK_INT(get(&w, "/api/v1/namespaces/n"), 404);
    CHECK_INT(get(&w, "/api/v1/namespaces/n-2/configmaps/a"), 200);
    world_close(&w);
}

TEST(store_gc, compaction_of_a_queued_key_leaves_no_trace)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    depend(&w, "a", "nobody", "00000000-0000-4000-8000-000000000000", "");
    delete_with(&w, CONFIGMAPS "/a", NULL);
    store_compact(w.s, 0);
    CHECK_INT(collect(&w), 0);
    world_close(&w);
}
