/* test/unit/fixture_cluster.h: a cluster for the tests of controller/: the store of dev/ as its
 * API, the caches of a view beside it, and steps that are driven by hand. Time stands still until a
 * test moves it.
 *
 *     cluster_create ─► API ─cluster_sync─► caches ─► cluster_run: step, requests, answers
 */
#pragma once

#include "controller/step.h"
#include "dev/store.h"
#include "lib/json.h"
#include "lib/kube/transport.h"

enum { CLUSTER_KINDS = 10, CLUSTER_SENT_MAX = 64, CLUSTER_EVENTS_MAX = 32 };

struct cluster_sent { /* one request of the last run */
    enum kube_verb verb;
    char what[160]; /* "POST deployments", "APPLY sessions/a/status" */
    char *body;
    int code;
};

struct cluster_fault { /* of the next request whose `what` begins with this */
    const char *what;
    int times;        /* how often; negative: for ever */
    enum err_code err;
    int code;
    const char *message;
    const char *field; /* that the refusal names */
    bool quota, ns_terminating;
    bool lost;        /* it is done, and the answer is lost */
};

struct cluster {
    struct rng rng;
    struct store *api;
    struct arena a;         /* of the test */
    struct settings settings;
    struct view view;
    struct kube_store *stores[CLUSTER_KINDS];
    int64_t now_ms, wall_ms;
    struct cluster_fault faults[4];
    /* Before an answer is read: what comes in between. May be NULL. */
    void (*meanwhile)(struct cluster *c, const struct cluster_sent *sent);

    /* of the last run */
    struct arena pass;
    struct cluster_sent sent[CLUSTER_SENT_MAX];
    size_t sent_count;
    size_t rounds;
    struct step_event events[CLUSTER_EVENTS_MAX];
    size_t event_count;
    int64_t again_ms;
    struct err err;
};

void cluster_open(struct cluster *c);
void cluster_close(struct cluster *c);

/* Straight to the API, as a user would; the caches do not know yet. All fail the test when refused.
 * kind is the plural: "sessions". */
void cluster_create(struct cluster *c, const char *kind, const char *json);
void cluster_merge(struct cluster *c, const char *kind, const char *ns, const char *name,
                   const char *sub, const char *json);
void cluster_patch(struct cluster *c, const char *kind, const char *ns, const char *name,
                   const char *json);
void cluster_delete(struct cluster *c, const char *kind, const char *ns, const char *name);
int cluster_call(struct cluster *c, const char *method, const char *path, const char *type,
                 const char *body);

/* The object as a tree; NULL: there is none. */
struct json *cluster_get(struct cluster *c, const char *kind, const char *ns, const char *name);
/* A value of it as JSON text, "-" where there is none. */
const char *cluster_at(struct cluster *c, const char *kind, const char *ns, const char *name,
                       const char *path);

/* The caches see what the API has now. */
void cluster_sync(struct cluster *c);
void cluster_pass_time(struct cluster *c, int64_t ms);

/* One pass of one key, without a look at the API before. */
enum step_result cluster_run(struct cluster *c, const struct controller *controller,
                             const char *key);
/* "POST deployments,POST services": what the last run sent, in order. */
const char *cluster_log(struct cluster *c);
/* How many of the last run's requests begin so. */
size_t cluster_count(const struct cluster *c, const char *what);
const struct cluster_sent *cluster_find(const struct cluster *c, const char *what);
/* The last run's event of that reason, or NULL. */
const struct step_event *cluster_event(const struct cluster *c, const char *reason);
void cluster_fail(struct cluster *c, struct cluster_fault fault);

/* What users make: JSON members of the spec beyond the least, without braces, or "". */
void cluster_template(struct cluster *c, const char *ns, const char *name, const char *more);
void cluster_session(struct cluster *c, const char *name, const char *more);
/* What the user of session "a" wants of it from now on, and the caches know. */
void cluster_set_state(struct cluster *c, const char *state);
/* Template "repl" in "n", judged; session "a" of user "ann" in the caches. */
void cluster_with_session(struct cluster *c, const char *more);
/* The same with all its children, its pod ready, its status written. */
void cluster_running(struct cluster *c, const char *more);
/* What kube-controller-manager and kubelet would do for session name: a pod with that status. */
void cluster_pod(struct cluster *c, const char *session, const char *pod, const char *status);
extern const char cluster_pod_ready[];

/* A condition of session name's status as cached: "True Ready: message". */
const char *cluster_condition(struct cluster *c, const char *session,
                              enum session_condition which);
const struct session *cluster_cached(const struct cluster *c, const char *session);
