#include <string.h>

#include "apiserver/api_parts.h"
#include "apiserver/render.h"
#include "lib/json.h"

void template_snap(void *user, const struct kube_object *o, struct snap_text *out)
{
    struct api *api = user;
    const struct template *t = (const struct template *)o;
    arena_reset(&api->arena, 16 << 10);
    struct template_texts texts = template_texts(t, &api->arena);
    render_template(&out->json, t, &api->arena);
    out->count = (uint32_t)t->sessions;
    out->field[TEMPLATE_NAME] = o->meta.name;
    out->field[TEMPLATE_DISPLAY_NAME] = texts.display_name;
    out->field[TEMPLATE_CATEGORY] = texts.category;
    out->field[TEMPLATE_KIND] = texts.kind;
    out->field[TEMPLATE_DESCRIPTION] = texts.description;
    out->field[TEMPLATE_TAGS] = tags_text(texts.tags, &api->arena);
}

/* --- Reading --- */

static const struct select_param params[] = {
    {"category", TEMPLATE_CATEGORY}, {"kind", TEMPLATE_KIND}, {NULL, 0}};
static const struct select_sort sorts[] = {{"name", TEMPLATE_NAME},
                                           {"displayName", TEMPLATE_DISPLAY_NAME},
                                           {"category", TEMPLATE_CATEGORY},
                                           {"created", SELECT_BY_CREATED},
                                           {NULL, 0}};
static const struct select_kind select_templates = {
    params, sorts, TEMPLATE_TAGS,
    1u << TEMPLATE_NAME | 1u << TEMPLATE_DISPLAY_NAME | 1u << TEMPLATE_DESCRIPTION |
        1u << TEMPLATE_TAGS};

void templates_list(struct api_request *r)
{
    static const struct list list = {"templates", &select_templates, -1};
    list_reply(r, &list, r->api->templates);
}

/* In the namespace that is asked for; else where a Session would find it. */
static const struct snap_item *find(struct api_request *r, const struct snapshot *from)
{
    const char *ns = query_get(&r->query, "namespace");
    const char *const where[] = {ns && *ns ? ns : r->api->config.ns,
                                 ns && *ns ? "" : r->api->config.template_ns};
    for (size_t i = 0; i < 2; i++) {
        if (!*where[i]) continue;
        const struct snap_item *item =
            snapshot_get(from, arena_printf(r->arena, "%s/%s", where[i], r->param[0]));
        if (item) return item;
    }
    problem_reply(r->reply, 404, "not-found", NULL, "there is no template %s in namespace %s",
                  r->param[0], where[0]);
    return NULL;
}

void templates_get(struct api_request *r)
{
    auto_snapshot snapshot = list_take(r, r->api->templates);
    const struct snap_item *item = snapshot ? find(r, snapshot) : NULL;
    if (item) item_reply(r, item);
}

/* --- Writing --- */

struct template_create {
    const char *name, *ns, *json;
};

static int take_text(struct api_request *r, const struct json *value, const char **out)
{
    *out = json_text(value);
    if (*out) return 0;
    problem_reply(r->reply, 422, "invalid-field", json_name(value), "%s: write a text",
                  json_name(value));
    return -1;
}

/* Name and namespace apart, all else is the spec's, whose schema Kubernetes knows. */
static int read_body(struct api_request *r, struct template_create *out)
{
    struct arena *a = r->arena;
    struct json *body, *object = json_object(a), *spec = json_object(a);
    struct err err;
    if (json_parse(a, r->http->body, r->http->body_len, &body, &err) < 0 || !json_is_object(body)) {
        problem_reply(r->reply, 400, "invalid-body", NULL, "the body must be a JSON object");
        return -1;
    }
    for (const struct json *v = json_first(body); v; v = json_next(v)) {
        int rc = 0;
        if (strcmp(json_name(v), "name") == 0) {
            rc = take_text(r, v, &out->name);
        } else if (strcmp(json_name(v), "namespace") == 0) {
            rc = take_text(r, v, &out->ns);
        } else if (!json_is_null(v)) {
            json_set(a, spec, json_name(v), json_copy(a, v));
        }
        if (rc < 0) return -1;
    }
    if (!out->name || !*out->name) {
        problem_reply(r->reply, 422, "invalid-field", "name", "name: is missing, such as jupyter");
        return -1;
    }
    json_set_text(a, object, "apiVersion", CARREL_API_VERSION);
    json_set_text(a, object, "kind", "Template");
    json_set_text(a, json_ensure_object(a, object, "metadata"), "name", out->name);
    json_set(a, object, "spec", spec);
    out->json = json_to_text(a, object);
    return 0;
}

static void reply_stored(struct api_request *r, const struct ask_answer *stored)
{
    struct kube_object *o = stored_read(r, &template_type, stored->body, stored->len);
    if (!o) return;
    r->reply->code = 201;
    r->reply->content_type = "application/json";
    render_template(&r->reply->body, (struct template *)o, r->arena);
    str_add_c(&r->reply->body, '\n');
}

void templates_create(struct api_request *r)
{
    struct template_create c = {.ns = query_get(&r->query, "namespace")};
    struct ask_answer stored;
    if (read_body(r, &c) < 0) return;
    const struct kube_op op = {.verb = KUBE_CREATE, .resource = template_type.resource,
                               .ns = c.ns && *c.ns ? c.ns : r->api->config.ns,
                               .query = "fieldValidation=Strict", .manager = "carrel-api",
                               .ungated = true, .body = c.json, .body_len = strlen(c.json),
                               .agent_suffix = "api"};
    if (ask_kube(r->api->asks, &op, r->arena, &stored) < 0) {
        problem_of_kube(r->reply, &stored, "template", c.name);
        return;
    }
    server_reply_header(r->reply, "Location",
                        arena_printf(r->arena, "/api/v1/templates/%s", c.name));
    reply_stored(r, &stored);
}

void templates_delete(struct api_request *r)
{
    struct ask_answer answer;
    auto_snapshot snapshot = list_take(r, r->api->templates);
    const struct snap_item *item = snapshot ? find(r, snapshot) : NULL;
    if (!item) return;
    const char *slash = strchr(item->key, '/');
    const struct kube_op op = {.verb = KUBE_DELETE, .resource = template_type.resource,
                               .ns = arena_strndup(r->arena, item->key,
                                                   (size_t)(slash - item->key)),
                               .name = r->param[0], .ungated = true, .body = "{}", .body_len = 2,
                               .agent_suffix = "api"};
    if (ask_kube(r->api->asks, &op, r->arena, &answer) < 0) {
        problem_of_kube(r->reply, &answer, "template", r->param[0]);
        return;
    }
    deleted_reply(r, "the template is deleted; sessions that run go on");
}
