/* cmd/serve_api.h: the API within `carrel serve`: its keys, its server. All of it on the loop's
 * thread, and a zeroed struct is one that was not started: where no address was given, all calls do
 * nothing.
 */
#pragma once

#include "apiserver/api.h"
#include "controller/config.h"

struct serve_api {
    struct auth_config auth;
    struct jwt_keys *secret, *jwks;
    char *ca;
    struct jwks *fetched;
    struct api *api;
    struct server *server;
};

/* Reads the files with keys, and listens. ns: for Sessions that name none, where the configuration
 * has none either. */
MUST_CHECK int serve_api_start(struct serve_api *s, const struct config *config, const char *ns,
                               struct loop *loop, struct kube_transport *transport,
                               struct rng *rng, struct err *err);
void serve_api_attach(struct serve_api *s, const struct view *view); /* api_attach */
void serve_api_stop(struct serve_api *s); /* after the loop has ended for good */
