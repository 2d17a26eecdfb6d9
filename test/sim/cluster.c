#include "test/sim/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "test/sim/pods.h"

struct work { /* a Deployment, by key, for ever */
    struct sim *sim;
    struct sim_event event;
    int64_t refused_until_ms; /* quota: its pods are refused */
    unsigned made;            /* for names of pods */
    char *ns, *name;
    char key[];
};

struct cluster {
    struct sim *sim;
    struct map work; /* "ns/name" -> work */
    struct pods *pods;
    struct sim_event bind;
    bool healed;
};

struct pod_count {
    int live, ready, all, old; /* old: of another template; all: also leaving ones */
};

/* --- deployments --- */

const struct resource *replica_set_type(void)
{
    static const struct resource *type;
    if (!type) type = resource_find("apps", "v1", "replicasets");
    return type;
}

static char *template_hash(struct sim *sim, const struct json *template)
{
    char *text = json_to_text(&sim->arena, template);
    return sim_text(sim, "%08x", (unsigned)hash_bytes(text, strlen(text), 3));
}

static const char *label_of(const struct store_object *o, const char *key)
{
    for (size_t i = 0; i < o->label_count; i++) {
        if (str_equal(o->labels[i].key, key)) return o->labels[i].value;
    }
    return NULL;
}

/* The Deployment of a pod by way of its ReplicaSet, as far as that chain is whole. */
static bool belongs_to(const struct sim *sim, const struct store_object *pod,
                       const struct store_object *d)
{
    if (pod->owner_count == 0) return false;
    const struct store_object *set =
        store_get(sim->store, replica_set_type(), pod->ns, pod->owners[0].name);
    return set && str_equal(set->uid, pod->owners[0].uid) && set->owner_count > 0 &&
           str_equal(set->owners[0].uid, d->uid);
}

static struct pod_count count_pods(struct sim *sim, const struct store_object *d, const char *hash,
                                   const char **victim)
{
    struct pod_count n = {0};
    const struct store_object *p;
    *victim = NULL;
    for (size_t i = 0; (p = store_walk(sim->store, sim_types()->pod, &i));) {
        if (!text_starts(p->name, d->name) || !belongs_to(sim, p, d)) continue;
        bool old = !str_equal(label_of(p, "pod-template-hash"), hash);
        n.all++;
        n.old += old;
        if (p->deleting || pod_has_failed(p)) continue;
        n.live++;
        n.ready += !old && pod_is_ready(p);
        if (old || !*victim) *victim = sim_text(sim, "%s", p->name);
    }
    return n;
}

static struct json *owner_list(struct sim *sim, const char *kind, const struct store_object *o)
{
    struct arena *a = &sim->arena;
    struct json *owners = json_array(a), *owner = json_object(a);
    json_set_text(a, owner, "apiVersion", "apps/v1");
    json_set_text(a, owner, "kind", kind);
    json_set_text(a, owner, "name", o->name);
    json_set_text(a, owner, "uid", o->uid);
    json_set_bool(a, owner, "controller", true);
    json_set_bool(a, owner, "blockOwnerDeletion", true);
    json_append(a, owners, owner);
    return owners;
}

static void post(struct sim *sim, const char *api_version, const char *kind, const char *path,
                 struct json *meta, struct json *spec)
{
    struct arena *a = &sim->arena;
    struct json *o = json_object(a);
    json_set_text(a, o, "apiVersion", api_version);
    json_set_text(a, o, "kind", kind);
    json_set(a, o, "metadata", meta);
    json_set(a, o, "spec", spec);
    sim_call(sim, "deployment-controller", "POST", JSON_TYPE, path, json_to_text(a, o));
}

static struct json *matching(struct arena *a, const struct json *labels, const char *hash)
{
    struct json *selector = json_object(a), *match = json_copy(a, labels);
    json_set_text(a, match, "pod-template-hash", hash);
    json_set(a, selector, "matchLabels", match);
    return selector;
}

static struct json *hashed(struct arena *a, const struct json *template, const char *hash)
{
    struct json *copy = json_copy(a, template);
    json_set_text(a, json_path(copy, "metadata.labels"), "pod-template-hash", hash);
    return copy;
}

/* The ReplicaSet of the template, made if need be; NULL: one of a Deployment that is gone has the
 * name yet. */
static const struct store_object *replica_set(struct work *w, const struct store_object *d,
                                              const struct json *template, const char *hash)
{
    struct sim *sim = w->sim;
    struct arena *a = &sim->arena;
    const char *name = sim_text(sim, "%s-%s", w->name, hash);
    const struct store_object *set = store_get(sim->store, replica_set_type(), w->ns, name);
    if (set) return set->owner_count && str_equal(set->owners[0].uid, d->uid) ? set : NULL;
    struct json *meta = json_object(a), *spec = json_object(a);
    json_set_text(a, meta, "name", name);
    json_set_text(a, json_ensure_object(a, meta, "labels"), "pod-template-hash", hash);
    json_set(a, meta, "ownerReferences", owner_list(sim, "Deployment", d));
    json_set_int(a, spec, "replicas", 1);
    json_set(a, spec, "selector", matching(a, json_path(template, "metadata.labels"), hash));
    json_set(a, spec, "template", hashed(a, template, hash));
    post(sim, "apps/v1", "ReplicaSet",
         sim_text(sim, "/apis/apps/v1/namespaces/%s/replicasets", w->ns), meta, spec);
    return store_get(sim->store, replica_set_type(), w->ns, name);
}

static void make_pod(struct work *w, const struct store_object *d, struct json *template,
                     const char *hash)
{
    struct sim *sim = w->sim;
    struct arena *a = &sim->arena;
    const struct store_object *set = replica_set(w, d, template, hash);
    if (!set) {
        sim_at(sim, &w->event, 500);
        return;
    }
    struct json *meta = json_copy(a, json_get(template, "metadata"));
    if (!meta) meta = json_object(a);
    json_set_text(a, meta, "name", sim_text(sim, "%s-%04u", set->name, w->made++ % 10000));
    json_set_text(a, json_ensure_object(a, meta, "labels"), "pod-template-hash", hash);
    json_set(a, meta, "ownerReferences", owner_list(sim, "ReplicaSet", set));
    post(sim, "v1", "Pod", sim_text(sim, "/api/v1/namespaces/%s/pods", w->ns), meta,
         json_copy(a, json_get(template, "spec")));
}

/* Sets of older templates go when their pods have gone. */
static void drop_old_sets(struct work *w, const struct store_object *d, const char *hash)
{
    struct sim *sim = w->sim;
    const struct store_object *set;
    const char *current = sim_text(sim, "%s-%s", w->name, hash);
    for (size_t i = 0; (set = store_walk(sim->store, replica_set_type(), &i));) {
        if (set->owner_count == 0 || !str_equal(set->owners[0].uid, d->uid) || set->deleting ||
            str_equal(set->name, current)) {
            continue;
        }
        sim_call(sim, "deployment-controller", "DELETE", JSON_TYPE,
                 sim_text(sim, "/apis/apps/v1/namespaces/%s/replicasets/%s", w->ns, set->name),
                 NULL);
        return;
    }
}

static void report(struct work *w, const struct store_object *d, const struct json *tree,
                   struct pod_count n, bool refused)
{
    struct sim *sim = w->sim;
    const char *failure =
        refused ? "{\"type\":\"ReplicaFailure\",\"status\":\"True\",\"reason\":\"FailedCreate\","
                  "\"message\":\"pods is forbidden: exceeded quota: q\"}"
                : "";
    char *status = sim_text(sim,
                            "{\"observedGeneration\":%" PRId64 ",\"replicas\":%d,"
                            "\"readyReplicas\":%d,\"conditions\":[%s]}",
                            d->generation, n.live, n.ready, failure);
    struct json *want;
    if (json_parse(&sim->arena, status, strlen(status), &want, NULL) < 0) return;
    if (json_equal(json_get(tree, "status"), want)) return;
    sim_call(sim, "deployment-controller", "PATCH", MERGE_TYPE,
             sim_text(sim, "/apis/apps/v1/namespaces/%s/deployments/%s/status", w->ns, w->name),
             sim_text(sim, "{\"status\":%s}", status));
}

static bool is_refused(struct work *w)
{
    struct sim *sim = w->sim;
    if (sim->cluster->healed || !sim->plan.troubled_pods) return false;
    if (w->refused_until_ms < sim->now_ms && sim_one_in(sim, CHANCE_CLUSTER, 20)) {
        w->refused_until_ms = sim->now_ms + sim_draw(sim, CHANCE_CLUSTER, 1000, 60000);
    }
    return w->refused_until_ms > sim->now_ms;
}

static void on_deployment(void *user)
{
    struct work *w = user;
    struct sim *sim = w->sim;
    const struct store_object *d =
        store_get(sim->store, sim_types()->deployment, w->ns, w->name);
    struct json *tree;
    if (!d || d->deleting) return;
    if (json_parse(&sim->arena, d->text, d->len, &tree, NULL) < 0) return;
    int64_t replicas = 1;
    json_int(json_path(tree, "spec.replicas"), &replicas);
    struct json *template = json_path(tree, "spec.template");
    const char *hash = template_hash(sim, template), *victim;
    struct pod_count n = count_pods(sim, d, hash, &victim);
    bool refused = false;
    if (victim && (replicas == 0 || n.old > 0 || n.live > replicas)) {
        sim_call(sim, "deployment-controller", "DELETE", JSON_TYPE,
                 sim_text(sim, "/api/v1/namespaces/%s/pods/%s", w->ns, victim), NULL);
    } else if (n.live < replicas && n.old == 0) {
        refused = is_refused(w);
        if (refused) sim_at(sim, &w->event, w->refused_until_ms - sim->now_ms);
        else make_pod(w, d, template, hash);
    } else if (n.all == n.live && n.old == 0) {
        drop_old_sets(w, d, hash);
    }
    d = store_get(sim->store, sim_types()->deployment, w->ns, w->name);
    if (d) report(w, d, tree, count_pods(sim, d, hash, &victim), refused);
}

static struct work *work_of(struct sim *sim, const char *ns, const char *name)
{
    struct map *map = &sim->cluster->work;
    char key[400];
    snprintf(key, sizeof(key), "%s/%s", ns, name);
    struct work *w = map_get(map, key);
    if (w) return w;
    size_t n = strlen(key) + 1;
    w = xcalloc(1, sizeof(*w) + n);
    memcpy(w->key, key, n);
    w->ns = xstrdup(ns);
    w->name = xstrdup(name);
    w->sim = sim;
    w->event = (struct sim_event){.fire = on_deployment, .user = w};
    map_put(map, w->key, w);
    return w;
}

static void look_at(struct sim *sim, const char *ns, const char *name)
{
    struct work *w = work_of(sim, ns, name);
    if (sim_is_set(&w->event) && w->event.at_ms < sim->now_ms + 50) return;
    sim_at(sim, &w->event, sim_draw(sim, CHANCE_CLUSTER, 1, 50));
}

/* --- volumes --- */

static void on_bind(void *user)
{
    struct sim *sim = user;
    const struct store_object *o;
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->claim, &i));) {
        if (strstr(o->text, "\"phase\":\"Bound\"")) continue;
        sim_call(sim, "volume-binder", "PATCH", MERGE_TYPE,
                 sim_text(sim, "/api/v1/namespaces/%s/persistentvolumeclaims/%s/status", o->ns,
                          o->name),
                 "{\"status\":{\"phase\":\"Bound\"}}");
        sim_at(sim, &sim->cluster->bind, 1); /* one a time: the walk does not outlive a write */
        return;
    }
}

/* --- what it notices --- */

static const char *deployment_name(struct sim *sim, const char *replica_set)
{
    const char *dash = strrchr(replica_set, '-');
    return dash ? arena_strndup(&sim->arena, replica_set, (size_t)(dash - replica_set)) : "";
}

void cluster_seen(struct sim *sim, const struct store_commit *commit)
{
    const struct store_object *o = commit->after;
    struct cluster *c = sim->cluster;
    if (o->type == sim_types()->deployment) {
        if (!o->tombstone) look_at(sim, o->ns, o->name);
    } else if (o->type == sim_types()->pod) {
        pods_seen(c->pods, commit);
        if (o->owner_count > 0) look_at(sim, o->ns, deployment_name(sim, o->owners[0].name));
    } else if (o->type == sim_types()->claim && commit->event == STORE_ADDED) {
        sim_at(sim, &c->bind, sim_draw(sim, CHANCE_CLUSTER, 10, 3000));
    }
}

const char *cluster_session_of(const struct sim *sim, const struct store_object *pod)
{
    const struct store_object *set = NULL, *d = NULL;
    if (pod->owner_count == 0) return NULL;
    set = store_get(sim->store, replica_set_type(), pod->ns, pod->owners[0].name);
    if (!set || set->owner_count == 0 || !str_equal(set->uid, pod->owners[0].uid)) return NULL;
    d = store_get(sim->store, sim_types()->deployment, pod->ns, set->owners[0].name);
    if (!d || !str_equal(d->uid, set->owners[0].uid)) return NULL;
    for (size_t i = 0; i < d->owner_count; i++) {
        if (d->owners[i].controller) return d->owners[i].uid;
    }
    return NULL;
}

bool cluster_session_was_ready(const struct sim *sim, const char *session_uid)
{
    return pods_session_was_ready(sim->cluster->pods, session_uid);
}

void cluster_restored(struct sim *sim)
{
    const struct store_object *o;
    pods_restored(sim->cluster->pods);
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->deployment, &i));) {
        look_at(sim, o->ns, o->name);
    }
    sim_at(sim, &sim->cluster->bind, 1000);
}

void cluster_heal(struct sim *sim)
{
    struct cluster *c = sim->cluster;
    const struct store_object *o;
    c->healed = true;
    pods_heal(c->pods);
    for (size_t i = 0; (o = store_walk(sim->store, sim_types()->deployment, &i));) {
        work_of(sim, o->ns, o->name)->refused_until_ms = 0;
        look_at(sim, o->ns, o->name);
    }
}

struct cluster *cluster_new(struct sim *sim)
{
    struct cluster *c = xcalloc(1, sizeof(*c));
    c->sim = sim;
    c->pods = pods_new(sim);
    c->bind = (struct sim_event){.fire = on_bind, .user = sim};
    return c;
}

static void work_free(void *at)
{
    struct work *w = at;
    sim_forget(w->sim, &w->event);
    free(w->ns);
    free(w->name);
    free(w);
}

void cluster_free(struct cluster *c)
{
    sim_forget(c->sim, &c->bind);
    map_release(&c->work, work_free);
    pods_free(c->pods);
    free(c);
}
