/* apiserver/api.h: the API as one value: a handler for lib/serve/server.h, and what it stands on.
 *
 * Its handler runs on the server's threads; it reads from snapshots (snapshot.h) and has its writes
 * made by the loop (ask.h). Every replica answers, whether it leads or not.
 */
#pragma once

#include "apiserver/auth.h"
#include "apiserver/jwks.h"
#include "controller/view.h"
#include "lib/kube/transport.h"
#include "lib/loop.h"
#include "lib/rng.h"
#include "lib/serve/server.h"

struct api;

struct api_config { /* all must outlive the api */
    struct loop *loop;
    struct kube_transport *transport;
    struct rng *rng; /* the loop's */
    const char *ns;  /* where a Session is that names no namespace */
    const char *template_ns; /* where Templates for all are; "" for none */
    const char *version;
    const char *cors_origins;  /* "https://a.example,https://b.example"; "" for none */
    const struct auth_config *auth;
    struct jwks *jwks; /* where its keys come from besides; NULL: nowhere */
    double rate, burst; /* requests a second of one caller who has said who he is; 0: any */
    bool open_anywhere; /* in open mode, without it only those are served who ask for this machine
                         * by Host */
};

struct api *api_new(const struct api_config *config);
/* On the loop: whose caches are read from now on; NULL before they go away. */
void api_attach(struct api *api, const struct view *view);
/* After the loop has ended for good: who waits is told so. */
void api_stop(struct api *api); /* NULL is fine */
void api_free(struct api *api); /* when the server has stopped; NULL is fine */

/* server_config.handle and .refuse; user is the api. */
void api_handle(void *user, const struct server_request *request, struct server_reply *reply);
void api_refuse(void *user, struct server_reply *reply, const char *text);
