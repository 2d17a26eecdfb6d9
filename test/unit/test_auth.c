#include "apiserver/auth.h"

#include <string.h>

#include "test/check.h"
#include "test/unit/jwt_vectors.h"

static const int64_t NOW_MS = 1750000000000;
static struct arena arena;
static struct jwt_keys *secret, *jwks;

static struct auth_config by_token(void)
{
    struct err err = {0};
    arena_reset(&arena, 0);
    if (!secret) CHECK_OK(jwt_keys_of_secret(JWT_SECRET, strlen(JWT_SECRET), &secret, &err), err);
    if (!jwks) CHECK_OK(jwt_keys_of_jwks(JWKS, strlen(JWKS), &jwks, &err), err);
    return (struct auth_config){.secret = secret, .jwks = jwks, .user_claim = "sub",
                                .role_claim = "role", .default_role = ROLE_USER};
}

/* A header with a token whose claims these are, besides `exp`. */
static const char *bearing(const char *claims)
{
    struct json *tree;
    struct err err = {0};
    CHECK_OK(json_parse(&arena, claims, strlen(claims), &tree, &err), err);
    json_set_int(&arena, tree, "exp", NOW_MS / 1000 + 60);
    return arena_printf(&arena, "Bearer %s",
                        jwt_sign(JWT_SECRET, strlen(JWT_SECRET), tree, &arena));
}

static struct caller asked(const struct auth_config *auth, const char *header)
{
    struct caller c;
    struct err err = {0};
    CHECK_OK(auth_check(auth, header, NOW_MS, &arena, &c, &err), err);
    return c;
}

static void refused(const struct auth_config *auth, const char *header, const char *hint)
{
    struct caller c;
    struct err err = {0};
    CHECK_ERR(auth_check(auth, header, NOW_MS, &arena, &c, &err), err, ERR_DENIED);
    CHECK_HAS(err.text, hint);
    CHECK_INT(c.role, ROLE_NOBODY);
}

TEST(auth, in_open_mode_everybody_is_an_admin_without_a_name)
{
    const struct auth_config open = {.open = true};
    struct caller c = asked(&open, NULL);
    CHECK_INT(c.role, ROLE_ADMIN);
    CHECK_STR(c.name, "");
}

TEST(auth, a_token_says_who_and_with_which_role)
{
    struct auth_config auth = by_token();
    struct caller c = asked(&auth, bearing("{\"sub\":\"ann\",\"role\":\"operator\"}"));
    CHECK_STR(c.name, "ann");
    CHECK_INT(c.role, ROLE_OPERATOR);
    CHECK_INT(asked(&auth, bearing("{\"sub\":\"ann\"}")).role, ROLE_USER);
    CHECK_STR(asked(&auth, bearing("{\"sub\":\"Ann@x.org\"}")).name, "ann-x-org-15a7e348");
    CHECK_STR(asked(&auth, arena_printf(&arena, "bearer  %s", TOKEN_HS256)).name, "ann");
}

TEST(auth, of_several_roles_the_greatest_counts_and_other_words_are_none)
{
    struct auth_config auth = by_token();
    auth.role_claim = "realm.groups";
    CHECK_INT(
        asked(&auth, bearing("{\"sub\":\"a\",\"realm\":{\"groups\":[\"viewer\",\"admin\",\"x\"]}}"))
            .role,
        ROLE_ADMIN);
    refused(&auth, bearing("{\"sub\":\"a\",\"realm\":{\"groups\":[\"staff\"]}}"),
            "no role (realm.groups)");
    refused(&auth, bearing("{\"sub\":\"a\",\"realm\":{\"groups\":\"Admin\"}}"), "no role");
    refused(&auth, bearing("{\"sub\":\"a\",\"realm\":{\"groups\":7}}"), "no role");
}

TEST(auth, without_a_good_token_there_is_no_caller)
{
    struct auth_config auth = by_token();
    refused(&auth, NULL, "Authorization: Bearer");
    refused(&auth, "", "Authorization: Bearer");
    refused(&auth, "Basic YTpi", "Authorization: Bearer");
    refused(&auth, "Bearer ", "Authorization: Bearer");
    refused(&auth, "Bearer x", "token: ");
    refused(&auth, bearing("{\"role\":\"admin\"}"), "who you are (sub)");
    refused(&auth, bearing("{\"sub\":\"\"}"), "who you are");
    refused(&auth, bearing("{\"sub\":5}"), "who you are");
}

TEST(auth, keys_of_a_set_and_a_secret_stand_beside_each_other)
{
    struct auth_config auth = by_token();
    auth.rules = (struct jwt_rules){.issuer = "https://id.example", .audience = "carrel"};
    CHECK_STR(asked(&auth, arena_printf(&arena, "Bearer %s", TOKEN_EDDSA)).name, "ann");
    CHECK_STR(asked(&auth, arena_printf(&arena, "Bearer %s", TOKEN_HS256)).name, "ann");
    auth.secret = NULL;
    refused(&auth, arena_printf(&arena, "Bearer %s", TOKEN_HS256), "not signed");
}
