/* test/sim/visitors.h: Connections and TemplateRepositories: who visits a session, where templates
 * would come from; the heartbeats that the API of another replica writes; and what there should be
 * of them when all is quiet.
 */
#pragma once

#include "test/sim/world.h"

/* Something is done with a Connection to the session, or with a repository. */
void connection_act(struct sim *sim, struct rng *rng, const char *ns, const char *session);
void repository_act(struct sim *sim, struct rng *rng, const char *ns);
/* False: why says what is not as it should be. */
bool visitors_met(struct sim *sim, char *why, size_t size);
