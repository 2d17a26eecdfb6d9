#include "controller/kinds.h"

#include <string.h>

#include "test/check.h"
#include "test/unit/fixture_read.h"

#define META "\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"9\""

TEST(kinds, a_sessions_conditions_are_found_by_type_in_any_order)
{
    const struct session *s = read_as(
        &session_type,
        "{\"metadata\":{" META "},\"spec\":{\"user\":\"ann\"},\"status\":{\"conditions\":["
        "{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"R\",\"message\":\"m\","
        "\"lastTransitionTime\":\"2026-11-21T10:00:00Z\"},{\"type\":\"Of others\"},"
        "{\"type\":\"Stalled\",\"status\":\"odd\"}]}}");
    CHECK_INT(s->status.conditions[SESSION_READY].status, CONDITION_FALSE);
    CHECK_STR(s->status.conditions[SESSION_READY].reason, "R");
    CHECK_INT(s->status.conditions[SESSION_READY].since_ms, 1795255200000);
    CHECK_INT(s->status.conditions[SESSION_STALLED].status, CONDITION_UNKNOWN);
    CHECK_INT(s->status.conditions[SESSION_SAVED].status, CONDITION_ABSENT);
}

TEST(kinds, a_copy_in_the_store_keeps_what_was_derived)
{
    struct kube_store *store = kube_store_new(&pod_type);
    const struct pod *read = read_as(
        &pod_type,
        "{\"metadata\":{" META ",\"labels\":{\"carrel.dev/session\":\"s\"}},\"status\":{"
        "\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"message\":\"no room\"}],"
        "\"containerStatuses\":[{\"name\":\"sidecar\",\"restartCount\":9},{\"name\":\"session\","
        "\"restartCount\":2,\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}},"
        "\"lastState\":{\"terminated\":{\"exitCode\":3,\"reason\":\"Error\",\"message\":\"boom\"}}"
        "}]}}");
    kube_store_list_begin(store);
    kube_store_list_add(store, (struct kube_object *)(uintptr_t)read);
    kube_store_list_end(store, "9");
    arena_reset(&arena, 0);
    const struct pod *p = (const struct pod *)kube_store_get(store, "n/a");
    CHECK_STR(p->unscheduled_message, "no room");
    CHECK_STR(p->waiting_reason, "CrashLoopBackOff");
    CHECK_STR(p->crash_message, "boom");
    CHECK_INT(p->exit_code, 3);
    CHECK_INT(p->restarts, 2);
    CHECK_INT(kube_store_by(store, POD_BY_SESSION, "n/s").count, 1);
    kube_store_free(store);
}

TEST(kinds, the_end_that_is_now_comes_before_the_one_of_last_time)
{
    const struct pod *p = read_as(
        &pod_type, "{\"metadata\":{" META "},\"status\":{\"containerStatuses\":[{"
                   "\"name\":\"session\",\"state\":{\"terminated\":{\"exitCode\":4}},"
                   "\"lastState\":{\"terminated\":{\"exitCode\":3}}}]}}");
    CHECK_INT(p->exit_code, 4);
    CHECK(p->crashed);
}

#define ENTRY(manager, operation, more)                                                            \
    "{\"manager\":\"" manager "\",\"operation\":\"" operation "\"" more "}"

TEST(kinds, our_entry_among_the_managed_fields_is_the_update_of_the_object_itself)
{
    const struct deployment *d = read_as(
        &deployment_type,
        "{\"metadata\":{" META ",\"managedFields\":["
        ENTRY("kubectl", "Update", "") "," ENTRY("carrel-controller", "Apply", "") ","
        ENTRY("carrel-controller", "Update", ",\"subresource\":\"status\"") ","
        ENTRY("carrel-controller", "Update", "") "]}}");
    CHECK_INT(d->child.update_entry, 3);
    d = read_as(&deployment_type, "{\"metadata\":{" META "}}");
    CHECK_INT(d->child.update_entry, -1);
}

TEST(kinds, a_deployment_knows_its_failure_and_its_revision)
{
    const struct deployment *d = read_as(
        &deployment_type,
        "{\"metadata\":{" META ",\"annotations\":{\"carrel.dev/start\":"
        "\"{\\\"revision\\\":\\\"repl-1\\\"}\"}},\"status\":{\"conditions\":[{\"type\":"
        "\"ReplicaFailure\",\"status\":\"True\",\"message\":\"quota\"}]}}");
    CHECK_STR(d->failure, "quota");
    CHECK_STR(d->revision, "repl-1");
    d = read_as(&deployment_type,
                "{\"metadata\":{" META ",\"annotations\":{\"carrel.dev/start\":\"broken\"}},"
                "\"status\":{\"conditions\":[{\"type\":\"ReplicaFailure\",\"status\":\"False\","
                "\"message\":\"old\"}]}}");
    CHECK(!d->failure);
    CHECK(!d->revision);
}

TEST(kinds, the_hash_of_labels_depends_on_each_value_and_its_place)
{
    static char a[] = "a", b[] = "b";
    char *one[LABEL_COUNT] = {a, b}, *other[LABEL_COUNT] = {b, a}, *less[LABEL_COUNT] = {a};
    char *moved[LABEL_COUNT] = {a, NULL, b};
    uint64_t h = labels_hash(one);
    CHECK(h == labels_hash(one));
    CHECK(h != labels_hash(other));
    CHECK(h != labels_hash(less));
    CHECK(h != labels_hash(moved));
}

TEST(kinds, a_services_ports_may_be_named_or_numbered)
{
    const struct service *s = read_as(
        &service_type, "{\"metadata\":{" META "},\"spec\":{\"ports\":[{\"port\":80,"
                       "\"targetPort\":\"http\"},{\"port\":81}]}}");
    CHECK_INT(s->port_count, 2);
    CHECK_STR(s->target_port, "http");
    s = read_as(&service_type, "{\"metadata\":{" META "},\"spec\":{\"ports\":[{\"port\":80,"
                               "\"targetPort\":8080}]}}");
    CHECK_STR(s->target_port, "8080");
}

/* The end of an object without our label is never told by the watch that fills its store. */
TEST(kinds, an_answer_without_our_label_is_not_learned)
{
    static const char with[] =
        "{\"metadata\":{\"name\":\"ss-a\",\"namespace\":\"n\",\"uid\":\"u\","
        "\"resourceVersion\":\"7\","
        "\"labels\":{\"app.kubernetes.io/managed-by\":\"carrel\"}}}";
    static const char without[] =
        "{\"metadata\":{\"name\":\"ss-b\",\"namespace\":\"n\",\"uid\":\"v\","
        "\"resourceVersion\":\"8\","
        "\"labels\":{\"app.kubernetes.io/managed-by\":\"helm\"}}}";
    const struct kube_type *const types[] = {&deployment_type, &service_type, &ingress_type,
                                             &claim_type,      &pod_type,     &revision_type};
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        auto_arena a = {0};
        struct kube_object *o = NULL;
        struct err err = {0};
        struct kube_store *store = kube_store_new(types[i]);
        CHECK_OK(kube_object_read(types[i], with, sizeof(with) - 1, &a, &o, &err), err);
        CHECK(kube_store_learn(store, o) != NULL);
        CHECK_OK(kube_object_read(types[i], without, sizeof(without) - 1, &a, &o, &err), err);
        CHECK(!kube_store_learn(store, o));
        CHECK_INT(kube_store_count(store), 1);
        kube_store_free(store);
    }
}
