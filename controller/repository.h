/* controller/repository.h: one TemplateRepository: accepted, and shown as Pending until something
 * syncs it. Pure: the step of step.h.
 */
#pragma once

#include "controller/step.h"

enum step_result repository_step(void *state, struct step_io *io);
