#include "controller/health.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/metrics.h"

enum { LOOP_STUCK_MS = 30000, CHECKS_MAX = 3 };

struct check {
    const char *name;
    bool ok;
};

static bool loop_turns(const struct health *h)
{
    return clock_ms() - loop_last_tick_ms(h->loop) < LOOP_STUCK_MS;
}

static void answer(struct server_reply *reply, const char *what, const struct check *checks,
                   size_t count, bool verbose)
{
    bool ok = true;
    for (size_t i = 0; i < count; i++) ok = ok && checks[i].ok;
    for (size_t i = 0; i < count && (verbose || !ok); i++) {
        str_add_f(&reply->body, "[%c]%s %s\n", checks[i].ok ? '+' : '-', checks[i].name,
                  checks[i].ok ? "ok" : "failed");
    }
    reply->code = ok ? 200 : 500;
    if (ok && !verbose) str_add(&reply->body, "ok");
    else str_add_f(&reply->body, "%s check %s\n", what, ok ? "passed" : "failed");
}

/* The check of that name alone ("/readyz/caches"), or all. */
static void answer_path(const struct server_request *request, struct server_reply *reply,
                        const char *what, const struct check *checks, size_t count)
{
    const char *rest = request->path + 1 + strlen(what);
    bool verbose = strstr(request->query, "verbose") != NULL;
    if (!*rest) {
        answer(reply, what, checks, count, verbose);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rest + 1, checks[i].name) != 0) continue;
        answer(reply, what, &checks[i], 1, verbose);
        return;
    }
    reply->code = 404;
    str_add_f(&reply->body, "there is no check %s\n", rest);
}

static bool is_under(const char *path, const char *what)
{
    size_t n = strlen(what);
    return path[0] == '/' && strncmp(path + 1, what, n) == 0 &&
           (path[1 + n] == '\0' || path[1 + n] == '/');
}

void health_handle(void *user, const struct server_request *request, struct server_reply *reply)
{
    struct health *h = user;
    struct check live[] = {{"loop", loop_turns(h)}};
    struct check ready[] = {{"loop", live[0].ok},
                            {"caches", atomic_load(&h->synced)},
                            {"running", !atomic_load(&h->stopping)}};
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        reply->code = 405;
        str_add(&reply->body, "only GET is answered here\n");
    } else if (is_under(request->path, "livez") || is_under(request->path, "healthz")) {
        bool alias = is_under(request->path, "healthz");
        answer_path(request, reply, alias ? "healthz" : "livez", live, 1);
    } else if (is_under(request->path, "readyz")) {
        answer_path(request, reply, "readyz", ready, 3);
    } else if (strcmp(request->path, "/metrics") == 0) {
        reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
        metrics_print(&reply->body);
    } else {
        reply->code = 404;
        str_add(&reply->body, "here are /livez, /readyz and /metrics\n");
    }
}
