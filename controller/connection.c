#include "controller/connection.h"

#include <string.h>

#include "lib/clock.h"

enum { TAG_OWNER, TAG_STATUS };

struct connection_state {
    unsigned rounds;
    bool gone;
};

/* One made by hand has no owner yet. Its version makes sure that nobody else gave it one. */
static void send_owner(struct step_io *io, const struct connection *c, const struct session *s)
{
    struct step_request *r = step_send(io, TAG_OWNER);
    step_fill(r, KUBE_MERGE, &connection_type, c->object.meta.ns, c->object.meta.name);
    step_body(r, arena_printf(io->arena,
                      "{\"metadata\":{\"uid\":\"%s\",\"resourceVersion\":\"%s\","
                      "\"ownerReferences\":[{\"apiVersion\":\"" CARREL_API_VERSION
                      "\",\"kind\":\"Session\",\"name\":\"%s\",\"uid\":\"%s\","
                      "\"controller\":true,\"blockOwnerDeletion\":true}]}}",
                      c->object.meta.uid, c->object.meta.rv, s->object.meta.name,
                      s->object.meta.uid));
}

static void send_status(struct step_io *io, const struct connection *c, const char *state,
                        int64_t connected_ms, int64_t heartbeat_ms)
{
    char connected[TIME_TEXT_SIZE], heartbeat[TIME_TEXT_SIZE];
    time_format(connected, connected_ms);
    time_format(heartbeat, heartbeat_ms);
    step_status(step_send(io, TAG_STATUS), &c->object,
                arena_printf(io->arena,
                          "{\"apiVersion\":\"" CARREL_API_VERSION
                          "\",\"kind\":\"Connection\",\"metadata\":{\"name\":\"%s\","
                          "\"namespace\":\"%s\",\"uid\":\"%s\"},\"status\":{\"state\":\"%s\","
                          "\"connectedAt\":\"%s\",\"lastHeartbeat\":\"%s\","
                          "\"observedGeneration\":%lld}}",
                          c->object.meta.name, c->object.meta.ns, c->object.meta.uid, state,
                          connected, heartbeat, (long long)c->object.meta.generation));
}

static const char *state_of(struct step_io *io, const struct connection *c,
                            const struct session *s, int64_t heartbeat_ms)
{
    if (!s || (c->state && strcmp(c->state, "disconnected") == 0)) return "disconnected";
    int64_t left_ms = heartbeat_ms + io->view->settings->connection_stale_ms - io->wall_ms;
    if (left_ms <= 0) return "stale";
    step_again_by_wall(io, left_ms);
    return "active";
}

static int take_answers(struct connection_state *st, struct step_io *io)
{
    for (size_t i = 0; i < io->answer_count; i++) {
        const struct step_answer *answer = &io->answers[i];
        if (answer->err.code == ERR_NOT_FOUND) st->gone = true;
        if (answer->err.code == ERR_NONE || answer->err.code == ERR_NOT_FOUND) continue;
        io->err = answer->err;
        return -1;
    }
    return 0;
}

enum step_result connection_step(void *state, struct step_io *io)
{
    struct connection_state *st = state;
    if (take_answers(st, io) < 0) return STEP_FAIL;
    if (st->gone || st->rounds++ >= STEP_ROUNDS_MAX) return STEP_DONE;
    const struct connection *c =
        (const struct connection *)kube_store_get(io->view->connections, io->key);
    if (!c || c->object.meta.deleted_ms || step_leaves_alone(io, &c->object)) return STEP_DONE;
    if (!c->session_id) return STEP_DONE;
    const struct session *s = (const struct session *)kube_store_find(
        io->view->sessions, c->object.meta.ns, c->session_id);
    if (s && !c->object.meta.owner_uid) {
        send_owner(io, c, s);
        return STEP_SEND;
    }
    int64_t connected_ms = c->connected_ms ? c->connected_ms : c->object.meta.created_ms;
    int64_t heartbeat_ms = c->heartbeat_ms ? c->heartbeat_ms : connected_ms;
    const char *want = state_of(io, c, s, heartbeat_ms);
    bool stands = c->state && strcmp(c->state, want) == 0 && c->connected_ms && c->heartbeat_ms;
    if (stands) return STEP_DONE;
    send_status(io, c, want, connected_ms, heartbeat_ms);
    return STEP_SEND;
}

const struct controller connection_controller = {"connection", "controller-connection",
                                                 sizeof(struct connection_state), connection_step};
