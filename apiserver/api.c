#include "apiserver/api.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/api_parts.h"
#include "apiserver/origin.h"
#include "lib/clock.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/metrics.h"
#include "lib/xalloc.h"

enum { ID_SIZE = 65 };

/* --- Who asks --- */

/* In open mode a page that somebody's browser shows must not reach us by a name of its own. */
static bool check_host(struct api_request *r)
{
    const char *host = server_header(r->http, "Host");
    if (!r->api->config.auth->open || r->api->config.open_anywhere) return true;
    if (host && host_is_loopback(host)) return true;
    problem_reply(
        r->reply, 421, "wrong-host", NULL,
        "without authentication this is answered to localhost and 127.0.0.1 alone, not to "
        "\"%.100s\"",
        host ? host : "");
    return false;
}

static bool check_origin(struct api_request *r)
{
    const char *origin = server_header(r->http, "Origin"), *host = server_header(r->http, "Host");
    if (!origin) return true;
    if (origin_is_listed(origin, r->api->config.cors_origins)) {
        server_reply_header(r->reply, "Access-Control-Allow-Origin", origin);
        server_reply_header(r->reply, "Vary", "Origin");
        server_reply_header(r->reply, "Access-Control-Expose-Headers",
                            "ETag, Location, Retry-After, X-Request-ID");
        return true;
    }
    if (origin_is_own(origin, host ? host : "")) return true;
    problem_reply(r->reply, 403, "foreign-origin", NULL,
                  "a page of %.100s may not ask: name it in --cors-origins", origin);
    return false;
}

static bool reply_no_keys(struct api_request *r)
{
    problem_reply(r->reply, 503, "not-ready", NULL,
                  "the keys of who signs tokens have not come yet; ask again in a while");
    server_reply_header(r->reply, "Retry-After", "5");
    return false;
}

static bool authenticate(struct api_request *r)
{
    struct err err;
    const char *header = server_header(r->http, "Authorization");
    if (!check_host(r)) return false;
    struct auth_config auth = *r->api->config.auth;
    struct jwks *jwks = r->api->config.jwks;
    const struct jwks_set *set = jwks ? jwks_take(jwks) : NULL;
    if (set) auth.jwks = set->keys;
    if (!auth.open && !auth.jwks && !auth.secret) return reply_no_keys(r);
    int rc = auth_check(&auth, header, clock_wall_ms(), r->arena, &r->caller, &err);
    jwks_give_back(set);
    if (rc == 0) return true;
    if (jwks && header) jwks_missed(jwks);
    problem_reply(r->reply, 401, "not-authenticated", NULL, "%s", err.text);
    server_reply_header(r->reply, "WWW-Authenticate",
                        header ? "Bearer error=\"invalid_token\"" : "Bearer");
    return false;
}

/* --- One request --- */

/* The caller's own where it is one that can be shown anywhere. */
static const char *id_of(const struct server_request *http)
{
    const char *given = server_header(http, "X-Request-ID");
    size_t n = given ? strspn(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-_.") : 0;
    if (n > 0 && n < ID_SIZE && !given[n]) return arena_strdup(http->arena, given);
    unsigned char bytes[8];
    rng_bytes(bytes, sizeof(bytes));
    char *id = arena_alloc(http->arena, 2 * sizeof(bytes) + 1);
    for (size_t i = 0; i < sizeof(bytes); i++) format(id + 2 * i, 3, "%02x", bytes[i]);
    return id;
}

static void reply_no_route(struct api_request *r, enum route_found found, const char *allowed)
{
    if (found == ROUTE_NO_PATH) {
        problem_reply(r->reply, 404, "no-such-path", NULL,
                      "there is no %s; /openapi.json lists what there is", r->http->path);
        return;
    }
    server_reply_header(r->reply, "Allow", allowed);
    problem_reply(r->reply, 405, "no-such-method", NULL, "%s takes %s", r->http->path, allowed);
}

static void reply_preflight(struct api_request *r, const char *allowed)
{
    r->reply->code = 204;
    server_reply_header(r->reply, "Allow", allowed);
    server_reply_header(r->reply, "Access-Control-Allow-Methods", allowed);
    server_reply_header(r->reply, "Access-Control-Allow-Headers",
                        "Authorization, Content-Type, If-Match, If-None-Match, X-Request-ID");
    server_reply_header(r->reply, "Access-Control-Max-Age", "600");
}

static bool has_json_body(struct api_request *r)
{
    const char *type = server_header(r->http, "Content-Type");
    if (type && strncasecmp(type, "application/json", 16) == 0) return true;
    if (type && strncasecmp(type, "application/merge-patch+json", 28) == 0) return true;
    problem_reply(r->reply, 415, "not-json", NULL, "send it with Content-Type: application/json");
    return false;
}

static bool may_call(struct api_request *r, const struct api_route *route)
{
    if (r->caller.role >= route->role) return true;
    problem_reply(r->reply, 403, "not-allowed", NULL, "this takes the role %s, and you have %s",
                  role_name(route->role), role_name(r->caller.role));
    return false;
}

/* By name where there is one; in open mode nobody is counted. Bad tokens are, by address. */
static bool is_often(struct api_request *r, const char *who)
{
    if (r->api->config.auth->open) return false;
    int64_t wait_ms = rates_take(r->api->rates, who, clock_ms());
    if (wait_ms == 0) return false;
    char seconds[24];
    format(seconds, sizeof(seconds), "%lld", (long long)((wait_ms + 999) / 1000));
    problem_reply(r->reply, 429, "too-often", NULL, "you ask too often; ask again in %s s",
                  seconds);
    server_reply_header(r->reply, "Retry-After", seconds);
    return true;
}

/* A misspelt dryRun must not be done for real. */
static bool check_params(struct api_request *r, const struct api_route *route)
{
    const char *odd = route_odd_param(route, &r->query);
    const char *dry = query_get(&r->query, "dryRun");
    if (odd) {
        problem_reply(r->reply, 400, "invalid-parameter", odd,
                      "%.64s: there is no such parameter here", odd);
    } else if (route->params && dry && strcmp(dry, "All") != 0) {
        problem_reply(r->reply, 400, "invalid-parameter", "dryRun",
                      "dryRun: write All, or leave it out");
    } else {
        return true;
    }
    return false;
}

static void answer(struct api_request *r)
{
    struct route_match match;
    struct err err;
    enum route_found found = route_find(api_routes, api_route_count, r->http->method, r->http->path,
                                        r->arena, &match);
    if (!check_origin(r)) return;
    if (found == ROUTE_NO_METHOD && strcmp(r->http->method, "OPTIONS") == 0) {
        reply_preflight(r, match.allowed);
        return;
    }
    if (found != ROUTE_FOUND) {
        reply_no_route(r, found, match.allowed);
        return;
    }
    memcpy(r->param, match.param, sizeof(r->param));
    if (query_parse(r->arena, r->http->query, &r->query, &err) < 0) {
        problem_reply(r->reply, 400, "invalid-parameter", NULL, "%s", err.text);
        return;
    }
    if (!check_params(r, match.route)) return;
    if (match.route->role != ROLE_NOBODY) {
        bool known = authenticate(r);
        if (is_often(r, known ? r->caller.name : r->http->remote) || !known) return;
        if (!may_call(r, match.route)) return;
    }
    if (match.route->body && !has_json_body(r)) return;
    match.route->handle(r);
}

static void count(const struct api_request *r, int64_t took_us)
{
    static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    char labels[64];
    int class = r->reply->code / 100 >= 1 && r->reply->code / 100 <= 5 ? r->reply->code / 100 : 5;
    format(labels, sizeof(labels), "code=\"%s\"", classes[class - 1]);
    metric_add(metric_get(METRIC_COUNTER, "carrel_api_requests_total",
                          "Answers of the API by class of their code.", labels, NULL), 1);
    metric_observe(metric_get(METRIC_HISTOGRAM, "carrel_api_request_seconds",
                              "How long an answer of the API took to make.", "",
                              &METRIC_BUCKETS_REQUEST), (double)took_us / 1e6);
}

void api_handle(void *user, const struct server_request *request, struct server_reply *reply)
{
    int64_t began_us = clock_us();
    struct api_request r = {
        .api = user, .http = request, .reply = reply, .arena = request->arena,
        .id = id_of(request)};
    server_reply_header(reply, "X-Request-ID", r.id);
    server_reply_header(reply, "Content-Security-Policy",
                        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; "
                        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                        "frame-ancestors 'none'");
    server_reply_header(reply, "Referrer-Policy", "no-referrer");
    answer(&r);
    int64_t took_us = clock_us() - began_us;
    count(&r, took_us);
    log_debug("request", kv("method", request->method), kv("path", request->path),
              kv("code", reply->code), kv("bytes", reply->body.len), kv("us", took_us),
              kv("user", r.caller.name), kv("from", request->remote), kv("request", r.id));
}

void api_refuse(void *user, struct server_reply *reply, const char *text)
{
    (void)user;
    problem_reply(reply, reply->code, "malformed-request", NULL, "%s", text);
}

/* --- What was written, into the caches --- */

static struct kube_store *store_of(const struct api *api, const struct kube_resource *resource)
{
    if (!api->view) return NULL;
    if (resource == session_type.resource) return api->view->sessions;
    return resource == template_type.resource ? api->view->templates : NULL;
}

static bool is_write(const struct kube_op *op)
{
    bool writes = op->verb == KUBE_CREATE || op->verb == KUBE_MERGE || op->verb == KUBE_DELETE;
    return writes && !(op->query && strstr(op->query, "dryRun"));
}

/* Who has written sees it from then on, as the reconciles see their own writes: the watch tells of
 * it a moment later. Of a deletion that is over at once the answer is a Status with the uid. */
static void learn(void *user, const struct kube_op *op, const struct kube_result *result)
{
    struct api *api = user;
    struct kube_store *store = store_of(api, op->resource);
    struct kube_object *o;
    if (!store || !is_write(op)) return;
    arena_reset(&api->arena, 16 << 10);
    const struct kube_type *type =
        op->resource == session_type.resource ? &session_type : &template_type;
    if (kube_object_read(type, result->body, result->len, &api->arena, &o, NULL) == 0) {
        kube_store_learn(store, o);
        return;
    }
    struct kube_status status;
    kube_status_read(&api->arena, result->code, result->body, result->len, &status);
    if (op->verb == KUBE_DELETE && *status.uid)
        kube_store_forget(store, op->ns, op->name, status.uid);
}

/* --- Birth and death --- */

struct api *api_new(const struct api_config *config)
{
    struct api *api = xcalloc(1, sizeof(*api));
    struct timers *timers = loop_timers(config->loop);
    struct kube_client_config client = {
        .transport = config->transport, .timers = timers, .rng = config->rng};
    api->config = *config;
    api->boot = rng_entropy();
    arena_init(&api->arena);
    api->client = kube_client_new(&client);
    struct asks_config asks = {
        .loop = config->loop, .client = api->client, .done = learn, .user = api};
    api->asks = asks_new(&asks);
    api->rates = rates_new(config->rate, config->burst);
    struct snap_kind sessions = {"session", session_snap, api};
    struct snap_kind templates = {"template", template_snap, api};
    api->sessions = snapshots_new(&sessions, api->asks, timers);
    api->templates = snapshots_new(&templates, api->asks, timers);
    return api;
}

void api_attach(struct api *api, const struct view *view)
{
    api->view = view;
    snapshots_attach(api->sessions, view ? view->sessions : NULL);
    snapshots_attach(api->templates, view ? view->templates : NULL);
    if (view) kube_store_observe(view->connections, session_connections_changed, api);
}

void api_stop(struct api *api)
{
    if (!api) return;
    kube_client_free(api->client);
    api->client = NULL;
    asks_stop(api->asks);
}

void api_free(struct api *api)
{
    if (!api) return;
    snapshots_free(api->sessions);
    snapshots_free(api->templates);
    asks_free(api->asks);
    rates_free(api->rates);
    arena_release(&api->arena);
    free(api);
}
