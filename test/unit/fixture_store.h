/* test/unit/fixture_store.h: the fixture of the store's tests: a store, a clock that stands still,
 * and requests in one line.
 */
#pragma once

#include <string.h>

#include "dev/store.h"
#include "dev/store_path.h"
#include "lib/json.h"
#include "lib/str.h"
#include "test/check.h"

struct world {
    struct rng rng;
    struct store *s;
    struct arena a;
    struct store_answer got; /* of the last request */
    int64_t wall_ms;
    const char *agent;
    uint64_t replica_rv;
};

static inline void world_open(struct world *w, struct store_config config)
{
    *w = (struct world){.wall_ms = 1795255200000, .agent = "tester/1.0 (linux)"};
    rng_seed(&w->rng, 7);
    arena_init(&w->a);
    config.rng = &w->rng;
    w->s = store_new(&config);
}

static inline void world_close(struct world *w)
{
    store_free(w->s);
    arena_release(&w->a);
}

static inline struct store_call world_call(const struct world *w, const char *method,
                                           const char *path, const char *type, const char *body)
{
    return (struct store_call){.method = method,
                               .path = path,
                               .content_type = type,
                               .body = body,
                               .body_len = body ? strlen(body) : 0,
                               .user_agent = w->agent,
                               .user = "someone",
                               .wall_ms = w->wall_ms,
                               .replica_rv = w->replica_rv};
}

/* Answers the code; the body is w->got.body. */
static inline int send(struct world *w, const char *method, const char *path, const char *type,
                       const char *body)
{
    const struct store_call call = world_call(w, method, path, type, body);
    store_request(w->s, &call, &w->a, &w->got);
    return w->got.code;
}

#define MERGE "application/merge-patch+json"
#define JSON_PATCH "application/json-patch+json"
#define APPLY "application/apply-patch+yaml"
#define PLAIN "application/json"

static inline int get(struct world *w, const char *path)
{
    return send(w, "GET", path, NULL, NULL);
}

static inline int post(struct world *w, const char *path, const char *body)
{
    return send(w, "POST", path, PLAIN, body);
}

/* The body with the type and name of its path, which PUT and apply ask for. */
static inline const char *named(struct world *w, const char *path, const char *body)
{
    struct json *tree;
    struct store_path p;
    if (!store_path_parse(&w->a, path, &p)) return body;
    if (json_parse(&w->a, body, strlen(body), &tree, NULL) < 0) return body;
    json_set_text(&w->a, tree, "apiVersion", resource_api_version(p.type, &w->a));
    json_set_text(&w->a, tree, "kind", p.type->kind);
    struct json *meta = json_ensure_object(&w->a, tree, "metadata");
    if (!json_get(meta, "name")) json_set_text(&w->a, meta, "name", p.name);
    return json_to_text(&w->a, tree);
}

static inline int put(struct world *w, const char *path, const char *body)
{
    return send(w, "PUT", path, PLAIN, named(w, path, body));
}

static inline int merge(struct world *w, const char *path, const char *body)
{
    return send(w, "PATCH", path, MERGE, body);
}

static inline int json_patch(struct world *w, const char *path, const char *body)
{
    return send(w, "PATCH", path, JSON_PATCH, body);
}

static inline int apply(struct world *w, const char *path, const char *body)
{
    return send(w, "PATCH", path, APPLY, named(w, path, body));
}

static inline int delete_with(struct world *w, const char *path, const char *options)
{
    return send(w, "DELETE", path, PLAIN, options);
}

/* A value of the last answer as JSON text, "-" where there is none: "metadata.name" -> "\"x\"". */
static inline const char *at(struct world *w, const char *path)
{
    struct json *tree;
    if (json_parse(&w->a, w->got.body, w->got.len, &tree, NULL) < 0) return "not JSON";
    const struct json *value = json_path(tree, path);
    return value ? json_to_text(&w->a, value) : "-";
}

/* The same of a text, without its quotes. */
static inline const char *text_at(struct world *w, const char *path)
{
    struct json *tree;
    if (json_parse(&w->a, w->got.body, w->got.len, &tree, NULL) < 0) return "not JSON";
    const char *text = json_text(json_path(tree, path));
    return text ? text : "-";
}

#define SESSIONS "/apis/carrel.dev/v1alpha1/namespaces/n/sessions"
#define CONFIGMAPS "/api/v1/namespaces/n/configmaps"
#define PODS "/api/v1/namespaces/n/pods"
#define DEPLOYMENTS "/apis/apps/v1/namespaces/n/deployments"

/* The smallest Session of that name. */
static inline const char *session(struct world *w, const char *name)
{
    return arena_printf(&w->a,
                        "{\"apiVersion\":\"carrel.dev/v1alpha1\",\"kind\":\"Session\","
                        "\"metadata\":{\"name\":\"%s\"},"
                        "\"spec\":{\"user\":\"ann\",\"template\":\"repl\"}}",
                        name);
}

/* A ConfigMap with labels and data as JSON objects. */
static inline const char *configmap(struct world *w, const char *name, const char *labels,
                                    const char *data)
{
    return arena_printf(&w->a, "{\"metadata\":{\"name\":\"%s\",\"labels\":%s},\"data\":%s}", name,
                        labels, data);
}
