#include <string.h>

#include "controller/kinds_table.h"
#include "lib/str.h"

/* --- Session -------------------------------------------------------------------------------- */

#define STRUCT struct session
ROWS(session_annotations, KUBE_ANNOTATION_ROWS(STRUCT),
     ROW(ANNOTATION_RESTART, JSON_TEXT, restart_at));
ROWS(session_meta, KUBE_META_ROWS_OF(STRUCT, JSON_SHARED, 0),
     INTO("annotations", session_annotations));
ROWS(session_route, SAME("mode", route_mode));
ROWS(session_spec, SAME("user", user), SAME("template", template), SAME("state", state),
     SAME("maxSessionDuration", max_duration), SAME("retention", retention),
     SAME("idleTimeout", idle_timeout), SAME("storage", storage),
     ROW("resources", JSON_RAW, resources, .flags = JSON_SHARED),
     ROW("env", JSON_RAW, env, .flags = JSON_SHARED),
     ROW("parameters", JSON_RAW, parameters, .flags = JSON_SHARED), ROW("git", JSON_RAW, git),
     ROW("tags", JSON_RAW, tags, .flags = JSON_SHARED),
     ROW("persistentHome", JSON_BOOL, persistent_home), INTO("route", session_route));
ROWS(session_idle, ROW("since", JSON_TIME, status.idle_since_ms),
     SAME("by", status.idle_by),
     ROW("hibernateAt", JSON_TIME, status.idle_hibernate_ms),
     SAME("blockedBy", status.idle_blocked_by));
ROWS(session_start, ROW("queuedMs", JSON_INT, status.queued_ms),
     ROW("scheduledMs", JSON_INT, status.scheduled_ms),
     ROW("pulledMs", JSON_INT, status.pulled_ms), ROW("readyMs", JSON_INT, status.ready_ms));
ROWS(session_status, SAME("phase", status.phase), ROW("url", JSON_TEXT, status.url),
     ROW("podName", JSON_TEXT, status.pod_name),
     ROW("startedAt", JSON_TIME, status.started_ms),
     ROW("lastActivity", JSON_TIME, status.last_activity_ms),
     ROW("observedGeneration", JSON_INT, status.observed_generation),
     SAME("templateRevision", status.template_revision),
     ROW("templateBehind", JSON_BOOL, status.template_behind), INTO("idle", session_idle),
     INTO("start", session_start), ROW("start", JSON_PRESENT, status.has_start),
     ROW("conditions", JSON_LIST, condition_list, .flags = JSON_TRANSIENT,
         .table = &condition_table));
/* Derived from the list: rows that no JSON fills, for copying and comparing. */
#define CONDITION_ROWS(i)                                                                          \
    {"\001r" #i, JSON_TEXT, JSON_SHARED, offsetof(STRUCT, status.conditions[i].reason), 0},        \
    {"\001m" #i, JSON_TEXT, JSON_SHARED, offsetof(STRUCT, status.conditions[i].message), 0},       \
    {"\001t" #i, JSON_INT, 0, offsetof(STRUCT, status.conditions[i].since_ms), 0}
static const struct json_field session_rows[] = {
    KUBE_FLAW_ROW(STRUCT),          INTO("metadata", session_meta),
    INTO("spec", session_spec),     INTO("status", session_status),
    CONDITION_ROWS(0), CONDITION_ROWS(1), CONDITION_ROWS(2), CONDITION_ROWS(3),
    CONDITION_ROWS(4), CONDITION_ROWS(5), CONDITION_ROWS(6)};
#undef STRUCT
static const struct json_table session_table = {
    session_rows, sizeof(session_rows) / sizeof(*session_rows), sizeof(struct session), false};

static void session_finish(struct kube_object *o, struct arena *a)
{
    (void)a;
    struct session *s = (struct session *)o;
    for (int i = 0; i < SESSION_CONDITION_COUNT; i++) {
        const struct raw_condition *raw =
            condition_find(&s->condition_list, session_condition_names[i]);
        if (!raw) continue;
        s->status.conditions[i] = (struct condition){condition_read(raw->status), raw->reason,
                                                     raw->message, raw->since_ms};
    }
}

static bool session_by_template(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    const struct session *s = (const struct session *)o;
    return s->template && str_copy(key, KUBE_KEY_SIZE, s->template);
}

static bool session_by_user(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return kinds_key(key, o->meta.ns, ((const struct session *)o)->user);
}

static const struct kube_resource session_resource = {
    "apis/" CARREL_API_VERSION, "sessions", CARREL_API_VERSION, "Session"};
const struct kube_type session_type = {"session", &session_resource, &session_table, KEPT(session),
                                       NULL, session_finish,
                                       {session_by_template, session_by_user}};

/* --- Template, Connection, TemplateRepository ----------------------------------------------- */

#define STRUCT struct template
ROWS(template_meta, KUBE_META_ROWS(STRUCT), KUBE_NO_ANNOTATIONS(STRUCT));
ROWS(template_status, ROW("valid", JSON_BOOL, valid), ROW("message", JSON_TEXT, message),
     ROW("sessions", JSON_INT, sessions), ROW("revision", JSON_TEXT, revision),
     ROW("observedGeneration", JSON_INT, observed_generation),
     ROW("conditions", JSON_LIST, condition_list, .flags = JSON_TRANSIENT,
         .table = &condition_table));
ITEMS(template_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", template_meta), ROW("spec", JSON_RAW, spec),
      INTO("status", template_status), ROW("status", JSON_PRESENT, has_status),
      ROW("\001rr", JSON_TEXT, ready_reason), ROW("\001rs", JSON_INT, ready_since_ms),
      ROW("\001r", JSON_BOOL, ready));
#undef STRUCT

static void template_finish(struct kube_object *o, struct arena *a)
{
    (void)a;
    struct template *t = (struct template *)o;
    const struct raw_condition *ready = condition_find(&t->condition_list, "Ready");
    t->ready = condition_is_true(ready);
    t->ready_reason = ready ? ready->reason : NULL;
    t->ready_since_ms = ready ? ready->since_ms : 0;
}

static const struct kube_resource template_resource = {
    "apis/" CARREL_API_VERSION, "templates", CARREL_API_VERSION, "Template"};
const struct kube_type template_type = {"template", &template_resource, &template_table,
                                        KEPT(template),
                                        NULL, template_finish, {0}};

#define STRUCT struct connection
ROWS(connection_meta, KUBE_META_ROWS(STRUCT), KUBE_NO_ANNOTATIONS(STRUCT));
ROWS(connection_spec, ROW("sessionID", JSON_TEXT, session_id), ROW("userID", JSON_TEXT, user_id));
ROWS(connection_status, SAME("state", state),
     ROW("connectedAt", JSON_TIME, connected_ms), ROW("lastHeartbeat", JSON_TIME, heartbeat_ms),
     ROW("observedGeneration", JSON_INT, observed_generation));
ITEMS(connection_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", connection_meta), INTO("spec", connection_spec),
      INTO("status", connection_status));
#undef STRUCT

static bool connection_by_session(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return kinds_key(key, o->meta.ns, ((const struct connection *)o)->session_id);
}

static const struct kube_resource connection_resource = {
    "apis/" CARREL_API_VERSION, "connections", CARREL_API_VERSION, "Connection"};
const struct kube_type connection_type = {
    "connection", &connection_resource, &connection_table, KEPT(connection), NULL, NULL,
    {connection_by_session}};

#define STRUCT struct repository
ROWS(repository_meta, KUBE_META_ROWS(STRUCT), KUBE_NO_ANNOTATIONS(STRUCT));
ROWS(repository_status, ROW("phase", JSON_TEXT, phase),
     ROW("observedGeneration", JSON_INT, observed_generation));
ITEMS(repository_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", repository_meta),
      INTO("status", repository_status));
#undef STRUCT
static const struct kube_resource repository_resource = {
    "apis/" CARREL_API_VERSION, "templaterepositories", CARREL_API_VERSION, "TemplateRepository"};
const struct kube_type repository_type = {
    "repository", &repository_resource, &repository_table, KEPT(repository), NULL, NULL, {0}};
