/* apiserver/route.h: the whole API as one table: method, path, who may, what the body is, who
 * answers. docs/openapi.yaml says the same to others, and a test holds the two beside each other.
 */
#pragma once

#include "apiserver/caller.h"
#include "lib/arena.h"
#include "lib/serve/query.h"
#include "lib/serve/server.h"

struct api;

enum { ROUTE_PARAMS_MAX = 3 };

struct api_request { /* what a handler is given; valid while it runs */
    struct api *api;
    const struct server_request *http;
    struct server_reply *reply;
    struct arena *arena;
    struct query query;
    const char *param[ROUTE_PARAMS_MAX]; /* what stood in the path for {…}, in order */
    struct caller caller;
    const char *id; /* of this request, in logs and in X-Request-ID */
};

struct api_route {
    const char *method;
    const char *path;  /* "/api/v1/sessions/{id}" */
    enum role role;    /* the least that may; ROLE_NOBODY: anyone, without credentials */
    const char *params; /* of the query, with blanks between; another is refused. NULL: the handler
                         * looks itself */
    const char *body;  /* schema of docs/openapi.yaml; NULL: none is read */
    void (*handle)(struct api_request *r);
};

extern const struct api_route api_routes[];
extern const size_t api_route_count;

enum route_found { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

struct route_match {
    const struct api_route *route;
    const char *param[ROUTE_PARAMS_MAX];
    char allowed[64]; /* "GET, HEAD, POST": what this path takes */
};

/* NULL, or the name of a parameter that this route does not take. */
const char *route_odd_param(const struct api_route *route, const struct query *query);

/* HEAD goes where GET goes. A segment of the path that is empty fits no {…}. Pure; parameters live
 * in the arena. */
enum route_found route_find(const struct api_route *table, size_t count, const char *method,
                            const char *path, struct arena *a, struct route_match *out);
