#include "lib/jwt.h"

#include <string.h>

#include "lib/base64url.h"
#include "test/check.h"
#include "test/unit/jwt_vectors.h"

static const int64_t NOW_MS = 1750000000000;
static const struct jwt_rules RULES = {.issuer = "https://id.example", .audience = "carrel"};
static struct arena arena;

static struct jwt_keys *of_secret(void)
{
    struct jwt_keys *keys = NULL;
    struct err err = {0};
    arena_reset(&arena, 0);
    CHECK_OK(jwt_keys_of_secret(JWT_SECRET, strlen(JWT_SECRET), &keys, &err), err);
    return keys;
}

static struct jwt_keys *of_jwks(void)
{
    struct jwt_keys *keys = NULL;
    struct err err = {0};
    arena_reset(&arena, 0);
    CHECK_OK(jwt_keys_of_jwks(JWKS, strlen(JWKS), &keys, &err), err);
    return keys;
}

static void taken(const struct jwt_keys *keys, const char *token)
{
    struct json *claims = NULL;
    struct err err = {0};
    CHECK_OK(jwt_verify(keys, token, NOW_MS, &RULES, &arena, &claims, &err), err);
    CHECK_STR(json_text(json_get(claims, "sub")), "ann");
}

static void refused_at(const struct jwt_keys *keys, const char *token, int64_t wall_ms,
                       struct jwt_rules rules, const char *hint)
{
    struct json *claims = NULL;
    struct err err = {0};
    CHECK_ERR(jwt_verify(keys, token, wall_ms, &rules, &arena, &claims, &err), err, ERR_DENIED);
    CHECK_HAS(err.text, hint);
    CHECK(!claims);
}

static void refused(const struct jwt_keys *keys, const char *token, const char *hint)
{
    refused_at(keys, token, NOW_MS, (struct jwt_rules){0}, hint);
}

TEST(jwt, tokens_of_every_kind_of_key_are_taken)
{
    struct jwt_keys *keys = of_jwks();
    taken(keys, TOKEN_RS256);
    taken(keys, TOKEN_ES256);
    taken(keys, TOKEN_EDDSA);
    taken(keys, TOKEN_ES256_NO_ID);
    jwt_keys_free(keys);
    keys = of_secret();
    taken(keys, TOKEN_HS256);
    jwt_keys_free(keys);
}

TEST(jwt, a_token_of_another_key_is_refused)
{
    struct jwt_keys *keys = of_jwks(), *secret = of_secret();
    refused(keys, TOKEN_ES256_OF_OTHER, "not signed");
    refused(keys, TOKEN_ES256_DER, "not signed");
    refused(keys, TOKEN_HS256, "not signed");
    refused(secret, TOKEN_RS256, "not signed");
    jwt_keys_free(keys);
    jwt_keys_free(secret);
}

TEST(jwt, a_token_cannot_choose_how_it_is_looked_at)
{
    struct jwt_keys *keys = of_jwks(), *secret = of_secret();
    refused(keys, TOKEN_NONE, "not signed");
    refused(secret, TOKEN_NONE, "not signed");
    refused(keys, TOKEN_HS256_BY_MODULUS, "not signed"); /* a public key is no secret */
    refused(secret, TOKEN_CRIT, "crit");
    jwt_keys_free(keys);
    jwt_keys_free(secret);
}

TEST(jwt, every_changed_character_breaks_it)
{
    struct jwt_keys *keys = of_secret();
    for (size_t i = 0; i < strlen(TOKEN_HS256); i++) {
        char *token = arena_strdup(&arena, TOKEN_HS256);
        token[i] = token[i] == 'A' ? 'B' : 'A';
        struct json *claims;
        struct err err;
        CHECK_INT(jwt_verify(keys, token, NOW_MS, &RULES, &arena, &claims, &err), -1);
    }
    jwt_keys_free(keys);
}

TEST(jwt, its_time_begins_and_ends)
{
    struct jwt_keys *keys = of_secret();
    struct jwt_rules strict = {0}, lenient = {.leeway_ms = 30000};
    struct json *claims;
    struct err err = {0};
    refused_at(keys, TOKEN_HS256, 1800000000000, strict, "exp");
    refused_at(keys, TOKEN_HS256, 1699999999999, strict, "nbf");
    CHECK_OK(jwt_verify(keys, TOKEN_HS256, 1799999999999, &strict, &arena, &claims, &err), err);
    CHECK_OK(jwt_verify(keys, TOKEN_HS256, 1700000000000, &strict, &arena, &claims, &err), err);
    CHECK_OK(jwt_verify(keys, TOKEN_HS256, 1800000029999, &lenient, &arena, &claims, &err), err);
    CHECK_OK(jwt_verify(keys, TOKEN_HS256, 1699999970000, &lenient, &arena, &claims, &err), err);
    refused_at(keys, TOKEN_HS256, 1800000030000, lenient, "exp");
    CHECK_OK(jwt_verify(keys, TOKEN_FRACTION, 1800000000400, &strict, &arena, &claims, &err), err);
    refused(keys, TOKEN_NO_EXP, "exp");
    refused(keys, TOKEN_ODD_EXP, "exp");
    jwt_keys_free(keys);
}

TEST(jwt, issuer_and_audience_must_be_those_that_are_asked_for)
{
    struct jwt_keys *keys = of_secret();
    refused_at(keys, TOKEN_HS256, NOW_MS, (struct jwt_rules){.issuer = "https://id.example/"},
               "iss");
    refused_at(keys, TOKEN_HS256, NOW_MS, (struct jwt_rules){.audience = "carre"}, "aud");
    refused_at(keys, TOKEN_FRACTION, NOW_MS, RULES, "iss");
    jwt_keys_free(keys);
}

TEST(jwt, what_is_no_token_is_refused)
{
    static const char *const odd[] = {"",           ".",         "..",       "a.b",
                                      "a.b.c",      "a.b.c.d",   "e30.e30.", "eyJ.e30.AA",
                                      "bm8.e30.AA", "W10.e30.AA"};
    struct jwt_keys *keys = of_secret();
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) refused(keys, odd[i], "token: ");
    refused(keys, TOKEN_NOT_JSON, "no JSON object");
    char *big = arena_zalloc(&arena, JWT_TOKEN_BYTES_MAX + 2);
    memset(big, 'a', JWT_TOKEN_BYTES_MAX + 1);
    refused(keys, big, "too long");
    jwt_keys_free(keys);
}

TEST(jwt, a_set_without_a_key_for_us_and_a_short_secret_are_refused)
{
    struct jwt_keys *keys = NULL;
    struct err err = {0};
    CHECK_ERR(jwt_keys_of_jwks(JWKS_NONE, strlen(JWKS_NONE), &keys, &err), err, ERR_INVALID);
    CHECK_ERR(jwt_keys_of_jwks("{}", 2, &keys, &err), err, ERR_INVALID);
    CHECK_ERR(jwt_keys_of_jwks("[", 1, &keys, &err), err, ERR_INVALID);
    CHECK_ERR(jwt_keys_of_secret(JWT_SECRET, 31, &keys, &err), err, ERR_INVALID);
    CHECK_HAS(err.text, "32 bytes");
    CHECK(!keys);
}

TEST(jwt, what_we_sign_we_take)
{
    struct jwt_keys *keys = of_secret();
    struct json *claims = json_object(&arena);
    json_set_text(&arena, claims, "sub", "ann");
    json_set_text(&arena, claims, "iss", "https://id.example");
    json_set_text(&arena, claims, "aud", "carrel");
    json_set_int(&arena, claims, "exp", NOW_MS / 1000 + 60);
    taken(keys, jwt_sign(JWT_SECRET, strlen(JWT_SECRET), claims, &arena));
    jwt_keys_free(keys);
}

TEST(jwt, base64url_goes_both_ways_and_has_one_text_for_each_value)
{
    static const char *const bad[] = {"A",  "AAAAA", "AA=", "AB",      "AAB",
                                      "A+", "A/",    "A A", "\xc3\xa4"};
    unsigned char *bytes;
    size_t len;
    arena_reset(&arena, 0);
    for (size_t n = 0; n < 70; n++) {
        unsigned char from[70];
        for (size_t i = 0; i < n; i++) from[i] = (unsigned char)(i * 37 + n);
        const char *text = base64url_encode(&arena, from, n);
        CHECK_INT(base64url_decode(&arena, text, strlen(text), &bytes, &len), 0);
        CHECK_INT(len, n);
        CHECK(memcmp(bytes, from, n) == 0);
    }
    CHECK_STR(base64url_encode(&arena, "\xfb\xff", 2), "-_8");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK_INT(base64url_decode(&arena, bad[i], strlen(bad[i]), &bytes, &len), -1);
}
