/* test/sim/promises.h: what a session was promised and its children alone do not show: that it runs
 * from the start that its spec asks for, that it ends in time, that numbers and names in statuses
 * are true. Part of expect.h's predicate, and like it without the operator's code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct sim;

/* All of them; false: `why` says which one is broken. */
bool promises_kept(struct sim *sim, char *why, size_t size);
