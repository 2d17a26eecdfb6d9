/* test/sim/mangle.h: answers that are no answers: cut, of another kind, a Status or a Table where
 * an object was asked for, a proxy's page in HTML.
 */
#pragma once

#include "test/sim/wire_in.h"

/* What comes in the place of an answer; its body in the arena. */
struct store_answer mangle_answer(struct sim *sim, const struct store_answer *answer);
