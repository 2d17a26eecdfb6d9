#include "apiserver/session_body.h"

#include <string.h>

#include "test/check.h"

static struct arena arena;
static const unsigned char chance[4] = {0xde, 0xad, 0xbe, 0x0f};

static struct session_create created(const char *body, const char *user)
{
    struct session_create c = {0};
    struct body_flaw flaw = {0};
    arena_reset(&arena, 0);
    int rc = session_body_create(body, strlen(body), user, chance, &arena, &c, &flaw);
    CHECK_STR(rc < 0 ? flaw.text : "", "");
    return c;
}

static void refused(const char *body, const char *field, const char *hint)
{
    struct session_create c;
    struct body_flaw flaw = {0};
    arena_reset(&arena, 0);
    CHECK_INT(session_body_create(body, strlen(body), NULL, chance, &arena, &c, &flaw), -1);
    CHECK_STR(flaw.field, field);
    CHECK_HAS(flaw.text, hint);
}

TEST(session_body, a_session_needs_user_and_template_alone)
{
    struct session_create c = created("{\"user\":\"ann\",\"template\":\"py\"}", NULL);
    CHECK_STR(c.name, "ann-py-deadbe0f");
    CHECK_STR(c.json,
              "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\",\"metadata\":"
              "{\"name\":\"ann-py-deadbe0f\"},\"spec\":{\"user\":\"ann\",\"template\":\"py\"}}");
    CHECK_STR(created("{\"template\":\"py\"}", "bob").user, "bob");
    CHECK_STR(created("{\"user\":\"Ann@x.org\",\"template\":\"py\"}", NULL).user,
              "ann-x-org-15a7e348");
}

TEST(session_body, a_made_name_is_never_too_long)
{
    struct session_create c = created("{\"user\":\"a-user-with-quite-a-long-name-of-her-own\","
                                      "\"template\":\"a.template-too\"}", NULL);
    CHECK_INT(strlen(c.name), 52);
    CHECK_STR(c.name, "a-user-with-quite-a-long-name-of-her-own-a--deadbe0f");
    CHECK_STR(created("{\"user\":\"u\",\"template\":\"t\",\"name\":\"mine\"}", NULL).name, "mine");
}

TEST(session_body, flat_resources_become_requests_and_limits)
{
    struct session_create c =
        created("{\"user\":\"u\",\"template\":\"t\",\"resources\":{\"memory\":\"2Gi\",\"cpu\":2,"
                "\"limits\":{\"nvidia.com/gpu\":1}}}", NULL);
    CHECK_HAS(c.json,
              "\"resources\":{\"limits\":{\"nvidia.com/gpu\":1,\"memory\":\"2Gi\",\"cpu\":2},"
              "\"requests\":{\"memory\":\"2Gi\",\"cpu\":2}}");
}

TEST(session_body, env_may_be_an_object)
{
    CHECK_HAS(created("{\"user\":\"u\",\"template\":\"t\",\"env\":{\"A\":\"b\"}}", NULL).json,
              "\"env\":[{\"name\":\"A\",\"value\":\"b\"}]");
    CHECK_HAS(created("{\"user\":\"u\",\"template\":\"t\",\"env\":[{\"name\":\"A\"}]}", NULL).json,
              "\"env\":[{\"name\":\"A\"}]");
}

TEST(session_body, what_is_wrong_is_named)
{
    refused("", NULL, "empty");
    refused("[]", NULL, "object");
    refused("{", NULL, "not JSON");
    refused("{\"user\":\"u\"}", "template", "missing");
    refused("{\"template\":\"t\"}", "user", "missing");
    refused("{\"user\":1,\"template\":\"t\"}", "user", "such as alice");
    refused("{\"user\":\"u\",\"template\":\"t\",\"colour\":1}", "colour", "no such field");
    refused("{\"user\":\"u\",\"template\":\"t\",\"tags\":\"a\"}", "tags", "list");
    refused("{\"user\":\"u\",\"template\":\"t\",\"persistentHome\":\"yes\"}", "persistentHome",
            "true");
    refused("{\"user\":\"u\",\"template\":\"t\",\"resources\":{\"cpu\":[]}}", "resources.cpu",
            "500m");
    refused("{\"user\":\"u\",\"template\":\"t\",\"env\":{\"A\":1}}", "env", "text");
    refused("{\"user\":\"u\",\"template\":\"t\",\"name\":7}", "name", "text");
}

TEST(session_body, a_change_is_a_merge_patch)
{
    struct session_change c;
    struct body_flaw flaw;
    const char *body = "{\"state\":\"hibernated\",\"idleTimeout\":null,\"resourceVersion\":\"7\"}";
    arena_reset(&arena, 0);
    CHECK_INT(session_body_change(body, strlen(body), NULL, &arena, &c, &flaw), 0);
    CHECK_STR(c.json, "{\"spec\":{\"state\":\"hibernated\",\"idleTimeout\":null},"
                      "\"metadata\":{\"resourceVersion\":\"7\"}}");
    CHECK_INT(session_body_change(body, strlen(body), "9", &arena, &c, &flaw), 0);
    CHECK_HAS(c.json, "\"resourceVersion\":\"9\"");
}

TEST(session_body, a_change_of_nothing_is_refused)
{
    struct session_change c;
    struct body_flaw flaw;
    arena_reset(&arena, 0);
    CHECK_INT(session_body_change("{}", 2, "9", &arena, &c, &flaw), -1);
    CHECK_HAS(flaw.text, "nothing");
    const char *odd = "{\"state\":\"running\",\"resourceVersion\":\"12345678901234567890\"}";
    CHECK_INT(session_body_change(odd, strlen(odd), NULL, &arena, &c, &flaw), -1);
    CHECK_STR(flaw.field, "resourceVersion");
    CHECK_INT(session_body_change("{\"name\":\"x\"}", 12, NULL, &arena, &c, &flaw), -1);
    CHECK_STR(flaw.field, "name");
}
