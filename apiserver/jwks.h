/* apiserver/jwks.h: the public keys of an issuer of tokens, fetched from it: a JWK set at an
 * address, or at the one that the issuer's discovery document names (OpenID Connect Discovery 1.0).
 *
 * Fetched at once, then every ten minutes, a quarter of a minute after a failure, and when a token
 * comes that no key fits, but not within half a minute of the last time. What was fetched stays
 * until something newer is: an issuer that is away locks out nobody whose key is known. All on the
 * loop, but for take and missed, which any thread may call.
 */
#pragma once

#include "lib/jwt.h"
#include "lib/loop.h"

struct jwks;

struct jwks_config { /* copied */
    const char *url;    /* of the set; NULL: found by discovery */
    const char *issuer; /* "https://id.example/realm"; for discovery */
    const char *ca;     /* PEM: the roots to trust; NULL: the system's */
};

/* ERR_INVALID: an address that is none. */
MUST_CHECK int jwks_new(const struct jwks_config *config, struct loop *loop, struct jwks **out,
                        struct err *err);
void jwks_free(struct jwks *jwks); /* nobody may hold a set; NULL is fine */

struct jwks_set { /* counted */
    unsigned refs; /* atomic */
    struct jwt_keys *keys;
};
const struct jwks_set *jwks_take(struct jwks *jwks); /* NULL: none yet */
void jwks_give_back(const struct jwks_set *set);     /* NULL is fine */
/* No key of the newest set fits a token. */
void jwks_missed(struct jwks *jwks);

/* "https://a:1/b?c" → "https://a:1" and "/b?c" ("/" for nothing). ERR_INVALID, naming what: not
 * http or https, no host, a user in it. Pure. */
MUST_CHECK int jwks_split(struct arena *a, const char *url, const char **base, const char **path,
                          struct err *err);
