#include "test/sim/pods.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "test/sim/cluster.h"

enum stage { POD_NEW, POD_PULLING, POD_RUNNING, POD_READY, POD_FAILED };
enum trouble { POD_FINE, POD_NO_ROOM, POD_NO_IMAGE, POD_CRASHES, POD_EVICTED, POD_DIES_LATER,
               POD_NO_MEMORY, POD_NODE_LOST };

struct pod_life {
    struct sim *sim;
    struct pods *pods;
    struct sim_event event;
    enum stage stage;
    enum trouble trouble;
    int64_t until_ms;
    int restarts;
    bool told; /* of its trouble */
    char *ns, *name, *claim, *session; /* uid of the session, NULL if it has none */
    char uid[];
};

struct pods {
    struct sim *sim;
    struct map lives; /* uid -> pod_life */
    struct map ready; /* uids of sessions that had a ready pod -> the text itself */
    bool healed;
};

/* --- what it says of itself --- */

static void write_status(struct pod_life *p, const char *phase, const char *conditions,
                         const char *state)
{
    struct sim *sim = p->sim;
    sim_call(sim, "kubelet", "PATCH", MERGE_TYPE,
             sim_text(sim, "/api/v1/namespaces/%s/pods/%s/status", p->ns, p->name),
             sim_text(sim,
                      "{\"status\":{\"phase\":\"%s\",\"conditions\":[%s],\"containerStatuses\":"
                      "[{\"name\":\"session\",\"image\":\"i\",\"imageID\":\"\",\"ready\":%s,"
                      "\"restartCount\":%d%s}]}}",
                      phase, conditions, p->stage == POD_READY ? "true" : "false", p->restarts,
                      state));
}

static const char *condition(struct pod_life *p, const char *type, const char *status,
                             const char *reason, const char *message)
{
    char at[TIME_TEXT_SIZE];
    time_format(at, sim_wall_ms(p->sim));
    return sim_text(p->sim,
                    "{\"type\":\"%s\",\"status\":\"%s\",\"reason\":\"%s\",\"message\":\"%s\","
                    "\"lastTransitionTime\":\"%s\"}",
                    type, status, reason, message, at);
}

static const char *conditions(struct pod_life *p, bool ready)
{
    const char *scheduled = condition(p, "PodScheduled", "True", "", "");
    return sim_text(p->sim, "%s,%s", scheduled,
                    condition(p, "Ready", ready ? "True" : "False", "", ""));
}

static const char *waiting(struct pod_life *p, const char *reason)
{
    return sim_text(p->sim, ",\"state\":{\"waiting\":{\"reason\":\"%s\",\"message\":\"m\"}}",
                    reason);
}

static const char *running(struct pod_life *p)
{
    char at[TIME_TEXT_SIZE];
    time_format(at, sim_wall_ms(p->sim));
    const char *last = p->restarts ? ",\"lastState\":{\"terminated\":{\"exitCode\":1,\"reason\":"
                                     "\"Error\",\"message\":\"last words\"}}"
                                   : "";
    return sim_text(p->sim, ",\"state\":{\"running\":{\"startedAt\":\"%s\"}}%s", at, last);
}

/* --- its stages: each does one thing and says when to come back --- */

static bool in_trouble(const struct pod_life *p, enum trouble trouble)
{
    return p->trouble == trouble && p->sim->now_ms < p->until_ms;
}

static bool claim_is_bound(const struct pod_life *p)
{
    if (!p->claim) return true;
    const struct store_object *c =
        store_get(p->sim->store, sim_types()->claim, p->ns, p->claim);
    return c && strstr(c->text, "\"phase\":\"Bound\"");
}

static int64_t not_schedulable(struct pod_life *p)
{
    if (!p->told) {
        p->told = true;
        write_status(p, "Pending",
                     condition(p, "PodScheduled", "False", "Unschedulable",
                               "0/1 nodes are available: 1 Insufficient memory"),
                     "");
    }
    return 700;
}

static int64_t schedule(struct pod_life *p)
{
    struct sim *sim = p->sim;
    if (!claim_is_bound(p) || in_trouble(p, POD_NO_ROOM)) return not_schedulable(p);
    p->told = false;
    p->stage = POD_PULLING;
    sim_call(sim, "scheduler", "PATCH", MERGE_TYPE,
             sim_text(sim, "/api/v1/namespaces/%s/pods/%s", p->ns, p->name),
             "{\"spec\":{\"nodeName\":\"node-1\"}}");
    write_status(p, "Pending", conditions(p, false), waiting(p, "ContainerCreating"));
    return sim_draw(sim, CHANCE_CLUSTER, 5, 800);
}

static int64_t pull(struct pod_life *p)
{
    if (in_trouble(p, POD_NO_IMAGE)) {
        p->told = !p->told;
        write_status(p, "Pending", conditions(p, false),
                     waiting(p, p->told ? "ErrImagePull" : "ImagePullBackOff"));
        return 5000;
    }
    p->stage = POD_RUNNING;
    write_status(p, "Running", conditions(p, false), running(p));
    return sim_draw(p->sim, CHANCE_CLUSTER, 5, 2000);
}

static int64_t crash(struct pod_life *p)
{
    p->restarts++;
    p->stage = POD_RUNNING;
    write_status(p, "Running", conditions(p, false),
                 sim_text(p->sim, "%s,\"lastState\":{\"terminated\":{\"exitCode\":%d,\"reason\":"
                                  "\"%s\",\"message\":\"last words\"}}",
                          waiting(p, "CrashLoopBackOff"), p->trouble == POD_NO_MEMORY ? 137 : 1,
                          p->trouble == POD_NO_MEMORY ? "OOMKilled" : "Error"));
    return 4000;
}

static int64_t become_ready(struct pod_life *p)
{
    if (in_trouble(p, POD_CRASHES) || in_trouble(p, POD_NO_MEMORY)) return crash(p);
    p->stage = POD_READY;
    write_status(p, "Running", conditions(p, true), running(p));
    bool later = p->trouble == POD_EVICTED || p->trouble == POD_DIES_LATER ||
                 p->trouble == POD_NODE_LOST;
    if (!later) return -1;
    return sim_draw(p->sim, CHANCE_CLUSTER, 1000, 60000);
}

/* Nobody hears of its node any more: it is not ready, then it is to go, and stays. */
static int64_t lose_node(struct pod_life *p)
{
    struct sim *sim = p->sim;
    const char *path = sim_text(sim, "/api/v1/namespaces/%s/pods/%s", p->ns, p->name);
    p->until_ms = sim->now_ms + sim_draw(sim, CHANCE_CLUSTER, 5000, 60000);
    p->stage = POD_RUNNING; /* not ready */
    write_status(p, "Running", conditions(p, false), running(p));
    p->stage = POD_READY;
    sim_call(sim, "node-controller", "DELETE", JSON_TYPE, path, NULL);
    return -1;
}

static int64_t live_on(struct pod_life *p)
{
    enum trouble trouble = p->trouble;
    if (trouble == POD_NODE_LOST) return lose_node(p);
    p->trouble = POD_FINE;
    if (trouble == POD_DIES_LATER) return crash(p);
    if (trouble != POD_EVICTED) return -1;
    p->stage = POD_FAILED;
    struct sim *sim = p->sim;
    sim_call(sim, "kubelet", "PATCH", MERGE_TYPE,
             sim_text(sim, "/api/v1/namespaces/%s/pods/%s/status", p->ns, p->name),
             sim_text(sim,
                      "{\"status\":{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":"
                      "\"The node was low on resource: memory.\",\"conditions\":[%s]}}",
                      conditions(p, false)));
    return -1;
}

static void on_pod(void *user)
{
    static int64_t (*const stages[])(struct pod_life *) = {schedule, pull, become_ready, live_on};
    struct pod_life *p = user;
    struct sim *sim = p->sim;
    const struct store_object *o = store_get(sim->store, sim_types()->pod, p->ns, p->name);
    if (!o || !str_equal(o->uid, p->uid)) return;
    bool unheard = o->deleting && in_trouble(p, POD_NODE_LOST);
    if (unheard) {
        sim_at(sim, &p->event, p->until_ms - sim->now_ms);
        return;
    }
    if (o->deleting || (p->stage == POD_FAILED && p->pods->healed)) {
        sim_call(sim, "kubelet", "DELETE", JSON_TYPE,
                 sim_text(sim, "/api/v1/namespaces/%s/pods/%s", p->ns, p->name),
                 "{\"gracePeriodSeconds\":0}");
        return; /* p is gone */
    }
    if (p->stage == POD_FAILED) return;
    int64_t again_ms = stages[p->stage](p);
    if (again_ms >= 0) sim_at(sim, &p->event, again_ms);
}

/* --- birth and death --- */

static char *claim_of(const struct store_object *o)
{
    const char *at = strstr(o->text, "\"claimName\":\"");
    if (!at) return NULL;
    at += strlen("\"claimName\":\"");
    return xstrndup(at, strcspn(at, "\""));
}

static void draw_trouble(struct pod_life *p)
{
    struct sim *sim = p->sim;
    if (!sim->plan.troubled_pods || p->pods->healed || !sim_one_in(sim, CHANCE_CLUSTER, 3)) return;
    p->trouble = (enum trouble)sim_draw(sim, CHANCE_CLUSTER, POD_NO_ROOM, POD_NODE_LOST);
    p->until_ms = sim->now_ms + sim_draw(sim, CHANCE_CLUSTER, 1000, 40000);
}

/* Whose it is by its annotation: somebody took our ownerReference off the Deployment that made
 * it. */
static char *session_it_names(const struct store_object *pod)
{
    static const char name[] = "\"carrel.dev/session-uid\":\"";
    const char *at = strstr(pod->text, name);
    if (!at) return NULL;
    at += sizeof(name) - 1;
    return xstrndup(at, strcspn(at, "\""));
}

static void born(struct pods *pods, const struct store_object *o)
{
    size_t n = strlen(o->uid) + 1;
    struct pod_life *p = xcalloc(1, sizeof(*p) + n);
    memcpy(p->uid, o->uid, n);
    p->sim = pods->sim;
    p->pods = pods;
    p->ns = xstrdup(o->ns);
    p->name = xstrdup(o->name);
    p->claim = claim_of(o);
    const char *session = cluster_session_of(pods->sim, o);
    p->session = session ? xstrdup(session) : session_it_names(o);
    p->event = (struct sim_event){.fire = on_pod, .user = p};
    map_put(&pods->lives, p->uid, p);
    draw_trouble(p);
    sim_at(p->sim, &p->event, sim_draw(p->sim, CHANCE_CLUSTER, 1, 300));
}

static void life_free(void *at)
{
    struct pod_life *p = at;
    sim_forget(p->sim, &p->event);
    free(p->ns);
    free(p->name);
    free(p->claim);
    free(p->session);
    free(p);
}

static void note_ready(struct pods *pods, const struct pod_life *p)
{
    if (!p->session || map_get(&pods->ready, p->session)) return;
    char *copy = xstrdup(p->session);
    map_put(&pods->ready, copy, copy);
}

void pods_seen(struct pods *pods, const struct store_commit *commit)
{
    const struct store_object *o = commit->after;
    struct pod_life *p = map_get(&pods->lives, o->uid);
    if (commit->event == STORE_ADDED) {
        born(pods, o);
    } else if (commit->event == STORE_DELETED && p) {
        map_remove(&pods->lives, p->uid);
        life_free(p);
    } else if (p && o->deleting && commit->before && !commit->before->deleting) {
        sim_at(pods->sim, &p->event, sim_draw(pods->sim, CHANCE_CLUSTER, 1, 3000));
    } else if (p && p->stage == POD_READY) {
        note_ready(pods, p);
    }
}

void pods_restored(struct pods *pods)
{
    const struct store_object *o;
    map_release(&pods->lives, life_free);
    pods->lives = (struct map){0};
    for (size_t i = 0; (o = store_walk(pods->sim->store, sim_types()->pod, &i));) born(pods, o);
}

bool pod_is_ready(const struct store_object *pod)
{
    return strstr(pod->text, "\"type\":\"Ready\",\"status\":\"True\"") != NULL;
}

bool pod_has_failed(const struct store_object *pod)
{
    return strstr(pod->text, "\"phase\":\"Failed\"") != NULL;
}

bool pods_session_was_ready(const struct pods *pods, const char *session_uid)
{
    return map_get(&pods->ready, session_uid) != NULL;
}

void pods_heal(struct pods *pods)
{
    const struct map_entry *e;
    pods->healed = true;
    for (size_t i = 0; (e = map_next(&pods->lives, &i));) {
        struct pod_life *p = e->value;
        p->trouble = POD_FINE;
        if (p->stage != POD_READY) sim_at(pods->sim, &p->event, 100);
    }
}

struct pods *pods_new(struct sim *sim)
{
    struct pods *pods = xcalloc(1, sizeof(*pods));
    pods->sim = sim;
    return pods;
}

void pods_free(struct pods *pods)
{
    map_release(&pods->lives, life_free);
    map_release(&pods->ready, free);
    free(pods);
}
