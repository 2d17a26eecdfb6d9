/* controller/session_status.h: facts -> the Session's status, and from the difference to the one
 * that stands, whether to write it and what to tell. Pure.
 */
#pragma once

#include "controller/session_facts.h"

/* The status that the facts deserve. Texts land in the arena or are constants. refused has
 * ROLE_COUNT elements. */
void session_status_make(const struct session_facts *f, const struct refusal *refused,
                         struct step_io *io, struct session_status *out);

/* True where a reader would see a difference. */
bool session_status_differs(const struct session_status *a, const struct session_status *b);

/* Kubernetes events for the transitions between the two. */
void session_status_events(const struct session_facts *f, const struct session_status *before,
                           const struct session_status *after, struct step_io *io);

/* The body of the status' server-side apply. */
char *session_status_body(struct arena *a, const struct session *s,
                          const struct session_status *status);

/* Something in Ready stands in the way of a person: not merely on its way, not asked to sleep. */
bool session_reason_is_trouble(const char *reason);
