#include "lib/kube/reflector_parts.h"

#include <string.h>

#include "lib/kube/retry.h"
#include "lib/kube/status.h"

enum {
    WATCH_LOW_S = 290, /* under the five minutes after which many proxies cut */
    WATCH_HIGH_S = 590,
    WATCH_GUARD_MS = 30000, /* past its own timeout: the server forgot */
    SHORT_WATCH_MS = 1000,
    RECONNECT_SPREAD_MS = 200,
    FIRST_BYTE_MS = 60000, /* a watch-list that says nothing at all */
    END_MARK_MS = 30000,   /* a watch-list without its end */
    SILENT_MS = 70000,     /* bookmarks come each minute: ask whether anyone is there */
    CANARY_MS = 10000,
    DEAD_MS = 150000,
    MALFORMED_MAX = 3,
};

/* --- events --------------------------------------------------------------------------------- */

static int stop_stream(struct kube_reflector *r, bool resync)
{
    r->stop_resync = resync;
    return -1;
}

static int protocol_error(struct kube_reflector *r)
{
    r->stats.protocol_errors++;
    bool again_and_again = ++r->malformed >= MALFORMED_MAX;
    if (again_and_again) r->malformed = 0;
    return stop_stream(r, again_and_again);
}

static int take_error(struct kube_reflector *r, const struct kube_event *event)
{
    struct kube_status status;
    kube_status_read(&r->arena, 0, event->object_text, event->object_len, &status);
    kube_status_err((int)status.code, &status, &r->stop);
    bool too_large = kube_status_has_cause(&status, "ResourceVersionTooLarge");
    if (status.code == 410 || too_large) {
        reflector_need_sync(r, too_large || r->stats.state == KUBE_SYNC_STREAM);
        return stop_stream(r, true);
    }
    return protocol_error(r);
}

static int take_listed(struct kube_reflector *r, const struct kube_event *event)
{
    struct kube_store *store = r->config.store;
    switch (event->type) {
    case KUBE_ADDED:
    case KUBE_MODIFIED: kube_store_list_add(store, event->object); return 0;
    case KUBE_DELETED: kube_store_list_drop(store, event->object->meta.key); return 0;
    case KUBE_BOOKMARK: break;
    case KUBE_ERROR: return take_error(r, event);
    }
    if (!event->ends_list) return 0;
    r->bookmarked = true;
    if (reflector_accept_list(r, event->rv, &r->stop) < 0) return stop_stream(r, true);
    r->stats.state = KUBE_WATCH;
    return 0;
}

static int take_change(struct kube_reflector *r, const struct kube_event *event)
{
    struct kube_store *store = r->config.store;
    if (event->type == KUBE_ERROR) return take_error(r, event);
    if (event->type == KUBE_BOOKMARK) {
        r->bookmarked = true;
        if (kube_rv_cmp(event->rv, r->rv) > 0) {
            str_copy(r->rv, sizeof(r->rv), event->rv);
            kube_store_advance(store, event->rv);
        }
        return 0;
    }
    if (kube_rv_cmp(event->rv, r->rv) <= 0) {
        const struct kube_object *known = kube_store_get(store, event->object->meta.key);
        bool duplicate = known && strcmp(known->meta.uid, event->object->meta.uid) == 0 &&
                         kube_rv_cmp(known->meta.rv, event->rv) >= 0;
        if (duplicate || (!known && event->type == KUBE_DELETED)) return 0;
        r->stats.protocol_errors++;
        err_set(&r->stop, ERR_INVALID, "event of version %s after %s", event->rv, r->rv);
        return stop_stream(r, true);
    }
    if (event->type == KUBE_DELETED) kube_store_delete(store, event->object);
    else kube_store_put(store, event->object);
    str_copy(r->rv, sizeof(r->rv), event->rv);
    return 0;
}

static int take_line(void *user, const char *text, size_t len)
{
    struct kube_reflector *r = user;
    struct kube_event event;
    arena_reset(&r->arena, ARENA_KEEP);
    if (kube_parse_event(&r->parser, text, len, &r->arena, &event, &r->stop) < 0) {
        return protocol_error(r);
    }
    if (event.type != KUBE_ERROR) {
        r->malformed = 0;
        r->stream_events++;
        if (r->stats.state == KUBE_WATCH) r->stats.last_error.code = ERR_NONE;
    }
    r->stats.events++;
    return r->stats.state == KUBE_SYNC_STREAM ? take_listed(r, &event) : take_change(r, &event);
}

static int on_data(void *user, const char *bytes, size_t n)
{
    struct kube_reflector *r = user;
    r->byte_ms = r->stats.last_event_ms = reflector_now(r);
    r->deaths = 0;
    int rc = kube_lines_feed(&r->lines, bytes, n, take_line, r, &r->stop);
    if (r->stop.code == ERR_TOO_BIG) r->stop_resync = true;
    return rc;
}

/* --- silence -------------------------------------------------------------------------------- */

static void set_idle(struct kube_reflector *r, int64_t after_ms)
{
    timer_set(r->config.timers, &r->idle, r->byte_ms + after_ms);
}

static void silence(struct kube_reflector *r, const char *what)
{
    struct err err = {0};
    err_set(&err, ERR_UNAVAILABLE, "%s", what);
    reflector_back_off(r, "watch is silent", &err);
}

static void on_canary(void *user, const struct kube_answer *answer)
{
    struct kube_reflector *r = user;
    r->canary = NULL;
    if (answer->outcome != KUBE_ANSWERED) silence(r, "no answer on the watch's connection");
}

static void send_canary(struct kube_reflector *r)
{
    static const struct kube_handlers handlers = {.done = on_canary};
    struct kube_call call = {.lane = KUBE_LANE_WATCHES,
                             .method = "GET",
                             .path = "/livez",
                             .timeout_ms = CANARY_MS,
                             .beside = r->transfer};
    if (r->canary) return;
    r->canary = r->config.transport->start(r->config.transport, &call, &handlers, r);
}

static void check_sync_silence(struct kube_reflector *r)
{
    int64_t silent_ms = reflector_now(r) - r->byte_ms;
    int64_t bound = r->stream_events ? END_MARK_MS : FIRST_BYTE_MS;
    if (silent_ms < bound) {
        set_idle(r, bound);
        return;
    }
    /* Events and no end: a server that ignores sendInitialEvents and did not say so. */
    if (r->stream_events) r->stream_refused = true;
    silence(r, "a list that does not end");
}

void reflector_on_idle(void *user)
{
    struct kube_reflector *r = user;
    if (r->stats.state == KUBE_SYNC_STREAM) {
        check_sync_silence(r);
        return;
    }
    int64_t silent_ms = reflector_now(r) - r->byte_ms;
    if (silent_ms >= DEAD_MS) {
        /* Not even a bookmark since it began, of a server that sends them: it may have been
         * restored to an older state, and wait for our version without a word. A list tells. */
        bool mute = r->stream_events == 0 && (r->bookmarked || r->deaths++ > 0);
        if (mute) reflector_need_sync(r, false);
        silence(r, "no byte for 150 s");
        return;
    }
    if (silent_ms >= SILENT_MS) send_canary(r);
    set_idle(r, silent_ms >= SILENT_MS ? DEAD_MS : SILENT_MS);
}

/* --- the end of a stream -------------------------------------------------------------------- */

static void refused_stream(struct kube_reflector *r, const struct kube_answer *answer)
{
    struct kube_status status;
    struct err err = {0};
    r->told_ms = kube_told_ms(answer);
    arena_reset(&r->arena, ARENA_KEEP);
    kube_status_read(&r->arena, answer->code, answer->body, answer->len, &status);
    kube_status_err(answer->code, &status, &err);
    bool syncing = r->stats.state == KUBE_SYNC_STREAM;
    if (syncing && (answer->code == 422 || answer->code == 400)) {
        r->stream_refused = true; /* a server older than the watch-list */
        reflector_end_streams(r);
        reflector_drop_list(r);
        reflector_go(r);
        return;
    }
    bool too_large = kube_status_has_cause(&status, "ResourceVersionTooLarge");
    if (answer->code == 410 || too_large) reflector_need_sync(r, too_large || syncing);
    reflector_back_off(r, syncing ? "list refused" : "watch refused", &err);
}

static void ended_stream(struct kube_reflector *r, const struct kube_answer *answer)
{
    struct err err = {0};
    bool cut = r->lines.partial.len > 0;
    bool clean = answer->outcome == KUBE_ANSWERED && !cut && r->stop.code == ERR_NONE;
    if (r->stop.code != ERR_NONE) err = r->stop;
    else err_set(&err, ERR_UNAVAILABLE, "%s", cut ? "cut in the middle of a line" : answer->text);
    if (r->stop_resync) reflector_need_sync(r, false);
    bool useful = r->stream_events > 0 || reflector_now(r) - r->started_ms >= SHORT_WATCH_MS;
    if (!clean || r->stats.state == KUBE_SYNC_STREAM || !useful) {
        if (clean) err_set(&err, ERR_UNAVAILABLE, "a very short watch");
        reflector_back_off(r, "watch ended", &err);
        return;
    }
    reflector_end_streams(r);
    r->stats.last_error = (struct err){0};
    reflector_wait(r, rng_between(r->config.rng, 0, RECONNECT_SPREAD_MS));
}

static void on_stream_done(void *user, const struct kube_answer *answer)
{
    struct kube_reflector *r = user;
    r->transfer = NULL;
    bool refused = answer->outcome == KUBE_ANSWERED && answer->code != 200;
    if (refused) {
        reflector_rejected(r, answer);
        refused_stream(r, answer);
    } else {
        ended_stream(r, answer);
    }
}

static const struct kube_handlers stream_handlers = {.data = on_data, .done = on_stream_done};

void reflector_stream(struct kube_reflector *r, const char *more, const char *rv)
{
    int64_t seconds = rng_between(r->config.rng, WATCH_LOW_S, WATCH_HIGH_S);
    auto_str query;
    str_init(&query, 512);
    str_add_f(&query, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%lld%s", (long long)seconds,
              more);
    if (*rv) str_add_f(&query, "&resourceVersion=%s", rv);
    reflector_call(r, query.at, seconds * 1000 + WATCH_GUARD_MS, &stream_handlers);
    set_idle(r, r->stats.state == KUBE_SYNC_STREAM ? FIRST_BYTE_MS : SILENT_MS);
}
