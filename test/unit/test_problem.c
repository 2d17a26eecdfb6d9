#include "apiserver/problem.h"

#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "test/check.h"

static struct arena arena;
static struct server_reply reply;

static void open_reply(void)
{
    arena_reset(&arena, 0);
    str_release(&reply.body);
    str_release(&reply.headers);
    reply = (struct server_reply){.code = 200};
    str_init(&reply.body, 1 << 20);
    str_init(&reply.headers, 4096);
}

static struct json *said(void)
{
    struct json *value = NULL;
    struct err err = {0};
    CHECK_STR(reply.content_type, "application/problem+json");
    CHECK_OK(json_parse(&arena, reply.body.at, reply.body.len, &value, &err), err);
    return value;
}

static struct json *about_kube(int code, const char *body)
{
    struct ask_answer answer = {.code = code, .body = body, .len = strlen(body)};
    open_reply();
    kube_status_read(&arena, code, body, strlen(body), &answer.status);
    int rc = kube_status_err(code, &answer.status, &answer.err);
    CHECK_INT(rc, -1);
    problem_of_kube(&reply, &answer, "session", "a");
    return said();
}

TEST(problem, it_names_code_field_and_rule)
{
    open_reply();
    problem_reply(&reply, 422, "invalid-field", "user", "user: write %s", "\"alice\"");
    struct json *p = said();
    CHECK_INT(reply.code, 422);
    CHECK_STR(json_text(json_get(p, "code")), "invalid-field");
    CHECK_STR(json_text(json_get(p, "field")), "user");
    CHECK_STR(json_text(json_get(p, "detail")), "user: write \"alice\"");
    CHECK_STR(json_text(json_get(p, "error")), "user: write \"alice\"");
    CHECK_STR(json_text(json_get(p, "title")), "Unprocessable Content");
}

TEST(problem, a_member_may_be_added)
{
    open_reply();
    problem_reply(&reply, 409, "conflict", NULL, "x");
    problem_add(&reply, "current", "{\"a\":[1]}");
    struct json *p = said();
    CHECK_STR(json_text(json_get(p, "code")), "conflict");
    CHECK_INT(json_count(json_path(p, "current.a")), 1);
}

TEST(problem, of_kubernetes_causes_the_rule_for_people_is_told)
{
    struct json *p = about_kube(
        422,
        "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Invalid\",\"message\":\"is "
        "invalid\","
        "\"details\":{\"causes\":["
        "{\"field\":\"spec.user\",\"message\":\"Invalid value: \\\"A b\\\": spec.user in body "
        "should match "
        "'^[a-z]$'\"},"
        "{\"field\":\"spec.user\",\"message\":\"Invalid value: \\\"A b\\\": write lower-case "
        "letters\"},"
        "{\"field\":\"<nil>\",\"message\":\"Invalid value: null: some rules were not checked\"},"
        "{\"field\":\"metadata.name\",\"message\":\"Forbidden: it stays\"}]}}");
    CHECK_INT(reply.code, 422);
    CHECK_STR(json_text(json_get(p, "field")), "user");
    CHECK_STR(json_text(json_get(p, "detail")), "user: write lower-case letters");
    CHECK_INT(json_count(json_get(p, "errors")), 2);
    CHECK_STR(json_text(json_get(json_at(json_get(p, "errors"), 1), "field")), "name");
    CHECK_STR(json_text(json_get(json_at(json_get(p, "errors"), 1), "detail")), "it stays");
}

TEST(problem, every_refusal_has_a_status_and_a_code_of_its_own)
{
    static const struct {
        int code;
        const char *reason;
        int ours;
        const char *name;
    } cases[] = {
        {404, "NotFound", 404, "not-found"},        {409, "AlreadyExists", 409, "exists"},
        {409, "Conflict", 409, "conflict"},         {403, "Forbidden", 403, "refused-by-cluster"},
        {429, "TooManyRequests", 503, "cluster-busy"}, {400, "BadRequest", 422, "invalid"},
        {500, "InternalError", 504, "outcome-unknown"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char body[200];
        snprintf(body, sizeof(body), "{\"kind\":\"Status\",\"reason\":\"%s\",\"message\":\"m\"}",
                 cases[i].reason);
        struct json *p = about_kube(cases[i].code, body);
        CHECK_INT(reply.code, cases[i].ours);
        CHECK_STR(json_text(json_get(p, "code")), cases[i].name);
    }
}

TEST(problem, a_namespace_that_is_not_there_is_told_apart)
{
    struct json *p = about_kube(404, "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":"
                                     "\"namespaces \\\"x\\\" not found\"}");
    CHECK_STR(json_text(json_get(p, "code")), "no-namespace");
    CHECK_STR(json_text(json_get(p, "field")), "namespace");
}

TEST(problem, a_busy_cluster_says_when_to_ask_again)
{
    struct ask_answer answer = {.err = {.code = ERR_BUSY}, .code = 429, .told_ms = 2500};
    open_reply();
    problem_of_kube(&reply, &answer, "session", "a");
    CHECK_HAS(reply.headers.at, "Retry-After: 3\r\n");
}

TEST(problem, no_answer_at_all_says_that_nothing_was_done)
{
    struct ask_answer answer = {.err = {ERR_UNAVAILABLE, "connection refused"}};
    open_reply();
    problem_of_kube(&reply, &answer, "session", "a");
    CHECK_INT(reply.code, 503);
    CHECK_HAS(reply.body.at, "nothing was done: connection refused");
}
