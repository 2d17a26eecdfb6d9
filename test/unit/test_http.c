/* What needs no server; the rest is in test/flow/wire.py. */
#include "lib/http.h"

#include "lib/http_request.h"
#include "lib/http_target.h"
#include "test/check.h"

static const struct http_target target = {.base = "https://127.0.0.1:1",
                                          .connections_max = 1,
                                          .connections_max_http1 = 1,
                                          .buffer_bytes = 16384};
static int ended;

static void count_end(void *user, const struct http_answer *answer)
{
    (void)user;
    (void)answer;
    ended++;
}

TEST(http, cancelled_and_freed_transfers_call_nobody)
{
    static const struct http_handlers handlers = {.done = count_end};
    struct http_call call = {.method = "GET", .path = "/", .timeout_ms = 1000};
    struct loop *loop;
    struct http *http;
    struct err err;
    ended = 0;
    CHECK_OK(loop_new(&loop, &err), err);
    CHECK_OK(http_new(&target, loop, &http, &err), err);
    struct http_transfer *t = http_start(http, &call, &handlers, NULL);
    http_start(http, &call, &handlers, NULL);
    CHECK_INT(http_running(http), 2);
    http_cancel(http, t);
    CHECK_INT(http_running(http), 1);
    http_free(http);
    loop_free(loop);
    CHECK_INT(ended, 0);
}

static void check_failure(const char *base, const char *path, const char *ca)
{
    struct http_target wrong = target;
    struct http_line *line;
    struct http_answer answer;
    struct err err;
    wrong.base = base;
    wrong.ca = ca;
    CHECK_OK(http_line_new(&wrong, &line, &err), err);
    http_line_call(line, &(struct http_call){.method = "GET", .path = path}, &answer);
    CHECK(!answer.complete);
    CHECK(!answer.maybe_sent);
    CHECK(*answer.text);
    CHECK_STR(answer.body, "");
    http_line_free(line);
}

TEST(http, address_that_libcurl_refuses_fails_without_having_been_sent)
{
    char path[20000];
    for (size_t i = 0; i < sizeof(path); i++) path[i] = 'a';
    path[sizeof(path) - 1] = '\0';
    check_failure("https://127.0.0.1:1", path, NULL);
    check_failure("https://127.0.0.1:99999", "/", NULL);
    check_failure("gopher://127.0.0.1:1", "/", NULL);
}

TEST(http, header_set_lives_as_long_as_whoever_uses_it)
{
    struct http_target_copy copy;
    struct http_request r;
    struct err err;
    struct http_headers *h = http_headers_new();
    http_headers_add(h, "A", "1");
    http_headers_add(h, "Evil", "x\r\nB: 2"); /* stays one line */
    http_target_init(&copy, &target);
    CHECK_OK(http_request_init(&r, &copy, &err), err);
    http_request_set(&r, &(struct http_call){.method = "GET", .path = "/", .headers = h},
                     &(struct http_handlers){.done = count_end}, NULL);
    http_headers_unref(h);
    CHECK(http_request_is_unsent(&r));
    http_request_release(&r);
    http_target_release(&copy);
}
