/* controller/session_status.h: facts -> the status that a Session deserves. Pure.
 */
#pragma once

#include "controller/session_facts.h"

/* Texts land in the arena or are constants. refused has ROLE_COUNT elements. */
void session_status_make(const struct session_facts *f, const struct refusal *refused,
                         struct step_io *io, struct session_status *out);
