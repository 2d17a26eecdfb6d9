#include "lib/kube/rv.h"

#include <stddef.h>

#include "test/check.h"

TEST(kube_rv, a_version_is_at_most_39_digits_without_a_leading_zero)
{
    static const char *const good[] = {"1", "10", "18446744073709551616",
                                       "340282366920938463463374607431768211455"};
    static const char *const bad[] = {"",    "0",   "01",  "-1",   "+1", "1 ", " 1",
                                      "1.0", "1e3", "0x1", "abc",  "1\n",
                                      "3402823669209384634633746074317682114550"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) CHECK(kube_rv_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) CHECK(!kube_rv_valid(bad[i]));
}

TEST(kube_rv, versions_compare_as_numbers_of_any_size)
{
    static const char *const rising[] = {
        "",    "1", "2", "9", "10", "11", "99", "100", "9223372036854775807", "9223372036854775808",
        "18446744073709551615", "18446744073709551616", "340282366920938463463374607431768211455"};
    int n = sizeof(rising) / sizeof(*rising);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
            int cmp = kube_rv_cmp(rising[i], rising[k]);
            CHECK_INT((cmp > 0) - (cmp < 0), (i > k) - (i < k));
        }
    }
}
