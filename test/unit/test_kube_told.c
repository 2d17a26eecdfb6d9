#include "lib/kube/told.h"

#include <string.h>

#include "test/check.h"

TEST(kube_told, the_same_method_path_and_body_are_the_same_request_and_nothing_else_is)
{
    uint64_t one = kube_told_request("PATCH", "/a", "{}", 2);
    CHECK(one == kube_told_request("PATCH", "/a", "{}", 2));
    CHECK(one != kube_told_request("POST", "/a", "{}", 2));
    CHECK(one != kube_told_request("PATCH", "/b", "{}", 2));
    CHECK(one != kube_told_request("PATCH", "/a", "[]", 2));
    CHECK(one != kube_told_request("PATCH", "/a", NULL, 0));
}

TEST(kube_told, a_request_may_go_when_its_time_has_come_and_others_at_once)
{
    static struct kube_told t;
    memset(&t, 0, sizeof(t));
    CHECK_INT(kube_told_until(&t, 1, 0), 0);
    kube_told_keep(&t, 1, 500, 100);
    CHECK_INT(kube_told_until(&t, 1, 499), 500);
    CHECK_INT(kube_told_until(&t, 1, 500), 0);
    CHECK_INT(kube_told_until(&t, 2, 100), 0);
    CHECK_INT(t.latest_ms, 500);
}

TEST(kube_told, the_last_word_counts_and_what_is_over_is_forgotten)
{
    static struct kube_told t;
    memset(&t, 0, sizeof(t));
    kube_told_keep(&t, 1, 500, 100);
    kube_told_keep(&t, 1, 300, 110);
    CHECK_INT(kube_told_until(&t, 1, 120), 300);
    CHECK_INT(t.count, 1);
    kube_told_keep(&t, 2, 900, 300);
    CHECK_INT(t.count, 1);
    kube_told_keep(&t, 3, 300, 300); /* no wait at all */
    CHECK_INT(t.count, 1);
}

TEST(kube_told, with_no_place_left_the_one_that_may_go_first_is_forgotten)
{
    static struct kube_told t;
    memset(&t, 0, sizeof(t));
    for (int i = 0; i < KUBE_TOLD_MAX; i++) kube_told_keep(&t, (uint64_t)i, 1000 + i, 0);
    kube_told_keep(&t, 9999, 5000, 0);
    CHECK_INT(t.count, KUBE_TOLD_MAX);
    CHECK_INT(kube_told_until(&t, 0, 0), 0);
    CHECK_INT(kube_told_until(&t, 1, 0), 1001);
    CHECK_INT(kube_told_until(&t, 9999, 0), 5000);
}
