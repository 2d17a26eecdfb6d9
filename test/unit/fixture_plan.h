/* test/unit/fixture_plan.h: what a session's objects are made from, out of two JSON texts: the
 * specs of a Session and of its Template.
 */
#pragma once

#include <string.h>

#include "controller/session_objects.h"
#include "lib/json.h"
#include "test/check.h"

struct plan {
    struct arena a;
    struct settings settings;
    struct template_spec spec;
    struct session_start start;
    struct session_plan plan;
    struct session *session;
    struct intent intent;
};

#define PLAN_TEMPLATE "\"displayName\":\"R\",\"baseImage\":\"example.com/repl:1\""

static inline void plan_session(struct plan *p, const char *more)
{
    struct err err = {0};
    struct kube_object *o = NULL;
    const char *json = arena_printf(
        &p->a,
        "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u-1\","
        "\"resourceVersion\":\"7\",\"annotations\":{\"carrel.dev/restart-at\":\"r\"}},"
        "\"spec\":{\"user\":\"ann\",\"template\":\"repl\",\"persistentHome\":true%s%s}}",
        *more ? "," : "", more);
    CHECK_OK(kube_object_read(&session_type, json, strlen(json), &p->a, &o, &err), err);
    p->session = (struct session *)o;
    p->start = session_start_new(&p->a, p->session, "repl-1", 1795255200000, SESSION_RENDERER);
    p->plan.session = p->session;
}

static inline void plan_template(struct plan *p, const char *more)
{
    struct err err = {0};
    CHECK_OK(template_spec_read(&p->a,
                                arena_printf(&p->a, "{" PLAN_TEMPLATE "%s%s}", *more ? "," : "",
                                             more),
                                &p->spec, &err),
             err);
}

static inline void plan_open(struct plan *p, const char *session, const char *template)
{
    *p = (struct plan){.settings = settings_default};
    arena_init(&p->a);
    p->plan = (struct session_plan){.settings = &p->settings,
                                    .spec = &p->spec,
                                    .start = &p->start,
                                    .host = "a.example.com",
                                    .path = "",
                                    .running = true};
    plan_session(p, session);
    plan_template(p, template);
}

static inline void plan_close(struct plan *p)
{
    arena_release(&p->a);
}

static inline struct json *plan_parse(struct plan *p, const char *text)
{
    struct json *tree = NULL;
    struct err err = {0};
    CHECK_OK(json_parse(&p->a, text, strlen(text), &tree, &err), err);
    return tree;
}

/* The Deployment as it would be sent. */
static inline struct json *plan_deployment(struct plan *p)
{
    struct err err = {0};
    CHECK_OK(session_deployment(&p->a, &p->plan, &p->intent, &err), err);
    return plan_parse(p, intent_body(&p->a, &p->intent, "n", NULL, 1));
}

static inline struct json *plan_pod(struct plan *p)
{
    return json_path(plan_deployment(p), "spec.template");
}

static inline struct json *plan_container(struct plan *p)
{
    return json_at(json_path(plan_pod(p), "spec.containers"), 0);
}

/* A member of a tree as JSON text; "-" where it is not. */
static inline const char *plan_text(struct plan *p, const struct json *tree, const char *path)
{
    const struct json *value = json_path(tree, path);
    return value ? json_to_text(&p->a, value) : "-";
}
