#include "lib/tls.h"

#include <assert.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/xalloc.h"

/* Says what OpenSSL's newest complaint is and leaves its queue empty. */
static int fail(struct err *err, const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return err_set(err, ERR_INVALID, why ? "%s: %s" : "%s", what, why);
}

static BIO *open_text(const char *pem)
{
    size_t n = strlen(pem);
    BIO *bio = n <= INT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
    if (!bio) abort(); /* no memory, or a text that no caller lets in */
    ERR_clear_error();
    return bio;
}

static bool at_end(void)
{
    unsigned long last = ERR_peek_last_error();
    return ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

/* Stands where OpenSSL would otherwise ask the terminal. */
static int no_passphrase(char *out, int size, int writing, void *user)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)user;
    return -1;
}

int tls_count_certs(const char *pem, size_t *count, struct err *err)
{
    BIO *bio = open_text(pem);
    X509 *cert = NULL;
    size_t n = 0;
    while ((cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL))) {
        X509_free(cert);
        n++;
    }
    BIO_free(bio);
    if (!at_end()) return fail(err, "broken certificate");
    ERR_clear_error();
    if (n == 0) return err_set(err, ERR_INVALID, "no certificate in PEM form");
    *count = n;
    return 0;
}

static X509 *first_cert(const char *pem, struct err *err)
{
    BIO *bio = open_text(pem);
    X509 *cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (cert) return cert;
    if (at_end()) {
        ERR_clear_error();
        err_set(err, ERR_INVALID, "no certificate in PEM form");
    } else {
        fail(err, "broken certificate");
    }
    return NULL;
}

int tls_check_pair(const char *cert_pem, const char *key_pem, struct err *err)
{
    X509 *cert = first_cert(cert_pem, err);
    if (!cert) return -1;
    BIO *bio = open_text(key_pem);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    int rc = 0;
    if (!key) {
        rc = fail(err, "no usable private key in PEM form");
    } else if (X509_check_private_key(cert, key) != 1) {
        rc = fail(err, "the key is not the certificate's");
    }
    EVP_PKEY_free(key);
    X509_free(cert);
    return rc;
}

int tls_cert_not_after(const char *pem, int64_t *wall_ms, struct err *err)
{
    struct tm tm = {0};
    X509 *cert = first_cert(pem, err);
    if (!cert) return -1;
    int ok = ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm);
    X509_free(cert);
    if (ok != 1) return fail(err, "certificate without an end");
    *wall_ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* OpenSSL's decoder forgives too much, so only what is exactly right gets to it: this copies the
 * text without line ends. The padding's length, or -1. */
static int squeeze(const char *text, size_t n, char *out, size_t *len)
{
    size_t used = 0;
    int padding = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n' || text[i] == '\r') continue;
        if (text[i] == '=') {
            padding++;
        } else if (padding || !is_base64(text[i])) {
            return -1;
        }
        out[used++] = text[i];
    }
    *len = used;
    return used % 4 == 0 && padding <= 2 ? padding : -1;
}

int tls_base64_decode(const char *text, size_t n, char **out, size_t *len, struct err *err)
{
    if (n > INT_MAX / 2) return err_set(err, ERR_TOO_BIG, "over %d bytes of base64", INT_MAX / 2);
    size_t used = 0;
    char *plain = xmalloc(n + 1);
    char *bytes = xmalloc(n / 4 * 3 + 1);
    int padding = squeeze(text, n, plain, &used);
    int made = -1;
    if (padding >= 0) {
        made = EVP_DecodeBlock((unsigned char *)bytes, (unsigned char *)plain, (int)used);
    }
    explicit_bzero(plain, n + 1);
    free(plain);
    if (padding < 0 || made < padding) {
        free(bytes);
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "not base64");
    }
    *len = (size_t)(made - padding);
    bytes[*len] = '\0';
    *out = bytes;
    return 0;
}

char *tls_base64_encode(const void *bytes, size_t n)
{
    assert(n <= INT_MAX / 2);
    char *text = xmalloc((n + 2) / 3 * 4 + 1);
    int made = EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
    text[made] = '\0';
    return text;
}

void tls_forget(char *text)
{
    if (!text) return;
    explicit_bzero(text, strlen(text));
    free(text);
}
