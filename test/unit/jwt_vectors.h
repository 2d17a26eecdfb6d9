/* test/unit/jwt_vectors.h: a JWK set and tokens that Python's cryptography has made; the private
 * keys were thrown away. JWKS holds, besides a key of each kind, four that are not to be taken: a
 * secret, one for encryption, a small one, and a point that is not on its curve.
 */
#pragma once

#define JWT_SECRET "0123456789abcdef0123456789abcdef"

static const char JWKS[] =
    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"},{\"kty\":\"RSA\",\"kid\":\"enc\",\"u"
    "se\":\"enc\",\"alg\":\"RS256\",\"n\":\"tUMlzQKcmzToEmP2L24FjNrgT81fM8w-KK0iY0llHDs5Q"
    "BrkXeiHJctE75OEySwVNjYg_IzJl_kAkaykn3I1oBW856v4IhFd14iSjGQ5XXbY_8gJOPf3R84-k4wIxQuQu"
    "BksLSvgUuyfjGfvEU4Bb1AmtkX-3BqGLsUKoqrD7OMEEn8OPQKq3NkDRKqy34wQ-ukvO0EwuE1QrnplyVIEM"
    "0s6x4CMayMWrA8ODREJNcELCTHybCSmt_HBTZozxi3Qvu26XKOxG7QAgvkgBT_rpPASwMlge2GAs17PjXukB"
    "rh0JAYK_MPYx18d-IYPVr1V6BdTtASJGu4M61Ttl1kamQ\",\"e\":\"AQAB\"},{\"kty\":\"RSA\",\"k"
    "id\":\"s\",\"n\":\"zzgtmf5azgkd6wXyjkUpQ_c6rc_Zu622qywcCwUppaZCNMhw5_yr5IorbdYQ6GHYb"
    "O8UMKTIZ0E4C4Xz6J9R_94yeRq8gzjnTgUrXN8y6rCJfy97Qxo-12twL1hdnqIAPKtey5RKIOf8msMfdha4O"
    "_bewgmcp4F1utPVdCsjWIM\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":"
    "\"off\",\"x\":\"z8EGZ3cF5shuu6IgYpOG18pa7rNPjP1BMGA3LxAbQJk\",\"y\":\"naE75wb-lHL0PP"
    "0m59R4h-PV-jWmkqGbup9k8nQvVX4\"},{\"kty\":\"RSA\",\"kid\":\"r\",\"use\":\"sig\",\"al"
    "g\":\"RS256\",\"n\":\"tUMlzQKcmzToEmP2L24FjNrgT81fM8w-KK0iY0llHDs5QBrkXeiHJctE75OEyS"
    "wVNjYg_IzJl_kAkaykn3I1oBW856v4IhFd14iSjGQ5XXbY_8gJOPf3R84-k4wIxQuQuBksLSvgUuyfjGfvEU"
    "4Bb1AmtkX-3BqGLsUKoqrD7OMEEn8OPQKq3NkDRKqy34wQ-ukvO0EwuE1QrnplyVIEM0s6x4CMayMWrA8ODR"
    "EJNcELCTHybCSmt_HBTZozxi3Qvu26XKOxG7QAgvkgBT_rpPASwMlge2GAs17PjXukBrh0JAYK_MPYx18d-I"
    "YPVr1V6BdTtASJGu4M61Ttl1kamQ\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"k"
    "id\":\"e\",\"x\":\"z8EGZ3cF5shuu6IgYpOG18pa7rNPjP1BMGA3LxAbQJk\",\"y\":\"naE75wb-lHL"
    "0PP0m59R4h-PV-jWmkqGbup9k8nQvVX0\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"d"
    "\",\"x\":\"G2nEZoN3CoZldg0u47dJFdfiOWXsfiNTTqkxUY9ZfWk\"}]}";

static const char JWKS_NONE[] =
    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"},{\"kty\":\"RSA\",\"kid\":\"enc\",\"u"
    "se\":\"enc\",\"alg\":\"RS256\",\"n\":\"tUMlzQKcmzToEmP2L24FjNrgT81fM8w-KK0iY0llHDs5Q"
    "BrkXeiHJctE75OEySwVNjYg_IzJl_kAkaykn3I1oBW856v4IhFd14iSjGQ5XXbY_8gJOPf3R84-k4wIxQuQu"
    "BksLSvgUuyfjGfvEU4Bb1AmtkX-3BqGLsUKoqrD7OMEEn8OPQKq3NkDRKqy34wQ-ukvO0EwuE1QrnplyVIEM"
    "0s6x4CMayMWrA8ODREJNcELCTHybCSmt_HBTZozxi3Qvu26XKOxG7QAgvkgBT_rpPASwMlge2GAs17PjXukB"
    "rh0JAYK_MPYx18d-IYPVr1V6BdTtASJGu4M61Ttl1kamQ\",\"e\":\"AQAB\"},{\"kty\":\"RSA\",\"k"
    "id\":\"s\",\"n\":\"zzgtmf5azgkd6wXyjkUpQ_c6rc_Zu622qywcCwUppaZCNMhw5_yr5IorbdYQ6GHYb"
    "O8UMKTIZ0E4C4Xz6J9R_94yeRq8gzjnTgUrXN8y6rCJfy97Qxo-12twL1hdnqIAPKtey5RKIOf8msMfdha4O"
    "_bewgmcp4F1utPVdCsjWIM\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":"
    "\"off\",\"x\":\"z8EGZ3cF5shuu6IgYpOG18pa7rNPjP1BMGA3LxAbQJk\",\"y\":\"naE75wb-lHL0PP"
    "0m59R4h-PV-jWmkqGbup9k8nQvVX4\"}]}";

static const char TOKEN_RS256[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY"
    "2FycmVsIiwib3RoZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDB9."
    "nn3V8KwL1uaszyDm1bF3Er7speLZUeIx7B0ssba5Hk_3ta1AJXR_4dgayCbyHVWDPk1AaTyCdBVU3ot_qzUK"
    "hSaZKjllHrB5SZoxm94PbpDna0hNxNavNinfcSuuNoPBXZxYjNqwkNZlOjIKWxOCQqi0mlWAVfqChy1UuG_F"
    "-x2IJd5QAODhVci8-u9sbH2OCSbn-t7-h8q1JEuYkicUeV7t1wSDTZz6PClXxhYhg0AtVydmoePiM2hdUnnV"
    "3h5zQIOe1pBctBLOjJ2YYEMBukZlwZRHohFD_5RJlRYQuCHJsT0yXtyYh4_BEpBxleWIBz3aqh1DRcbRSzQt"
    "EYsBMA";

static const char TOKEN_ES256[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY"
    "2FycmVsIiwib3RoZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDB9."
    "vjosiMmNb4TGOKoOczF6ALvUZJcqVVCS-Zpc2_Ld6Q-WKhMfd4zOdA2n_Oz1dlU-4AB6SSckWCWaD3v5Wlmr"
    "RQ";

static const char TOKEN_EDDSA[] =
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY"
    "2FycmVsIiwib3RoZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDB9."
    "BlZONtpYISc6lifsmcxPuoOzyfVUGOVwhdlFQ_zNzFrxoemg2_gCcknPpUpwoeY905sCoBOJ9pL8TR9tTTkl"
    "Bg";

static const char TOKEN_ES256_NO_ID[] =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY2FycmVsIiwib3R"
    "oZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDB9.EqRBlcEhByUSsb"
    "I8ss98CLYULhAsgfUFAdTJ4SAjDhKrn2jRCRtyUvwwxJ6MYyjyO_7lUK_T4JEneN6JwkMLYg";

static const char TOKEN_ES256_OF_OTHER[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY"
    "2FycmVsIiwib3RoZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDB9."
    "r9X4cttmZYfDVEhgln7evFPJr1s1vRTnVNc6Y5j-g27gysoMyxvI8e9eXX2ruXJ1YUFoJ_j0UW9GO75Wjqmy"
    "xw";

static const char TOKEN_ES256_DER[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY"
    "2FycmVsIiwib3RoZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDB9."
    "MEUCIQDOCteJ---ySD_sMtHAPcDZ3yLxHmVpwBVDs1KsLsTIDgIgGm5jYA2_yQJPJa7D8zsDA8Bv7MaMOkAX"
    "xQGklDPAZ_Q";

static const char TOKEN_HS256[] =
    "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY2FycmVsIiwib3R"
    "oZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDB9.u-SHnd99-yqwU5"
    "5hdleuyz4YuQSpg_n-TlpGN7njxA0";

static const char TOKEN_HS256_BY_MODULUS[] =
    "eyJhbGciOiJIUzI1NiIsImtpZCI6InIifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY"
    "2FycmVsIiwib3RoZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDB9."
    "Vo4MeiMeyOK6zttcdIh7rkp3SKSC0BwZkvb_37TPz54";

static const char TOKEN_NONE[] =
    "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOlsiY2FycmVsIiwib3Ro"
    "ZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDAwMDB9.";

static const char TOKEN_CRIT[] =
    "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiZXhwIl19.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQ"
    "iOlsiY2FycmVsIiwib3RoZXIiXSwic3ViIjoiYW5uIiwiZXhwIjoxODAwMDAwMDAwLCJuYmYiOjE3MDAwMDA"
    "wMDB9.lSpSZm7LUwxfD6Ev2ZSIGp0ExLrHduuhz3e3Uy_Nis8";

static const char TOKEN_NO_EXP[] =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.oXgO8QuXJbN8wPn7kSrx5AOcdGI8kDZGnGeb3CZe5bM";

static const char TOKEN_ODD_EXP[] =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOiIxODAwMDAwMDAwIn0.zOSZHU8gNIsyPqmQt2N"
    "moKSXFZ8aLFgIvIIn5KipnwY";

static const char TOKEN_FRACTION[] =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOjE4MDAwMDAwMDAuNX0.Z_cIR_sm9GOT_wDH7Ac"
    "eBxcPVmxjc7KaiWTrqyLMLqs";

static const char TOKEN_NOT_JSON[] =
    "eyJhbGciOiJIUzI1NiJ9.WzFd.Rpo2xEeZb82BajcqCRZiv6-7XSeJtl-nG9oRPwQkdwo";
