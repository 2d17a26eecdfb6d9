/* apiserver/caller.h: who asks, and what they may. Pure.
 *
 *   viewer    sees its own sessions and the templates, changes nothing
 *   user      and changes its own sessions
 *   operator  sees and changes everybody's sessions; sees nodes and logs
 *   admin     and changes templates and repositories
 */
#pragma once

#include <stdbool.h>

enum role { ROLE_NOBODY, ROLE_VIEWER, ROLE_USER, ROLE_OPERATOR, ROLE_ADMIN };

struct caller {
    enum role role;
    char name[64]; /* a Session's spec.user; "" in open mode, where nobody says who asks */
};

const char *role_name(enum role role);
bool role_read(const char *text, enum role *out); /* false: there is no such role */

/* Whether the caller may look at, and change, what belongs to that user. */
bool caller_may_see(const struct caller *c, const char *user);
bool caller_may_change(const struct caller *c, const char *user);
