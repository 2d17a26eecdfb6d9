#include "cmd/serve_api.h"

#include <stdlib.h>

#include "cmd/commands.h"
#include "lib/files.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/tls.h"
#include "lib/xalloc.h"

enum { THREADS = 64 };
enum { LEEWAY_MS = 30000 }; /* how far the clock of who signs tokens may be off */

/* The last line end of such a file is an editor's, not the secret's. */
static int read_secret(struct serve_api *s, const char *path, struct err *err)
{
    char *text = NULL;
    size_t n = 0;
    if (file_read(path, LIMIT_CREDENTIAL_BYTES, &text, &n, err) < 0) return -1;
    if (n > 0 && text[n - 1] == '\n') n--;
    int rc = jwt_keys_of_secret(text, n, &s->secret, err);
    tls_forget(text);
    return rc < 0 ? err_wrap(err, "%s", path) : 0;
}

static int read_jwks(struct serve_api *s, const char *path, struct err *err)
{
    auto_free char *text = NULL;
    size_t n = 0;
    if (file_read(path, LIMIT_CREDENTIAL_BYTES, &text, &n, err) < 0) return -1;
    int rc = jwt_keys_of_jwks(text, n, &s->jwks, err);
    return rc < 0 ? err_wrap(err, "%s", path) : 0;
}

static int set_auth(struct serve_api *s, const struct config *c, struct err *err)
{
    s->auth = (struct auth_config){
        .open = c->auth_open,
        .rules = {.issuer = c->auth_issuer, .audience = c->auth_audience, .leeway_ms = LEEWAY_MS},
        .user_claim = c->auth_user_claim,
        .role_claim = c->auth_role_claim,
    };
    if (!role_read(c->auth_default_role, &s->auth.default_role)) s->auth.default_role = ROLE_NOBODY;
    if (c->auth_open) return 0;
    if (c->auth_secret_file && read_secret(s, c->auth_secret_file, err) < 0) return -1;
    if (c->auth_jwks_file && read_jwks(s, c->auth_jwks_file, err) < 0) return -1;
    s->auth.secret = s->secret;
    s->auth.jwks = s->jwks;
    return 0;
}

/* Keys that are fetched: from an address, or from the issuer where nothing else is named. */
static int start_fetching(struct serve_api *s, const struct config *c, struct loop *loop,
                          struct err *err)
{
    bool named = c->auth_secret_file || c->auth_jwks_file;
    if (c->auth_open || (!c->auth_jwks_url && (named || !*c->auth_issuer))) return 0;
    if (c->auth_ca_file &&
        file_read(c->auth_ca_file, LIMIT_CREDENTIAL_BYTES, &s->ca, NULL, err) < 0)
        return -1;
    struct jwks_config from = {.url = c->auth_jwks_url, .issuer = c->auth_issuer, .ca = s->ca};
    return jwks_new(&from, loop, &s->fetched, err);
}

int serve_api_start(struct serve_api *s, const struct config *c, const char *ns,
                    struct loop *loop, struct kube_transport *transport, struct rng *rng,
                    struct err *err)
{
    if (!*c->listen) return 0;
    if (set_auth(s, c, err) < 0 || start_fetching(s, c, loop, err) < 0) return -1;
    struct api_config config = {.loop = loop,
                                .transport = transport,
                                .rng = rng,
                                .ns = *c->settings.ns ? c->settings.ns : ns,
                                .template_ns = c->settings.template_namespace,
                                .version = carrel_version,
                                .cors_origins = c->cors_origins,
                                .auth = &s->auth,
                                .jwks = s->fetched,
                                .rate = c->rate_limit,
                                .burst = 4 * c->rate_limit,
                                .open_anywhere = c->open_anywhere};
    s->api = api_new(&config);
    struct server_config server = {.listen = c->listen,
                                   .threads = THREADS,
                                   .body_bytes_max = LIMIT_REQUEST_BODY_BYTES,
                                   .handle = api_handle,
                                   .refuse = api_refuse,
                                   .user = s->api};
    if (server_start(&server, &s->server, err) < 0) return -1;
    if (c->auth_open)
        log_warn("the API asks nobody who they are: whoever reaches it may do anything",
                 kv("listen", c->listen));
    return 0;
}

void serve_api_attach(struct serve_api *s, const struct view *view)
{
    if (s->api) api_attach(s->api, view);
}

void serve_api_stop(struct serve_api *s)
{
    api_stop(s->api); /* who waits is told so, or the server would wait for them */
    server_stop(s->server);
    api_free(s->api);
    jwks_free(s->fetched);
    free(s->ca);
    jwt_keys_free(s->secret);
    jwt_keys_free(s->jwks);
}
