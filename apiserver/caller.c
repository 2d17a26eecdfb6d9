#include "apiserver/caller.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [ROLE_NOBODY] = "nobody",     [ROLE_VIEWER] = "viewer", [ROLE_USER] = "user",
    [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin",
};

const char *role_name(enum role role)
{
    return names[role];
}

bool role_read(const char *text, enum role *out)
{
    for (enum role r = ROLE_VIEWER; r <= ROLE_ADMIN; r++) {
        if (strcmp(names[r], text) != 0) continue;
        *out = r;
        return true;
    }
    return false;
}

static bool is_own(const struct caller *c, const char *user)
{
    return *c->name && user && strcmp(c->name, user) == 0;
}

bool caller_may_see(const struct caller *c, const char *user)
{
    return c->role >= ROLE_OPERATOR || (c->role >= ROLE_VIEWER && is_own(c, user));
}

bool caller_may_change(const struct caller *c, const char *user)
{
    return c->role >= ROLE_OPERATOR || (c->role >= ROLE_USER && is_own(c, user));
}
