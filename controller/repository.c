#include "controller/repository.h"

#include <string.h>

#include "lib/clock.h"

struct repository_state {
    unsigned rounds;
    bool gone;
};

static void send_status(struct step_io *io, const struct repository *r)
{
    const struct kube_meta *m = &r->object.meta;
    char since[TIME_TEXT_SIZE];
    time_format(since, io->wall_ms);
    char *body = arena_printf(
        io->arena,
        "{\"apiVersion\":\"" CARREL_API_VERSION "\",\"kind\":\"TemplateRepository\",\"metadata\":{"
        "\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"%s\"},\"status\":{\"phase\":\"Pending\","
        "\"observedGeneration\":%lld,\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\","
        "\"observedGeneration\":%lld,\"lastTransitionTime\":\"%s\",\"reason\":\"Pending\","
        "\"message\":\"accepted; not synced yet\"}]}}",
        m->name, m->ns, m->uid, (long long)m->generation, (long long)m->generation, since);
    step_status(step_send(io, 0), &r->object, body);
}

enum step_result repository_step(void *state, struct step_io *io)
{
    struct repository_state *st = state;
    for (size_t i = 0; i < io->answer_count; i++) {
        enum err_code code = io->answers[i].err.code;
        if (code == ERR_NOT_FOUND) st->gone = true;
        if (code == ERR_NONE || code == ERR_NOT_FOUND) continue;
        io->err = io->answers[i].err;
        return STEP_FAIL;
    }
    const struct repository *r =
        (const struct repository *)kube_store_get(io->view->repositories, io->key);
    if (!r || r->object.meta.deleted_ms || st->gone) return STEP_DONE;
    if (st->rounds++ >= STEP_ROUNDS_MAX) return STEP_DONE;
    if (r->phase && r->observed_generation == r->object.meta.generation) return STEP_DONE;
    send_status(io, r);
    return STEP_SEND;
}

const struct controller repository_controller = {"repository", "controller-repository",
                                                 sizeof(struct repository_state), repository_step};
