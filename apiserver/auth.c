#include "apiserver/auth.h"

#include <string.h>
#include <strings.h>

#include "apiserver/user_name.h"

static const char *bearer_of(const char *header)
{
    if (!header || strncasecmp(header, "Bearer ", 7) != 0) return NULL;
    const char *token = header + 7;
    while (*token == ' ') token++;
    return *token ? token : NULL;
}

static enum role greater(enum role a, enum role b)
{
    return a > b ? a : b;
}

/* Words that name no role give none: a list of groups may hold anything. */
static enum role role_in(const struct json *claim)
{
    enum role best = ROLE_NOBODY, one;
    if (json_is_text(claim)) return role_read(json_text(claim), &one) ? one : ROLE_NOBODY;
    for (const struct json *item = json_is_array(claim) ? json_first(claim) : NULL; item;
         item = json_next(item)) {
        if (json_text(item) && role_read(json_text(item), &one)) best = greater(best, one);
    }
    return best;
}

static int read_claims(const struct auth_config *auth, const struct json *claims,
                       struct caller *out, struct err *err)
{
    const char *id = json_text(json_path(claims, auth->user_claim));
    const struct json *role = json_path(claims, auth->role_claim);
    if (!id || !*id)
        return err_set(err, ERR_DENIED, "token: it does not say who you are (%s)",
                       auth->user_claim);
    user_name(id, out->name);
    out->role = role ? role_in(role) : auth->default_role;
    if (out->role == ROLE_NOBODY)
        return err_set(err, ERR_DENIED, "token: it gives you no role (%s)", auth->role_claim);
    return 0;
}

int auth_check(const struct auth_config *auth, const char *header, int64_t wall_ms,
               struct arena *a, struct caller *out, struct err *err)
{
    struct json *claims = NULL;
    *out = (struct caller){.role = auth->open ? ROLE_ADMIN : ROLE_NOBODY};
    if (auth->open) return 0;
    const char *token = bearer_of(header);
    if (!token) return err_set(err, ERR_DENIED, "send Authorization: Bearer and a token");
    int rc = -1;
    if (auth->jwks) rc = jwt_verify(auth->jwks, token, wall_ms, &auth->rules, a, &claims, err);
    if (rc < 0 && auth->secret)
        rc = jwt_verify(auth->secret, token, wall_ms, &auth->rules, a, &claims, err);
    return rc < 0 ? -1 : read_claims(auth, claims, out, err);
}
