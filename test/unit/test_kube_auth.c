#include "lib/kube/auth.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/kube/auth_files.h"
#include "lib/kube/auth_plugin.h"
#include "lib/xalloc.h"
#include "test/check.h"
#include "test/unit/pems.h"

/* --- Files in a folder of their own; time is what the test says --- */

static char dir[64];
static struct err err;
static struct kube_auth *auth;
static const int64_t WALL = 1800000000000; /* ms since 1970 */

/* Paths stand still while a test runs, since configs and threads point at them. */
static const char *const names[] = {"token", "ca", "cert", "key", "answer", "runs", "seen", "none"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };
static char paths[NAMES][80];

static char *in_dir(const char *name)
{
    size_t i = 0;
    while (i + 1 < NAMES && strcmp(names[i], name) != 0) i++;
    return paths[i];
}

static void put(const char *name, const char *text)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), (long long)strlen(text));
    close(fd);
}

static void begin(void)
{
    snprintf(dir, sizeof(dir), "/tmp/carrel-auth-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    for (size_t i = 0; i < NAMES; i++) snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, names[i]);
    auth = NULL;
    err = (struct err){0};
}

static void end(void)
{
    kube_auth_free(auth);
    for (size_t i = 0; i < NAMES; i++) unlink(paths[i]);
    rmdir(dir);
}

/* What get hands out, copied: the credential itself is let go at once. */
static struct seen {
    bool none;
    uint64_t generation, tls;
    char authorization[256];
    char ca[2048], cert[1024], key[1024];
    int64_t expires_ms;
} seen;

static void look(int64_t now_ms, int64_t wall_ms)
{
    const struct kube_credential *c = kube_auth_get(auth, now_ms, wall_ms, &err);
    seen = (struct seen){.none = !c};
    if (!c) return;
    seen.generation = c->generation;
    seen.tls = c->tls;
    seen.expires_ms = c->expires_ms;
    snprintf(seen.authorization, sizeof(seen.authorization), "%s",
             c->authorization ? c->authorization : "none");
    snprintf(seen.ca, sizeof(seen.ca), "%s", c->ca ? c->ca : "none");
    snprintf(seen.cert, sizeof(seen.cert), "%s", c->cert ? c->cert : "none");
    snprintf(seen.key, sizeof(seen.key), "%s", c->key ? c->key : "none");
    kube_credential_unref(auth, c);
}

static void look_at(int64_t now_ms)
{
    look(now_ms, WALL + now_ms);
}

/* --- What never changes --- */

TEST(kube_auth, static_token_password_and_certificate_are_handed_out)
{
    struct kube_config token = {.source = "t", .token = (char *)"abc", .ca_data = (char *)CERT_A};
    begin();
    CHECK_OK(kube_auth_new(&token, 0, &auth, &err), err);
    CHECK_INT(kube_auth_fd(auth), -1);
    look_at(0);
    CHECK_STR(seen.authorization, "Bearer abc");
    CHECK_STR(seen.ca, CERT_A);
    CHECK_STR(seen.cert, "none");
    CHECK_INT(seen.generation, 1);
    CHECK_INT(seen.tls, 1);
    CHECK(!kube_auth_rejected(auth, 1, 100000));
    look_at(1000000);
    CHECK_INT(seen.generation, 1);
    CHECK_INT(kube_auth_failures(auth, NULL), 0);
    end();

    struct kube_config basic = {.username = (char *)"Aladdin", .password = (char *)"open sesame"};
    begin();
    CHECK_OK(kube_auth_new(&basic, 0, &auth, &err), err);
    look_at(0);
    CHECK_STR(seen.authorization, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK_STR(seen.ca, "none");
    end();

    struct kube_config pair = {.cert_data = (char *)CERT_A, .key_data = (char *)KEY_A};
    begin();
    CHECK_OK(kube_auth_new(&pair, 0, &auth, &err), err);
    look_at(0);
    CHECK_STR(seen.authorization, "none");
    CHECK_STR(seen.cert, CERT_A);
    CHECK_STR(seen.key, KEY_A);
    CHECK_INT(seen.expires_ms, CERT_A_ENDS_MS);
    end();
}

TEST(kube_auth, nobody_is_somebody_too)
{
    struct kube_config nobody = {.source = "t"};
    begin();
    CHECK_OK(kube_auth_new(&nobody, 0, &auth, &err), err);
    look_at(0);
    CHECK_STR(seen.authorization, "none");
    CHECK_INT(seen.generation, 1);
    kube_auth_free(NULL);
    end();
}

TEST(kube_auth, start_refuses_what_could_never_work)
{
    begin();
    put("token", " \n");
    put("ca", "no pem");
    put("cert", CERT_A);
    put("key", KEY_B);
    char *ca = in_dir("ca"), *cert = in_dir("cert"), *key = in_dir("key");
    const struct {
        struct kube_config config;
        enum err_code code;
        const char *want;
    } cases[] = {
        {{.token_file = in_dir("none")}, ERR_NOT_FOUND, "/none: No such file"},
        {{.token_file = in_dir("token")}, ERR_INVALID, "/token: no token in it"},
        {{.source = (char *)"s", .token = (char *)"a b"}, ERR_INVALID, "s: token: has characters"},
        {{.source = (char *)"s", .token = (char *)"a\nb"}, ERR_INVALID, "s: token: has characters"},
        {{.ca_file = ca}, ERR_INVALID, "/ca: certificate-authority: no certificate"},
        {{.ca_file = in_dir("none")}, ERR_NOT_FOUND, "/none: No such file"},
        {{.source = (char *)"s", .ca_data = (char *)"x"}, ERR_INVALID, "s: certificate-authority"},
        {{.cert_file = cert, .key_file = key},
         ERR_INVALID,
         "/cert: client-certificate: the key is"},
        {{.cert_file = cert, .key_file = in_dir("none")}, ERR_NOT_FOUND, "/none: No such file"},
        {{.cert_file = ca, .key_file = key},
         ERR_INVALID,
         "/ca: client-certificate: no certificate"},
        {{.source = (char *)"s", .exec = {.command = (char *)"c", .interactive_always = true}},
         ERR_DENIED,
         "wants a terminal"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_ERR(kube_auth_new(&cases[i].config, 0, &auth, &err), err, cases[i].code);
        CHECK_HAS(err.text, cases[i].want);
        CHECK(!auth);
    }
    end();
}

/* --- Token files --- */

TEST(kube_auth, token_file_is_read_again_when_older_than_50_s)
{
    begin();
    struct kube_config config = {.token_file = in_dir("token")};
    put("token", "  one\n");
    CHECK_OK(kube_auth_new(&config, 1000, &auth, &err), err);
    put("token", "two\r\n");
    look_at(50999);
    CHECK_STR(seen.authorization, "Bearer one");
    CHECK_INT(seen.generation, 1);
    look_at(51000);
    CHECK_STR(seen.authorization, "Bearer two");
    CHECK_INT(seen.generation, 2);
    CHECK_INT(seen.tls, 1);
    look_at(101000);
    CHECK_INT(seen.generation, 2);
    end();
}

TEST(kube_auth, broken_token_file_leaves_the_old_token_and_is_counted)
{
    static const char *const broken[] = {"", " \n", "two words", "caf\xc3\xa9"};
    begin();
    struct kube_config config = {.token_file = in_dir("token")};
    put("token", "one");
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    int64_t now_ms = 50000;
    for (size_t i = 0; i < 4; i++, now_ms += 1000) {
        put("token", broken[i]);
        look_at(now_ms);
        CHECK_STR(seen.authorization, "Bearer one");
        CHECK_INT(kube_auth_failures(auth, &err), i + 1);
        CHECK_HAS(err.text, "/token: ");
        look_at(now_ms + 999); /* not each request reads it again */
        CHECK_INT(kube_auth_failures(auth, NULL), i + 1);
    }
    unlink(in_dir("token"));
    look_at(now_ms);
    CHECK_STR(seen.authorization, "Bearer one");
    put("token", "two");
    look_at(now_ms + 1000);
    CHECK_STR(seen.authorization, "Bearer two");
    CHECK_INT(seen.generation, 2);
    end();
}

TEST(kube_auth, token_serves_until_the_token_file_is_there)
{
    begin();
    struct kube_config config = {
        .source = (char *)"s", .token = (char *)"inline", .token_file = in_dir("token")};
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    look_at(0);
    CHECK_STR(seen.authorization, "Bearer inline");
    put("token", "filed");
    look_at(1000);
    CHECK_STR(seen.authorization, "Bearer filed");
    end();
}

TEST(kube_auth, rejected_token_is_read_again_at_once_but_not_each_time)
{
    begin();
    struct kube_config config = {.token_file = in_dir("token")};
    put("token", "one");
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    CHECK(!kube_auth_rejected(auth, 1, 1000)); /* the same is in the file */
    put("token", "two");
    CHECK(!kube_auth_rejected(auth, 1, 1999)); /* read less than a second ago */
    CHECK(kube_auth_rejected(auth, 1, 2000));
    look_at(2000);
    CHECK_STR(seen.authorization, "Bearer two");
    CHECK_INT(seen.generation, 2);
    put("token", "three");
    CHECK(kube_auth_rejected(auth, 1, 100000)); /* there is a newer one already */
    look_at(2001);
    CHECK_INT(seen.generation, 2);
    CHECK(!kube_auth_rejected(auth, 7, 2002)); /* from nowhere */
    end();
}

TEST(kube_auth, credential_in_use_outlives_its_successor)
{
    begin();
    struct kube_config config = {.token_file = in_dir("token")};
    put("token", "one");
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    const struct kube_credential *old = kube_auth_get(auth, 0, WALL, &err);
    put("token", "two");
    look_at(60000);
    CHECK_STR(seen.authorization, "Bearer two");
    CHECK_STR(old->authorization, "Bearer one");
    kube_credential_unref(auth, old);
    kube_credential_unref(auth, NULL);
    end();
}

/* --- Certificates --- */

TEST(kube_auth, half_written_pair_keeps_the_old_pair)
{
    begin();
    struct kube_config config = {.cert_file = in_dir("cert"), .key_file = in_dir("key")};
    put("cert", CERT_A);
    put("key", KEY_A);
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    put("cert", CERT_B);
    look_at(299999);
    CHECK_STR(seen.cert, CERT_A);
    look_at(300000); /* B's certificate, A's key */
    CHECK_STR(seen.cert, CERT_A);
    CHECK_STR(seen.key, KEY_A);
    CHECK_INT(seen.generation, 1);
    CHECK_INT(kube_auth_failures(auth, &err), 1);
    CHECK_HAS(err.text, "the key is not the certificate's");
    put("key", "-----BEGIN PRI");
    look_at(301000);
    CHECK_STR(seen.key, KEY_A);
    put("key", KEY_B);
    look_at(302000);
    CHECK_STR(seen.cert, CERT_B);
    CHECK_STR(seen.key, KEY_B);
    CHECK_INT(seen.generation, 2);
    CHECK_INT(seen.tls, 2);
    end();
}

TEST(kube_auth, new_ca_asks_for_new_connections_and_a_broken_one_does_not)
{
    static const char *const broken[] = {"", "x", PEM_TEXT("CERTIFICATE", "MIIB\n")};
    begin();
    struct kube_config config = {
        .source = (char *)"s", .token = (char *)"t", .ca_file = in_dir("ca")};
    put("ca", CERT_A);
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    for (size_t i = 0; i < 3; i++) {
        put("ca", broken[i]);
        look_at(300000 + (int64_t)i * 1000);
        CHECK_STR(seen.ca, CERT_A);
        CHECK_INT(seen.tls, 1);
        CHECK_INT(kube_auth_failures(auth, NULL), i + 1);
    }
    put("ca", CERT_A CERT_B);
    look_at(400000);
    CHECK_STR(seen.ca, CERT_A CERT_B);
    CHECK_INT(seen.tls, 2);
    CHECK_INT(seen.generation, 2);
    CHECK_STR(seen.authorization, "Bearer t");
    end();
}

TEST(kube_auth, broken_pair_does_not_keep_a_new_ca_out)
{
    begin();
    struct kube_config config = {
        .ca_file = in_dir("ca"), .cert_file = in_dir("cert"), .key_file = in_dir("key")};
    put("ca", CERT_A);
    put("cert", CERT_A);
    put("key", KEY_A);
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    put("ca", CERT_B);
    put("cert", "");
    look_at(300000);
    CHECK_STR(seen.ca, CERT_B);
    CHECK_STR(seen.cert, CERT_A);
    end();
}

TEST(kube_auth, a_connection_that_failed_has_the_files_read_again_once_a_second_at_most)
{
    begin();
    struct kube_config config = {.ca_file = in_dir("ca")};
    put("ca", CERT_A);
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    put("ca", CERT_B);
    kube_auth_unreachable(auth, 999);
    look_at(999);
    CHECK_STR(seen.ca, CERT_A);
    kube_auth_unreachable(auth, 1000);
    look_at(1000);
    CHECK_STR(seen.ca, CERT_B);
    CHECK_INT(seen.tls, 2);
    end();
}

TEST(kube_auth, data_beats_the_file_and_one_half_may_be_a_file)
{
    begin();
    struct kube_config config = {
        .ca_data = (char *)CERT_A,
        .ca_file = (char *)"/nowhere",
        .cert_data = (char *)CERT_A,
        .cert_file = (char *)"/nowhere",
        .key_file = in_dir("key"),
    };
    put("key", KEY_A);
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    look_at(300000);
    CHECK_STR(seen.ca, CERT_A);
    CHECK_STR(seen.cert, CERT_A);
    CHECK_STR(seen.key, KEY_A);
    CHECK_INT(kube_auth_failures(auth, NULL), 0);
    end();
}

/* --- Reading a plugin's answer --- */

#define V1 "client.authentication.k8s.io/v1"
#define ANSWER(status)                                                                             \
    "{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\",\"status\":" status "}"

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

static char *args[] = {(char *)"-c", NULL};
static struct kube_pair env[2];
static struct kube_config plugin;

/* A plugin that notes each run in "runs" and then does what the script says. */
static void begin_plugin(const char *script)
{
    static char text[1024];
    begin();
    snprintf(text, sizeof(text), "echo run >>%s/runs; %s", dir, script);
    args[1] = text;
    env[0] = (struct kube_pair){(char *)"DIR", dir};
    env[1] = (struct kube_pair){(char *)"PATH", (char *)"/usr/bin:/bin"};
    plugin = (struct kube_config){
        .source = (char *)"s",
        .exec = {.command = (char *)"/bin/sh",
                 .args = args,
                 .arg_count = 2,
                 .env = env,
                 .env_count = 2,
                 .api_version = (char *)V1},
    };
    put("runs", "");
}

static void begin_answering(const char *text)
{
    begin_plugin("cat $DIR/answer");
    put("answer", text);
    CHECK_OK(kube_auth_new(&plugin, 0, &auth, &err), err);
}

static size_t runs(void)
{
    char text[4096];
    int fd = open(in_dir("runs"), O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    return n < 0 ? 99 : (size_t)n / strlen("run\n");
}

static bool is_ready(int timeout_ms)
{
    struct pollfd ended = {.fd = kube_auth_fd(auth), .events = POLLIN};
    return poll(&ended, 1, timeout_ms) == 1;
}

static void wait_for_run(void)
{
    eventfd_t count;
    CHECK(is_ready(30000));
    CHECK_INT(eventfd_read(kube_auth_fd(auth), &count), 0);
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

/* --- Threads --- */

enum { THREADS = 3, ROUNDS = 300 };

struct user {
    pthread_t thread;
    unsigned wrong;
};

static void *use_it(void *arg)
{
    struct user *user = arg;
    struct err why;
    uint64_t last = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t now_ms = i * (int64_t)60000;
        const struct kube_credential *c = kube_auth_get(auth, now_ms, WALL, &why);
        if (!c) continue;
        if (strncmp(c->authorization, "Bearer t", 8) != 0 || c->generation < last) user->wrong++;
        last = c->generation;
        if (i % 7 == 0) kube_auth_rejected(auth, c->generation, now_ms);
        kube_credential_unref(auth, c);
        kube_auth_failures(auth, NULL);
    }
    return NULL;
}

static void use_from_threads(void)
{
    struct user users[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) pthread_create(&users[i].thread, NULL, use_it, &users[i]);
    for (int i = 0; i < 20; i++) put("token", i % 2 ? "t1" : "t2");
    for (int i = 0; i < THREADS; i++) pthread_join(users[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) CHECK_INT(users[i].wrong, 0);
}

TEST(kube_auth, threads_share_it_while_its_file_changes)
{
    begin();
    struct kube_config config = {.token_file = in_dir("token")};
    put("token", "t0");
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    use_from_threads();
    end();
}

TEST(kube_auth, threads_share_it_while_its_plugin_runs)
{
    begin_answering(ANSWER("{\"token\":\"t\"}"));
    look_at(0);
    wait_for_run();
    look_at(0);
    use_from_threads();
    end();
}
