#include "apiserver/route.h"

#include <string.h>

#include "lib/format.h"

/* Both without their leading slash. */
static bool fits(const char *pattern, const char *path, struct arena *a,
                 const char *param[ROUTE_PARAMS_MAX])
{
    size_t params = 0;
    for (;;) {
        size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
        if (*pattern == '{') {
            if (have == 0) return false;
            param[params++] = arena_strndup(a, path, have);
        } else if (want != have || strncmp(pattern, path, want) != 0) {
            return false;
        }
        pattern += want;
        path += have;
        if (!*pattern || !*path) return !*pattern && !*path;
        pattern++;
        path++;
    }
}

static void allow(struct route_match *m, const char *method)
{
    const char *more = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
    size_t n = strlen(m->allowed);
    format(m->allowed + n, sizeof(m->allowed) - n, "%s%s", n > 0 ? ", " : "", more);
}

enum route_found route_find(const struct api_route *table, size_t count, const char *method,
                            const char *path, struct arena *a, struct route_match *out)
{
    *out = (struct route_match){0};
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    if (*path != '/') return ROUTE_NO_PATH;
    for (size_t i = 0; i < count; i++) {
        const char *param[ROUTE_PARAMS_MAX] = {0};
        if (!fits(table[i].path + 1, path + 1, a, param)) continue;
        allow(out, table[i].method);
        if (out->route || strcmp(table[i].method, wanted) != 0) continue;
        out->route = &table[i];
        memcpy(out->param, param, sizeof(param));
    }
    if (out->route) return ROUTE_FOUND;
    return *out->allowed ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}

static bool takes(const char *params, const char *name)
{
    size_t length = strlen(name);
    for (const char *p = params; *p;) {
        size_t n = strcspn(p, " ");
        if (n == length && strncmp(p, name, n) == 0) return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

const char *route_odd_param(const struct api_route *route, const struct query *query)
{
    for (size_t i = 0; route->params && i < query->count; i++) {
        if (!takes(route->params, query->pairs[i].name)) return query->pairs[i].name;
    }
    return NULL;
}
