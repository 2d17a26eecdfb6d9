/* lib/crypto.h: SHA-256 over OpenSSL. Pure; any thread. */
#pragma once

#include <stddef.h>

enum { SHA256_BYTES = 32 };

void sha256(const void *bytes, size_t n, unsigned char out[SHA256_BYTES]);
