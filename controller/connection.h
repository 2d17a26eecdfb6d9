/* controller/connection.h: one Connection: bound to its Session, so that it goes with it; marked
 * stale when no heartbeat has come for settings.connection_stale_ms, disconnected when its session
 * is gone. Pure: the step of step.h.
 */
#pragma once

#include "controller/step.h"

enum step_result connection_step(void *state, struct step_io *io);
