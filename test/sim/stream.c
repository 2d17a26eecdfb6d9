/* Watches on the simulated wire: how lines come, in which cut, and how they fail to. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dev/store_path.h"
#include "lib/xalloc.h"
#include "test/sim/admission.h"
#include "test/sim/instance.h"
#include "test/sim/safety.h"
#include "test/sim/wire_in.h"

enum { BOOKMARK_MS = 60000 };

static int64_t timeout_seconds(const char *path)
{
    const char *at = strstr(path, "timeoutSeconds=");
    return at ? strtoll(at + strlen("timeoutSeconds="), NULL, 10) : 1800;
}

static void reconnect_elsewhere(struct kube_transfer *t)
{
    if (t->wire && sim_fault(t->sim, FAULT_TRAVEL)) t->wire->replica[t->lane] = 1 - t->replica;
}

static void end_stream(struct kube_transfer *t, bool clean)
{
    reconnect_elsewhere(t);
    transfer_end(t, clean ? KUBE_ANSWERED : KUBE_LOST, clean ? 200 : 0,
                 clean ? "" : "connection reset");
}

/* Hands n bytes over in cuts as they come. False: that was the end of it. */
static bool feed(struct kube_transfer *t, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t most = (size_t)t->sim->plan.chunk_max;
        size_t cut = most < 4096 ? (size_t)sim_draw(t->sim, CHANCE_WIRE, 1, (int64_t)most) : n;
        if (cut > n) cut = n;
        if (t->handlers.data(t->user, bytes, cut) != 0 || t->cancelled) return false;
        bytes += cut;
        n -= cut;
    }
    return true;
}

static bool feed_twice(struct kube_transfer *t, const char *line, size_t len)
{
    TRACE(t->sim, "%s: a watch line of %s comes twice", t->name, t->type->plural);
    return feed(t, line, len) && feed(t, line, len);
}

static bool feed_nonsense(struct kube_transfer *t, const char *line, size_t len)
{
    static const char *const lines[] = {
        "{\"type\":\"RENAMED\",\"object\":{\"metadata\":{\"name\":\"x\"}}}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{}}}\n",
        "<html>502</html>\n",
        "\n",
    };
    const char *bad = lines[sim_draw(t->sim, CHANCE_FAULTS, 0, 3)];
    TRACE(t->sim, "%s: nonsense in the watch of %s", t->name, t->type->plural);
    return feed(t, bad, strlen(bad)) && feed(t, line, len);
}

/* Two lines change places. */
static bool feed_swapped(struct kube_transfer *t, const char *line, size_t len)
{
    const char *second;
    size_t second_len;
    char *first = arena_strndup(&t->sim->arena, line, len);
    if (store_watch_next(t->watch, replica_seen(t->sim, t->replica), &second, &second_len)) {
        TRACE(t->sim, "%s: two watch lines of %s change places", t->name, t->type->plural);
        if (!feed(t, second, second_len)) return false;
    }
    return feed(t, first, len);
}

static bool feed_line(struct kube_transfer *t, const char *line, size_t len)
{
    if (!sim_fault(t->sim, FAULT_DISORDER)) return feed(t, line, len);
    switch (sim_draw(t->sim, CHANCE_FAULTS, 0, 3)) {
    case 0: return feed_nonsense(t, line, len);
    case 1: return feed_swapped(t, line, len);
    default: return feed_twice(t, line, len);
    }
}

enum stream_state { STREAM_GOES_ON, STREAM_DROPPED /* by the reader */, STREAM_CUT, STREAM_OVER };

static enum stream_state feed_all(struct kube_transfer *t)
{
    const char *line;
    size_t len;
    while (store_watch_next(t->watch, replica_seen(t->sim, t->replica), &line, &len)) {
        if (sim_fault(t->sim, FAULT_UNSEEN)) {
            TRACE(t->sim, "%s: the watch of %s breaks", t->name, t->type->plural);
            size_t part = (size_t)sim_draw(t->sim, CHANCE_FAULTS, 0, (int64_t)len - 1);
            return feed(t, line, part) ? STREAM_CUT : STREAM_DROPPED;
        }
        if (!feed_line(t, line, len)) return STREAM_DROPPED;
        if (t->sim->failed) return STREAM_GOES_ON;
    }
    return store_watch_ended(t->watch) ? STREAM_OVER : STREAM_GOES_ON;
}

static void on_deliver(void *user)
{
    struct kube_transfer *t = user;
    if (transfer_waits(t, &t->event)) return;
    struct sim *sim = t->sim;
    struct instance *i = t->wire->instance;
    if (t->silent || !t->watch) return;
    if (sim_fault(sim, FAULT_SILENT)) {
        t->silent = true;
        t->dead = sim_one_in(sim, CHANCE_FAULTS, 2);
        sim_at(sim, &t->deadline, t->timeout_ms);
        TRACE(sim, "%s: the watch of %s falls silent", t->name, t->type->plural);
        return;
    }
    instance_enter(i);
    t->busy = true;
    enum stream_state state = feed_all(t);
    t->busy = false;
    instance_leave(i);
    if (t->cancelled) {
        transfer_end(t, KUBE_LOST, 0, ""); /* owns nothing any more: it is only freed */
        return;
    }
    safety_caches(sim, i);
    if (state == STREAM_CUT) end_stream(t, sim_one_in(sim, CHANCE_FAULTS, 2));
    else if (state == STREAM_DROPPED) end_stream(t, false);
    else if (state == STREAM_OVER) end_stream(t, true);
}

static void on_bookmark(void *user)
{
    struct kube_transfer *t = user;
    if (transfer_waits(t, &t->bookmark)) return;
    const char *line;
    size_t len;
    struct instance *i = t->wire->instance;
    sim_at(t->sim, &t->bookmark, BOOKMARK_MS);
    if (t->silent || t->wire->cut_off) return;
    if (!store_watch_bookmark(t->watch, replica_seen(t->sim, t->replica), &line, &len)) return;
    instance_enter(i);
    t->busy = true;
    bool ok = feed(t, line, len);
    t->busy = false;
    instance_leave(i);
    if (t->cancelled) transfer_end(t, KUBE_LOST, 0, "");
    else if (!ok) end_stream(t, false);
}

static void on_end(void *user)
{
    struct kube_transfer *t = user;
    if (transfer_waits(t, &t->deadline)) return;
    end_stream(t, !t->silent);
}

static void on_refused(void *user)
{
    struct kube_transfer *t = user;
    if (transfer_waits(t, &t->event)) return;
    reconnect_elsewhere(t);
    transfer_end(t, KUBE_ANSWERED, t->code, "");
}

static void on_not_opened(void *user)
{
    struct kube_transfer *t = user;
    if (transfer_waits(t, &t->event)) return;
    t->wire->replica[t->lane] = 1 - t->replica;
    transfer_end(t, KUBE_NOT_SENT, 0, "connection refused");
}

static void refuse(struct kube_transfer *t, const struct store_answer *a)
{
    t->code = a->code;
    t->retry_after_s = a->retry_after_s;
    t->answer = xstrndup(a->body, a->len);
    t->answer_len = a->len;
    t->event.fire = on_refused;
    sim_at(t->sim, &t->event, t->back_ms);
}

static void on_open(void *user)
{
    struct kube_transfer *t = user;
    struct sim *sim = t->sim;
    struct store_answer refusal;
    struct store_path path;
    struct store_call call = {.method = "GET",
                              .path = t->path,
                              .user_agent = t->name,
                              .user = t->name,
                              .wall_ms = sim_wall_ms(sim),
                              .replica_rv = replica_seen(sim, t->replica)};
    if (sim->replica[t->replica].down) {
        on_not_opened(t);
        return;
    }
    struct refused refused;
    if (admission_refuses(sim, t, &refused)) {
        refusal = (struct store_answer){.code = refused.code,
                                        .retry_after_s = refused.retry_after_s};
        refusal.body = sim_text(sim, "{\"kind\":\"Status\",\"message\":\"%s\",\"reason\":\"%s\","
                                     "\"code\":%d}",
                                refused.message, refused.reason, refused.code);
        refusal.len = strlen(refusal.body);
        refuse(t, &refusal);
        return;
    }
    t->watch = store_watch_open(sim->store, &call, &sim->arena, &refusal);
    if (!t->watch) {
        refuse(t, &refusal);
        return;
    }
    bool parsed = store_path_parse(&sim->arena, t->path, &path);
    t->type = parsed ? path.type : NULL;
    t->event.fire = on_deliver;
    t->bookmark.fire = on_bookmark;
    t->deadline.fire = on_end;
    sim_at(sim, &t->event, t->back_ms);
    if (sim->plan.bookmarks) sim_at(sim, &t->bookmark, BOOKMARK_MS);
    bool is_short = sim_fault(sim, FAULT_SHORT);
    sim_at(sim, &t->deadline, is_short ? sim_draw(sim, CHANCE_FAULTS, 0, 500)
                                       : timeout_seconds(t->path) * 1000);
}

void stream_launch(struct kube_transfer *t)
{
    struct sim *sim = t->sim;
    t->back_ms = sim_draw(sim, CHANCE_WIRE, 0, sim->plan.latency_ms);
    bool no_way = sim->replica[t->replica].down || sim_goes_on(sim, FAULT_CONNECT);
    t->event.fire = no_way ? on_not_opened : on_open;
    sim_at(sim, &t->event, sim_draw(sim, CHANCE_WIRE, 0, sim->plan.latency_ms));
}

void net_pump(struct sim *sim, const struct resource *type)
{
    for (struct kube_transfer *t = sim->net->all.next; t != &sim->net->all; t = t->next) {
        if (!t->watch || !t->wire || t->silent || (type && t->type != type)) continue;
        if (sim_is_set(&t->event) || sim->replica[t->replica].frozen) continue;
        sim_at(sim, &t->event, sim_draw(sim, CHANCE_WIRE, 0, sim->plan.latency_ms));
    }
}

void net_cut(struct sim *sim, int replica)
{
    for (struct kube_transfer *t = sim->net->all.next; t != &sim->net->all; t = t->next) {
        if (!t->handlers.data || !t->wire || t->replica != replica || !t->watch) continue;
        t->silent = false;
        t->deadline.fire = on_end;
        sim_at(sim, &t->deadline, 0);
    }
}

void net_lose_watches(struct sim *sim)
{
    for (struct kube_transfer *t = sim->net->all.next; t != &sim->net->all; t = t->next) {
        if (!t->watch) continue;
        store_watch_close(t->watch);
        t->watch = NULL;
        t->silent = true;
        if (!t->wire) continue;
        t->deadline.fire = on_end;
        sim_at(sim, &t->deadline, 0);
    }
}
