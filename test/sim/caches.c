#include "test/sim/caches.h"

#include <stdlib.h>

struct pair {
    const struct kube_store *cache;
    const struct resource *type;
    bool selected; /* by our label */
};

static bool has_our_label(const struct store_object *o)
{
    for (size_t i = 0; i < o->label_count; i++) {
        const struct store_label *l = &o->labels[i];
        if (str_equal(l->key, "app.kubernetes.io/managed-by")) return str_equal(l->value, "carrel");
    }
    return false;
}

static void check_pair(struct sim *sim, const struct instance *i, const struct pair *p)
{
    const struct kube_object *c;
    const struct store_object *o;
    for (size_t at = 0; (c = kube_store_next(p->cache, &at));) {
        o = store_get(sim->store, p->type, c->meta.ns, c->meta.name);
        bool there = o && str_equal(o->uid, c->meta.uid) && (!p->selected || has_our_label(o));
        if (there && o->rv == strtoull(c->meta.rv, NULL, 10)) continue;
        sim_fail(sim, "S7", "%s has %s %s of version %s in its cache, which is %s", i->name,
                 p->type->kind, c->meta.key, c->meta.rv, there ? "old" : "not there any more");
    }
    for (size_t at = 0; (o = store_walk(sim->store, p->type, &at));) {
        if (p->selected && !has_our_label(o)) continue;
        if (kube_store_find(p->cache, o->ns, o->name)) continue;
        sim_fail(sim, "S7", "%s has no %s %s/%s in its cache", i->name, p->type->kind, o->ns,
                 o->name);
    }
}

void caches_check(struct sim *sim, struct instance *i)
{
    const struct sim_types *t = sim_types();
    const struct view *v = operator_view(i->op);
    const struct pair pairs[] = {
        {v->sessions, t->session, false},      {v->templates, t->template, false},
        {v->deployments, t->deployment, true}, {v->services, t->service, true},
        {v->ingresses, t->ingress, true},      {v->claims, t->claim, true},
        {v->pods, t->pod, true},               {v->revisions, t->revision, true},
    };
    for (size_t n = 0; n < sizeof(pairs) / sizeof(pairs[0]); n++) check_pair(sim, i, &pairs[n]);
}
