#include "lib/tls.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "test/check.h"
#include "test/unit/pems.h"

static struct err err;

TEST(tls, certificates_of_a_bundle_are_counted_whatever_stands_between)
{
    size_t count = 0;
    CHECK_OK(tls_count_certs(CERT_A, &count, &err), err);
    CHECK_INT(count, 1);
    CHECK_OK(tls_count_certs("# roots\n" CERT_A "text\n" KEY_A CERT_B "\n\n", &count, &err), err);
    CHECK_INT(count, 2);
}

TEST(tls, bundle_without_or_with_a_broken_certificate_is_an_error)
{
    static const char broken[] = PEM_TEXT("CERTIFICATE", "MIIB\n");
    size_t count = 7;
    CHECK_ERR(tls_count_certs("", &count, &err), err, ERR_INVALID);
    CHECK_STR(err.text, "no certificate in PEM form");
    CHECK_ERR(tls_count_certs(KEY_A, &count, &err), err, ERR_INVALID);
    CHECK_ERR(tls_count_certs(broken, &count, &err), err, ERR_INVALID);
    CHECK_HAS(err.text, "broken certificate");
    auto_free char *cut = xstrndup(CERT_A CERT_B, strlen(CERT_A CERT_B) - 40);
    CHECK_ERR(tls_count_certs(cut, &count, &err), err, ERR_INVALID);
    CHECK_INT(count, 7);
    CHECK_OK(tls_count_certs(CERT_A, &count, &err), err); /* no error is left in the thread */
}

TEST(tls, pair_is_a_pair_only_if_the_key_is_the_certificates)
{
    CHECK_OK(tls_check_pair(CERT_A, KEY_A, &err), err);
    CHECK_OK(tls_check_pair(CERT_B CERT_A, KEY_B, &err), err); /* a chain: the first counts */
    CHECK_ERR(tls_check_pair(CERT_A, KEY_B, &err), err, ERR_INVALID);
    CHECK_HAS(err.text, "the key is not the certificate's");
    CHECK_ERR(tls_check_pair("", KEY_A, &err), err, ERR_INVALID);
    CHECK_ERR(tls_check_pair(CERT_A, "", &err), err, ERR_INVALID);
    CHECK_HAS(err.text, "no usable private key");
    CHECK_ERR(tls_check_pair(CERT_A, CERT_A, &err), err, ERR_INVALID);
}

TEST(tls, encrypted_key_is_an_error_and_asks_nobody)
{
    CHECK_ERR(tls_check_pair(CERT_A, KEY_ENCRYPTED, &err), err, ERR_INVALID);
    CHECK_HAS(err.text, "no usable private key");
}

TEST(tls, end_of_the_first_certificate_is_told)
{
    int64_t ends_ms = 0;
    CHECK_OK(tls_cert_not_after(CERT_A CERT_B, &ends_ms, &err), err);
    CHECK_INT(ends_ms, CERT_A_ENDS_MS);
    CHECK_ERR(tls_cert_not_after("x", &ends_ms, &err), err, ERR_INVALID);
}

TEST(tls, base64_is_read_in_its_standard_form_only)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } cases[] = {
        {"", ""},        {"TQ==", "M"},         {"TWE=", "Ma"},
        {"TWFu", "Man"}, {"TW\r\nFu\n", "Man"}, {"+/+/", "\xfb\xff\xbf"},
        {"TQ", NULL},    {"TQ=", NULL},         {"TQ===", NULL},
        {"====", NULL},  {"=TWF", NULL},        {"TQ==TQ==", NULL},
        {"TW Fu", NULL}, {"-_-_", NULL},        {"TWFu-", NULL},
        {"T", NULL},     {"TW\x80u", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *out = NULL;
        size_t len = 99;
        int rc = tls_base64_decode(cases[i].text, strlen(cases[i].text), &out, &len, &err);
        CHECK_INT(rc, cases[i].want ? 0 : -1);
        CHECK_STR(out, cases[i].want);
        if (out) CHECK_INT(len, strlen(cases[i].want));
        free(out);
    }
}

TEST(tls, base64_goes_both_ways)
{
    char bytes[70];
    for (size_t n = 0; n < sizeof(bytes); n++) {
        char *out = NULL;
        size_t len = 0;
        for (size_t i = 0; i < n; i++) bytes[i] = (char)(i * 37 + n);
        auto_free char *text = tls_base64_encode(bytes, n);
        CHECK_OK(tls_base64_decode(text, strlen(text), &out, &len, &err), err);
        CHECK_INT(len, n);
        CHECK_MEM(out, bytes, n);
        free(out);
    }
}

TEST(tls, forgetting_nothing_is_fine)
{
    tls_forget(NULL);
    tls_forget(xstrdup("secret"));
}
