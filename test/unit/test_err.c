#include "lib/err.h"

#include <string.h>

#include "test/check.h"

TEST(err, set_keeps_code_and_text_and_returns_minus_one)
{
    struct err err;
    CHECK_INT(err_set(&err, ERR_GONE, "version %d is %s", 7, "old"), -1);
    CHECK_INT(err.code, ERR_GONE);
    CHECK_STR(err.text, "version 7 is old");
}

TEST(err, wrap_puts_context_in_front_and_keeps_the_code)
{
    struct err err;
    err_set(&err, ERR_CONFLICT, "409");
    CHECK_INT(err_wrap(&err, "apply %s", "pod"), -1);
    CHECK_INT(err_wrap(&err, "session a/b"), -1);
    CHECK_STR(err.text, "session a/b: apply pod: 409");
    CHECK_INT(err.code, ERR_CONFLICT);
}

TEST(err, where_a_wrap_does_not_fit_the_context_is_cut_and_the_cause_stays)
{
    struct err err;
    char longer[300];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    err_set(&err, ERR_INVALID, "root cause");
    err_wrap(&err, "%s", longer);
    CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
    CHECK_STR(err.text + sizeof(err.text) - sizeof(": root cause"), ": root cause");
    char before[sizeof(err.text)];
    memcpy(before, err.text, sizeof(before));
    err_wrap(&err, "no room");
    CHECK_STR(err.text, before);
}

TEST(err, text_that_is_too_long_is_cut_and_terminated)
{
    struct err err;
    char longer[300];
    memset(longer, 'y', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    err_set(&err, ERR_INVALID, "%s", longer);
    CHECK_INT(strlen(err.text), sizeof(err.text) - 1);
}

TEST(err, no_cut_leaves_half_a_character)
{
    struct err err;
    char euros[400] = "x";
    for (size_t i = 1; i + 3 < sizeof(euros); i += 3) memcpy(euros + i, "\u20ac", 4);
    err_set(&err, ERR_INVALID, "%s", euros);
    CHECK_INT(strlen(err.text), 253); /* x and 84 of three bytes */
    err_set(&err, ERR_INVALID, "%s", "root");
    err_wrap(&err, "%s", euros);
    CHECK_INT(strlen(err.text), 247 + 6); /* x and 82, then ": root" */
    CHECK_STR(err.text + 244, "\u20ac: root");
}

TEST(err, arguments_may_point_into_the_error_itself)
{
    struct err err;
    err_set(&err, ERR_INVALID, "inner");
    err_set(&err, ERR_DENIED, "<%s>", err.text);
    CHECK_STR(err.text, "<inner>");
    err_wrap(&err, "again %s", err.text);
    CHECK_STR(err.text, "again <inner>: <inner>");
}

TEST(err, null_is_allowed)
{
    CHECK_INT(err_set(NULL, ERR_INVALID, "x"), -1);
    CHECK_INT(err_wrap(NULL, "x"), -1);
}

TEST(err, every_code_has_a_name_of_its_own)
{
    for (int i = 0; i < ERR_CODE_COUNT; i++) {
        CHECK(err_code_name((enum err_code)i) && *err_code_name((enum err_code)i));
        for (int j = 0; j < i; j++) {
            CHECK(strcmp(err_code_name((enum err_code)i), err_code_name((enum err_code)j)) != 0);
        }
    }
    CHECK_STR(err_code_name(ERR_CODE_COUNT), "?");
}
