#include "test/sim/admission.h"

#include <stdlib.h>
#include <string.h>

#include "dev/store_path.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "test/sim/secrets.h"

enum { WEATHER_MAX_MS = 90000, SLOW_MS = 30000 };

struct admission {
    const struct resource *unserved, *denied, *full; /* which kind it is now */
    int unserved_code;
    struct refused denial;
    struct refused sink;
    unsigned changes; /* of the mutating webhook */
};

static const struct refused denials[] = {
    {403, -1, "Forbidden", "admission webhook \"policy.example\" denied the request: no", NULL,
     NULL, 0},
    {422, -1, "Invalid", "is invalid: spec: Invalid value: policy says no", "FieldValueInvalid",
     "spec", 0},
    {500, -1, "InternalError",
     "Internal error occurred: failed calling webhook \"policy.example\": EOF", NULL, NULL, 0},
    {0, -1, NULL, NULL, NULL, NULL, SLOW_MS}, /* allowed, after a while */
};
static const struct refused sinks[] = {
    {403, -1, "Forbidden", "events is forbidden", NULL, NULL, 0},
    {429, 2, "TooManyRequests", "too many events", NULL, NULL, 0},
    {0, -1, NULL, NULL, NULL, NULL, SLOW_MS},
};

static const struct resource *child_type(int i)
{
    const struct sim_types *t = sim_types();
    const struct resource *const types[] = {t->deployment, t->service, t->ingress, t->claim};
    return types[i];
}

static const struct resource *read_type(int i)
{
    const struct sim_types *t = sim_types();
    const struct resource *const types[] = {t->session,    t->template, t->connection,
                                            t->repository, t->pod,      t->deployment,
                                            t->service,    t->ingress,  t->revision};
    return types[i];
}

static int64_t draw(struct sim *sim, int64_t low, int64_t high)
{
    return sim_draw(sim, CHANCE_WEATHER, low, high);
}

static bool strikes(struct sim *sim, enum sim_fault fault)
{
    if (!sim_strikes(sim, fault, 12)) return false;
    sim_begin(sim, fault, draw(sim, 1000, WEATHER_MAX_MS));
    return true;
}

void admission_strike(struct sim *sim)
{
    struct admission *a = sim->admission;
    strikes(sim, FAULT_BUSY);
    strikes(sim, FAULT_CONNECT);
    if (strikes(sim, FAULT_UNSERVED)) {
        a->unserved = read_type((int)draw(sim, 0, 8));
        a->unserved_code = draw(sim, 0, 1) ? 404 : 403;
    }
    if (strikes(sim, FAULT_DENIED)) {
        a->denied = child_type((int)draw(sim, 0, 3));
        a->denial = denials[draw(sim, 0, 3)];
    }
    if (strikes(sim, FAULT_QUOTA)) a->full = child_type((int)draw(sim, 0, 3));
    if (strikes(sim, FAULT_SINK)) a->sink = sinks[draw(sim, 0, 2)];
}

void admission_refuse(struct sim *sim)
{
    struct admission *a = sim->admission;
    a->full = a->denied = child_type((int)draw(sim, 0, 3));
    a->denial = denials[draw(sim, 0, 1)];
    sim_begin(sim, draw(sim, 0, 1) ? FAULT_QUOTA : FAULT_DENIED, WEATHER_MAX_MS);
}

void admission_allow(struct sim *sim)
{
    sim->until_ms[FAULT_QUOTA] = sim->until_ms[FAULT_DENIED] = 0;
}

static bool refuse(struct refused *out, struct refused with)
{
    *out = with;
    return true;
}

static bool is_busy(struct sim *sim, const struct kube_transfer *t, struct refused *out)
{
    if (!sim_goes_on(sim, FAULT_BUSY) || t->election || draw(sim, 0, 1)) return false;
    int after_s = draw(sim, 0, 2) ? (int)draw(sim, 1, 32) : -1;
    return refuse(out, (struct refused){.code = 429,
                                        .retry_after_s = after_s,
                                        .reason = "TooManyRequests",
                                        .message = "too many requests"});
}

static bool is_unserved(struct sim *sim, const struct store_path *p, struct refused *out)
{
    const struct admission *a = sim->admission;
    if (!sim_goes_on(sim, FAULT_UNSERVED) || *p->name || p->type != a->unserved) return false;
    bool gone = a->unserved_code == 404;
    return refuse(out, (struct refused){.code = a->unserved_code,
                                        .retry_after_s = -1,
                                        .reason = gone ? "NotFound" : "Forbidden",
                                        .message = gone ? "the server could not find the requested "
                                                          "resource"
                                                        : "cannot list resource"});
}

static bool is_denied(struct sim *sim, const struct kube_transfer *t, const struct store_path *p,
                      struct refused *out)
{
    const struct admission *a = sim->admission;
    bool creates = str_equal(t->method, "POST");
    if (creates && p->type == sim_types()->event && sim_goes_on(sim, FAULT_SINK)) {
        return refuse(out, a->sink);
    }
    if (creates && p->type == a->full && sim_goes_on(sim, FAULT_QUOTA)) {
        return refuse(out, (struct refused){.code = 403,
                                            .retry_after_s = -1,
                                            .reason = "Forbidden",
                                            .message = "\"x\" is forbidden: exceeded quota: q"});
    }
    bool mine = *t->method == 'P' && p->type == a->denied && !*p->sub;
    return mine && sim_goes_on(sim, FAULT_DENIED) && refuse(out, a->denial);
}

bool admission_refuses(struct sim *sim, const struct kube_transfer *t, struct refused *out)
{
    struct store_path p;
    if (text_starts(t->path, "/livez")) return false;
    if (t->credential < sim->credential_needed) {
        return refuse(out, (struct refused){.code = 401,
                                            .retry_after_s = -1,
                                            .reason = "Unauthorized",
                                            .message = "the proxy does not accept Authorization: "
                                                       "Bearer " SECRET_CREDENTIAL});
    }
    if (is_busy(sim, t, out)) return true;
    bool any = sim_goes_on(sim, FAULT_UNSERVED) || sim_goes_on(sim, FAULT_DENIED) ||
               sim_goes_on(sim, FAULT_QUOTA) || sim_goes_on(sim, FAULT_SINK);
    if (!any || !store_path_parse(&sim->arena, t->path, &p)) return false;
    return t->write ? is_denied(sim, t, &p, out) : is_unserved(sim, &p, out);
}

/* --- a webhook that changes what is written: some fields always alike, one at each write --- */

static void change_child(struct sim *sim, struct json *o, const struct resource *type)
{
    struct arena *a = &sim->arena;
    struct json *notes = json_ensure_object(a, json_ensure_object(a, o, "metadata"), "annotations");
    json_set_text(a, notes, "sidecar.example/writes",
                  sim_text(sim, "%u", ++sim->admission->changes));
    struct json *spec = json_ensure_object(a, o, "spec");
    if (type == sim_types()->service) json_set_text(a, spec, "sessionAffinity", "ClientIP");
    if (type != sim_types()->deployment) return;
    json_set_int(a, spec, "revisionHistoryLimit", 3);
    struct json *meta = json_path(spec, "template.metadata");
    if (!meta) return;
    json_set_text(a, json_ensure_object(a, meta, "annotations"), "sidecar.example/inject", "yes");
}

char *admission_mutates(struct sim *sim, const struct kube_transfer *t, size_t *len)
{
    struct store_path p;
    struct json *o;
    if (sim->plan.rate[FAULT_MUTATED] <= 0 || !t->body || *t->method != 'P') return NULL;
    if (!store_path_parse(&sim->arena, t->path, &p) || *p.sub) return NULL;
    const struct sim_types *types = sim_types();
    bool child =
        p.type == types->deployment || p.type == types->service || p.type == types->ingress;
    if (!child || json_parse(&sim->arena, t->body, t->body_len, &o, NULL) < 0) return NULL;
    if (!json_is_object(o)) return NULL; /* a JSON patch */
    change_child(sim, o, p.type);
    char *text = json_to_text(&sim->arena, o);
    *len = strlen(text);
    return text;
}

struct admission *admission_new(struct sim *sim)
{
    (void)sim;
    return xcalloc(1, sizeof(struct admission));
}

void admission_free(struct admission *admission)
{
    free(admission);
}
