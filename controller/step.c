#include "controller/step.h"

#include <string.h>

struct step_request *step_send(struct step_io *io, int tag)
{
    if (io->request_count == STEP_REQUESTS_MAX) return NULL;
    struct step_request *r = &io->requests[io->request_count++];
    *r = (struct step_request){.tag = tag};
    return r;
}

void step_event(struct step_io *io, bool warning, const char *reason, int64_t once,
                const char *note)
{
    if (io->event_count == STEP_EVENTS_MAX) return;
    io->events[io->event_count++] =
        (struct step_event){.warning = warning, .reason = reason, .note = note, .once = once};
}

bool step_is_unreadable(const struct kube_object *o)
{
    static const char ours[] = "status";
    for (const char *at = o ? o->flaw : NULL; at;) {
        if (strncmp(at, ours, sizeof(ours) - 1) != 0) return true;
        at = strstr(at, "; ");
        if (at) at += 2;
    }
    return false;
}

bool step_leaves_alone(struct step_io *io, const struct kube_object *o)
{
    if (!step_is_unreadable(o)) return false;
    io->about = o;
    step_event(io, true, "Unreadable", o->meta.generation,
               arena_printf(io->arena, "cannot be read and is left alone: %s", o->flaw));
    return true;
}

void step_again(struct step_io *io, int64_t at_ms)
{
    if (at_ms < io->again_ms) io->again_ms = at_ms;
}

void step_again_by_wall(struct step_io *io, int64_t left_ms)
{
    enum { LOOK_MS = 600000 };
    step_again(io, io->now_ms + (left_ms < LOOK_MS ? left_ms : LOOK_MS));
}

void step_fill(struct step_request *r, enum kube_verb verb, const struct kube_type *type,
               const char *ns, const char *name)
{
    r->type = type;
    r->op = (struct kube_op){.verb = verb,
                             .resource = type->resource,
                             .ns = ns,
                             .name = name,
                             .manager = CARREL_MANAGER};
}

void step_body(struct step_request *r, char *body)
{
    r->op.body = body;
    r->op.body_len = strlen(body);
}

void step_status(struct step_request *r, const struct kube_object *o, char *body)
{
    step_fill(r, KUBE_APPLY, o->type, o->meta.ns, o->meta.name);
    r->op.sub = "status";
    r->op.manager = CARREL_STATUS_MANAGER;
    r->op.force = true;
    step_body(r, body);
}

void step_delete(struct step_io *io, int tag, const struct kube_object *o, bool precious)
{
    struct step_request *r = step_send(io, tag);
    if (!r) return;
    step_fill(r, KUBE_DELETE, o->type, o->meta.ns, o->meta.name);
    const char *version =
        precious ? arena_printf(io->arena, ",\"resourceVersion\":\"%s\"", o->meta.rv) : "";
    step_body(r, arena_printf(io->arena,
                              "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
                              "\"propagationPolicy\":\"Background\","
                              "\"preconditions\":{\"uid\":\"%s\"%s}}",
                              o->meta.uid, version));
}
