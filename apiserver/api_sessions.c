#include <string.h>

#include "apiserver/api_parts.h"
#include "apiserver/render.h"
#include "apiserver/session_body.h"
#include "lib/clock.h"
#include "lib/json.h"

/* --- As texts, on the loop --- */

static bool is_active(const struct connection *c)
{
    return c->state && strcmp(c->state, "active") == 0;
}

static uint32_t connections_of(const struct view *view, const char *key)
{
    uint32_t active = 0;
    struct kube_bucket b = kube_store_by(view->connections, CONNECTION_BY_SESSION, key);
    for (size_t i = 0; i < b.count; i++) active += is_active((const void *)b.objects[i]);
    return active;
}

void session_snap(void *user, const struct kube_object *o, struct snap_text *out)
{
    struct api *api = user;
    const struct session *s = (const struct session *)o;
    arena_reset(&api->arena, 16 << 10);
    struct render_about about = {.connections = connections_of(api->view, o->meta.key)};
    render_session(&out->json, s, &about, &api->arena);
    out->count = about.connections;
    out->field[SESSION_NAME] = o->meta.name;
    out->field[SESSION_USER] = s->user;
    out->field[SESSION_TEMPLATE] = s->template;
    out->field[SESSION_STATE] = s->state ? s->state : "running";
    out->field[SESSION_PHASE] = s->status.phase ? s->status.phase : "Pending";
    out->field[SESSION_TAGS] = tags_text(s->tags, &api->arena);
}

void session_connections_changed(void *user, const struct kube_object *before,
                                 const struct kube_object *after)
{
    struct api *api = user;
    const struct connection *c = (const struct connection *)(after ? after : before);
    if (!c->session_id) return;
    arena_reset(&api->arena, 16 << 10);
    snapshots_touch(api->sessions,
                    arena_printf(&api->arena, "%s/%s", c->object.meta.ns, c->session_id));
}

/* --- Finding one --- */

const char *session_namespace(const struct api_request *r)
{
    const char *ns = query_get(&r->query, "namespace");
    return ns && *ns ? ns : r->api->config.ns;
}

static void reply_unknown(struct api_request *r)
{
    problem_reply(r->reply, 404, "not-found", NULL, "there is no session %s in namespace %s",
                  r->param[0], session_namespace(r));
}

/* What belongs to somebody else is not there, for one who may not see it. */
const struct snap_item *session_find(struct api_request *r, const struct snapshot *from)
{
    const char *key = arena_printf(r->arena, "%s/%s", session_namespace(r), r->param[0]);
    const struct snap_item *item = snapshot_get(from, key);
    if (item && caller_may_see(&r->caller, item->field[SESSION_USER])) return item;
    reply_unknown(r);
    return NULL;
}

static const struct snap_item *find_to_change(struct api_request *r, const struct snapshot *from)
{
    const struct snap_item *item = session_find(r, from);
    if (!item || caller_may_change(&r->caller, item->field[SESSION_USER])) return item;
    problem_reply(r->reply, 403, "not-allowed", NULL, "a %s changes no session",
                  role_name(r->caller.role));
    return NULL;
}

/* --- Reading --- */

static const struct select_param params[] = {{"user", SESSION_USER},
                                             {"template", SESSION_TEMPLATE},
                                             {"state", SESSION_STATE},
                                             {"phase", SESSION_PHASE},
                                             {NULL, 0}};
static const struct select_sort sorts[] = {{"name", SESSION_NAME},
                                           {"user", SESSION_USER},
                                           {"template", SESSION_TEMPLATE},
                                           {"state", SESSION_STATE},
                                           {"phase", SESSION_PHASE},
                                           {"created", SELECT_BY_CREATED},
                                           {NULL, 0}};
static const struct select_kind select_sessions = {
    params, sorts, SESSION_TAGS,
    1u << SESSION_NAME | 1u << SESSION_USER | 1u << SESSION_TEMPLATE | 1u << SESSION_TAGS};

void sessions_list(struct api_request *r)
{
    static const struct list list = {"sessions", &select_sessions, SESSION_USER};
    list_reply(r, &list, r->api->sessions);
}

void sessions_get(struct api_request *r)
{
    auto_snapshot snapshot = list_take(r, r->api->sessions);
    const struct snap_item *item = snapshot ? session_find(r, snapshot) : NULL;
    if (item) item_reply(r, item);
}

/* --- Writing --- */

static bool is_dry_run(const struct api_request *r)
{
    return query_get(&r->query, "dryRun") != NULL; /* nothing but All comes so far */
}

/* What a dry run makes has no version, which all that is stored has. */
static const char *with_version(struct api_request *r, const struct ask_answer *answer)
{
    struct json *object;
    if (json_parse(r->arena, answer->body, answer->len, &object, NULL) < 0) return answer->body;
    struct json *meta = json_ensure_object(r->arena, object, "metadata");
    if (json_get(meta, "resourceVersion")) return answer->body;
    json_set_text(r->arena, meta, "resourceVersion", "1");
    return json_to_text(r->arena, object);
}

/* What Kubernetes stored, as a Session of ours. */
static void reply_stored(struct api_request *r, const struct ask_answer *stored, int code,
                         uint32_t connections)
{
    const char *text = is_dry_run(r) ? with_version(r, stored) : stored->body;
    struct kube_object *o = stored_read(r, &session_type, text, strlen(text));
    if (!o) return;
    struct render_about about = {.connections = connections};
    r->reply->code = code;
    r->reply->content_type = "application/json";
    server_reply_header(r->reply, "ETag", arena_printf(r->arena, "\"%s\"", o->meta.rv));
    render_session(&r->reply->body, (struct session *)o, &about, r->arena);
    str_add_c(&r->reply->body, '\n');
}

static void reply_flaw(struct api_request *r, const struct body_flaw *flaw)
{
    if (!flaw->field) {
        problem_reply(r->reply, 400, "invalid-body", NULL, "%s", flaw->text);
        return;
    }
    problem_reply(r->reply, 422, "invalid-field", flaw->field, "%s: %s", flaw->field, flaw->text);
}

static bool may_create_for(struct api_request *r, const char *user)
{
    if (caller_may_change(&r->caller, user)) return true;
    problem_reply(r->reply, 403, "not-allowed", "user",
                  "user: you may make sessions for %s, not for %s", r->caller.name, user);
    return false;
}

void sessions_create(struct api_request *r)
{
    struct session_create c;
    struct body_flaw flaw;
    struct ask_answer stored;
    unsigned char random[4];
    rng_bytes(random, sizeof(random));
    const char *self = *r->caller.name ? r->caller.name : NULL;
    if (session_body_create(r->http->body, r->http->body_len, self, random, r->arena, &c,
                            &flaw) < 0) {
        reply_flaw(r, &flaw);
        return;
    }
    if (!may_create_for(r, c.user)) return;
    const struct kube_op op = {.verb = KUBE_CREATE, .resource = session_type.resource,
                               .ns = c.ns && *c.ns ? c.ns : session_namespace(r),
                               .query = is_dry_run(r) ? "dryRun=All" : NULL,
                               .manager = "carrel-api", .ungated = true,
                               .body = c.json, .body_len = c.len, .agent_suffix = "api"};
    if (ask_kube(r->api->asks, &op, r->arena, &stored) < 0) {
        problem_of_kube(r->reply, &stored, "session", c.name);
        return;
    }
    server_reply_header(r->reply, "Location",
                        arena_printf(r->arena, "/api/v1/sessions/%s", c.name));
    reply_stored(r, &stored, 201, 0);
}

/* "\"123\"" of If-Match; NULL: any version. False: neither, with the reply filled. */
static bool wanted_version(struct api_request *r, const char **rv)
{
    const char *text = server_header(r->http, "If-Match");
    *rv = NULL;
    if (!text || strcmp(text, "*") == 0) return true;
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '"' && text[n - 1] == '"')
        *rv = arena_strndup(r->arena, text + 1, n - 2);
    if (*rv && session_version_fits(*rv)) return true;
    problem_reply(r->reply, 400, "invalid-parameter", "If-Match",
                  "If-Match: write the ETag of a session, in its quotes, or *");
    return false;
}

/* Somebody was faster: what it is now comes along. */
static void reply_refused(struct api_request *r, const struct ask_answer *answer)
{
    problem_of_kube(r->reply, answer, "session", r->param[0]);
    if (answer->err.code != ERR_CONFLICT) return;
    auto_snapshot now = snapshot_take(r->api->sessions);
    const char *key = arena_printf(r->arena, "%s/%s", session_namespace(r), r->param[0]);
    const struct snap_item *item = now ? snapshot_get(now, key) : NULL;
    if (item) problem_add(r->reply, "current", item->json);
}

static void patch(struct api_request *r, const struct snap_item *item, const char *json)
{
    struct ask_answer stored;
    const struct kube_op op = {.verb = KUBE_MERGE, .resource = session_type.resource,
                               .ns = session_namespace(r), .name = r->param[0],
                               .query = is_dry_run(r) ? "dryRun=All" : NULL,
                               .manager = "carrel-api", .ungated = true,
                               .body = json, .body_len = strlen(json), .agent_suffix = "api"};
    if (ask_kube(r->api->asks, &op, r->arena, &stored) < 0) {
        reply_refused(r, &stored);
        return;
    }
    reply_stored(r, &stored, 200, item->count);
}

void sessions_change(struct api_request *r)
{
    struct session_change change;
    struct body_flaw flaw;
    auto_snapshot snapshot = list_take(r, r->api->sessions);
    const struct snap_item *item = snapshot ? find_to_change(r, snapshot) : NULL;
    const char *rv;
    if (!item || !wanted_version(r, &rv)) return;
    if (session_body_change(r->http->body, r->http->body_len, rv, r->arena, &change, &flaw) < 0) {
        reply_flaw(r, &flaw);
        return;
    }
    patch(r, item, change.json);
}

static void change_to(struct api_request *r, const char *json)
{
    auto_snapshot snapshot = list_take(r, r->api->sessions);
    const struct snap_item *item = snapshot ? find_to_change(r, snapshot) : NULL;
    if (item) patch(r, item, json);
}

void sessions_start(struct api_request *r)
{
    change_to(r, "{\"spec\":{\"state\":\"running\"}}");
}

void sessions_hibernate(struct api_request *r)
{
    change_to(r, "{\"spec\":{\"state\":\"hibernated\"}}");
}

void sessions_restart(struct api_request *r)
{
    char now[TIME_TEXT_SIZE];
    time_format_us(now, clock_wall_us()); /* another text each time: that is what restarts it */
    change_to(r, arena_printf(r->arena,
                              "{\"metadata\":{\"annotations\":{\"" ANNOTATION_RESTART
                              "\":\"%s\"}},\"spec\":{\"state\":\"running\"}}", now));
}

void sessions_delete(struct api_request *r)
{
    struct ask_answer answer;
    auto_snapshot snapshot = list_take(r, r->api->sessions);
    const struct snap_item *item = snapshot ? find_to_change(r, snapshot) : NULL;
    if (!item) return;
    const char *rv;
    if (!wanted_version(r, &rv)) return;
    const char *body =
        rv ? arena_printf(r->arena, "{\"preconditions\":{\"resourceVersion\":\"%s\"}}", rv) : "{}";
    const struct kube_op op = {.verb = KUBE_DELETE, .resource = session_type.resource,
                               .ns = session_namespace(r), .name = r->param[0],
                               .query = is_dry_run(r) ? "dryRun=All" : NULL, .ungated = true,
                               .body = body, .body_len = strlen(body), .agent_suffix = "api"};
    if (ask_kube(r->api->asks, &op, r->arena, &answer) < 0) {
        reply_refused(r, &answer);
        return;
    }
    deleted_reply(r, "the session is being deleted");
}
