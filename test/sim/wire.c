#include "test/sim/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "test/sim/admission.h"
#include "test/sim/instance.h"
#include "test/sim/manners.h"
#include "test/sim/mangle.h"
#include "test/sim/rogue.h"
#include "test/sim/safety.h"
#include "test/sim/starts.h"
#include "test/sim/wire_in.h"

enum { CREDENTIAL_READ_MS = 60000 }; /* so often its file is looked at unasked */
enum { WEBHOOK_MS = 30000 }; /* a request may take so long at the server */

struct net *net_new(struct sim *sim)
{
    struct net *net = xcalloc(1, sizeof(*net));
    (void)sim;
    net->all.next = net->all.prev = &net->all;
    return net;
}

static void transfer_free(struct kube_transfer *t)
{
    struct sim *sim = t->sim;
    sim_forget(sim, &t->event);
    sim_forget(sim, &t->deadline);
    sim_forget(sim, &t->bookmark);
    store_watch_close(t->watch);
    t->next->prev = t->prev;
    t->prev->next = t->next;
    free(t->answer);
    free(t);
}

void net_free(struct net *net)
{
    while (net->all.next != &net->all) transfer_free(net->all.next);
    free(net);
}

/* From here on nobody waits for it. */
static void disown(struct kube_transfer *t)
{
    if (!t->wire) return;
    t->wire->running--;
    if (!t->handlers.data) t->wire->plain--;
    t->wire = NULL;
    sim_forget(t->sim, &t->deadline);
}

void transfer_end(struct kube_transfer *t, enum kube_outcome outcome, int code, const char *text)
{
    struct wire *wire = t->wire;
    if (!wire) {
        transfer_free(t);
        return;
    }
    struct instance *i = wire->instance;
    bool arrived = t->arrived, data = t->handlers.data != NULL;
    struct kube_answer answer = {.outcome = outcome,
                                 .code = outcome == KUBE_ANSWERED ? code : 0,
                                 .retry_after_s = t->retry_after_s,
                                 .body = t->answer ? t->answer : "",
                                 .len = t->answer ? t->answer_len : 0,
                                 .credential = t->credential,
                                 .text = text,
                                 .sent_ms = t->sent_ms};
    if (outcome != KUBE_ANSWERED) answer.body = "", answer.len = 0, answer.retry_after_s = -1;
    if (outcome != KUBE_ANSWERED || code >= 300) {
        TRACE(t->sim, "%s: %s %s: %s %d", wire->name, t->method, t->path,
              outcome == KUBE_ANSWERED ? "answered" : outcome == KUBE_LOST ? "lost" : "not sent",
              code);
    }
    disown(t);
    sim_mix(t->sim, (uint64_t)outcome * 1000 + (uint64_t)code);
    bool kill = t->kill_after;
    int cap = manners_cap(i);
    instance_enter(i);
    if (answer.code == 429) manners_told(t, i);
    t->handlers.done(t->user, &answer);
    instance_leave(i);
    if (answer.code == 429) manners_refused(t, i, cap);
    if (kill) instance_kill(i, 1000);
    if (arrived || data || outcome == KUBE_NOT_SENT) transfer_free(t);
}

/* --- requests --- */

static void keep_answer(struct kube_transfer *t, const struct store_answer *a)
{
    t->code = a->code;
    t->retry_after_s = a->retry_after_s;
    t->answer = xmalloc(a->len + 1);
    memcpy(t->answer, a->body ? a->body : "", a->len);
    t->answer[a->len] = '\0';
    t->answer_len = a->len;
}

static void say(struct kube_transfer *t, int code, int retry_after_s, const char *reason)
{
    struct store_answer a = {.code = code, .retry_after_s = retry_after_s};
    a.body = sim_text(t->sim,
                      "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
                      "\"Failure\",\"message\":\"simulated\",\"reason\":\"%s\",\"code\":%d}",
                      reason, code);
    a.len = strlen(a.body);
    keep_answer(t, &a);
}

bool transfer_waits(struct kube_transfer *t, struct sim_event *event)
{
    int64_t until_ms = t->wire ? t->wire->instance->asleep_until_ms : 0;
    if (until_ms <= t->sim->now_ms) return false;
    sim_at(t->sim, event, until_ms - t->sim->now_ms);
    return true;
}

static void on_answer(void *user)
{
    struct kube_transfer *t = user;
    if (transfer_waits(t, &t->event)) return;
    switch (t->fate) {
    case FATE_LOST_AFTER: transfer_end(t, KUBE_LOST, 0, "connection reset"); return;
    default: transfer_end(t, KUBE_ANSWERED, t->code, ""); return;
    }
}

static void apply(struct kube_transfer *t)
{
    struct sim *sim = t->sim;
    struct store_answer a;
    struct store_call call = {.method = t->method,
                              .path = t->path,
                              .content_type = t->content_type,
                              .body = t->body,
                              .body_len = t->body_len,
                              .user_agent = t->name,
                              .user = t->name,
                              .wall_ms = sim_wall_ms(sim),
                              .replica_rv = replica_seen(sim, t->replica)};
    char *changed = admission_mutates(sim, t, &call.body_len);
    if (changed) call.body = changed;
    if (!t->wire && t->write) {
        TRACE(sim, "%s: %s %s arrives though nobody waits for it", t->name, t->method, t->path);
    }
    if (text_starts(t->path, "/livez")) {
        a = (struct store_answer){.code = 200, .body = "ok", .len = 2, .retry_after_s = -1};
    } else {
        store_request(sim->store, &call, &sim->arena, &a);
    }
    if (t->fate == FATE_500_AFTER) say(t, 500, -1, "InternalError");
    else if (t->fate == FATE_504_AFTER) say(t, 504, -1, "Timeout");
    else if (t->fate == FATE_MALFORMED) a = mangle_answer(sim, &a), keep_answer(t, &a);
    else keep_answer(t, &a);
    if (t->write && sim->trace && t->fate == FATE_OK && a.code >= 300 && t->wire) {
        TRACE(sim, "   refused: %.180s", a.body);
    }
}

static void on_arrive(void *user);

/* Something before the store answers; or it lets the request in after a while. */
static bool is_refused(struct kube_transfer *t)
{
    struct refused r;
    struct sim *sim = t->sim;
    if (t->admitted || !admission_refuses(sim, t, &r)) return false;
    if (r.code == 0) {
        t->admitted = true;
        t->event.fire = on_arrive;
        sim_at(sim, &t->event, r.late_ms);
        return true;
    }
    const char *details =
        r.cause ? sim_text(sim, "\"details\":{\"causes\":[{\"reason\":\"%s\",\"message\":\"no\","
                                "\"field\":\"%s\"}]},",
                           r.cause, r.field)
                : "";
    struct store_answer a = {.code = r.code, .retry_after_s = r.retry_after_s};
    struct str text;
    str_init(&text, 4096);
    str_add(&text, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
                   "\"Failure\",\"message\":");
    str_add_json(&text, r.message);
    str_add_f(&text, ",%s\"reason\":\"%s\",\"code\":%d}", details, r.reason, r.code);
    a.body = text.at;
    a.len = text.len;
    keep_answer(t, &a);
    str_release(&text);
    return true;
}

static void on_arrive(void *user)
{
    struct kube_transfer *t = user;
    struct sim *sim = t->sim;
    bool lost = t->restored != sim->restored; /* with the server that it was sent to */
    if (lost || (t->wire && t->wire->cut_off)) {
        t->arrived = true;
        if (t->wire) transfer_end(t, KUBE_LOST, 0, "no route");
        else transfer_free(t);
        return;
    }
    bool refused = is_refused(t);
    if (refused && !t->answer) return; /* it comes again, later */
    if (!refused && t->write && !t->election && *t->method == 'P' && sim_fault(sim, FAULT_STORM)) {
        rogue_touch(sim, t->path);
    }
    switch (refused ? FATE_COUNT : t->fate) {
    case FATE_COUNT: break;
    case FATE_429: say(t, 429, 1, "TooManyRequests"); break;
    case FATE_503: say(t, 503, -1, "ServiceUnavailable"); break;
    case FATE_500_BEFORE: say(t, 500, -1, "InternalError"); break;
    default: apply(t); break;
    }
    t->arrived = true;
    if (!t->wire) {
        transfer_free(t);
        return;
    }
    struct instance *i = t->wire->instance;
    bool crash = t->kill_applied || (t->write && !t->election && sim_fault(sim, FAULT_CRASH));
    t->event.fire = on_answer;
    sim_at(sim, &t->event, t->back_ms);
    if (crash) instance_kill(i, t->kill_applied ? 1000 : 0); /* may free t */
}

static void on_never(void *user)
{
    struct kube_transfer *t = user;
    if (transfer_waits(t, &t->event)) return;
    t->arrived = true; /* nowhere */
    transfer_end(t, t->fate == FATE_NOT_SENT ? KUBE_NOT_SENT : KUBE_LOST, 0, "connection failed");
}

static void on_deadline(void *user)
{
    struct kube_transfer *t = user;
    if (transfer_waits(t, &t->deadline)) return;
    transfer_end(t, KUBE_LOST, 0, "deadline");
}

/* Under a watch that fell silent the connection itself may be gone: nobody answers there. */
static bool connection_is_dead(const struct wire *wire)
{
    const struct net *net = wire->sim->net;
    for (const struct kube_transfer *t = net->all.next; t != &net->all; t = t->next) {
        if (t->wire == wire && t->dead) return true;
    }
    return false;
}

static enum fate draw_fate(struct kube_transfer *t)
{
    struct sim *sim = t->sim;
    if (sim->replica[t->replica].down) {
        t->wire->replica[t->lane] = 1 - t->replica;
        return sim_one_in(sim, CHANCE_WIRE, 4) ? FATE_429 : FATE_NOT_SENT;
    }
    if (t->lane == KUBE_LANE_WATCHES && connection_is_dead(t->wire)) return FATE_NEVER;
    if (sim_goes_on(sim, FAULT_CONNECT)) return FATE_NOT_SENT;
    if (!t->election && sim_fault(sim, FAULT_MALFORMED)) return FATE_MALFORMED;
    if (!sim_fault(sim, FAULT_UNKNOWN)) return FATE_OK;
    static const enum fate fates[] = {FATE_NEVER,    FATE_LOST_AFTER, FATE_LOST_AFTER,
                                      FATE_500_AFTER, FATE_504_AFTER, FATE_500_BEFORE,
                                      FATE_429,      FATE_503,        FATE_NOT_SENT};
    return fates[sim_draw(sim, CHANCE_FAULTS, 0, 8)];
}

static void planned_crash(struct kube_transfer *t)
{
    struct sim *sim = t->sim;
    if (!t->write || t->election || ++sim->writes != sim->crash.at) return;
    TRACE(sim, "planned crash at write %u, %s %s", sim->writes, t->method, t->path);
    if (sim->crash.phase == 0) {
        t->fate = FATE_NEVER;
        instance_kill_soon(t->wire->instance);
    } else if (sim->crash.phase == 1) {
        t->kill_applied = true;
    } else {
        t->kill_after = true;
    }
}

static void launch(struct kube_transfer *t)
{
    struct sim *sim = t->sim;
    int64_t there_ms = sim_draw(sim, CHANCE_WIRE, 0, sim->plan.latency_ms);
    t->back_ms = sim_draw(sim, CHANCE_WIRE, 0, sim->plan.latency_ms);
    t->fate = draw_fate(t);
    if (t->write && t->fate == FATE_OK && sim_fault(sim, FAULT_LATE)) {
        there_ms = sim_draw(sim, CHANCE_FAULTS, 0, 34000);
    }
    planned_crash(t);
    bool never = t->fate == FATE_NEVER || t->fate == FATE_NOT_SENT;
    t->event.fire = never ? on_never : on_arrive;
    sim_at(sim, &t->event, there_ms);
    t->deadline.fire = on_deadline;
    bool slow = there_ms + t->back_ms + WEBHOOK_MS >= t->timeout_ms;
    if (slow || sim_goes_on(sim, FAULT_SINK)) sim_at(sim, &t->deadline, t->timeout_ms);
}

static struct kube_transfer *start(struct kube_transport *transport, const struct kube_call *call,
                                   const struct kube_handlers *handlers, void *user)
{
    struct wire *wire = (struct wire *)(void *)transport;
    struct sim *sim = wire->sim;
    size_t path_size = strlen(call->path) + 1, body_len = call->body ? call->body_len : 0;
    size_t type_size = call->content_type ? strlen(call->content_type) + 1 : 0;
    struct kube_transfer *t = xcalloc(1, sizeof(*t) + path_size + type_size + body_len + 1);
    char *at = (char *)(t + 1);
    t->path = memcpy(at, call->path, path_size);
    if (type_size) t->content_type = memcpy(at + path_size, call->content_type, type_size);
    if (call->body) t->body = memcpy(at + path_size + type_size, call->body, body_len);
    t->body_len = body_len;
    t->method = call->method; /* a constant of the client */
    t->write = *call->method != 'G';
    t->sim = sim;
    t->wire = wire;
    t->name = wire->name;
    t->election = wire->election;
    t->handlers = *handlers;
    t->user = user;
    t->lane = call->lane;
    t->timeout_ms = call->timeout_ms;
    t->retry_after_s = -1;
    t->sent_ms = wire->instance->timers.now_ms;
    t->restored = t->sim->restored;
    bool read = sim->now_ms > sim->credential_ms + CREDENTIAL_READ_MS;
    if (read) wire->credential = sim->credential_needed;
    t->credential = wire->credential;
    t->replica = wire->replica[call->lane];
    t->event.user = t->deadline.user = t->bookmark.user = t;
    t->prev = sim->net->all.prev;
    t->next = &sim->net->all;
    t->next->prev = t->prev->next = t;
    wire->running++;
    sim->requests++;
    sim_mix(sim, hash_bytes(t->path, path_size, t->body_len));
    if (!handlers->data) wire->plain++;
    if (!wire->election) {
        safety_request(sim, wire, call);
        manners_request(wire, call);
        starts_request(wire, call);
    }
    if (handlers->data) stream_launch(t);
    else launch(t);
    return t;
}

static void cancel(struct kube_transport *transport, struct kube_transfer *t)
{
    (void)transport;
    struct sim *sim = t->sim;
    assert(t->wire);
    disown(t);
    bool on_its_way = !t->handlers.data && !t->arrived && t->fate != FATE_NEVER &&
                      t->fate != FATE_NOT_SENT && t->write;
    if (t->handlers.data || !on_its_way || sim_one_in(sim, CHANCE_WIRE, 3)) {
        if (t->busy) t->cancelled = true;
        else transfer_free(t);
        return;
    }
    if (sim->plan.rate[FAULT_LATE] > 0 && sim->chaos && sim_one_in(sim, CHANCE_WIRE, 2)) {
        sim_at(sim, &t->event, sim_draw(sim, CHANCE_FAULTS, 0, 34000));
    }
}

/* The credential's file is read again. */
static bool rejected(struct kube_transport *transport, uint64_t credential)
{
    struct wire *wire = (struct wire *)(void *)transport;
    struct sim *sim = wire->sim;
    if (sim->now_ms >= sim->credential_ms) wire->credential = sim->credential_needed;
    TRACE(sim, "%s: a credential is refused, %s", wire->name,
          wire->credential > credential ? "there is a newer one" : "there is no newer one yet");
    return wire->credential > credential;
}

void wire_init(struct wire *wire, struct sim *sim, struct instance *instance, const char *name,
               bool election)
{
    *wire = (struct wire){.transport = {.start = start, .cancel = cancel, .rejected = rejected},
                          .credential = sim->credential_needed,
                          .sim = sim,
                          .instance = instance,
                          .name = name,
                          .election = election};
    for (int i = 0; i < KUBE_LANE_COUNT; i++) {
        wire->replica[i] = (int)sim_draw(sim, CHANCE_WIRE, 0, REPLICAS - 1);
    }
}

void wire_abandon(struct wire *wire)
{
    struct net *net = wire->sim->net;
    for (struct kube_transfer *t = net->all.next, *next; t != &net->all; t = next) {
        next = t->next;
        if (t->wire == wire) cancel(&wire->transport, t);
    }
    assert(wire->running == 0);
}

unsigned net_owned(const struct sim *sim)
{
    unsigned n = 0;
    for (struct kube_transfer *t = sim->net->all.next; t != &sim->net->all; t = t->next) {
        n += t->wire != NULL;
    }
    return n;
}

unsigned net_zombies(const struct sim *sim)
{
    unsigned n = 0;
    for (struct kube_transfer *t = sim->net->all.next; t != &sim->net->all; t = t->next) {
        n += !t->wire;
    }
    return n;
}
