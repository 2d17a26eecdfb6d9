/* controller/session_start.h: what is frozen when a session starts, kept as JSON in an annotation
 * of its Deployment: which revision of the template, what of the Session's spec goes into the pod,
 * when. From it the same pod template can be rendered again and again, so that neither a changed
 * Template, nor a changed Session, nor a newer operator restarts a pod that runs.
 *
 * renderer numbers the way the pod is made of it (session_pod.c). Who changes that way so that an
 * existing pod would differ, raises the number and keeps the old way for the old number. A start of
 * a newer version than ours, which we cannot render, is left alone (session_facts.c).
 * Pure.
 */
#pragma once

#include "controller/kinds.h"
#include "lib/arena.h"
#include "lib/err.h"

enum { SESSION_RENDERER = 1 };

struct session_start {
    char *text;     /* the annotation itself */
    char *revision; /* name of the ControllerRevision */
    char *restart_at; /* the Session's annotation at that time, or NULL */
    int64_t at_ms;  /* wall clock */
    int64_t renderer;
    bool persistent_home;
    char *resources, *env, *parameters; /* JSON texts of the Session's spec, or NULL */
};

/* What a start at wall_ms freezes, to be rendered in that way. */
struct session_start session_start_new(struct arena *a, const struct session *s,
                                       const char *revision, int64_t wall_ms, int renderer);

/* ERR_INVALID: the annotation is not ours any more. */
MUST_CHECK int session_start_read(struct arena *a, const char *text, struct session_start *out,
                                  struct err *err);

/* The Session's spec asks for another pod than the frozen one. */
bool session_start_is_outdated(const struct session_start *start, const struct session *s);
