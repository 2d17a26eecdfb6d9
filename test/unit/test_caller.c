#include "apiserver/caller.h"

#include "test/check.h"

TEST(caller, people_see_and_change_what_is_theirs)
{
    const struct caller ann = {ROLE_USER, "ann"}, looker = {ROLE_VIEWER, "ann"};
    CHECK(caller_may_see(&ann, "ann"));
    CHECK(caller_may_change(&ann, "ann"));
    CHECK(!caller_may_see(&ann, "bob"));
    CHECK(!caller_may_change(&ann, "bob"));
    CHECK(caller_may_see(&looker, "ann"));
    CHECK(!caller_may_change(&looker, "ann"));
}

TEST(caller, an_operator_serves_everybody)
{
    const struct caller op = {ROLE_OPERATOR, "op"};
    CHECK(caller_may_see(&op, "ann"));
    CHECK(caller_may_change(&op, "ann"));
    CHECK(caller_may_see(&op, NULL));
}

TEST(caller, nobody_and_the_nameless_own_nothing)
{
    const struct caller nobody = {ROLE_NOBODY, "ann"}, nameless = {ROLE_USER, ""};
    CHECK(!caller_may_see(&nobody, "ann"));
    CHECK(!caller_may_see(&nameless, ""));
    CHECK(!caller_may_change(&nameless, NULL));
}

TEST(caller, roles_have_names)
{
    enum role role = ROLE_NOBODY;
    CHECK(role_read("operator", &role));
    CHECK_INT(role, ROLE_OPERATOR);
    CHECK(!role_read("nobody", &role)); /* a token cannot ask for it */
    CHECK(!role_read("Admin", &role));
    CHECK_STR(role_name(ROLE_ADMIN), "admin");
}
