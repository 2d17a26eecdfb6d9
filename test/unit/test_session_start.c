#include "controller/session_start.h"

#include "test/unit/fixture_plan.h"

TEST(session_start, what_is_written_is_read_back)
{
    struct plan p;
    struct session_start got;
    struct err err = {0};
    plan_open(&p, "\"env\":[{\"name\":\"A\",\"value\":\"\\\"\"}],\"parameters\":{\"k\":\"v\"},"
                  "\"resources\":{\"cpu\":\"1\"}", "");
    CHECK_OK(session_start_read(&p.a, p.start.text, &got, &err), err);
    CHECK_STR(got.revision, "repl-1");
    CHECK_STR(got.restart_at, "r");
    CHECK_INT(got.at_ms, 1795255200000);
    CHECK_INT(got.renderer, SESSION_RENDERER);
    CHECK(got.persistent_home);
    CHECK_STR(got.env, "[{\"name\":\"A\",\"value\":\"\\\"\"}]");
    CHECK_STR(got.parameters, "{\"k\":\"v\"}");
    CHECK_STR(got.resources, "{\"cpu\":\"1\"}");
    CHECK_STR(got.text, p.start.text);
    CHECK(!session_start_is_outdated(&got, p.session));
    plan_close(&p);
}

TEST(session_start, milliseconds_of_the_start_are_kept)
{
    struct plan p;
    struct session_start got;
    struct err err = {0};
    plan_open(&p, "", "");
    p.start = session_start_new(&p.a, p.session, "r", 1795255200123, SESSION_RENDERER);
    CHECK_OK(session_start_read(&p.a, p.start.text, &got, &err), err);
    CHECK_INT(got.at_ms, 1795255200123);
    plan_close(&p);
}

TEST(session_start, each_part_of_the_spec_that_goes_into_the_pod_outdates_it)
{
    static const char *const changes[] = {"\"env\":[{\"name\":\"A\"}]",
                                          "\"parameters\":{\"a\":\"b\"}",
                                          "\"resources\":{\"cpu\":\"1\"}"};
    for (int i = 0; i < 3; i++) {
        struct plan p;
        plan_open(&p, "", "");
        struct session_start old = p.start;
        plan_session(&p, changes[i]);
        CHECK(session_start_is_outdated(&old, p.session));
        plan_session(&p, "\"idleTimeout\":\"1h\",\"tags\":[\"x\"]");
        CHECK(!session_start_is_outdated(&old, p.session));
        p.session->persistent_home = false;
        CHECK(session_start_is_outdated(&old, p.session));
        plan_close(&p);
    }
}

TEST(session_start, what_is_not_ours_any_more_is_refused)
{
    static const char *const texts[] = {
        "", "{}", "[]", "{\"revision\":\"r\",\"at\":\"2026-11-21T10:00:00Z\"}",
        "{\"revision\":\"r\",\"at\":\"yesterday\",\"renderer\":1}",
        "{\"revision\":\"r\",\"at\":\"2026-11-21T10:00:00Z\",\"renderer\":0}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        auto_arena a = {0};
        struct session_start got;
        struct err err = {0};
        CHECK_ERR(session_start_read(&a, texts[i], &got, &err), err, ERR_INVALID);
        CHECK_HAS(err.text, ANNOTATION_START);
    }
}
