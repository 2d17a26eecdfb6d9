#include "lib/kube/wire_target.h"

#include <stdlib.h>

#include "test/check.h"

static struct arena arena;
static const struct kube_credential nobody;

static struct wire_target make(const char *server, const char *name)
{
    struct kube_config config = {.server = (char *)(uintptr_t)server,
                                 .tls_server_name = (char *)(uintptr_t)name};
    struct wire_target target;
    struct err err;
    arena_release(&arena);
    arena_init(&arena);
    CHECK_OK(wire_target_make(&config, &nobody, &arena, &target, &err), err);
    return target;
}

TEST(wire_target, server_is_the_base_of_every_path)
{
    struct wire_target t = make("https://10.0.0.1:6443/k8s/c1", NULL);
    CHECK_STR(t.http.base, "https://10.0.0.1:6443/k8s/c1");
    CHECK_STR(t.http.connect_to, NULL);
    CHECK_STR(t.host_header, NULL);
}

TEST(wire_target, tls_server_name_is_asked_at_the_real_address)
{
    struct wire_target t = make("https://10.0.0.1:6443/p", "kubernetes");
    CHECK_STR(t.http.base, "https://kubernetes:6443/p");
    CHECK_STR(t.http.connect_to, "kubernetes:6443:10.0.0.1:6443");
    CHECK_STR(t.host_header, "10.0.0.1:6443");

    t = make("https://[fd00::1]", "kubernetes");
    CHECK_STR(t.http.base, "https://kubernetes:443");
    CHECK_STR(t.http.connect_to, "kubernetes:443:[fd00::1]:443");
    CHECK_STR(t.host_header, "[fd00::1]:443");
}

TEST(wire_target, tls_server_name_means_nothing_without_tls)
{
    CHECK_STR(make("http://127.0.0.1:8001", "kubernetes").http.base, "http://127.0.0.1:8001");
}

TEST(wire_target, credentials_go_over_tls_or_stay_on_this_machine)
{
    CHECK(wire_may_carry_secrets("https://10.0.0.1:6443"));
    CHECK(wire_may_carry_secrets("http://127.0.0.1:8001"));
    CHECK(wire_may_carry_secrets("http://localhost:8001"));
    CHECK(!wire_may_carry_secrets("http://10.0.0.1:8001"));
    CHECK(!wire_may_carry_secrets("http://localhost.example.com"));
    CHECK(!wire_may_carry_secrets("http://127.evil.example"));
}

TEST(wire_target, server_that_is_no_http_address_is_refused)
{
    static const char *const bad[] = {"", "127.0.0.1:6443", "ftp://a", "https://", "https:///a",
                                      "https://:6443", "https://[fd00::1", "https://user@host"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct kube_config config = {.server = (char *)(uintptr_t)bad[i]};
        struct wire_target target;
        struct err err;
        auto_arena a;
        arena_init(&a);
        CHECK_ERR(wire_target_make(&config, &nobody, &a, &target, &err), err, ERR_INVALID);
    }
}

TEST(wire_target, proxy_of_the_environment_is_not_for_this_machine)
{
    setenv("HTTPS_PROXY", "http://proxy:3128", 1);
    setenv("NO_PROXY", ".cluster.local", 1);
    struct wire_target t = make("https://10.0.0.1:6443", NULL);
    CHECK_STR(t.http.proxy, "http://proxy:3128");
    CHECK_STR(t.http.no_proxy, "localhost,127.0.0.0/8,::1,.cluster.local");

    struct kube_config config = {.server = (char *)(uintptr_t)"https://a",
                                 .proxy_url = (char *)(uintptr_t)"http://mine:1"};
    struct err err;
    CHECK_OK(wire_target_make(&config, &nobody, &arena, &t, &err), err);
    CHECK_STR(t.http.proxy, "http://mine:1");
    CHECK_STR(t.http.no_proxy, NULL);
    unsetenv("HTTPS_PROXY");
    unsetenv("NO_PROXY");
}

static struct kube_answer answer_of(struct http_answer from)
{
    struct kube_answer to;
    wire_answer(&from, 7, 1000, &to);
    return to;
}

TEST(wire_target, only_what_certainly_never_left_is_called_not_sent)
{
    struct http_answer never = {.text = "no route"};
    struct http_answer swallowed = {.maybe_sent = true, .text = "reset"};
    struct http_answer cut = {.maybe_sent = true, .code = 201, .retry_after_s = 3, .text = "cut"};
    struct http_answer whole = {.complete = true, .maybe_sent = true, .code = 201, .text = ""};
    CHECK_INT(answer_of(never).outcome, KUBE_NOT_SENT);
    CHECK_INT(answer_of(swallowed).outcome, KUBE_LOST);
    CHECK_INT(answer_of(cut).outcome, KUBE_LOST);
    CHECK_INT(answer_of(cut).code, 0); /* half an answer is none */
    CHECK_INT(answer_of(cut).retry_after_s, -1);
    CHECK_INT(answer_of(whole).outcome, KUBE_ANSWERED);
    CHECK_INT(answer_of(whole).code, 201);
    CHECK_INT((int)answer_of(whole).credential, 7);
}
