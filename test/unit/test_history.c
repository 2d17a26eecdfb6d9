/* What an answer says against the caches. */
#include "controller/history.h"

#include "lib/str.h"
#include "test/check.h"

static struct history then(const char *seen, const char *uid, const char *rv)
{
    struct history h = {.uid = uid};
    str_copy(h.seen, sizeof(h.seen), seen);
    str_copy(h.rv, sizeof(h.rv), rv);
    return h;
}

static bool doubtful(struct history h, enum kube_verb verb, const char *uid, const char *rv)
{
    struct kube_object o = {0};
    o.meta.uid = (char *)(uintptr_t)uid;
    o.meta.rv = (char *)(uintptr_t)rv;
    return history_is_doubtful(&h, verb, &o);
}

TEST(history, what_the_watch_has_passed_is_as_the_cache_has_it_or_it_is_doubtful)
{
    struct history h = then("50", "a", "40");
    CHECK(!doubtful(h, KUBE_GET, "a", "40"));
    CHECK(doubtful(h, KUBE_GET, "a", "39"));
    CHECK(doubtful(h, KUBE_GET, "a", "45")); /* the watch would have told */
    CHECK(doubtful(h, KUBE_GET, "b", "30"));
    CHECK(doubtful(h, KUBE_GET, "b", "45"));
    CHECK(doubtful(h, KUBE_APPLY, "a", "45"));
    CHECK(!doubtful(h, KUBE_APPLY, "a", "40")); /* it changed nothing */
}

TEST(history, what_is_news_to_the_watch_says_nothing)
{
    struct history h = then("50", "a", "40");
    CHECK(!doubtful(h, KUBE_GET, "a", "51"));
    CHECK(!doubtful(h, KUBE_GET, "b", "51"));
    CHECK(!doubtful(h, KUBE_APPLY, "a", "51"));
    CHECK(!doubtful(then("50", NULL, ""), KUBE_GET, "a", "30")); /* without our labels */
    CHECK(!doubtful(h, KUBE_DELETE, "a", "39")); /* the last state, by whatever server */
    CHECK(!doubtful(h, KUBE_CREATE, "a", "39")); /* perhaps an answer to somebody else */
}

TEST(history, what_an_answer_had_brought_does_not_become_older)
{
    struct history h = then("50", "a", "70");
    CHECK(!doubtful(h, KUBE_GET, "a", "70"));
    CHECK(doubtful(h, KUBE_GET, "a", "65"));
    CHECK(!doubtful(h, KUBE_GET, "b", "71"));
    CHECK(!doubtful(h, KUBE_GET, "b", "45")); /* perhaps, but the watch has not passed 70 */
}
