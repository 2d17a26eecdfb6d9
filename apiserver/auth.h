/* apiserver/auth.h: from a request's credentials to its caller.
 *
 * open: nobody is asked; every caller is an admin without a name. token: a JSON Web Token in
 * `Authorization: Bearer`, signed with one of the keys; its claims say who and with which role.
 * What is wrong with a token is told to its bearer in words, never with the token. Any thread.
 */
#pragma once

#include "apiserver/caller.h"
#include "lib/jwt.h"

struct auth_config { /* all must outlive the auth */
    bool open;
    const struct jwt_keys *secret, *jwks; /* NULL: none of that kind; one there must be */
    struct jwt_rules rules;
    const char *user_claim; /* "sub"; texts with dots lead into objects */
    const char *role_claim; /* "role": a text or a list; the greatest role in it counts */
    enum role default_role; /* of a token without that claim */
};

/* header: Authorization, or NULL. ERR_DENIED with a text for the caller. */
MUST_CHECK int auth_check(const struct auth_config *auth, const char *header, int64_t wall_ms,
                          struct arena *a, struct caller *out, struct err *err);
