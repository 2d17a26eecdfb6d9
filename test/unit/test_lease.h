/* test/unit/test_lease.h: the fixture of the election's tests: a server with one Lease.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "controller/lease.h"
#include "lib/json.h"
#include "test/check.h"

static const struct lease_config usual = {
    .ns = "carrel", .name = "operator", .lease_ms = 15000, .renew_ms = 10000, .retry_ms = 2000};

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/carrel/leases"

/* --- a server with one Lease ---------------------------------------------------------------- */

struct server {
    struct arena a;
    char *object; /* JSON text; NULL: there is none */
    unsigned rv;
};

static inline const char *text_at(struct server *s, const char *json, const char *path)
{
    struct json *tree = NULL;
    struct err err = {0};
    CHECK_OK(json_parse(&s->a, json, strlen(json), &tree, &err), err);
    const struct json *value = json_path(tree, path);
    if (!value) return "-";
    return json_text(value) ? json_text(value) : json_to_text(&s->a, value);
}

static inline void store(struct server *s, const char *body)
{
    struct json *tree = NULL;
    struct err err = {0};
    CHECK_OK(json_parse(&s->a, body, strlen(body), &tree, &err), err);
    struct json *meta = json_ensure_object(&s->a, tree, "metadata");
    json_set_text(&s->a, meta, "resourceVersion", arena_printf(&s->a, "%u", ++s->rv));
    s->object = json_to_text(&s->a, tree);
}

static inline int serve(struct server *s, const char *method, const char *path, const char *body,
                 const char **answer)
{
    *answer = "{}";
    if (strcmp(method, "POST") == 0) {
        CHECK_STR(path, LEASES);
        if (s->object) return 409;
        store(s, body);
        *answer = s->object;
        return 201;
    }
    CHECK_STR(path, LEASES "/operator");
    if (!s->object) return 404;
    if (strcmp(method, "PUT") == 0) {
        bool same = strcmp(text_at(s, body, "metadata.resourceVersion"),
                           text_at(s, s->object, "metadata.resourceVersion")) == 0;
        if (!same) return 409;
        store(s, body);
    }
    *answer = s->object;
    return 200;
}
