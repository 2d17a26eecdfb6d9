/* test/sim/pods.h: the life of a pod, as scheduler and kubelet lead it: unscheduled, pulling its
 * image, running, ready, gone; with the troubles that pods have.
 */
#pragma once

#include "test/sim/world.h"

struct pods;

struct pods *pods_new(struct sim *sim);
void pods_free(struct pods *pods);
void pods_seen(struct pods *pods, const struct store_commit *commit);
void pods_restored(struct pods *pods); /* the kubelet begins anew with what there is */
void pods_heal(struct pods *pods);
bool pod_is_ready(const struct store_object *pod);
bool pod_has_failed(const struct store_object *pod);
/* Some pod of the session with that uid has been ready. */
bool pods_session_was_ready(const struct pods *pods, const char *session_uid);
