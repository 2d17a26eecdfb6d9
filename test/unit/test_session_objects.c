#include "controller/session_objects.h"

#include "test/unit/fixture_plan.h"

TEST(session_objects, a_deployment_has_labels_owner_start_and_one_replica_that_is_replaced_whole)
{
    struct plan p;
    plan_open(&p, "", "");
    const struct json *d = plan_deployment(&p);
    CHECK_STR(plan_text(&p, d, "metadata.name"), "\"ss-a\"");
    CHECK_STR(plan_text(&p, d, "apiVersion"), "\"apps/v1\"");
    CHECK_STR(plan_text(&p, d, "metadata.labels"),
              "{\"app.kubernetes.io/name\":\"carrel-session\",\"app.kubernetes.io/instance\":\"a\","
              "\"app.kubernetes.io/part-of\":\"carrel\","
              "\"app.kubernetes.io/managed-by\":\"carrel\","
              "\"carrel.dev/session\":\"a\",\"carrel.dev/user\":\"ann\","
              "\"carrel.dev/template\":\"repl\",\"session\":\"a\",\"user\":\"ann\","
              "\"template\":\"repl\"}");
    CHECK_STR(plan_text(&p, d, "metadata.ownerReferences"),
              "[{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"name\":\"a\","
              "\"uid\":\"u-1\",\"controller\":true,\"blockOwnerDeletion\":true}]");
    CHECK_STR(plan_text(&p, d, "spec.replicas"), "1");
    CHECK_STR(plan_text(&p, d, "spec.revisionHistoryLimit"), "1");
    CHECK_STR(plan_text(&p, d, "spec.strategy"), "{\"type\":\"Recreate\"}");
    CHECK_STR(plan_text(&p, d, "spec.selector.matchLabels"), "{\"carrel.dev/session\":\"a\"}");
    CHECK_STR(json_text(json_get(json_path(d, "metadata.annotations"), ANNOTATION_START)),
              p.start.text);
    plan_close(&p);
}

TEST(session_objects, a_service_is_headless_unless_the_settings_say_otherwise)
{
    struct plan p;
    plan_open(&p, "", "\"webapp\":{\"port\":8888}");
    session_service(&p.a, &p.plan, &p.intent);
    CHECK_STR(p.intent.spec, "{\"type\":\"ClusterIP\",\"clusterIP\":\"None\","
                             "\"selector\":{\"carrel.dev/session\":\"a\"},"
                             "\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":8888,"
                             "\"targetPort\":8888}]}");
    p.settings.headless = false;
    session_service(&p.a, &p.plan, &p.intent);
    CHECK(!strstr(p.intent.spec, "clusterIP"));
    plan_close(&p);
}

TEST(session_objects, an_ingress_has_class_tls_and_annotations_where_they_are_set)
{
    static const struct setting_pair notes[] = {{"example.com/q\"uote", "a\\b"}};
    struct plan p;
    plan_open(&p, "", "");
    session_ingress(&p.a, &p.plan, &p.intent);
    CHECK_STR(p.intent.spec,
              "{\"rules\":[{\"host\":\"a.example.com\",\"http\":{\"paths\":[{\"path\":\"/\","
              "\"pathType\":\"Prefix\",\"backend\":{\"service\":{\"name\":\"ss-a\","
              "\"port\":{\"number\":3000}}}}]}}]}");
    p.settings.ingress_class = "contour";
    p.settings.tls_secret = "{session}-tls";
    p.settings.ingress_annotations = notes;
    p.settings.ingress_annotation_count = 1;
    session_ingress(&p.a, &p.plan, &p.intent);
    const struct json *i = plan_parse(&p, intent_body(&p.a, &p.intent, "n", "u", 1));
    CHECK_STR(plan_text(&p, i, "spec.ingressClassName"), "\"contour\"");
    CHECK_STR(plan_text(&p, i, "spec.tls"),
              "[{\"hosts\":[\"a.example.com\"],\"secretName\":\"a-tls\"}]");
    CHECK_STR(json_text(json_get(json_path(i, "metadata.annotations"), "example.com/q\"uote")),
              "a\\b");
    CHECK_STR(plan_text(&p, i, "metadata.uid"), "\"u\"");
    plan_close(&p);
}

/* The Ingress of the plan, with `from` in its JSON changed to `to`, as the cache would have it. */
static struct route read_back(struct plan *p, const char *from, const char *to)
{
    struct kube_object *o = NULL;
    struct err err = {0};
    session_ingress(&p->a, &p->plan, &p->intent);
    const char *spec = p->intent.spec, *at = strstr(spec, from);
    CHECK(at != NULL);
    const char *json = arena_printf(
        &p->a,
        "{\"metadata\":{\"name\":\"ss-a\",\"namespace\":\"n\",\"uid\":\"u\","
        "\"resourceVersion\":\"9\"},\"spec\":%.*s%s%s}",
        (int)(at - spec), spec, to, at + strlen(from));
    CHECK_OK(kube_object_read(&ingress_type, json, strlen(json), &p->a, &o, &err), err);
    return ((const struct ingress *)o)->route;
}

TEST(session_objects, what_an_ingress_says_is_compared_field_by_field)
{
    static const char *const changes[][2] = {
        {"\"host\":\"a.example.com\",\"http\"", "\"host\":\"evil\",\"http\""},
        {"\"path\":\"/\"", "\"path\":\"/x\""},
        {"\"name\":\"ss-a\"", "\"name\":\"ss-b\""},
        {"\"number\":3000", "\"number\":1"},
        {"\"contour\"", "\"other\""},
        {"\"a-tls\"", "\"b-tls\""},
        {"\"rules\":[", "\"rules\":[{},"},
    };
    struct plan p;
    plan_open(&p, "", "");
    p.settings.ingress_class = "contour";
    p.settings.tls_secret = "{session}-tls";
    struct route want = session_route(&p.a, &p.plan), same = read_back(&p, "{", "{");
    CHECK(route_stands(&want, &same));
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        struct route other = read_back(&p, changes[i][0], changes[i][1]);
        CHECK(!route_stands(&want, &other));
    }
    p.settings.ingress_class = ""; /* then the cluster's own choice is none of our business */
    want = session_route(&p.a, &p.plan);
    CHECK(route_stands(&want, &same));
    plan_close(&p);
}

TEST(session_objects, in_path_mode_the_ingress_has_the_prefix_and_the_pod_knows_it)
{
    struct plan p;
    plan_open(&p, "", "\"basePathAware\":true");
    p.plan.host = "example.com";
    p.plan.path = "/a";
    session_ingress(&p.a, &p.plan, &p.intent);
    CHECK_HAS(p.intent.spec, "\"host\":\"example.com\",\"http\":{\"paths\":[{\"path\":\"/a\"");
    CHECK_HAS(json_to_text(&p.a, json_get(plan_container(&p), "env")),
              "{\"name\":\"CARREL_BASE_PATH\",\"value\":\"/a\"}");
    plan_close(&p);
}

TEST(session_objects, a_home_has_the_size_class_and_access_of_the_settings_and_no_owner)
{
    struct plan p;
    plan_open(&p, "", "");
    const struct json *c = plan_parse(&p, session_home_claim(&p.a, &p.plan));
    CHECK_STR(plan_text(&p, c, "metadata.name"), "\"home-ann\"");
    CHECK_STR(plan_text(&p, c, "metadata.ownerReferences"), "-");
    CHECK_STR(plan_text(&p, c, "spec"), "{\"accessModes\":[\"ReadWriteOnce\"],"
                                        "\"resources\":{\"requests\":{\"storage\":\"10Gi\"}}}");
    p.settings.home_class = "fast";
    p.settings.home_access = "ReadWriteMany";
    p.settings.home_size = "1Ti";
    c = plan_parse(&p, session_home_claim(&p.a, &p.plan));
    CHECK_STR(plan_text(&p, c, "spec"),
              "{\"storageClassName\":\"fast\",\"accessModes\":[\"ReadWriteMany\"],"
              "\"resources\":{\"requests\":{\"storage\":\"1Ti\"}}}");
    plan_close(&p);
}

TEST(session_objects, names_that_are_too_long_for_a_label_stay_different)
{
    struct plan p;
    plan_open(&p, "", "");
    char user[64], other[64], template[254];
    memset(user, 'x', 63), user[63] = '\0';
    memcpy(other, user, 64), other[62] = 'y';
    memset(template, 't', 253), template[253] = '\0';
    const char *home = session_home_name(&p.a, user);
    CHECK(strlen(home) <= 63 && strncmp(home, "home-xxx", 8) == 0);
    CHECK(strcmp(home, session_home_name(&p.a, other)) != 0);
    CHECK_INT(strlen(label_value(&p.a, template)), 63);
    CHECK_STR(label_value(&p.a, "short"), "short");
    plan_close(&p);
}

/* --- the hash ------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *session, const char *template, const char *host, bool running)
{
    struct plan p;
    plan_open(&p, session, template);
    p.plan.host = host;
    p.plan.running = running;
    plan_deployment(&p);
    uint64_t hash = p.intent.hash;
    session_ingress(&p.a, &p.plan, &p.intent);
    hash ^= p.intent.hash;
    session_service(&p.a, &p.plan, &p.intent);
    hash ^= p.intent.hash;
    plan_close(&p);
    return hash;
}

TEST(session_objects, the_hash_is_the_same_for_the_same_and_another_for_anything_else)
{
    uint64_t same = hash_of("", "", "h", true);
    CHECK(hash_of("", "", "h", true) == same);
    CHECK(hash_of("", "", "i", true) != same);
    CHECK(hash_of("", "", "h", false) != same);
    CHECK(hash_of("\"env\":[{\"name\":\"A\"}]", "", "h", true) != same);
    CHECK(hash_of("\"resources\":{\"cpu\":\"3\"}", "", "h", true) != same);
    CHECK(hash_of("", "\"args\":[\"x\"]", "h", true) != same);
    CHECK(hash_of("", "\"webapp\":{\"port\":1}", "h", true) != same);
    CHECK(hash_of("", "\"evictable\":true", "h", true) != same);
}

static struct child child_of(struct plan *p, int64_t generation)
{
    const char *body = intent_body(&p->a, &p->intent, "n", NULL, generation);
    const struct json *notes = json_path(plan_parse(p, body), "metadata.annotations");
    const char *intent = json_text(json_get(notes, ANNOTATION_INTENT));
    return (struct child){.intent = (char *)(uintptr_t)intent, .labels = p->intent.labels};
}

TEST(session_objects, an_intent_stands_in_its_own_generation_and_with_its_labels)
{
    struct plan p;
    plan_open(&p, "", "");
    plan_deployment(&p);
    struct kube_object o = {.meta.generation = 3};
    struct child c = child_of(&p, 3);
    CHECK(intent_stands(&p.intent, &o, &c));
    o.meta.generation = 4; /* somebody changed the spec */
    CHECK(!intent_stands(&p.intent, &o, &c));
    o.meta.generation = 3;
    c.labels++;
    CHECK(!intent_stands(&p.intent, &o, &c));
    c = (struct child){.intent = NULL};
    CHECK(!intent_stands(&p.intent, &o, &c));
    o.meta.generation = 0; /* of a kind that counts none */
    c = child_of(&p, 1);
    CHECK(intent_stands(&p.intent, &o, &c));
    plan_close(&p);
}

/* --- what strangers write ------------------------------------------------------------------- */

TEST(session_objects, hostile_texts_stay_texts)
{
    struct plan p;
    plan_open(&p, "\"env\":[{\"name\":\"A\",\"value\":\"\\\"},{\\\"x\\\":\\u0001 \\u2028 \x7f\"}]",
              "\"command\":[\"\\\\\",\"}\"],\"webapp\":{\"healthCheck\":\"/\\\"\"}");
    const struct json *c = plan_container(&p);
    const struct json *env = json_get(c, "env");
    const struct json *last = json_at(env, json_count(env) - 1);
    CHECK_STR(json_text(json_get(last, "value")), "\"},{\"x\":\x01 \xe2\x80\xa8 \x7f");
    CHECK_STR(plan_text(&p, c, "command"), "[\"\\\\\",\"}\"]");
    CHECK_STR(json_text(json_path(c, "readinessProbe.httpGet.path")), "/\"");
    plan_close(&p);
}

TEST(session_objects, no_byte_of_a_body_is_one_that_a_yaml_reader_refuses_or_changes)
{
    struct plan p;
    plan_open(&p, "\"env\":[{\"name\":\"A\",\"value\":\"\x7f\xc2\x85\xe2\x80\xa8\xef\xbf\xbf\"}]",
              "");
    plan_deployment(&p);
    const char *body = intent_body(&p.a, &p.intent, "n", "u", 1);
    CHECK(!strchr(body, 0x7f));
    CHECK(!strstr(body, "\xc2\x85") && !strstr(body, "\xe2\x80\xa8"));
    CHECK_HAS(body, "\\u007f\\u0085\\u2028\\uffff");
    plan_close(&p);
}

TEST(session_objects, the_greatest_session_that_the_schema_allows_still_fits)
{
    struct plan p;
    plan_open(&p, "", "");
    auto_str env;
    str_init(&env, 1 << 20);
    str_add(&env, "\"env\":[");
    for (int i = 0; i < 20; i++) {
        str_add_f(&env, "%s{\"name\":\"V%d\",\"value\":\"", i ? "," : "", i);
        for (int k = 0; k < 1000; k++) str_add(&env, "0123456789abcdef");
        str_add(&env, "\"}");
    }
    str_add(&env, "]");
    plan_session(&p, env.at);
    CHECK_INT(json_count(json_get(plan_container(&p), "env")), 25);
    plan_close(&p);
}
