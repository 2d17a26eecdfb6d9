#include "lib/crypto.h"

#include <openssl/evp.h>
#include <stdlib.h>

void sha256(const void *bytes, size_t n, unsigned char out[SHA256_BYTES])
{
    if (EVP_Digest(bytes, n, out, NULL, EVP_sha256(), NULL) != 1) abort(); /* a lack of memory */
}
