#include "lib/kube/status.h"

#include <string.h>

#include "lib/limits.h"
#include "lib/str.h"
#include "lib/xalloc.h"
#include "test/check.h"

static struct kube_status read_status(struct arena *a, int code, const char *body)
{
    struct kube_status status;
    size_t n = strlen(body);
    auto_free char *exact = xmalloc(n + 1);
    memcpy(exact, body, n + 1);
    kube_status_read(a, code, exact, n, &status);
    return status;
}

static const char full[] =
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
    "\"message\":\"pods \\\"a\\\" is forbidden: exceeded quota\",\"reason\":\"Forbidden\","
    "\"details\":{\"name\":\"a\",\"group\":\"\",\"kind\":\"pods\",\"uid\":\"u-1\",\"causes\":["
    "{\"reason\":\"FieldValueInvalid\",\"message\":\"no\",\"field\":\"spec.x\"},"
    "{\"reason\":\"NamespaceTerminating\"},{}],\"retryAfterSeconds\":7},\"code\":403}";

TEST(kube_status, a_full_status_is_read_and_no_text_is_null)
{
    auto_arena a = {0};
    struct kube_status s = read_status(&a, 403, full);
    CHECK_STR(s.kind, "Status");
    CHECK_STR(s.status, "Failure");
    CHECK_STR(s.reason, "Forbidden");
    CHECK_STR(s.message, "pods \"a\" is forbidden: exceeded quota");
    CHECK_STR(s.name, "a");
    CHECK_STR(s.uid, "u-1");
    CHECK_INT(s.retry_after_s, 7);
    CHECK_INT(s.code, 403);
    CHECK_INT(s.causes.count, 3);
    const struct kube_cause *causes = s.causes.items;
    CHECK_STR(causes[0].field, "spec.x");
    CHECK_STR(causes[1].message, "");
    CHECK_STR(causes[2].reason, "");
}

TEST(kube_status, a_cause_is_found_by_its_whole_name)
{
    auto_arena a = {0};
    struct kube_status s = read_status(&a, 403, full);
    CHECK(kube_status_has_cause(&s, "NamespaceTerminating"));
    CHECK(kube_status_has_cause(&s, "FieldValueInvalid"));
    CHECK(!kube_status_has_cause(&s, "FieldValue"));
    CHECK(!kube_status_has_cause(&s, "ResourceVersionTooLarge"));
}

TEST(kube_status, a_missing_reason_follows_from_the_code)
{
    static const struct {
        int code;
        const char *reason;
    } table[] = {
        {400, "BadRequest"},       {401, "Unauthorized"},
        {403, "Forbidden"},        {404, "NotFound"},
        {405, "MethodNotAllowed"}, {406, "NotAcceptable"},
        {409, "Conflict"},         {410, "Gone"},
        {413, "RequestEntityTooLarge"}, {415, "UnsupportedMediaType"},
        {422, "Invalid"},          {429, "TooManyRequests"},
        {500, "InternalError"},    {503, "ServiceUnavailable"},
        {504, "Timeout"},          {418, ""},
        {502, ""},
    };
    static const char *const bodies[] = {"", "gone", "{\"kind\":\"Status\"}",
                                         "{\"kind\":\"Status\",\"reason\":\"\"}",
                                         "{\"kind\":\"Status\",\"reason\":null}"};
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        for (size_t k = 0; k < sizeof(bodies) / sizeof(*bodies); k++) {
            auto_arena a = {0};
            CHECK_STR(read_status(&a, table[i].code, bodies[k]).reason, table[i].reason);
        }
    }
}

TEST(kube_status, a_body_that_is_no_status_becomes_the_message)
{
    static const struct {
        const char *body, *message;
    } table[] = {
        {"<html><head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body></html>\n",
         "<html><head><title>502 Bad Gateway</title></head>  <body>nginx</body></html> "},
        {"upstream connect error", "upstream connect error"},
        {"", ""},
        {"{\"kind\":\"Pod\",\"message\":\"x\"}", "{\"kind\":\"Pod\",\"message\":\"x\"}"},
        {"{\"message\":\"x\"}", "{\"message\":\"x\"}"},
        {"{\"kind\":\"Status\",\"message\":", "{\"kind\":\"Status\",\"message\":"},
        {"{\"kind\":\"Status\",\"message\":7}", "{\"kind\":\"Status\",\"message\":7}"},
        {"a\x1b[31mb\x7f\tc", "a [31mb  c"},
        {"null", "null"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        auto_arena a = {0};
        struct kube_status s = read_status(&a, 502, table[i].body);
        CHECK_STR(s.message, table[i].message);
        CHECK_STR(s.kind, "");
        CHECK_STR(s.reason, "");
        CHECK_STR(s.name, "");
        CHECK_INT(s.causes.count, 0);
        CHECK_INT(s.code, 0);
    }
}

TEST(kube_status, a_long_page_gives_its_first_bytes_only)
{
    auto_arena a = {0};
    auto_free char *page = xmalloc(100001);
    memset(page, 'x', 100000);
    page[100000] = '\0';
    CHECK_INT(strlen(read_status(&a, 502, page).message), LIMIT_STATUS_TEXT_BYTES);
}

TEST(kube_status, bytes_with_a_nul_among_them_are_a_message_too)
{
    auto_arena a = {0};
    struct kube_status s;
    kube_status_read(&a, 502, "a\0b", 3, &s);
    CHECK_STR(s.message, "a b");
    kube_status_read(&a, 502, NULL, 0, &s);
    CHECK_STR(s.message, "");
}

TEST(kube_status, the_code_says_what_to_do)
{
    static const struct {
        int code;
        const char *reason;
        enum err_code want;
    } table[] = {
        {200, "", ERR_NONE},
        {201, "", ERR_NONE},
        {204, "", ERR_NONE},
        {301, "", ERR_INVALID},
        {400, "BadRequest", ERR_INVALID},
        {401, "Unauthorized", ERR_DENIED},
        {403, "Forbidden", ERR_DENIED},
        {404, "NotFound", ERR_NOT_FOUND},
        {405, "MethodNotAllowed", ERR_INVALID},
        {406, "NotAcceptable", ERR_INVALID},
        {409, "AlreadyExists", ERR_EXISTS},
        {409, "Conflict", ERR_CONFLICT},
        {409, "", ERR_CONFLICT},
        {410, "Gone", ERR_GONE},
        {410, "Expired", ERR_GONE},
        {413, "RequestEntityTooLarge", ERR_INVALID},
        {415, "UnsupportedMediaType", ERR_INVALID},
        {422, "Invalid", ERR_INVALID},
        {429, "TooManyRequests", ERR_BUSY},
        {500, "InternalError", ERR_UNKNOWN},
        {502, "", ERR_UNKNOWN},
        {503, "ServiceUnavailable", ERR_UNKNOWN},
        {504, "Timeout", ERR_UNKNOWN},
        {524, "", ERR_UNKNOWN}, /* a proxy's own: nobody knows what the server did */
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        char reason[40];
        str_copy(reason, sizeof(reason), table[i].reason);
        struct kube_status s = {.reason = reason};
        CHECK_INT(kube_status_code(table[i].code, &s), table[i].want);
    }
}

TEST(kube_status, the_error_text_says_code_reason_and_message)
{
    auto_arena a = {0};
    struct err err = {0};
    struct kube_status s = read_status(&a, 422,
                                       "{\"kind\":\"Status\",\"reason\":\"Invalid\","
                                       "\"message\":\"Session \\\"a\\\" is invalid\"}");
    CHECK_ERR(kube_status_err(422, &s, &err), err, ERR_INVALID);
    CHECK_STR(err.text, "422 Invalid: Session \"a\" is invalid");
}
