/* controller/wake.h: which change wakes which key of which controller. Pure: it looks at the change
 * and at the indexes of the view, and calls wake for each key.
 *
 *   change of …        wakes
 *   Session            itself; others that claim its host; its Connections; its Template's count
 *   Template           itself; the sessions that would start from it; the shared one that it hides
 *   ControllerRevision its Template; the sessions that wait for it
 *   child, Pod         its Session, by the child's name or the pod's label, whoever owns it
 *   home claim         its user's sessions
 *   Connection         itself, and its Session when the first comes or the last goes
 */
#pragma once

#include "controller/view.h"
#include "lib/workq.h"

enum controller_id {
    CONTROLLER_SESSION,
    CONTROLLER_TEMPLATE,
    CONTROLLER_CONNECTION,
    CONTROLLER_REPOSITORY,
    CONTROLLER_COUNT
};

/* When a revision may have become unused: not at once, for many may in the same moment. */
enum { WAKE_PRUNE_MS = 5000 };

struct wake { /* whom to call, and what the change asks for */
    void (*call)(void *user, enum controller_id controller, const char *key, int64_t delay_ms,
                 enum workq_prio prio);
    void *user;
};

/* before NULL: the object is new; after NULL: it is gone. */
void wake_for_change(const struct view *view, const struct kube_object *before,
                     const struct kube_object *after, const struct wake *wake);
