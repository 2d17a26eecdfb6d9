#include "controller/kinds.h"

#include <string.h>

#include "controller/kinds_table.h"
#include "lib/format.h"

const char *const session_condition_names[SESSION_CONDITION_COUNT] = {
    "TemplateResolved", "StorageReady", "WorkloadReady", "RouteReady",
    "Saved",            "Stalled",      "Ready",
};

const char *condition_status_name(enum condition_status status)
{
    static const char *const names[] = {"Unknown", "True", "False", "Unknown"};
    return names[status];
}

#define STRUCT struct raw_condition
static const struct json_field rows[] = {
    ROW("type", JSON_TEXT, type), ROW("status", JSON_TEXT, status),
    ROW("reason", JSON_TEXT, reason), ROW("message", JSON_TEXT, message),
    ROW("lastTransitionTime", JSON_TIME, since_ms)};
#undef STRUCT
const struct json_table condition_table = {rows, sizeof(rows) / sizeof(*rows),
                                           sizeof(struct raw_condition), false};

enum condition_status condition_read(const char *text)
{
    if (text && strcmp(text, "True") == 0) return CONDITION_TRUE;
    if (text && strcmp(text, "False") == 0) return CONDITION_FALSE;
    return CONDITION_UNKNOWN;
}

const struct raw_condition *condition_find(const struct json_list *list, const char *type)
{
    const struct raw_condition *c = list->items;
    for (size_t i = 0; i < list->count; i++) {
        if (c[i].type && strcmp(c[i].type, type) == 0) return &c[i];
    }
    return NULL;
}

bool condition_is_true(const struct raw_condition *c)
{
    return c && condition_read(c->status) == CONDITION_TRUE;
}

bool kinds_key(char key[KUBE_KEY_SIZE], const char *ns, const char *name)
{
    if (!name) return false;
    return format(key, KUBE_KEY_SIZE, "%s/%s", ns, name) < KUBE_KEY_SIZE;
}

const struct kube_resource event_resource = {"apis/events.k8s.io/v1", "events",
                                             "events.k8s.io/v1", "Event"};
const struct kube_resource lease_resource = {"apis/coordination.k8s.io/v1", "leases",
                                             "coordination.k8s.io/v1", "Lease"};
