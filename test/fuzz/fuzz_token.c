/* Any bytes as a token, and as a set of keys: none that nobody signed is ever taken. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/base64url.h"
#include "lib/jwt.h"

static const char secret[] = "a secret of the fuzzer, 32 bytes and more";

static void check_token(const char *text)
{
    static struct jwt_keys *keys;
    auto_arena a = {0};
    struct json *claims = NULL;
    struct err err = {0};
    if (!keys) {
        int rc = jwt_keys_of_secret(secret, sizeof(secret), &keys, NULL);
        assert(rc == 0);
    }
    int rc = jwt_verify(keys, text, 0, &(struct jwt_rules){0}, &a, &claims, &err);
    assert(rc == -1 && err.code == ERR_DENIED && !claims);
}

static void check_keys(const char *text, size_t n)
{
    auto_arena a = {0};
    struct jwt_keys *keys = NULL;
    struct json *claims = NULL;
    struct err err = {0};
    if (jwt_keys_of_jwks(text, n, &keys, &err) < 0) {
        assert(!keys && err.code != ERR_NONE);
        return;
    }
    int rc = jwt_verify(keys, "eyJhbGciOiJSUzI1NiJ9.e30.AAAA", 0, &(struct jwt_rules){0}, &a,
                        &claims, &err);
    assert(rc == -1);
    jwt_keys_free(keys);
}

static void check_base64url(const char *text, size_t n)
{
    auto_arena a = {0};
    unsigned char *bytes;
    size_t len;
    if (base64url_decode(&a, text, n, &bytes, &len) < 0) return;
    const char *again = base64url_encode(&a, bytes, len);
    assert(strlen(again) == n && memcmp(again, text, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena a = {0};
    char *text = arena_strndup(&a, (const char *)data, size);
    check_token(text);
    check_keys(text, strlen(text));
    check_base64url(text, strlen(text));
    return 0;
}
