#include "controller/history.h"

#include <string.h>

#include "lib/kube/rv.h"

/* Known to the cache when we asked, and not as it is now. */
static bool differs(const struct history *then, const struct kube_object *answer)
{
    return strcmp(then->uid, answer->meta.uid) != 0 || kube_rv_cmp(then->rv, answer->meta.rv) != 0;
}

bool history_is_doubtful(const struct history *then, enum kube_verb verb,
                         const struct kube_object *answer)
{
    /* A deletion is answered with the last state or with none, and whose object it is that a
     * creation is answered with cannot be told. */
    if (verb == KUBE_DELETE || verb == KUBE_CREATE) return false;
    if (!then->uid) return false;
    bool same = strcmp(then->uid, answer->meta.uid) == 0;
    if (same && kube_rv_cmp(answer->meta.rv, then->rv) < 0) return true;
    bool both_passed = kube_rv_cmp(answer->meta.rv, then->seen) <= 0 &&
                       kube_rv_cmp(then->rv, then->seen) <= 0;
    return both_passed && differs(then, answer);
}
