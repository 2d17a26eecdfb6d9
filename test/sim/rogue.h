/* test/sim/rogue.h: somebody who edits and deletes our children, takes our names, strips labels;
 * also whose foreign labels must survive us.
 */
#pragma once

#include "test/sim/world.h"

#define FOREIGN_LABEL "foreign.example/mark"

struct rogue *rogue_new(struct sim *sim);
void rogue_free(struct rogue *rogue);
void rogue_begin(struct sim *sim);
/* No more mischief; what squats on our names goes away. */
void rogue_heal(struct sim *sim);
/* A finalizer of his on some object of ours; off all of them. */
void rogue_hold(struct sim *sim);
void rogue_let_go(struct sim *sim);
/* Writes the object of a request's path, if it is there, just before the request arrives. */
void rogue_touch(struct sim *sim, const char *path);
unsigned rogue_did(const struct sim *sim); /* how much so far, for a replay */
