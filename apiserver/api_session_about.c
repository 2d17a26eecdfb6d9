/* What a session says of itself: its events, its program's last lines, why it is as it is. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/api_parts.h"
#include "apiserver/render.h"
#include "controller/kinds.h"
#include "lib/json.h"

enum { EVENTS_MAX = 200, TAIL_LINES = 100, TAIL_LINES_MAX = 10000 };

/* --- Events --- */

static int by_time(const void *a, const void *b)
{
    const struct json *const *x = a, *const *y = b;
    const char *tx = json_text(json_get(*x, "lastTimestamp"));
    const char *ty = json_text(json_get(*y, "lastTimestamp"));
    return strcmp(tx ? tx : "", ty ? ty : "");
}

/* The moment that an event stands for: the newer form of events has it elsewhere. */
static const char *moment_of(const struct json *event)
{
    static const char *const places[] = {"series.lastObservedTime", "deprecatedLastTimestamp",
                                         "lastTimestamp", "eventTime",
                                         "metadata.creationTimestamp"};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const char *text = json_text(json_path(event, places[i]));
        if (text && *text) return text;
    }
    return "";
}

static const char *or_nothing(const char *text)
{
    return text ? text : "";
}

static struct json *event_of(struct arena *a, const struct json *event)
{
    struct json *out = json_object(a);
    const char *note = json_text(json_get(event, "note"));
    int64_t count = 0;
    json_set_text(a, out, "type", or_nothing(json_text(json_get(event, "type"))));
    json_set_text(a, out, "reason", or_nothing(json_text(json_get(event, "reason"))));
    json_set_text(a, out, "message",
                  or_nothing(note ? note : json_text(json_get(event, "message"))));
    json_set_text(a, out, "lastTimestamp", moment_of(event));
    if (!json_int(json_path(event, "series.count"), &count) &&
        !json_int(json_get(event, "deprecatedCount"), &count))
        count = 1;
    json_set_int(a, out, "count", count);
    return out;
}

static void write_events(struct api_request *r, const struct json *list)
{
    struct arena *a = r->arena;
    const struct json *items = json_get(list, "items");
    struct json **sorted = arena_alloc(a, (json_count(items) + 1) * sizeof(*sorted));
    size_t n = 0;
    for (const struct json *e = json_first(items); e; e = json_next(e))
        sorted[n++] = event_of(a, e);
    qsort(sorted, n, sizeof(*sorted), by_time);
    struct json *out = json_object(a), *events = json_array(a);
    for (size_t i = 0; i < n; i++) json_append(a, events, sorted[i]);
    json_set(a, out, "events", events);
    json_set_int(a, out, "total", (int64_t)n);
    r->reply->content_type = "application/json";
    json_print(&r->reply->body, out);
    str_add_c(&r->reply->body, '\n');
}

void session_events(struct api_request *r)
{
    struct ask_answer answer;
    struct json *list;
    struct err err;
    auto_snapshot snapshot = list_take(r, r->api->sessions);
    const struct snap_item *item = snapshot ? session_find(r, snapshot) : NULL;
    if (!item) return;
    auto_str query;
    str_init(&query, 2048);
    str_add_f(&query, "limit=%d&fieldSelector=", EVENTS_MAX);
    str_add_url(&query, "regarding.kind=Session,regarding.name=");
    str_add_url(&query, r->param[0]);
    const struct kube_op op = {.verb = KUBE_LIST, .resource = &event_resource,
                               .ns = session_namespace(r), .query = query.at,
                               .agent_suffix = "api"};
    if (ask_kube(r->api->asks, &op, r->arena, &answer) < 0) {
        problem_of_kube(r->reply, &answer, "session", r->param[0]);
    } else if (json_parse(r->arena, answer.body, answer.len, &list, &err) < 0) {
        problem_reply(r->reply, 502, "unreadable-answer", NULL, "events: %s", err.text);
    } else {
        write_events(r, list);
    }
}

/* --- Logs --- */

static int tail_lines(struct api_request *r)
{
    const char *text = query_get(&r->query, "tail");
    char *end;
    if (!text) return TAIL_LINES;
    long n = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
    if (n >= 1 && n <= TAIL_LINES_MAX && !*end) return (int)n;
    problem_reply(r->reply, 400, "invalid-parameter", "tail",
                  "tail: write a whole number from 1 to %d", TAIL_LINES_MAX);
    return -1;
}

static void reply_logs(struct api_request *r, const char *ns, const char *pod)
{
    struct ask_answer answer;
    int lines = tail_lines(r);
    if (lines < 0) return;
    const struct kube_op op = {
        .verb = KUBE_GET, .resource = pod_type.resource, .ns = ns, .name = pod, .sub = "log",
        .query = arena_printf(r->arena, "timestamps=true&limitBytes=4194304&tailLines=%d", lines),
        .agent_suffix = "api"};
    if (ask_kube(r->api->asks, &op, r->arena, &answer) < 0) {
        problem_of_kube(r->reply, &answer, "pod", pod);
        return;
    }
    str_add_n(&r->reply->body, answer.body, answer.len);
}

void session_logs(struct api_request *r)
{
    struct json *session;
    auto_snapshot snapshot = list_take(r, r->api->sessions);
    const struct snap_item *item = snapshot ? session_find(r, snapshot) : NULL;
    if (!item) return;
    if (json_parse(r->arena, item->json, item->len, &session, NULL) < 0) return;
    const char *pod = json_text(json_get(session, "podName"));
    if (!pod || !*pod) {
        problem_reply(r->reply, 409, "no-pod", NULL, "session %s has no pod now: it is %s",
                      r->param[0], item->field[SESSION_PHASE]);
        return;
    }
    reply_logs(r, session_namespace(r), pod);
}

void pod_logs(struct api_request *r)
{
    reply_logs(r, r->param[0], r->param[1]);
}

/* --- Why --- */

static void add_waiting(struct arena *a, struct json *out, const struct json *session)
{
    struct json *waits = json_array(a);
    for (const struct json *c = json_first(json_path(session, "status.conditions")); c;
         c = json_next(c)) {
        const char *type = json_text(json_get(c, "type")), *is = json_text(json_get(c, "status"));
        bool wanted = strcmp(type, "Stalled") == 0 ? strcmp(is, "False") == 0
                                                   : strcmp(is, "True") == 0;
        if (!wanted && strcmp(type, "Ready") != 0) json_append(a, waits, json_copy(a, c));
    }
    json_set(a, out, "waitsFor", waits);
}

static void add_idle(struct arena *a, struct json *out, const struct json *session)
{
    const struct json *idle = json_path(session, "status.idle");
    int64_t connections = 0;
    json_int(json_get(session, "activeConnections"), &connections);
    json_set_int(a, out, "activeConnections", connections);
    if (json_get(session, "idleTimeout"))
        json_set(a, out, "idleTimeout", json_copy(a, json_get(session, "idleTimeout")));
    if (json_get(idle, "hibernateAt"))
        json_set(a, out, "hibernatesAt", json_copy(a, json_get(idle, "hibernateAt")));
    const char *blocked = json_text(json_get(idle, "blockedBy"));
    if (blocked) json_set_text(a, out, "keptAwakeBy", blocked);
}

void session_why(struct api_request *r)
{
    static const char *const copied[] = {"name", "namespace", "state", "phase"};
    static const char *const of_status[] = {"ready", "reason", "message", "startedAt"};
    struct arena *a = r->arena;
    struct json *session, *out = json_object(a);
    auto_snapshot snapshot = list_take(r, r->api->sessions);
    const struct snap_item *item = snapshot ? session_find(r, snapshot) : NULL;
    if (!item || json_parse(a, item->json, item->len, &session, NULL) < 0) return;
    for (size_t i = 0; i < sizeof(copied) / sizeof(*copied); i++)
        json_set(a, out, copied[i], json_copy(a, json_get(session, copied[i])));
    for (size_t i = 0; i < sizeof(of_status) / sizeof(*of_status); i++) {
        const struct json *value = json_get(json_get(session, "status"), of_status[i]);
        if (value) json_set(a, out, of_status[i], json_copy(a, value));
    }
    add_waiting(a, out, session);
    add_idle(a, out, session);
    r->reply->content_type = "application/json";
    json_print(&r->reply->body, out);
    str_add_c(&r->reply->body, '\n');
}
