#include "lib/kube/reflector_parse.h"

#include <string.h>

#include "lib/xalloc.h"
#include "test/check.h"
#include "test/unit/test_kube_things.h"

static int parse(struct arena *a, const char *text, struct kube_event *event, struct err *err)
{
    struct kube_parser p;
    size_t n = strlen(text);
    auto_free char *exact = xmalloc(n);
    memcpy(exact, text, n);
    kube_parser_init(&p, &thing_type);
    return kube_parse_event(&p, exact, n, a, event, err);
}

TEST(kube_reflector_parse, each_type_of_event_is_known)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED"};
    static const struct thing_text thing = {.ns = "n", .name = "a", .uid = "u", .rv = "5",
                                            .phase = "up", .owner = "ou"};
    for (int i = 0; i < 3; i++) {
        auto_arena a = {0};
        struct kube_event event;
        struct err err = {0};
        CHECK_OK(parse(&a, thing_event(&a, names[i], &thing), &event, &err), err);
        CHECK_INT(event.type, i);
        CHECK_STR(event.object->meta.key, "n/a");
        CHECK_STR(event.object->meta.owner_uid, "ou");
        CHECK_STR(as_thing(event.object)->shout, "UP");
        CHECK_STR(event.rv, "5");
        CHECK(event.object->type == &thing_type);
    }
}

TEST(kube_reflector_parse, a_bookmark_has_a_version_and_may_end_the_list)
{
    for (int ends = 0; ends < 2; ends++) {
        auto_arena a = {0};
        struct kube_event event;
        struct err err = {0};
        CHECK_OK(parse(&a, bookmark_event(&a, "7", ends), &event, &err), err);
        CHECK_INT(event.type, KUBE_BOOKMARK);
        CHECK_STR(event.rv, "7");
        CHECK_INT(event.ends_list, ends);
        CHECK(!event.object);
    }
}

#define STATUS "{\"kind\":\"Status\",\"status\":\"Failure\",\"code\":410}"

TEST(kube_reflector_parse, an_error_keeps_its_status_whatever_the_kinds_table_says_of_such_members)
{
    static const char *const texts[] = {
        "{\"type\":\"ERROR\",\"object\":" STATUS "}",
        "{\"object\":" STATUS ",\"type\":\"ERROR\"}",
        "{ \"type\" : \"ERROR\" , \"object\" : " STATUS "}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        auto_arena a = {0};
        struct kube_event event;
        struct err err = {0};
        CHECK_OK(parse(&a, texts[i], &event, &err), err);
        CHECK_INT(event.type, KUBE_ERROR);
        CHECK_STR(event.object_text, STATUS);
        CHECK_INT(event.object_len, strlen(STATUS));
    }
}

TEST(kube_reflector_parse, what_is_no_event_of_the_kind_is_invalid)
{
    static const char *const bad[] = {
        "",
        "{",
        "null",
        "[]",
        "{}",
        "{\"type\":\"ADDED\"}",
        "{\"type\":\"ADDED\",\"object\":null}",
        "{\"type\":\"ADDED\",\"object\":[]}",
        "{\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"1\"}}}",
        "{\"type\":null,\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\","
        "\"resourceVersion\":\"1\"}}}",
        "{\"type\":\"added\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\","
        "\"resourceVersion\":\"1\"}}}",
        "{\"type\":\"ADDED\",\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\","
        "\"uid\":\"u\",\"resourceVersion\":\"1\"}}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\","
        "\"resourceVersion\":1}}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"name\":\"b\",\"uid\":\"u\","
        "\"resourceVersion\":\"1\"}}}",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"uid\":\"u\","
        "\"resourceVersion\":\"1\"},\"spec\":{\"size\":\"big}}}",
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"\"}}}",
        "{\"type\":\"ERROR\",\"object\":",
        "{\"type\":\"ERROR\",\"object\":{}} {}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        auto_arena a = {0};
        struct kube_event event;
        struct err err = {0};
        CHECK_ERR(parse(&a, bad[i], &event, &err), err, ERR_INVALID);
    }
}

TEST(kube_reflector_parse, an_object_whose_members_do_not_fit_is_there_with_its_flaw)
{
    auto_arena a = {0};
    struct kube_parser p;
    struct kube_event event;
    struct kube_page page;
    struct err err = {0};
    static const char odd[] =
        "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\","
        "\"resourceVersion\":\"5\"},\"spec\":{\"node\":\"x\",\"size\":\"big\"},"
        "\"status\":{\"phase\":\"up\"}}";
    CHECK_OK(parse(&a, arena_printf(&a, "{\"type\":\"ADDED\",\"object\":%s}", odd), &event, &err),
             err);
    CHECK_STR(event.object->meta.key, "n/a");
    CHECK_STR(event.rv, "5");
    CHECK_STR(as_thing(event.object)->node, "x");
    CHECK_STR(as_thing(event.object)->shout, "UP");
    CHECK_STR(event.object->flaw, "spec.size: must be a whole number");
    CHECK_INT(err.code, ERR_NONE);
    kube_parser_init(&p, &thing_type);
    const char *text = arena_printf(
        &a,
        "{\"items\":[%s,%s],\"kind\":\"ThingList\",\"metadata\":{\"resourceVersion\":\"9\"}}", odd,
        thing_json(&a, &(struct thing_text){.name = "b", .uid = "v", .rv = "6", .size = 7}));
    CHECK_OK(kube_parse_page(&p, text, strlen(text), &a, &page, &err), err);
    CHECK_INT(page.count, 2);
    CHECK_STR(page.objects[0]->flaw, "spec.size: must be a whole number");
    CHECK_STR(page.objects[1]->flaw, NULL);
    CHECK_INT(as_thing(page.objects[1])->size, 7);
}

TEST(kube_reflector_parse, a_page_has_its_objects_version_and_token)
{
    auto_arena a = {0};
    struct kube_parser p;
    struct kube_page page;
    struct err err = {0};
    kube_parser_init(&p, &thing_type);
    const char *text = arena_printf(
        &a, "{\"items\":[%s,%s],\"kind\":\"ThingList\",\"metadata\":{\"continue\":\"t\","
            "\"resourceVersion\":\"9\"}}",
        thing_json(&a, &(struct thing_text){.name = "a", .uid = "u", .rv = "5", .phase = "up"}),
        thing_json(&a, &(struct thing_text){.ns = "n", .name = "b", .uid = "v", .rv = "6"}));
    CHECK_OK(kube_parse_page(&p, text, strlen(text), &a, &page, &err), err);
    CHECK_INT(page.count, 2);
    CHECK_STR(page.rv, "9");
    CHECK_STR(page.next, "t");
    CHECK_STR(page.objects[0]->meta.key, "a");
    CHECK_STR(as_thing(page.objects[0])->shout, "UP");
    CHECK_STR(page.objects[1]->meta.key, "n/b");
}
