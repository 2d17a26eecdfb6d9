/* Addresses; that keys are fetched, kept and exchanged is shown by test/e2e/rest/tokens.py. */
#include "apiserver/jwks.h"

#include "test/check.h"

static struct arena arena;

static void splits(const char *url, const char *base, const char *path)
{
    const char *got_base, *got_path;
    struct err err = {0};
    arena_reset(&arena, 0);
    CHECK_OK(jwks_split(&arena, url, &got_base, &got_path, &err), err);
    CHECK_STR(got_base, base);
    CHECK_STR(got_path, path);
}

TEST(jwks, an_address_is_a_server_and_a_path)
{
    splits("https://a.example/keys", "https://a.example", "/keys");
    splits("http://127.0.0.1:99/a/b?c=d", "http://127.0.0.1:99", "/a/b?c=d");
    splits("https://a.example", "https://a.example", "/");
    splits("https://a.example?x", "https://a.example", "/?x");
    splits("https://[::1]:8443/x", "https://[::1]:8443", "/x");
}

TEST(jwks, what_is_no_address_is_refused)
{
    static const char *const odd[] = {"",
                                      "a.example/keys",
                                      "ftp://a.example/",
                                      "https:///keys",
                                      "file:///etc/passwd",
                                      "https://user@a.example/",
                                      "https://a.example/ x",
                                      "https://a.example/#x"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
        const char *base, *path;
        struct err err = {0};
        CHECK_ERR(jwks_split(&arena, odd[i], &base, &path, &err), err, ERR_INVALID);
    }
}
