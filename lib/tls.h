/* lib/tls.h: certificates, keys and base64 as text in memory, over OpenSSL. It makes no connection:
 * that is lib/http.h's business.
 *
 * PEM texts end in '\0' and may hold other text around their blocks. Nothing here asks for a
 * passphrase: an encrypted key is an error. Errors are ERR_INVALID and never quote a key.
 * Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* Counts the certificates of a bundle. None at all is an error, and so is a broken one. */
MUST_CHECK int tls_count_certs(const char *pem, size_t *count, struct err *err);

/* True to its name: the first certificate's public key belongs to the private key. */
MUST_CHECK int tls_check_pair(const char *cert_pem, const char *key_pem, struct err *err);

/* When the first certificate of the text ends, in milliseconds since 1970. */
MUST_CHECK int tls_cert_not_after(const char *pem, int64_t *wall_ms, struct err *err);

/* Standard base64 with its padding; line ends are skipped. The caller frees *out, which has a '\0'
 * after its *len bytes. */
MUST_CHECK int tls_base64_decode(const char *text, size_t n, char **out, size_t *len,
                                 struct err *err);
char *tls_base64_encode(const void *bytes, size_t n); /* the caller frees it */

/* Clears a text that was secret and frees it; NULL is fine. */
void tls_forget(char *text);
