#include "test/unit/test_kube_auth.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/kube/auth_files.h"
#include "test/unit/pems.h"

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
