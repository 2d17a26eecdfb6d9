/* controller/session_report.h: a Session's status against the one that stands: does it differ, what
 * is to be told of the difference, and the body that writes it. Pure.
 */
#pragma once

#include "controller/session_facts.h"

/* True where a reader would see a difference. */
bool session_status_differs(const struct session_status *a, const struct session_status *b);

/* Kubernetes events for the transitions between the two. */
void session_status_events(const struct session_facts *f, const struct session_status *before,
                           const struct session_status *after, struct step_io *io);

/* The body of the status' server-side apply. It carries the version that the status was made from:
 * a stale one meets 409. */
char *session_status_body(struct arena *a, const struct session *s,
                          const struct session_status *status);
