/* test/sim/users.h: people with kubectl: they create, delete and create again Sessions and
 * Templates, put them to sleep, wake and end them, and change their minds.
 */
#pragma once

#include "test/sim/world.h"

struct users *users_new(struct sim *sim);
void users_free(struct users *users);
void users_begin(struct sim *sim);
void users_stop(struct sim *sim);
bool users_done(const struct sim *sim); /* they have done all that the plan gives them */

/* Templates of odd numbers know their path. */
bool user_template_is_aware(const char *name);
/* For plans that say each step: */
void user_template(struct sim *sim, const char *ns, const char *name, int variant);
void user_session(struct sim *sim, const char *ns, const char *name, const char *user,
                  const char *template, const char *more_spec); /* ",\"x\":1" or "" */
void user_state(struct sim *sim, const char *ns, const char *name, const char *state);
void user_restart(struct sim *sim, const char *ns, const char *name, int n);
void user_delete(struct sim *sim, const char *plural, const char *ns, const char *name);
void users_delete_all(struct sim *sim); /* Sessions, then Templates */
unsigned users_did(const struct sim *sim); /* how much so far, for a replay */
