#include "apiserver/render.h"

#include <string.h>

#include "lib/json.h"
#include "test/check.h"
#include "test/unit/fixture_read.h"

/* What it is as a reader of JSON sees it, so that a broken document is no answer. */
static struct json *parsed(const struct str *text)
{
    struct json *value = NULL;
    struct err err = {0};
    CHECK_OK(json_parse(&arena, text->at, text->len, &value, &err), err);
    return value;
}

static struct json *session_json(const char *json, uint32_t connections)
{
    static struct str out;
    if (!out.at) str_init(&out, 1 << 20);
    str_clear(&out);
    render_session(&out, read_as(&session_type, json), &(struct render_about){connections}, &arena);
    return parsed(&out);
}

#define META                                                                                       \
    "\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"9\","    \
    "\"creationTimestamp\":\"2026-11-21T10:00:00Z\"}"

TEST(render, a_session_that_nobody_has_looked_at_is_pending)
{
    struct json *s = session_json("{" META ",\"spec\":{\"user\":\"ann\",\"template\":\"py\"}}", 0);
    CHECK_STR(json_text(json_get(s, "id")), "a");
    CHECK_STR(json_text(json_get(s, "name")), "a");
    CHECK_STR(json_text(json_get(s, "state")), "running");
    CHECK_STR(json_text(json_get(s, "phase")), "Pending");
    CHECK_STR(json_text(json_path(s, "status.phase")), "Pending");
    CHECK(json_is_null(json_get(s, "url")));
    CHECK(json_is_array(json_get(s, "tags")));
    CHECK_STR(json_text(json_get(s, "createdAt")), "2026-11-21T10:00:00Z");
}

TEST(render, a_session_has_what_the_clients_of_streamspace_look_for)
{
    struct json *s = session_json(
        "{" META ",\"spec\":{\"user\":\"ann\",\"template\":\"py\",\"state\":\"running\","
        "\"persistentHome\":true,\"idleTimeout\":\"30m\",\"maxSessionDuration\":\"8h\",\"tags\":["
        "\"x\"],"
        "\"resources\":{\"requests\":{\"memory\":\"1Gi\"},\"limits\":{\"memory\":\"2Gi\",\"cpu\":2}"
        "}},"
        "\"status\":{\"phase\":\"Running\",\"url\":\"https://a.example/\",\"podName\":\"p\","
        "\"lastActivity\":\"2026-11-21T10:00:00Z\",\"conditions\":[{\"type\":\"Ready\","
        "\"status\":\"True\",\"reason\":\"Ready\"}]}}",
        2);
    int64_t active = 0;
    CHECK_STR(json_text(json_path(s, "resources.memory")), "2Gi");
    CHECK_STR(json_text(json_path(s, "resources.cpu")), "2");
    CHECK_STR(json_text(json_path(s, "resources.requests.memory")), "1Gi");
    CHECK_STR(json_text(json_get(s, "url")), "https://a.example/");
    CHECK_STR(json_text(json_path(s, "status.url")), "https://a.example/");
    CHECK_STR(json_text(json_path(s, "status.podName")), "p");
    CHECK_STR(json_text(json_path(s, "status.lastActivity")), "2026-11-21T10:00:00Z");
    CHECK(json_true(json_path(s, "status.ready")));
    CHECK_STR(json_text(json_at(json_get(s, "tags"), 0)), "x");
    CHECK_STR(json_text(json_get(s, "maxSessionDuration")), "8h");
    CHECK(json_int(json_get(s, "activeConnections"), &active));
    CHECK_INT(active, 2);
}

TEST(render, values_that_may_be_secret_are_not_shown)
{
    static struct str out;
    str_init(&out, 1 << 20);
    const void *s =
        read_as(&session_type,
                "{" META ",\"spec\":{\"user\":\"ann\",\"template\":\"py\",\"env\":["
                "{\"name\":\"TOKEN\",\"value\":\"hush\"}],\"parameters\":{\"p\":\"hush\"}}}");
    render_session(&out, s, &(struct render_about){0}, &arena);
    CHECK(!strstr(out.at, "hush"));
    str_release(&out);
}

TEST(render, odd_resources_do_not_break_the_document)
{
    struct json *s = session_json("{" META ",\"spec\":{\"user\":\"ann\",\"template\":\"py\","
                                  "\"resources\":{\"limits\":[1]}}}", 0);
    CHECK(json_is_null(json_path(s, "resources.memory")));
}

TEST(render, a_template_shows_its_spec_and_its_status)
{
    static struct str out;
    str_init(&out, 1 << 20);
    const void *t = read_as(
        &template_type,
        "{" META
        ",\"spec\":{\"displayName\":\"Py \\\"3\\\"\",\"baseImage\":\"i:1\",\"category\":\"IDE\","
        "\"tags\":[\"a\"],\"defaultResources\":{\"memory\":\"1Gi\",\"cpu\":\"500m\"},\"featured\":"
        "true},"
        "\"status\":{\"valid\":true,\"message\":\"ready to use\",\"sessions\":3}}");
    render_template(&out, t, &arena);
    struct json *j = parsed(&out);
    CHECK_STR(json_text(json_get(j, "displayName")), "Py \"3\"");
    CHECK_STR(json_text(json_path(j, "defaultResources.memory")), "1Gi");
    CHECK_STR(json_text(json_path(j, "defaultResources.cpu")), "500m");
    CHECK(json_true(json_get(j, "featured")));
    CHECK(json_true(json_get(j, "valid")));
    str_release(&out);
}

TEST(render, tags_are_found_whole)
{
    arena_reset(&arena, 0);
    CHECK_STR(tags_text("[\"a\",\"b c\",1,\"d\"]", &arena), "\na\nb c\nd\n");
    CHECK_STR(tags_text("[]", &arena), "\n");
    CHECK_STR(tags_text(NULL, &arena), "");
    CHECK_STR(tags_text("{", &arena), "");
}
