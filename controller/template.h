/* controller/template.h: one Template judged and frozen: validity, message and number of sessions
 * into its status; its spec into a ControllerRevision, which stays as long as the Template or a
 * session's Deployment names it. Pure: the step of step.h.
 */
#pragma once

#include "controller/kinds.h"
#include "controller/step.h"

enum step_result template_step(void *state, struct step_io *io);

/* Name of the revision that freezes this spec: the template's name and a hash of the spec's
 * members, whatever their order. NULL: the spec is no JSON. */
char *template_revision_name(struct arena *a, const char *name, const char *spec);

/* How many sessions would find this template under their spec.template. */
int64_t template_count_sessions(const struct view *view, const struct template *t);
