#include "lib/crypto.h"

#include "test/check.h"

TEST(crypto, a_digest_is_that_of_the_standard)
{
    static const unsigned char abc[SHA256_BYTES] = {/* FIPS 180-2, B.1 */
                                                    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                                    0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                                    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                                    0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    unsigned char sum[SHA256_BYTES];
    sha256("abc", 3, sum);
    CHECK_MEM(sum, abc, sizeof(abc));
}
