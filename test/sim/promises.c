#include "test/sim/promises.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "test/sim/world.h"

enum { ENDS_LATE_MS = 90000 };

static struct json *tree_of(struct sim *sim, const char *text, size_t len)
{
    struct json *tree;
    if (!text || json_parse(&sim->arena, text, len, &tree, NULL) < 0) return NULL;
    return tree;
}

static const char *text_at(const struct json *tree, const char *path)
{
    const char *text = json_text(json_path(tree, path));
    return text ? text : "";
}

static const char *annotation(const struct json *tree, const char *name)
{
    const char *text = json_text(json_get(json_path(tree, "metadata.annotations"), name));
    return text ? text : "";
}

/* The template that a session of that namespace means. */
static const struct store_object *find_template(struct sim *sim, const char *ns, const char *name)
{
    const struct resource *type = sim_types()->template;
    const struct store_object *t = store_get(sim->store, type, ns, name);
    if (t || !sim->plan.shared_templates) return t;
    return store_get(sim->store, type, "shared", name);
}

/* --- sessions --- */

struct started { /* a session that has a Deployment, and what that was started from */
    const struct store_object *session;
    struct json *tree, *start;
    bool running;
};

static bool find_start(struct sim *sim, const struct store_object *session, struct started *s)
{
    const struct store_object *d =
        store_get(sim->store, sim_types()->deployment, session->ns,
                  sim_text(sim, "ss-%s", session->name));
    if (!d || d->owner_count == 0 || !str_equal(d->owners[0].uid, session->uid)) return false;
    const char *start = annotation(tree_of(sim, d->text, d->len), "carrel.dev/start");
    s->session = session;
    s->tree = tree_of(sim, session->text, session->len);
    s->start = tree_of(sim, start, strlen(start));
    const char *state = text_at(s->tree, "spec.state");
    s->running = !*state || str_equal(state, "running");
    /* A revision and a Template that were never made leave nothing to start from (expect.c). */
    bool lost = sim->restored && strstr(session->text, "\"RevisionNotFound\"");
    return s->start && !lost && !str_equal(state, "terminated");
}

static bool restarts(const struct started *s, char *why, size_t size)
{
    const char *wish = annotation(s->tree, "carrel.dev/restart-at");
    const char *is = text_at(s->start, "restartAt");
    if (!s->running || !*wish || str_equal(wish, is)) return true;
    snprintf(why, size, "%s/%s should have restarted at \"%s\", and runs from \"%s\"",
             s->session->ns, s->session->name, wish, is);
    return false;
}

static bool ends_in_time(const struct sim *sim, const struct started *s, char *why, size_t size)
{
    int64_t at_ms, limit_ms;
    const char *limit = text_at(s->tree, "spec.maxSessionDuration");
    if (!s->running || !*limit || duration_parse(limit, &limit_ms, NULL) < 0) return true;
    if (time_parse(text_at(s->start, "at"), &at_ms, NULL) < 0) return true;
    int64_t over_ms = sim_wall_ms(sim) - (at_ms + limit_ms);
    if (limit_ms == 0 || over_ms < ENDS_LATE_MS) return true;
    snprintf(why, size, "%s/%s runs on %" PRId64 " s past its maxSessionDuration of %s",
             s->session->ns, s->session->name, over_ms / 1000, limit);
    return false;
}

static bool knows_if_behind(struct sim *sim, const struct started *s, char *why, size_t size)
{
    const struct store_object *t =
        find_template(sim, s->session->ns, text_at(s->tree, "spec.template"));
    if (!t) return true;
    const char *newest = text_at(tree_of(sim, t->text, t->len), "status.revision");
    bool behind = !str_equal(newest, text_at(s->start, "revision"));
    if (behind == json_true(json_path(s->tree, "status.templateBehind"))) return true;
    snprintf(why, size, "%s/%s is%s behind its template and says otherwise", s->session->ns,
             s->session->name, behind ? "" : " not");
    return false;
}

/* A home that is there and bound is said to be. */
static bool knows_its_home(struct sim *sim, const struct started *s, char *why, size_t size)
{
    const struct store_object *home = NULL;
    if (json_true(json_path(s->start, "spec.persistentHome"))) {
        home = store_get(sim->store, sim_types()->claim, s->session->ns,
                         sim_text(sim, "home-%s", text_at(s->tree, "spec.user")));
        if (!home || !strstr(home->text, "\"phase\":\"Bound\"")) return true;
    }
    const struct json *c = json_first(json_path(s->tree, "status.conditions"));
    while (c && !str_equal(json_text(json_get(c, "type")), "StorageReady")) c = json_next(c);
    if (str_equal(text_at(c, "status"), "True")) return true;
    snprintf(why, size, "%s/%s has %s, and StorageReady is \"%s\"", s->session->ns,
             s->session->name, home ? "a bound home" : "no home", text_at(c, "status"));
    return false;
}

static bool session_promises(struct sim *sim, char *why, size_t size)
{
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->session, &i));) {
        struct started s = {0};
        if (!find_start(sim, o, &s)) continue;
        if (!restarts(&s, why, size) || !ends_in_time(sim, &s, why, size) ||
            !knows_if_behind(sim, &s, why, size) || !knows_its_home(sim, &s, why, size)) {
            return false;
        }
    }
    return true;
}

/* --- templates --- */

static int64_t count_sessions(struct sim *sim, const struct store_object *t)
{
    int64_t count = 0;
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->session, &i));) {
        const char *name = text_at(tree_of(sim, o->text, o->len), "spec.template");
        count += find_template(sim, o->ns, name) == t;
    }
    return count;
}

static bool template_promises(struct sim *sim, char *why, size_t size)
{
    const struct store_object *t;
    for (size_t i = 0; (t = store_walk(sim->store, sim_types()->template, &i));) {
        struct json *tree = tree_of(sim, t->text, t->len);
        const char *name = text_at(tree, "status.revision");
        const struct store_object *r =
            store_get(sim->store, sim_types()->revision, t->ns, name);
        struct json *revision = r ? tree_of(sim, r->text, r->len) : NULL;
        if (!json_equal(json_get(revision, "data"), json_get(tree, "spec"))) {
            snprintf(why, size, "Template %s/%s is not what its revision \"%s\" says", t->ns,
                     t->name, name);
            return false;
        }
        int64_t told = -1, count = count_sessions(sim, t);
        if (json_int(json_path(tree, "status.sessions"), &told) && told == count) continue;
        snprintf(why, size, "Template %s/%s has %" PRId64 " sessions and says %" PRId64, t->ns,
                 t->name, count, told);
        return false;
    }
    return true;
}

bool promises_kept(struct sim *sim, char *why, size_t size)
{
    return session_promises(sim, why, size) && template_promises(sim, why, size);
}
