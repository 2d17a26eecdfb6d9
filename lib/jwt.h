/* lib/jwt.h: JSON Web Tokens (RFC 7519) that others have signed: HS256, RS256, ES256 and EdDSA with
 * Ed25519 (RFC 7518, 8037), over OpenSSL. Nothing is fetched here: keys come as JWK sets (RFC 7517)
 * or as a secret.
 *
 * What a token says of itself chooses no algorithm: a key has one kind, and takes only tokens that
 * name that one; "none" fits no key. Errors are ERR_INVALID for what is no key, ERR_DENIED for a
 * token that is not good, and never quote the token. Keys are immutable once made; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/json.h"

enum { JWT_TOKEN_BYTES_MAX = 8 << 10, JWT_KEYS_MAX = 64 };

struct jwt_keys;

/* At least 32 bytes, as long as what HMAC-SHA256 makes (RFC 7518 3.2). */
MUST_CHECK int jwt_keys_of_secret(const void *secret, size_t n, struct jwt_keys **out,
                                  struct err *err);
/* A JWK set. Keys that are not for signatures, or of other kinds, are passed over; none at all is
 * an error. */
MUST_CHECK int jwt_keys_of_jwks(const char *json, size_t n, struct jwt_keys **out,
                                struct err *err);
void jwt_keys_free(struct jwt_keys *keys); /* clears secrets; NULL is fine */

struct jwt_rules {
    const char *issuer;   /* what `iss` must be; NULL or "": anything */
    const char *audience; /* what `aud` must be or hold; NULL or "": anything */
    int64_t leeway_ms;    /* how far the issuer's clock may be off */
};

/* The token's claims, in the arena, when it is signed with one of the keys, is valid at wall_ms,
 * and has an `exp`. */
MUST_CHECK int jwt_verify(const struct jwt_keys *keys, const char *token, int64_t wall_ms,
                          const struct jwt_rules *rules, struct arena *a, struct json **claims,
                          struct err *err);

/* A token of our own: the claims signed with HS256. In the arena. */
char *jwt_sign(const void *secret, size_t n, const struct json *claims, struct arena *a);
