#include <string.h>

#include "apiserver/api_parts.h"
#include "apiserver/user_name.h"
#include "lib/format.h"
#include "lib/map.h"

enum { TAG_SIZE = 24 };

const struct snapshot *list_take(struct api_request *r, struct snapshots *from)
{
    const struct snapshot *s = snapshot_take(from);
    if (s) return s;
    problem_reply(r->reply, 503, "not-ready", NULL,
                  "the caches have not been filled yet; ask again in a second");
    server_reply_header(r->reply, "Retry-After", "1");
    return NULL;
}

/* The same tag, the same body: this process, this version, this query, this caller. */
static void tag_of(const struct api_request *r, const struct snapshot *s, char tag[TAG_SIZE])
{
    uint64_t hash = hash_bytes(&s->version, sizeof(s->version), r->api->boot);
    hash = hash_bytes(r->http->query, strlen(r->http->query), hash);
    hash = hash_bytes(r->caller.name, strlen(r->caller.name), hash + (uint64_t)r->caller.role);
    format(tag, TAG_SIZE, "W/\"%08x%08x\"", (unsigned)(hash >> 32), (unsigned)hash);
}

static bool has_already(const struct api_request *r, const char *tag)
{
    const char *given = server_header(r->http, "If-None-Match");
    return given && (strcmp(given, "*") == 0 || strstr(given, tag));
}

static void write_page(struct api_request *r, const struct list *list,
                       const struct select_page *page)
{
    struct str *out = &r->reply->body;
    str_add_f(out, "{\"%s\":[", list->name);
    for (size_t i = 0; i < page->count; i++) {
        if (i > 0) str_add_c(out, ',');
        str_add_n(out, page->items[i]->json, page->items[i]->len);
    }
    str_add_f(out, "],\"count\":%zu,\"total\":%zu", page->count, page->total);
    if (page->next) {
        str_add(out, ",\"continue\":");
        str_add_json(out, page->next);
    }
    str_add(out, "}\n");
    if (out->over)
        problem_reply(
            r->reply, 422, "too-many", "limit",
            "limit: there are %zu, more than one reply can hold: write a limit, and go on "
            "with continue",
            page->total);
}

void list_reply(struct api_request *r, const struct list *list, struct snapshots *from)
{
    struct select select;
    struct select_page page;
    struct err err;
    if (select_read(list->kind, &r->query, r->arena, &select, &err) < 0) {
        char *field = arena_strndup(r->arena, err.text, strcspn(err.text, ":"));
        problem_reply(r->reply, 400, "invalid-parameter", field, "%s", err.text);
        return;
    }
    if (list->user_field >= 0 && select.equal[list->user_field]) {
        char *name = arena_alloc(r->arena, USER_NAME_SIZE);
        user_name(select.equal[list->user_field], name);
        select.equal[list->user_field] = name;
    }
    if (list->user_field >= 0 && r->caller.role < ROLE_OPERATOR) {
        select.user = r->caller.name;
        select.user_field = list->user_field;
    }
    auto_snapshot snapshot = list_take(r, from);
    if (!snapshot) return;
    char tag[TAG_SIZE];
    tag_of(r, snapshot, tag);
    server_reply_header(r->reply, "ETag", tag);
    r->reply->cache = "private, no-cache";
    r->reply->content_type = "application/json";
    if (has_already(r, tag)) {
        r->reply->code = 304;
        return;
    }
    select_page(&select, snapshot, r->arena, &page);
    write_page(r, list, &page);
}

/* --- One of them --- */

void item_reply(struct api_request *r, const struct snap_item *item)
{
    r->reply->content_type = "application/json";
    server_reply_header(r->reply, "ETag", arena_printf(r->arena, "\"%s\"", item->rv));
    str_add_n(&r->reply->body, item->json, item->len);
    str_add_c(&r->reply->body, '\n');
}

void deleted_reply(struct api_request *r, const char *message)
{
    r->reply->content_type = "application/json";
    str_add(&r->reply->body, "{\"name\":");
    str_add_json(&r->reply->body, r->param[0]);
    str_add_f(&r->reply->body, ",\"message\":\"%s\"}\n", message);
}

struct kube_object *stored_read(struct api_request *r, const struct kube_type *type,
                                const char *text, size_t n)
{
    struct kube_object *o;
    struct err err;
    if (kube_object_read(type, text, n, r->arena, &o, &err) == 0) return o;
    problem_reply(r->reply, 502, "unreadable-answer", NULL,
                  "it was done, but what Kubernetes answered cannot be read: %s", err.text);
    return NULL;
}
