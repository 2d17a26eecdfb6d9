#include "controller/step.h"

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

void step_again(struct step_io *io, int64_t at_ms)
{
    if (at_ms < io->again_ms) io->again_ms = at_ms;
}
