#include "test/sim/starts.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kinds.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "test/sim/instance.h"

enum { PASS_MS = 61000 }; /* a pass takes no longer, and has one start */

struct made_from { /* by "operator ns/name" of the Deployment; since_ms by "ns/name" */
    char rv[KUBE_RV_SIZE];
    uint64_t start; /* its hash */
    int64_t since_ms;
    char key[];
};

struct starts {
    struct map made_from;
};

static struct made_from *entry_of(struct starts *s, const char *key)
{
    struct made_from *m = map_get(&s->made_from, key);
    if (m) return m;
    size_t n = strlen(key) + 1;
    m = xcalloc(1, sizeof(*m) + n);
    memcpy(m->key, key, n);
    map_put(&s->made_from, m->key, m);
    return m;
}

static void note_version(const struct wire *wire, const char *ns, const char *name)
{
    struct sim *sim = wire->sim;
    const struct kube_object *known =
        kube_store_find(operator_view(wire->instance->op)->deployments, ns, name);
    struct made_from *m =
        entry_of(sim->starts, sim_text(sim, "%s %s/%s", wire->name, ns, name));
    str_copy(m->rv, sizeof(m->rv), known ? known->meta.rv : "");
}

static const char *restart_of(struct sim *sim, const char *start, int64_t *renderer)
{
    struct json *tree;
    *renderer = 0;
    if (!start || json_parse(&sim->arena, start, strlen(start), &tree, NULL) < 0) return "";
    const char *restart_at = json_text(json_get(tree, "restartAt"));
    json_int(json_get(tree, "renderer"), renderer);
    return restart_at ? restart_at : "";
}

static void check_pod(const struct wire *wire, const char *ns, const char *session,
                      const struct kube_call *call)
{
    struct sim *sim = wire->sim;
    struct json *tree;
    const struct view *v = operator_view(wire->instance->op);
    if (json_parse(&sim->arena, call->body, call->body_len, &tree, NULL) < 0) return;
    const char *pod_name = json_text(json_path(tree, "status.podName"));
    const struct deployment *d = (const struct deployment *)kube_store_find(
        v->deployments, ns, sim_text(sim, "ss-%s", session));
    const struct pod *p =
        pod_name ? (const struct pod *)kube_store_find(v->pods, ns, pod_name) : NULL;
    if (!d || !p) return;
    int64_t renderer;
    const char *want = restart_of(sim, d->start, &renderer);
    const char *is = p->restart_at ? p->restart_at : "";
    if (str_equal(want, is)) return;
    sim_fail(sim, "S6", "%s takes %s/%s, of restart \"%s\", for the pod of restart \"%s\"",
             wire->name, ns, pod_name, is, want);
}

/* The namespace and name that a path of that type has; NULL: it is of another. */
static char *split(struct sim *sim, const char *path, const char *front, const char *plural,
                   const char **name)
{
    const char *at = strstr(path, plural);
    if (!at || !text_starts(path, front)) return NULL;
    const char *ns = path + strlen(front), *last = at + strlen(plural);
    *name = sim_text(sim, "%.*s", (int)strcspn(last, "/?"), last);
    return sim_text(sim, "%.*s", (int)(at - ns), ns);
}

void starts_request(const struct wire *wire, const struct kube_call *call)
{
    struct sim *sim = wire->sim;
    const char *name;
    if (!str_equal(call->method, "PATCH")) return;
    char *ns = split(sim, call->path, "/apis/apps/v1/namespaces/", "/deployments/", &name);
    if (ns) note_version(wire, ns, name);
    ns = split(sim, call->path, "/apis/carrel.dev/v1alpha1/namespaces/", "/sessions/", &name);
    if (ns && strstr(call->path, "/status?")) check_pod(wire, ns, name, call);
}

struct look {
    int64_t replicas, renderer;
    const char *start, *restart_at;
};

static struct look look_at(struct sim *sim, const struct store_object *d)
{
    struct json *tree = NULL;
    struct look l = {.replicas = 1, .start = "", .restart_at = ""};
    if (json_parse(&sim->arena, d->text, d->len, &tree, NULL) < 0) return l;
    json_int(json_path(tree, "spec.replicas"), &l.replicas);
    const char *text =
        json_text(json_get(json_path(tree, "metadata.annotations"), ANNOTATION_START));
    if (text) l.start = text;
    l.restart_at = restart_of(sim, text, &l.renderer);
    return l;
}

/* Since when it has been this one. */
static int64_t note_start(struct sim *sim, const struct store_object *d, const char *start)
{
    uint64_t hash = hash_bytes(start, strlen(start), 9);
    struct made_from *m = entry_of(sim->starts, sim_text(sim, "%s/%s", d->ns, d->name));
    if (m->start != hash) m->start = hash, m->since_ms = sim->now_ms;
    return m->since_ms;
}

void starts_seen(struct sim *sim, const struct store_commit *c)
{
    const struct store_object *o = c->after;
    bool ours = c->user && text_starts(c->user, "operator-");
    if (o->type != sim_types()->deployment || c->event == STORE_DELETED || !ours) return;
    struct look after = look_at(sim, o);
    int64_t old_ms = sim->now_ms - note_start(sim, o, after.start);
    if (c->event != STORE_MODIFIED) return;
    const struct made_from *m = map_get(
        &sim->starts->made_from, sim_text(sim, "%s %s/%s", c->user, o->ns, o->name));
    if (!m || strtoull(m->rv, NULL, 10) != c->before->rv) return;
    struct look before = look_at(sim, c->before);
    bool same = str_equal(before.start, after.start);
    if (before.replicas == 0 && after.replicas > 0 && same && old_ms > PASS_MS) {
        sim_fail(sim, "S13", "%s wakes %s/%s from its old start", c->user, o->ns, o->name);
    } else if (before.replicas > 0 && after.replicas > 0 && !same &&
               before.renderer <= after.renderer && /* a newer version's it may have to make anew */
               str_equal(before.restart_at, after.restart_at)) {
        sim_fail(sim, "S13", "%s restarts %s/%s, which nobody asked for", c->user, o->ns, o->name);
    }
}

struct starts *starts_new(void)
{
    return xcalloc(1, sizeof(struct starts));
}

void starts_free(struct starts *starts)
{
    map_release(&starts->made_from, free);
    free(starts);
}
