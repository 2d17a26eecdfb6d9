#include "lib/footprint.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "test/check.h"

static char written[] = "a constant that became another";

TEST(footprint, giving_back_loses_nothing_that_was_written_or_is_called)
{
    char *kept[64], *hole[64];
    for (int i = 0; i < 64; i++) {
        kept[i] = xstrdup("what is kept");
        hole[i] = memset(xmalloc(16384), i, 16384);
    }
    for (int i = 0; i < 64; i++) free(hole[i]);
    memcpy(written, "A", 1);
    footprint_trim();
    footprint_forget_start();
    CHECK_STR(written, "A constant that became another");
    for (int i = 0; i < 64; i++) {
        CHECK_STR(kept[i], "what is kept");
        free(kept[i]);
    }
}
