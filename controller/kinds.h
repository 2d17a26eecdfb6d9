/* controller/kinds.h: the kinds that the operator reads, as compact structs, and the tables that
 * fill them from JSON: its own four, and of the children only what a decision needs.
 *
 * Every struct begins with struct kube_object; what stands from `reading` on is not kept (store.h).
 * Texts are NULL where the JSON had none, unless the
 * comment says otherwise. Times are milliseconds since 1970, 0 for none.
 */
#pragma once

#include "lib/kube/store.h"

#define CARREL_GROUP "carrel.dev"
#define CARREL_API_VERSION "carrel.dev/v1alpha1"
#define CARREL_MANAGER "carrel-controller" /* field managers: never to change, fields stay owned */
#define CARREL_STATUS_MANAGER "carrel-status"
#define CARREL_MANAGED_BY "carrel"
#define CARREL_SELECTOR "app.kubernetes.io/managed-by=" CARREL_MANAGED_BY

/* Annotations of ours. */
#define ANNOTATION_INTENT "carrel.dev/intent" /* "<hash of what we sent>.<generation it makes>" */
#define ANNOTATION_START "carrel.dev/start"   /* what is frozen at a start, session_start.h */
#define ANNOTATION_RESTART "carrel.dev/restart-at"
#define ANNOTATION_UNUSED "carrel.dev/unused-since" /* of a ControllerRevision */
#define ANNOTATION_RENDERER "carrel.dev/renderer" /* of a pod: how it was made */
#define ANNOTATION_OWNER "carrel.dev/session-uid" /* of a pod: whose it is, whatever its name */

enum condition_status { CONDITION_ABSENT, CONDITION_TRUE, CONDITION_FALSE, CONDITION_UNKNOWN };

enum session_condition { /* in the order in which they are written */
    SESSION_TEMPLATE_RESOLVED,
    SESSION_STORAGE_READY,
    SESSION_WORKLOAD_READY,
    SESSION_ROUTE_READY,
    SESSION_SAVED,
    SESSION_STALLED,
    SESSION_READY,
    SESSION_CONDITION_COUNT
};
extern const char *const session_condition_names[SESSION_CONDITION_COUNT];
const char *condition_status_name(enum condition_status status); /* "True", ... */

struct condition {
    enum condition_status status;
    char *reason;
    char *message;
    int64_t since_ms;
};

struct session_status {
    char *phase;
    char *url;
    char *pod_name;
    int64_t started_ms;
    int64_t last_activity_ms;
    int64_t observed_generation;
    char *template_revision;
    bool template_behind;
    bool has_start; /* the four times of the start were there */
    int64_t idle_since_ms, idle_hibernate_ms;
    char *idle_by, *idle_blocked_by;
    int64_t queued_ms, scheduled_ms, pulled_ms, ready_ms;
    struct condition conditions[SESSION_CONDITION_COUNT];
};

struct session {
    struct kube_object object;
    char *user;
    char *template;
    char *state;          /* "running", "hibernated", "terminated"; NULL as running */
    char *max_duration;
    char *retention;
    char *idle_timeout;
    char *route_mode;     /* "host" or "path"; NULL as host */
    char *storage;
    char *resources;      /* JSON text, or NULL */
    char *env;            /* JSON text */
    char *parameters;     /* JSON text */
    char *git;            /* JSON text */
    char *tags;           /* JSON text of a list */
    bool persistent_home;
    char *restart_at;     /* the annotation */
    struct session_status status;
    struct kube_reading reading;
    struct json_list condition_list;
};

struct template {
    struct kube_object object;
    char *spec; /* JSON text */
    bool has_status, valid;
    char *message;
    int64_t sessions;
    char *revision; /* name of its ControllerRevision */
    int64_t observed_generation;
    int64_t ready_since_ms; /* of its Ready condition */
    char *ready_reason;
    bool ready;
    struct kube_reading reading;
    struct json_list condition_list;
};

struct connection {
    struct kube_object object;
    char *session_id;
    char *user_id;
    char *state; /* NULL before the first status */
    int64_t connected_ms, heartbeat_ms;
    int64_t observed_generation;
    struct kube_reading reading;
};

struct repository {
    struct kube_object object;
    char *phase;
    int64_t observed_generation;
    struct kube_reading reading;
};

/* What children of a Session have in common. */
struct child {
    char *intent;        /* our annotation */
    uint64_t labels;     /* hash of those of our labels that are there (labels_hash) */
    bool listed;         /* our selector finds it */
    int update_entry;    /* index of our managedFields entry of operation Update; -1: none */
};
enum { LABEL_COUNT = 10 };
struct child_reading { /* what that is derived from */
    struct json_list managers;
    char *label[LABEL_COUNT];
};

struct deployment {
    struct kube_object object;
    struct child child;
    char *start;        /* our annotation */
    char *revision;     /* out of start: which template revision runs */
    int64_t replicas;   /* of the spec */
    int64_t observed_generation;
    int64_t ready_replicas, status_replicas;
    char *failure;      /* message of ReplicaFailure while that is true */
    struct kube_reading reading;
    struct child_reading child_reading;
    struct json_list condition_list;
};

struct service {
    struct kube_object object;
    struct child child;
    char *cluster_ip;
    char *type;
    uint64_t selector; /* hash of its JSON text */
    int64_t port, port_count;
    char *target_port;
    struct kube_reading reading;
    struct child_reading child_reading;
    struct json_list ports;
};

struct route { /* what an Ingress of ours says; texts NULL for none */
    char *class;
    char *host;
    char *path;
    char *service;
    int64_t port;
    char *secret; /* of the TLS block */
    int64_t rules, tls; /* how many there are */
};

struct ingress {
    struct kube_object object;
    struct child child;
    struct route route;
    struct json_list annotations; /* of struct json_pair; all but the intent */
    struct kube_reading reading;
    struct child_reading child_reading;
    struct json_list rule_list, tls_list;
};

struct claim { /* PersistentVolumeClaim */
    struct kube_object object;
    char *user; /* label */
    char *phase;
    struct kube_reading reading;
};

struct pod {
    struct kube_object object;
    char *session; /* label */
    char *session_uid; /* annotation */
    char *user;    /* label */
    char *restart_at; /* annotation: of which restart it is */
    char *phase;
    char *reason, *message; /* of the pod itself: evicted and such */
    char *node;
    enum condition_status scheduled;
    bool has_home; /* label */
    bool ready;
    bool crashed; /* it ended at least once, last with exit_code */
    char *unscheduled_message;
    int64_t scheduled_ms;
    int64_t ready_since_ms;
    char *waiting_reason, *waiting_message; /* of the session's container */
    int64_t restarts;
    int64_t running_since_ms;
    int64_t exit_code;
    char *crash_reason, *crash_message; /* the last lines, from the termination message */
    struct kube_reading reading;
    struct json_list condition_list, container_list;
};

struct revision { /* ControllerRevision: a Template's spec as it was */
    struct kube_object object;
    char *template; /* label */
    char *data;     /* JSON text: the spec */
    int64_t unused_since_ms; /* annotation: nobody named it then; 0: in use, or not looked at */
    struct kube_reading reading;
};

extern const struct kube_type session_type, template_type, connection_type, repository_type;
extern const struct kube_type deployment_type, service_type, ingress_type, claim_type, pod_type;
extern const struct kube_type revision_type;
/* A Deployment, Service or Ingress that CARREL_SELECTOR finds, so that its cache hears of its end.
 */
bool child_is_listed(const struct kube_object *o);
extern const struct kube_resource event_resource, lease_resource;

enum session_index { SESSION_BY_TEMPLATE /* name alone */, SESSION_BY_USER /* ns/user */ };
enum pod_index { POD_BY_SESSION /* ns/session */ };
enum deployment_index { DEPLOYMENT_BY_REVISION /* name alone */ };
enum revision_index { REVISION_BY_TEMPLATE /* ns/template */ };
enum connection_index { CONNECTION_BY_SESSION /* ns/session */ };

/* The labels that every child of ours has, in a fixed order; a value NULL leaves the label out. */
extern const char *const label_names[LABEL_COUNT];
uint64_t labels_hash(char *const values[LABEL_COUNT]);
