#include <string.h>

#include "controller/kinds_table.h"

struct container_end {
    bool present;
    int64_t exit_code;
    char *reason, *message;
};
struct container {
    char *name;
    int64_t restarts;
    char *waiting_reason, *waiting_message;
    int64_t running_since_ms;
    struct container_end now, last;
};
#define STRUCT struct container_end
ROWS(end_table, ROW("exitCode", JSON_INT, exit_code), ROW("reason", JSON_TEXT, reason),
     ROW("message", JSON_TEXT, message));
#undef STRUCT
#define STRUCT struct container
ROWS(waiting_table, ROW("reason", JSON_TEXT, waiting_reason),
     ROW("message", JSON_TEXT, waiting_message));
ROWS(running_table, ROW("startedAt", JSON_TIME, running_since_ms));
ROWS(state_table, INTO("waiting", waiting_table), INTO("running", running_table),
     {"terminated", JSON_OBJECT, 0, offsetof(STRUCT, now), &end_table},
     {"terminated", JSON_PRESENT, 0, offsetof(STRUCT, now.present), 0});
ROWS(last_state_table, {"terminated", JSON_OBJECT, 0, offsetof(STRUCT, last), &end_table},
     {"terminated", JSON_PRESENT, 0, offsetof(STRUCT, last.present), 0});
ITEMS(container_table, struct container, ROW("name", JSON_TEXT, name),
      ROW("restartCount", JSON_INT, restarts), INTO("state", state_table),
      INTO("lastState", last_state_table));
#undef STRUCT

#define STRUCT struct pod
ROWS(pod_labels, ROW("carrel.dev/session", JSON_TEXT, session),
     SAME("carrel.dev/user", user), ROW("carrel.dev/home", JSON_PRESENT, has_home));
ROWS(pod_annotations, KUBE_ANNOTATION_ROWS(STRUCT),
     ROW(ANNOTATION_RESTART, JSON_TEXT, restart_at),
     SAME(ANNOTATION_OWNER, session_uid));
ROWS(pod_meta, KUBE_META_ROWS_OF(STRUCT, 0, JSON_TRANSIENT), INTO("annotations", pod_annotations),
     INTO("labels", pod_labels));
ROWS(pod_spec, SAME("nodeName", node));
ROWS(pod_status, SAME("phase", phase), ROW("reason", JSON_TEXT, reason),
     ROW("message", JSON_TEXT, message),
     ROW("conditions", JSON_LIST, condition_list, .flags = JSON_TRANSIENT,
         .table = &condition_table),
     ROW("containerStatuses", JSON_LIST, container_list, .flags = JSON_TRANSIENT,
         .table = &container_table));
ITEMS(pod_table, STRUCT, KUBE_FLAW_ROW(STRUCT),
      INTO("metadata", pod_meta), INTO("spec", pod_spec),
      INTO("status", pod_status), ROW("\001um", JSON_TEXT, unscheduled_message),
      SAME("\001wr", waiting_reason), ROW("\001wm", JSON_TEXT, waiting_message),
      ROW("\001cr", JSON_TEXT, crash_reason), ROW("\001cm", JSON_TEXT, crash_message),
      ROW("\001rd", JSON_BOOL, ready), ROW("\001rs", JSON_INT, restarts),
      ROW("\001sc", JSON_INT, scheduled_ms), ROW("\001ru", JSON_INT, running_since_ms));
#undef STRUCT

static void read_container(struct pod *p, const struct container *c)
{
    const struct container_end *end = c->now.present ? &c->now : &c->last;
    p->waiting_reason = c->waiting_reason;
    p->waiting_message = c->waiting_message;
    p->restarts = c->restarts;
    p->running_since_ms = c->running_since_ms;
    if (!end->present) return;
    p->crashed = true;
    p->exit_code = end->exit_code;
    p->crash_reason = end->reason;
    p->crash_message = end->message;
}

static void pod_finish(struct kube_object *o, struct arena *a)
{
    (void)a;
    struct pod *p = (struct pod *)o;
    const struct raw_condition *scheduled = condition_find(&p->condition_list, "PodScheduled");
    const struct raw_condition *ready = condition_find(&p->condition_list, "Ready");
    if (scheduled) {
        p->scheduled = condition_read(scheduled->status);
        if (p->scheduled == CONDITION_TRUE) p->scheduled_ms = scheduled->since_ms;
        else p->unscheduled_message = scheduled->message;
    }
    p->ready = condition_is_true(ready);
    p->ready_since_ms = p->ready ? ready->since_ms : 0;
    const struct container *containers = p->container_list.items;
    for (size_t i = 0; i < p->container_list.count; i++) {
        if (containers[i].name && strcmp(containers[i].name, "session") == 0) {
            read_container(p, &containers[i]);
        }
    }
}

static bool pod_by_session(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return kinds_key(key, o->meta.ns, ((const struct pod *)o)->session);
}

static const struct kube_resource pod_resource = {"api/v1", "pods", "v1", "Pod"};
const struct kube_type pod_type = {"pod", &pod_resource, &pod_table, KEPT(pod),
                                   CARREL_MANAGED_BY, pod_finish, {pod_by_session}};
