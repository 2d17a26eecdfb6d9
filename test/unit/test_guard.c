#include "lib/serve/guard.h"

#include <stdio.h>

#include "lib/str.h"
#include "test/check.h"

#define HEADERS(...) ((const struct guard_header[]){__VA_ARGS__})
#define GUARD(...)                                                                                 \
    guard_headers(HEADERS(__VA_ARGS__),                                                            \
                  sizeof(HEADERS(__VA_ARGS__)) / sizeof(struct guard_header), 64, true)
#define HOST {"Host", "a"}

TEST(guard, ordinary_requests_pass)
{
    CHECK_INT(GUARD(HOST), 0);
    CHECK_INT(GUARD(HOST, {"content-length", "12"}, {"X-A", "1"}, {"X-A", "2"}), 0);
    CHECK_INT(GUARD(HOST, {"Transfer-Encoding", "chunked"}), 0);
    CHECK_INT(guard_headers(NULL, 0, 64, false), 0); /* HTTP/1.0 needs no Host */
}

TEST(guard, body_whose_length_is_told_twice_is_refused)
{
    CHECK_INT(GUARD(HOST, {"Content-Length", "5"}, {"content-length", "5"}), 400);
    CHECK_INT(GUARD(HOST, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}), 400);
    CHECK_INT(GUARD(HOST, {"Transfer-Encoding", "chunked"}, {"transfer-encoding", "chunked"}),
              400);
}

TEST(guard, length_that_is_no_plain_number_is_refused)
{
    static const char *const bad[] = {"", "5abc", "+5", "-1", " 5", "0x5", "5,5",
                                      "1234567890123456789"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK_INT(GUARD(HOST, {"Content-Length", bad[i]}), 400);
}

TEST(guard, unknown_transfer_coding_is_refused)
{
    CHECK_INT(GUARD(HOST, {"Transfer-Encoding", "gzip, chunked"}), 501);
    CHECK_INT(guard_headers(HEADERS({"Transfer-Encoding", "chunked"}), 1, 64, false), 400);
}

TEST(guard, names_with_space_or_none_are_refused)
{
    CHECK_INT(GUARD(HOST, {"Content-Length ", "5"}), 400);
    CHECK_INT(GUARD(HOST, {" folded", "x"}), 400);
    CHECK_INT(GUARD(HOST, {"", "x"}), 400);
}

TEST(guard, one_host_is_needed_and_only_one)
{
    CHECK_INT(GUARD({"X-A", "1"}), 400);
    CHECK_INT(GUARD(HOST, {"host", "b"}), 400);
}

TEST(guard, as_many_headers_as_the_library_keeps_may_be_more)
{
    struct guard_header many[64];
    for (int i = 0; i < 64; i++) many[i] = (struct guard_header){i ? "X" : "Host", "a"};
    CHECK_INT(guard_headers(many, 64, 64, true), 431);
    CHECK_INT(guard_headers(many, 63, 64, true), 0);
}

static const char *decoded(const char *raw)
{
    static char path[256];
    str_copy(path, sizeof(path), raw);
    return guard_path(path) ? path : NULL;
}

TEST(guard, paths_are_decoded_once)
{
    CHECK_STR(decoded("/"), "/");
    CHECK_STR(decoded("/a/b.c/..d"), "/a/b.c/..d");
    CHECK_STR(decoded("/a%20b%C3%BC"), "/a b\xc3\xbc");
    CHECK_STR(decoded("/a%2541"), "/a%41");
}

TEST(guard, paths_that_mean_something_else_elsewhere_are_refused)
{
    static const char *const bad[] = {
        "",       "a",     "*",        "/a%00b",    "/a%2Fb", "/a%2fb", "/%",       "/%4",
        "/%zz",   "/a/..", "/../a",    "/./a",      "/a/.",   "/%2e%2e/a", "/a/%2E", "/a%0d%0ab",
        "/a\x01", "/a%7f", "http://x/",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) CHECK_STR(decoded(bad[i]), NULL);
}
