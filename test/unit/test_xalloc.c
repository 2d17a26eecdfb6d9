#include "lib/xalloc.h"

#include <stdlib.h>

#include "test/check.h"

TEST(xalloc, nothing_at_all_is_still_memory)
{
    auto_free char *a = xmalloc(0), *b = xcalloc(0, 8), *c = xcalloc(8, 0),
                   *d = xrealloc(NULL, 0, 8);
    CHECK(a && b && c && d);
}

TEST(xalloc, calloc_clears)
{
    static const char zeros[64];
    auto_free char *a = xcalloc(8, 8);
    CHECK_MEM(a, zeros, 64);
}

TEST(xalloc, realloc_keeps_what_was_there)
{
    auto_free char *a = xstrdup("abc");
    a = xrealloc(a, 1000, 4);
    CHECK_STR(a, "abc");
}

TEST(xalloc, strndup_takes_n_bytes_and_terminates)
{
    auto_free char *a = xstrndup("abcdef", 3), *b = xstrndup("", 0);
    CHECK_STR(a, "abc");
    CHECK_STR(b, "");
}
