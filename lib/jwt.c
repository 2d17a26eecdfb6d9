#include "lib/jwt.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64url.h"
#include "lib/xalloc.h"

enum { SECRET_BYTES_MIN = 32, RSA_BITS_MIN = 2048, ES256_BYTES = 64, HS256_BYTES = 32 };

enum jwt_algorithm { HS256, RS256, ES256, EDDSA, ALGORITHM_COUNT };
static const char *const algorithm_names[ALGORITHM_COUNT] = {"HS256", "RS256", "ES256", "EdDSA"};

struct jwt_key {
    enum jwt_algorithm algorithm;
    char *id;      /* NULL: none */
    EVP_PKEY *key; /* not of HS256 */
    void *secret;  /* of HS256 */
    size_t len;
};

struct jwt_keys {
    size_t count;
    struct jwt_key keys[JWT_KEYS_MAX];
};

/* --- Keys --- */

void jwt_keys_free(struct jwt_keys *keys)
{
    if (!keys) return;
    for (size_t i = 0; i < keys->count; i++) {
        struct jwt_key *k = &keys->keys[i];
        EVP_PKEY_free(k->key);
        if (k->secret) OPENSSL_cleanse(k->secret, k->len);
        free(k->secret);
        free(k->id);
    }
    free(keys);
}

int jwt_keys_of_secret(const void *secret, size_t n, struct jwt_keys **out, struct err *err)
{
    if (n < SECRET_BYTES_MIN)
        return err_set(err, ERR_INVALID, "a secret for HS256 takes at least %d bytes",
                       SECRET_BYTES_MIN);
    struct jwt_keys *keys = xcalloc(1, sizeof(*keys));
    keys->count = 1;
    keys->keys[0] = (struct jwt_key){.algorithm = HS256, .secret = xmalloc(n), .len = n};
    memcpy(keys->keys[0].secret, secret, n);
    *out = keys;
    return 0;
}

struct octets {
    unsigned char *at;
    size_t len;
};

/* A member of a JWK that is base64url; false: absent or not that. */
static bool octets_of(const struct json *jwk, const char *name, struct arena *a,
                      struct octets *out)
{
    const char *text = json_text(json_get(jwk, name));
    return text && base64url_decode(a, text, strlen(text), &out->at, &out->len) == 0;
}

static EVP_PKEY *key_of_params(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_key(const struct json *jwk, struct arena *a)
{
    struct octets n, e;
    if (!octets_of(jwk, "n", a, &n) || !octets_of(jwk, "e", a, &e)) return NULL;
    BIGNUM *modulus = BN_bin2bn(n.at, (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn(e.at, (int)e.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (BN_num_bits(modulus) >= RSA_BITS_MIN && BN_is_odd(exponent) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        key = key_of_params("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *ec_key(const struct json *jwk, struct arena *a)
{
    struct octets x, y;
    unsigned char point[65] = {4}; /* uncompressed */
    if (!octets_of(jwk, "x", a, &x) || !octets_of(jwk, "y", a, &y)) return NULL;
    if (x.len != 32 || y.len != 32) return NULL;
    memcpy(point + 1, x.at, 32);
    memcpy(point + 33, y.at, 32);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1)
        key = key_of_params("EC", build); /* which refuses a point that is not on the curve */
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *ed_key(const struct json *jwk, struct arena *a)
{
    struct octets x;
    if (!octets_of(jwk, "x", a, &x) || x.len != 32) return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.at, x.len);
}

static bool is(const struct json *jwk, const char *name, const char *text)
{
    const char *value = json_text(json_get(jwk, name));
    return value && strcmp(value, text) == 0;
}

static bool may_be(const struct json *jwk, const char *name, const char *text)
{
    return !json_get(jwk, name) || is(jwk, name, text);
}

/* False: a key that is not for us. */
static bool read_key(const struct json *jwk, struct arena *a, struct jwt_key *out)
{
    *out = (struct jwt_key){0};
    if (!may_be(jwk, "use", "sig")) return false;
    if (is(jwk, "kty", "RSA") && may_be(jwk, "alg", "RS256")) {
        out->algorithm = RS256;
        out->key = rsa_key(jwk, a);
    } else if (is(jwk, "kty", "EC") && is(jwk, "crv", "P-256") && may_be(jwk, "alg", "ES256")) {
        out->algorithm = ES256;
        out->key = ec_key(jwk, a);
    } else if (is(jwk, "kty", "OKP") && is(jwk, "crv", "Ed25519") && may_be(jwk, "alg", "EdDSA")) {
        out->algorithm = EDDSA;
        out->key = ed_key(jwk, a);
    }
    if (!out->key) return false;
    const char *id = json_text(json_get(jwk, "kid"));
    if (id) out->id = xstrdup(id);
    return true;
}

int jwt_keys_of_jwks(const char *text, size_t n, struct jwt_keys **out, struct err *err)
{
    auto_arena a;
    arena_init(&a);
    struct json *set;
    if (json_parse(&a, text, n, &set, err) < 0) return err_wrap(err, "JWK set");
    struct jwt_keys *keys = xcalloc(1, sizeof(*keys));
    for (const struct json *k = json_first(json_get(set, "keys")); k; k = json_next(k)) {
        if (keys->count == JWT_KEYS_MAX) break;
        if (read_key(k, &a, &keys->keys[keys->count])) keys->count++;
    }
    if (keys->count == 0) {
        jwt_keys_free(keys);
        return err_set(err, ERR_INVALID,
                       "JWK set: no RSA, P-256 or Ed25519 key for signatures is in it");
    }
    *out = keys;
    return 0;
}

/* --- Signatures --- */

struct parts { /* of a token: header "." claims "." signature */
    const char *signed_text;
    size_t signed_len;
    struct json *header;
    const char *claims;
    size_t claims_len;
    struct octets signature;
};

static bool check_mac(const struct jwt_key *k, const struct parts *p)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!HMAC(EVP_sha256(), k->secret, (int)k->len, (const unsigned char *)p->signed_text,
              p->signed_len, mac, &len))
        return false;
    return p->signature.len == len && CRYPTO_memcmp(mac, p->signature.at, len) == 0;
}

/* JWS has the two numbers side by side, OpenSSL wants them in ASN.1. */
static bool to_der(const struct octets *raw, unsigned char **der, size_t *len)
{
    if (raw->len != ES256_BYTES) return false;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw->at, 32, NULL), BN_bin2bn(raw->at + 32, 32, NULL));
    int n = i2d_ECDSA_SIG(sig, der);
    ECDSA_SIG_free(sig);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool check_signature(const struct jwt_key *k, const struct parts *p)
{
    unsigned char *der = NULL;
    struct octets s = p->signature;
    if (k->algorithm == ES256) {
        if (!to_der(&p->signature, &der, &s.len)) return false;
        s.at = der;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *digest = k->algorithm == EDDSA ? NULL : EVP_sha256();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, digest, NULL, k->key) == 1 &&
              EVP_DigestVerify(ctx, s.at, s.len, (const unsigned char *)p->signed_text,
                               p->signed_len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return ok;
}

static bool is_signed(const struct jwt_keys *keys, const struct parts *p)
{
    const char *id = json_text(json_get(p->header, "kid"));
    for (size_t i = 0; i < keys->count; i++) {
        const struct jwt_key *k = &keys->keys[i];
        if (!is(p->header, "alg", algorithm_names[k->algorithm])) continue;
        if (id && k->id && strcmp(id, k->id) != 0) continue;
        if (k->algorithm == HS256 ? check_mac(k, p) : check_signature(k, p)) return true;
    }
    return false;
}

/* --- Tokens --- */

static int bad(struct err *err, const char *why)
{
    return err_set(err, ERR_DENIED, "token: %s", why);
}

static int take_apart(const char *token, struct arena *a, struct parts *out, struct err *err)
{
    const char *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    unsigned char *header;
    size_t len;
    if (strnlen(token, JWT_TOKEN_BYTES_MAX + 1) > JWT_TOKEN_BYTES_MAX) return bad(err, "too long");
    if (!second || strchr(second + 1, '.')) return bad(err, "not three parts with dots between");
    *out = (struct parts){.signed_text = token, .signed_len = (size_t)(second - token)};
    if (base64url_decode(a, token, (size_t)(first - token), &header, &len) < 0 ||
        json_parse(a, (const char *)header, len, &out->header, NULL) < 0 ||
        !json_is_object(out->header))
        return bad(err, "its header is not base64url of a JSON object");
    unsigned char *claims;
    if (base64url_decode(a, first + 1, (size_t)(second - first - 1), &claims, &out->claims_len) < 0)
        return bad(err, "its claims are not base64url");
    out->claims = (const char *)claims;
    if (base64url_decode(a, second + 1, strlen(second + 1), &out->signature.at,
                         &out->signature.len) < 0)
        return bad(err, "its signature is not base64url");
    if (json_get(out->header, "crit")) return bad(err, "it needs what is not known here (crit)");
    return 0;
}

/* Seconds since 1970, perhaps with a fraction; -1: not there or no such number. */
static int64_t time_of(const struct json *claims, const char *name)
{
    static const int64_t most_s = 253402300799; /* the year 9999 */
    double seconds;
    if (!json_double(json_get(claims, name), &seconds)) return -1;
    if (!(seconds >= 0) || seconds > (double)most_s) return -1;
    return (int64_t)(seconds * 1000);
}

static bool is_for(const struct json *claims, const char *audience)
{
    const struct json *aud = json_get(claims, "aud");
    if (is(claims, "aud", audience)) return true;
    for (const struct json *one = json_is_array(aud) ? json_first(aud) : NULL; one;
         one = json_next(one)) {
        if (json_text(one) && strcmp(json_text(one), audience) == 0) return true;
    }
    return false;
}

static int check_claims(const struct json *claims, int64_t wall_ms, const struct jwt_rules *rules,
                        struct err *err)
{
    int64_t until_ms = time_of(claims, "exp"), from_ms = time_of(claims, "nbf");
    if (until_ms < 0) return bad(err, "it has no time at which it ends (exp)");
    if (wall_ms >= until_ms + rules->leeway_ms) return bad(err, "its time is over (exp)");
    if (json_get(claims, "nbf") && (from_ms < 0 || wall_ms + rules->leeway_ms < from_ms))
        return bad(err, "its time has not begun (nbf)");
    if (rules->issuer && *rules->issuer && !is(claims, "iss", rules->issuer))
        return bad(err, "of another issuer (iss)");
    if (rules->audience && *rules->audience && !is_for(claims, rules->audience))
        return bad(err, "for somebody else (aud)");
    return 0;
}

int jwt_verify(const struct jwt_keys *keys, const char *token, int64_t wall_ms,
               const struct jwt_rules *rules, struct arena *a, struct json **claims,
               struct err *err)
{
    struct parts p;
    struct json *said;
    if (take_apart(token, a, &p, err) < 0) return -1;
    if (!is_signed(keys, &p)) return bad(err, "not signed with a key that is known here");
    if (json_parse(a, p.claims, p.claims_len, &said, NULL) < 0 || !json_is_object(said))
        return bad(err, "its claims are no JSON object");
    if (check_claims(said, wall_ms, rules, err) < 0) return -1;
    *claims = said;
    return 0;
}

char *jwt_sign(const void *secret, size_t n, const struct json *claims, struct arena *a)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    const char *body = json_to_text(a, claims);
    char *text = arena_printf(a, "%s.%s", base64url_encode(a, header, sizeof(header) - 1),
                              base64url_encode(a, body, strlen(body)));
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!HMAC(EVP_sha256(), secret, (int)n, (const unsigned char *)text, strlen(text), mac, &len))
        abort(); /* a lack of memory */
    return arena_printf(a, "%s.%s", text, base64url_encode(a, mac, len));
}
