#include "lib/kube/auth_plugin.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "test/unit/pems.h"
#include "test/unit/test_kube_auth.h"

/* --- Reading a plugin's answer --- */

static struct plugin_answer answer;

static int parse(const char *text)
{
    plugin_answer_release(&answer);
    return plugin_parse(text, strlen(text), V1, &answer, &err);
}

TEST(kube_auth, answer_may_have_a_token_a_certificate_and_an_expiry)
{
    CHECK_OK(parse(ANSWER("{\"token\":\"abc\",\"expirationTimestamp\":\"2026-11-21T10:00:00Z\"}")),
             err);
    CHECK_STR(answer.token, "abc");
    CHECK(!answer.cert);
    CHECK_INT(answer.expires_ms, 1795255200000);
    CHECK_OK(parse(ANSWER("{\"token\":\"t\",\"more\":[1]}")), err);
    CHECK_INT(answer.expires_ms, 0);
    plugin_answer_release(&answer);
}

/* A PEM text within JSON. */
static char *json_pem(const char *pem)
{
    char *text = xmalloc(strlen(pem) * 2 + 1), *at = text;
    for (; *pem; pem++) {
        if (*pem == '\n') *at++ = '\\';
        *at++ = *pem == '\n' ? 'n' : *pem;
    }
    *at = '\0';
    return text;
}

static char *pair_answer(const char *cert, const char *key)
{
    auto_free char *c = json_pem(cert), *k = json_pem(key);
    size_t size = strlen(c) + strlen(k) + 256;
    char *text = xmalloc(size);
    snprintf(text, size, ANSWER("{\"clientCertificateData\":\"%s\",\"clientKeyData\":\"%s\"}"), c,
             k);
    return text;
}

TEST(kube_auth, certificate_of_an_answer_must_fit_its_key_and_its_end_counts_as_expiry)
{
    auto_free char *good = pair_answer(CERT_A, KEY_A), *torn = pair_answer(CERT_A, KEY_B);
    CHECK_OK(parse(good), err);
    CHECK_STR(answer.cert, CERT_A);
    CHECK_STR(answer.key, KEY_A);
    CHECK(!answer.token);
    CHECK_INT(answer.expires_ms, CERT_A_ENDS_MS);
    CHECK_ERR(parse(torn), err, ERR_INVALID);
    CHECK_HAS(err.text, "the key is not the certificate's");
}

TEST(kube_auth, answer_that_breaks_the_protocol_is_refused)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "it printed nothing"},
        {"not json", "its answer: byte 0"},
        {"{\"a\":", "ends too early"},
        {"[]", "its answer: must be an object"},
        {ANSWER("{\"token\":\"t\"}") "x", "its answer: byte"},
        {"{\"apiVersion\":\"" V1 "\",\"kind\":\"Status\"}", "no ExecCredential"},
        {"{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t\"}}", "apiVersion ''"},
        {"{\"apiVersion\":\"" V1 "beta1\",\"kind\":\"ExecCredential\",\"status\":{}}",
         "apiVersion 'client.authentication.k8s.io/v1beta1', want " V1},
        {"{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\"}", "no status"},
        {ANSWER("null"), "no status"},
        {ANSWER("{}"), "neither token nor certificate"},
        {ANSWER("{\"token\":\"\"}"), "neither token nor certificate"},
        {ANSWER("{\"token\":7}"), "status.token: must be text"},
        {ANSWER("{\"token\":\"a b\"}"), "its token has characters"},
        {ANSWER("{\"token\":\"a\\r\\nEvil: b\"}"), "its token has characters"},
        {ANSWER("{\"token\":\"t\",\"expirationTimestamp\":\"soon\"}"), "expirationTimestamp"},
        {ANSWER("{\"clientCertificateData\":\"c\"}"), "without the other"},
        {ANSWER("{\"token\":\"t\",\"clientKeyData\":\"k\"}"), "without the other"},
        {ANSWER("{\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\"}"), "no certificate"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_ERR(parse(cases[i].text), err, ERR_INVALID);
        CHECK_HAS(err.text, cases[i].want);
        CHECK(!answer.token && !answer.cert && !answer.key);
    }
}

/* --- Running a plugin --- */

static size_t runs(void)
{
    char text[4096];
    int fd = open(in_dir("runs"), O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    return n < 0 ? 99 : (size_t)n / strlen("run\n");
}

#define CHECK_NONE(want_code)                                                                      \
    do {                                                                                           \
        CHECK(seen.none);                                                                          \
        CHECK_INT(err.code, want_code);                                                            \
    } while (0)

TEST(kube_auth, plugin_gives_nothing_until_it_answered_then_its_token_without_end)
{
    begin_answering(ANSWER("{\"token\":\"one\"}"));
    look_at(0);
    CHECK_NONE(ERR_UNAVAILABLE);
    wait_for_run();
    look_at(10);
    CHECK_STR(seen.authorization, "Bearer one");
    CHECK_INT(seen.generation, 1);
    CHECK_INT(seen.expires_ms, 0);
    look_at(100000000);
    CHECK_STR(seen.authorization, "Bearer one");
    CHECK_INT(runs(), 1);
    CHECK_INT(kube_auth_failures(auth, NULL), 0);
    end();
}

TEST(kube_auth, plugin_is_told_its_task_in_its_environment)
{
    begin_plugin("printf %s \"$KUBERNETES_EXEC_INFO\" >$DIR/seen; cat $DIR/answer");
    put("answer", ANSWER("{\"token\":\"t\"}"));
    plugin.ca_data = (char *)"PEM!";
    plugin.exec.cluster_info = (char *)"{\"server\":\"https://h\",\"config\":{\"a\":[1]}}";
    auto_arena a = {0};
    char *info = NULL;
    CHECK_OK(plugin_info(&a, &plugin, "PEM!", &info, &err), err);
    CHECK_STR(info, "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"spec\":{"
                    "\"interactive\":false,\"cluster\":{\"server\":\"https://h\","
                    "\"config\":{\"a\":[1]},\"certificate-authority-data\":\"UEVNIQ==\"}}}");
    plugin.ca_data = NULL;
    plugin.exec.cluster_info = NULL;
    CHECK_OK(kube_auth_new(&plugin, 0, &auth, &err), err);
    look_at(0);
    wait_for_run();
    look_at(0);
    CHECK_STR(seen.authorization, "Bearer t");
    char text[256] = "";
    int fd = open(in_dir("seen"), O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    CHECK(n > 0);
    CHECK_STR(text, "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\","
                    "\"spec\":{\"interactive\":false}}");
    end();
}

TEST(kube_auth, plugin_may_give_a_certificate_and_a_new_one_asks_for_new_connections)
{
    auto_free char *first = pair_answer(CERT_A, KEY_A), *second = pair_answer(CERT_B, KEY_B);
    begin_answering(first);
    look_at(0);
    wait_for_run();
    look_at(0);
    CHECK_STR(seen.cert, CERT_A);
    CHECK_STR(seen.key, KEY_A);
    CHECK_STR(seen.authorization, "none");
    CHECK_INT(seen.tls, 1);
    put("answer", second);
    CHECK(!kube_auth_rejected(auth, seen.generation, 100000));
    wait_for_run();
    look_at(100000);
    CHECK_STR(seen.cert, CERT_B);
    CHECK_INT(seen.tls, 2);
    CHECK_INT(seen.generation, 2);
    end();
}

/* 2027-01-15T08:00:00Z is WALL; the answer holds for 1000 s from there. */
#define FOR_1000_S "\"expirationTimestamp\":\"2027-01-15T08:16:40Z\""

TEST(kube_auth, plugin_runs_again_when_a_tenth_is_left_and_the_old_serves_meanwhile)
{
    begin_answering(ANSWER("{\"token\":\"one\"," FOR_1000_S "}"));
    look_at(0);
    wait_for_run();
    look_at(0);
    CHECK_INT(seen.expires_ms, WALL + 1000000);
    put("answer", ANSWER("{\"token\":\"two\",\"expirationTimestamp\":\"2027-01-15T09:00:00Z\"}"));
    look_at(899999);
    CHECK_INT(runs(), 1);
    look_at(900000);
    CHECK_STR(seen.authorization, "Bearer one");
    look_at(900001); /* single flight */
    wait_for_run();
    look_at(900002);
    CHECK_STR(seen.authorization, "Bearer two");
    CHECK_INT(seen.generation, 2);
    CHECK_INT(runs(), 2);
    end();
}

TEST(kube_auth, expired_credential_is_not_handed_out_while_the_plugin_runs)
{
    begin_answering(ANSWER("{\"token\":\"one\"," FOR_1000_S "}"));
    look_at(0);
    wait_for_run();
    look_at(0);
    CHECK_STR(seen.authorization, "Bearer one");
    look_at(1000000);
    CHECK_NONE(ERR_UNAVAILABLE);
    wait_for_run();
    look_at(1000001); /* the plugin gave the same again: our clock may be the wrong one */
    CHECK_STR(seen.authorization, "Bearer one");
    CHECK_INT(seen.generation, 1);
    look_at(1009000);
    CHECK_INT(runs(), 2); /* and it is not asked at each request */
    look_at(1010001);
    CHECK_NONE(ERR_UNAVAILABLE);
    wait_for_run();
    look_at(1010002);
    CHECK_INT(runs(), 3);
    end();
}

TEST(kube_auth, many_rejections_make_one_run)
{
    begin_answering(ANSWER("{\"token\":\"one\"}"));
    look_at(0);
    wait_for_run();
    look_at(0);
    put("answer", ANSWER("{\"token\":\"two\"}"));
    for (int i = 0; i < 20; i++) CHECK(!kube_auth_rejected(auth, 1, 100000));
    look_at(100000);
    CHECK_NONE(ERR_UNAVAILABLE); /* what was refused is not tried again */
    wait_for_run();
    CHECK(kube_auth_rejected(auth, 1, 100001)); /* a late one finds the new one */
    look_at(100001);
    CHECK_STR(seen.authorization, "Bearer two");
    CHECK_INT(seen.generation, 2);
    CHECK(kube_auth_rejected(auth, 1, 100002));
    CHECK_INT(runs(), 2);
    end();
}

TEST(kube_auth, credential_that_is_refused_again_and_again_is_renewed_ever_less_often)
{
    begin_answering(ANSWER("{\"token\":\"same\"}"));
    look_at(0);
    wait_for_run();
    look_at(0);
    CHECK(!kube_auth_rejected(auth, 1, 100000)); /* old enough: at once */
    wait_for_run();
    look_at(100000);
    CHECK_STR(seen.authorization, "Bearer same");
    CHECK_INT(seen.generation, 1);
    CHECK(!kube_auth_rejected(auth, 1, 100001)); /* young: waits a second */
    CHECK(!is_ready(0));
    look_at(101000);
    CHECK_NONE(ERR_UNAVAILABLE);
    CHECK_INT(runs(), 2);
    look_at(101001);
    wait_for_run();
    look_at(101002);
    CHECK_INT(runs(), 3);
    CHECK(!kube_auth_rejected(auth, 1, 101003)); /* then two */
    look_at(103002);
    CHECK_INT(runs(), 3);
    look_at(103003);
    wait_for_run();
    CHECK_INT(runs(), 4);
    end();
}

TEST(kube_auth, plugin_that_fails_is_denied_and_tried_again_ever_less_often)
{
    begin_plugin("echo 'first line' >&2; echo 'no \x1b[31mlogin' >&2; exit 3");
    CHECK_OK(kube_auth_new(&plugin, 0, &auth, &err), err);
    int64_t now_ms = 0;
    static const int64_t waits_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (size_t i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
        look_at(now_ms);
        wait_for_run();
        look_at(now_ms);
        CHECK_NONE(ERR_DENIED);
        CHECK_STR(err.text, "credential plugin /bin/sh: ended with code 3: no ?[31mlogin");
        look_at(now_ms + waits_ms[i] - 1);
        CHECK_NONE(ERR_DENIED);
        CHECK_INT(runs(), i + 1);
        CHECK(!is_ready(0));
        now_ms += waits_ms[i];
    }
    CHECK_INT(kube_auth_failures(auth, &err), 8);
    CHECK_HAS(err.text, "code 3");
    end();
}

TEST(kube_auth, failed_renewal_leaves_the_old_until_it_expires)
{
    begin_answering(ANSWER("{\"token\":\"one\"," FOR_1000_S "}"));
    look_at(0);
    wait_for_run();
    look_at(0);
    put("answer", "broken");
    look_at(900000);
    wait_for_run();
    look_at(900000);
    CHECK_STR(seen.authorization, "Bearer one");
    CHECK_INT(kube_auth_failures(auth, &err), 1);
    look_at(1000000); /* expired; the next run is on its way */
    CHECK_NONE(ERR_DENIED);
    wait_for_run();
    put("answer", ANSWER("{\"token\":\"two\"}"));
    look_at(1000000);
    CHECK_NONE(ERR_DENIED);
    look_at(1010000);
    wait_for_run();
    look_at(1010000);
    CHECK_STR(seen.authorization, "Bearer two");
    end();
}

static void check_failure(const char *script, int64_t timeout_ms, const char *want)
{
    begin_plugin(script);
    CHECK_OK(kube_auth_new(&plugin, 0, &auth, &err), err);
    kube_auth_set_plugin_timeout(auth, timeout_ms);
    look_at(0);
    wait_for_run();
    look_at(0);
    CHECK_NONE(ERR_DENIED);
    CHECK_HAS(err.text, want);
    end();
}

TEST(kube_auth, plugin_that_hangs_prints_too_much_or_speaks_another_version_fails)
{
    check_failure("tail -f /dev/null", 50, "not done within 50 ms");
    check_failure("yes", 30000, "wrote over 1048576 bytes");
    check_failure("echo '{\"apiVersion\":\"v1\",\"kind\":\"ExecCredential\"}'", 30000,
                  "it answered in apiVersion 'v1'");
    check_failure("kill -9 $$", 30000, "ended with code 137");
    check_failure("true", 30000, "it printed nothing");
}

TEST(kube_auth, plugin_that_is_not_installed_says_how_to_get_it)
{
    begin_plugin("");
    plugin.exec.command = (char *)"/no/such/plugin";
    plugin.exec.install_hint = (char *)"see the manual";
    CHECK_OK(kube_auth_new(&plugin, 0, &auth, &err), err);
    look_at(0);
    wait_for_run();
    look_at(0);
    CHECK_NONE(ERR_DENIED);
    CHECK_STR(err.text, "credential plugin /no/such/plugin: /no/such/plugin: "
                        "No such file or directory: see the manual");
    end();
}

TEST(kube_auth, token_beats_the_plugin_which_is_never_run)
{
    begin_plugin("cat $DIR/answer");
    plugin.token = (char *)"static";
    CHECK_OK(kube_auth_new(&plugin, 0, &auth, &err), err);
    CHECK_INT(kube_auth_fd(auth), -1);
    look_at(0);
    CHECK_STR(seen.authorization, "Bearer static");
    CHECK(!kube_auth_rejected(auth, 1, 1000));
    CHECK_INT(runs(), 0);
    end();
}

TEST(kube_auth, end_kills_a_plugin_that_runs)
{
    begin_plugin("tail -f /dev/null");
    CHECK_OK(kube_auth_new(&plugin, 0, &auth, &err), err);
    look_at(0);
    CHECK_NONE(ERR_UNAVAILABLE);
    end();
    begin_answering(ANSWER("{\"token\":\"one\"}")); /* and one that has ended, unseen */
    look_at(0);
    wait_for_run();
    end();
}
