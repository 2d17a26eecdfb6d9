/* controller/history.h: when an answer contradicts the caches, so that etcd may have been restored
 * from a backup.
 *
 * Versions of a cluster only grow. A write, and a read that names no version, are answered with
 * what etcd has then; so that is never a state which the watch of its kind had passed long ago,
 * unless the cache has just that state. Where it is, either the versions have gone back, and what
 * the caches hold is of a history that was undone: objects that were never made, others that live
 * again. Or the watch has missed an event. kube_reflector_doubt finds out which.
 *
 * Pure. Kubernetes: resource versions are comparable within a kind (KEP-5504).
 */
#pragma once

#include <stdbool.h>

#include "lib/kube/client.h"
#include "lib/kube/store.h"

struct history { /* what was known when a request was sent */
    char seen[KUBE_RV_SIZE]; /* by the watch of the kind; "": nothing */
    char rv[KUBE_RV_SIZE];   /* of the object that is meant; "": the cache had none */
    const char *uid;         /* of the same; borrowed; NULL: the cache had none */
};

/* answer: the object that came back, of that kind and name. */
bool history_is_doubtful(const struct history *then, enum kube_verb verb,
                         const struct kube_object *answer);
