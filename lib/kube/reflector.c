#include "lib/kube/reflector.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/kube/lines.h"
#include "lib/kube/reflector_parse.h"
#include "lib/kube/retry.h"
#include "lib/kube/status.h"
#include "lib/limits.h"
#include "lib/xalloc.h"

enum {
    WATCH_LOW_S = 290, /* under the five minutes after which many proxies cut */
    WATCH_HIGH_S = 590,
    WATCH_GUARD_MS = 30000, /* past its own timeout: the server forgot */
    PAGE_SIZE = 500,
    PAGE_TIMEOUT_MS = 60000,
    BACKOFF_BASE_MS = 800,
    BACKOFF_CAP_MS = 30000,
    BACKOFF_RESET_MS = 120000,
    SHORT_WATCH_MS = 1000,
    RECONNECT_SPREAD_MS = 200,
    FIRST_BYTE_MS = 60000, /* a watch-list that says nothing at all */
    END_MARK_MS = 30000,   /* a watch-list without its end */
    SILENT_MS = 70000,     /* bookmarks come each minute: ask whether anyone is there */
    CANARY_MS = 10000,
    DEAD_MS = 150000,
    MALFORMED_MAX = 3,
    REGRESSIONS_MAX = 10,
    REGRESSION_MS = 300000,
    GATE_RETRY_MS = 200,
    SYNCS_AT_ONCE = 2,
    ARENA_KEEP = 16 * 1024, /* between lines: ten reflectors wait most of the time */
};

struct kube_reflector {
    struct kube_reflector_config config;
    struct kube_reflector_stats stats;
    struct kube_transfer *transfer;
    struct kube_transfer *canary;
    struct kube_transfer *question; /* at what version etcd is */
    int64_t question_from_ms;       /* a server that is busy said when */
    char doubted_rv[KUBE_RV_SIZE];  /* what had been seen when it was asked */
    struct timer retry; /* end of BACKOFF */
    struct timer idle;  /* silence on a stream */
    struct kube_lines lines;
    struct arena arena;
    struct kube_parser parser;
    char rv[KUBE_RV_SIZE];      /* to resume the watch from */
    char high_rv[KUBE_RV_SIZE]; /* the greatest that was known when the list began */
    bool rv_unavailable;        /* the server does not have rv any more: ask without */
    bool stream_refused;        /* no watch-list here, for ever */
    bool unlimited;             /* a later page expired: list once without pages */
    bool bookmarked;            /* the server has sent a bookmark */
    unsigned deaths;            /* watches that ended by silence, since the last byte */
    bool gated;                 /* counted in the shared gate */
    bool resync;                /* next: SYNC, not WATCH */
    char *page_token;
    unsigned failures;
    unsigned malformed; /* in a row */
    unsigned regressions;
    int64_t regressed_ms, failed_ms, started_ms, byte_ms;
    int64_t told_ms;        /* how long the server asked us to wait, beside our own back-off */
    uint64_t stream_events; /* in this stream */
    struct err stop;        /* why a data callback ended the stream */
    bool stop_resync;
};

static void go(struct kube_reflector *r);

static int64_t now(const struct kube_reflector *r)
{
    return r->config.timers->now_ms;
}

static void leave_gate(struct kube_reflector *r)
{
    if (!r->gated) return;
    r->gated = false;
    r->config.gate->running--;
}

static void end_streams(struct kube_reflector *r)
{
    struct kube_transport *t = r->config.transport;
    timer_stop(r->config.timers, &r->idle);
    if (r->transfer) t->cancel(t, r->transfer);
    if (r->canary) t->cancel(t, r->canary);
    if (r->question) t->cancel(t, r->question);
    r->transfer = r->canary = r->question = NULL;
    kube_lines_clear(&r->lines);
}

static void drop_list(struct kube_reflector *r)
{
    leave_gate(r);
    free(r->page_token);
    r->page_token = NULL;
    kube_store_list_fail(r->config.store);
}

static void wait_then_go(struct kube_reflector *r, int64_t delay_ms)
{
    r->stats.state = KUBE_BACKOFF;
    timer_set(r->config.timers, &r->retry, now(r) + delay_ms);
}

/* 0.8 s, doubled up to 30 s, plus up to as much again; forgotten after two minutes without. */
static int64_t backoff_ms(struct kube_reflector *r)
{
    if (now(r) - r->failed_ms > BACKOFF_RESET_MS) r->failures = 0;
    r->failed_ms = now(r);
    int64_t base = BACKOFF_BASE_MS;
    for (unsigned i = 0; i < r->failures && base < BACKOFF_CAP_MS; i++) base *= 2;
    if (base > BACKOFF_CAP_MS) base = BACKOFF_CAP_MS;
    r->failures++;
    return base + rng_between(r->config.rng, 0, base);
}

static void back_off(struct kube_reflector *r, const char *what, const struct err *err)
{
    bool syncing = r->stats.state == KUBE_SYNC_STREAM || r->stats.state == KUBE_SYNC_PAGES;
    end_streams(r);
    if (syncing) drop_list(r);
    r->stats.last_error = *err;
    if (r->config.trouble) r->config.trouble(r->config.user, what, err);
    wait_then_go(r, r->told_ms + backoff_ms(r));
    r->told_ms = 0;
}

static void need_sync(struct kube_reflector *r, bool version_is_lost)
{
    r->resync = true;
    if (version_is_lost) r->rv_unavailable = true;
}

/* --- paths ---------------------------------------------------------------------------------- */

static char *list_path(struct kube_reflector *r, const char *query)
{
    auto_str path;
    str_init(&path, 8192);
    struct err err = {0};
    int ok = kube_path(&path, r->config.type->resource, r->config.ns, NULL, NULL, &err);
    assert(ok == 0); /* our own resource, a namespace that configuration has checked */
    str_add_c(&path, '?');
    str_add(&path, query);
    if (r->config.label_selector) {
        str_add(&path, "&labelSelector=");
        str_add_url(&path, r->config.label_selector);
    }
    return str_take(&path);
}

static const char *sync_version(const struct kube_reflector *r)
{
    return r->rv_unavailable ? "" : r->high_rv;
}

static void start(struct kube_reflector *r, const char *query, int64_t timeout_ms,
                  const struct kube_handlers *handlers)
{
    auto_free char *path = list_path(r, query);
    struct kube_call call = {
        .lane = handlers->data ? KUBE_LANE_WATCHES : KUBE_LANE_REQUESTS,
        .method = "GET",
        .path = path,
        .timeout_ms = timeout_ms,
    };
    r->started_ms = r->byte_ms = now(r);
    r->stream_events = 0;
    r->stop = (struct err){0};
    r->stop_resync = false;
    kube_lines_clear(&r->lines);
    r->transfer = r->config.transport->start(r->config.transport, &call, handlers, r);
}

/* --- the end of a list ---------------------------------------------------------------------- */

/* A list older than what we have seen comes from an apiserver that lags behind: taking it would
 * undo history. If the server insists, its etcd was restored, and the old world is the true one. */
static bool version_goes_back(struct kube_reflector *r, const char *rv)
{
    if (kube_rv_cmp(rv, r->high_rv) >= 0) {
        r->regressions = 0;
        return false;
    }
    r->stats.regressions++;
    if (r->regressions++ == 0) r->regressed_ms = now(r);
    bool insists =
        r->regressions > REGRESSIONS_MAX || now(r) - r->regressed_ms > REGRESSION_MS;
    if (!insists) return true;
    r->regressions = 0;
    if (r->config.undone) r->config.undone(r->config.user);
    return false;
}

static int accept_list(struct kube_reflector *r, const char *rv, struct err *err)
{
    if (version_goes_back(r, rv)) {
        return err_set(err, ERR_UNAVAILABLE, "the list is of version %s, %s was seen before", rv,
                       r->high_rv);
    }
    bool first = !kube_store_synced(r->config.store);
    str_copy(r->rv, sizeof(r->rv), rv);
    r->rv_unavailable = r->resync = false;
    r->stats.syncs++;
    if (!first) r->stats.relists++;
    r->stats.last_error = (struct err){0};
    leave_gate(r);
    kube_store_list_end(r->config.store, rv);
    if (first && r->config.synced) r->config.synced(r->config.user);
    return 0;
}

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
        need_sync(r, too_large || r->stats.state == KUBE_SYNC_STREAM);
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
    if (accept_list(r, event->rv, &r->stop) < 0) return stop_stream(r, true);
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
    r->byte_ms = r->stats.last_event_ms = now(r);
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
    back_off(r, "watch is silent", &err);
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
    int64_t silent_ms = now(r) - r->byte_ms;
    int64_t bound = r->stream_events ? END_MARK_MS : FIRST_BYTE_MS;
    if (silent_ms < bound) {
        set_idle(r, bound);
        return;
    }
    /* Events and no end: a server that ignores sendInitialEvents and did not say so. */
    if (r->stream_events) r->stream_refused = true;
    silence(r, "a list that does not end");
}

static void on_idle(void *user)
{
    struct kube_reflector *r = user;
    if (r->stats.state == KUBE_SYNC_STREAM) {
        check_sync_silence(r);
        return;
    }
    int64_t silent_ms = now(r) - r->byte_ms;
    if (silent_ms >= DEAD_MS) {
        /* Not even a bookmark since it began, of a server that sends them: it may have been
         * restored to an older state, and wait for our version without a word. A list tells. */
        bool mute = r->stream_events == 0 && (r->bookmarked || r->deaths++ > 0);
        if (mute) need_sync(r, false);
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
        end_streams(r);
        drop_list(r);
        go(r);
        return;
    }
    bool too_large = kube_status_has_cause(&status, "ResourceVersionTooLarge");
    if (answer->code == 410 || too_large) need_sync(r, too_large || syncing);
    back_off(r, syncing ? "list refused" : "watch refused", &err);
}

static void ended_stream(struct kube_reflector *r, const struct kube_answer *answer)
{
    struct err err = {0};
    bool cut = r->lines.partial.len > 0;
    bool clean = answer->outcome == KUBE_ANSWERED && !cut && r->stop.code == ERR_NONE;
    if (r->stop.code != ERR_NONE) err = r->stop;
    else err_set(&err, ERR_UNAVAILABLE, "%s", cut ? "cut in the middle of a line" : answer->text);
    if (r->stop_resync) need_sync(r, false);
    bool useful = r->stream_events > 0 || now(r) - r->started_ms >= SHORT_WATCH_MS;
    if (!clean || r->stats.state == KUBE_SYNC_STREAM || !useful) {
        if (clean) err_set(&err, ERR_UNAVAILABLE, "a very short watch");
        back_off(r, "watch ended", &err);
        return;
    }
    end_streams(r);
    r->stats.last_error = (struct err){0};
    wait_then_go(r, rng_between(r->config.rng, 0, RECONNECT_SPREAD_MS));
}

static void rejected(struct kube_reflector *r, const struct kube_answer *answer)
{
    struct kube_transport *t = r->config.transport;
    if (answer->code == 401 && t->rejected) t->rejected(t, answer->credential);
}

static void on_stream_done(void *user, const struct kube_answer *answer)
{
    struct kube_reflector *r = user;
    r->transfer = NULL;
    bool refused = answer->outcome == KUBE_ANSWERED && answer->code != 200;
    if (refused) {
        rejected(r, answer);
        refused_stream(r, answer);
    } else {
        ended_stream(r, answer);
    }
}

static const struct kube_handlers stream_handlers = {.data = on_data, .done = on_stream_done};

static void start_stream(struct kube_reflector *r, const char *more, const char *rv)
{
    int64_t seconds = rng_between(r->config.rng, WATCH_LOW_S, WATCH_HIGH_S);
    auto_str query;
    str_init(&query, 512);
    str_add_f(&query, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%lld%s", (long long)seconds,
              more);
    if (*rv) str_add_f(&query, "&resourceVersion=%s", rv);
    start(r, query.at, seconds * 1000 + WATCH_GUARD_MS, &stream_handlers);
    set_idle(r, r->stats.state == KUBE_SYNC_STREAM ? FIRST_BYTE_MS : SILENT_MS);
}

/* --- pages ---------------------------------------------------------------------------------- */

static void next_page(struct kube_reflector *r);

static void refused_page(struct kube_reflector *r, const struct kube_answer *answer)
{
    struct err err = {0};
    if (answer->outcome != KUBE_ANSWERED) {
        err_set(&err, ERR_UNAVAILABLE, "%s", answer->text);
        back_off(r, "list failed", &err);
        return;
    }
    struct kube_status status;
    r->told_ms = kube_told_ms(answer);
    kube_status_read(&r->arena, answer->code, answer->body, answer->len, &status);
    kube_status_err(answer->code, &status, &err);
    rejected(r, answer);
    bool too_large = kube_status_has_cause(&status, "ResourceVersionTooLarge");
    if (answer->code == 410 && r->page_token) {
        r->unlimited = true; /* the pages' snapshot is gone: all at once, then */
        drop_list(r);
        go(r);
        return;
    }
    if (answer->code == 410 || too_large) need_sync(r, true);
    back_off(r, "list refused", &err);
}

static void on_page(void *user, const struct kube_answer *answer)
{
    struct kube_reflector *r = user;
    struct kube_page page;
    struct err err = {0};
    r->transfer = NULL;
    r->byte_ms = r->stats.last_event_ms = now(r);
    arena_reset(&r->arena, ARENA_KEEP);
    if (answer->outcome != KUBE_ANSWERED || answer->code != 200) {
        refused_page(r, answer);
        return;
    }
    if (kube_parse_page(&r->parser, answer->body, answer->len, &r->arena, &page, &err) < 0) {
        r->stats.protocol_errors++;
        back_off(r, "list is malformed", &err);
        return;
    }
    for (size_t i = 0; i < page.count; i++) kube_store_list_add(r->config.store, page.objects[i]);
    free(r->page_token);
    r->page_token = page.next ? xstrdup(page.next) : NULL;
    if (r->page_token) {
        next_page(r);
    } else if (accept_list(r, page.rv, &err) < 0) {
        back_off(r, "list refused", &err);
    } else {
        wait_then_go(r, 0);
    }
}

static void next_page(struct kube_reflector *r)
{
    static const struct kube_handlers handlers = {.done = on_page};
    auto_str query;
    str_init(&query, 4096);
    int size = r->config.page_size ? r->config.page_size : PAGE_SIZE;
    if (!r->unlimited) str_add_f(&query, "limit=%d", size);
    r->unlimited = false; /* once: a list that is too big in one piece must get pages again */
    if (r->page_token) {
        str_add(&query, "&continue=");
        str_add_url(&query, r->page_token);
    } else if (*sync_version(r)) {
        str_add_f(&query, "&resourceVersion=%s&resourceVersionMatch=NotOlderThan",
                  sync_version(r));
    }
    start(r, query.at, PAGE_TIMEOUT_MS, &handlers);
}

/* --- doubt ---------------------------------------------------------------------------------- */

static void on_version(void *user, const struct kube_answer *answer)
{
    struct kube_reflector *r = user;
    struct kube_page page;
    auto_arena arena;
    arena_init(&arena);
    r->question = NULL;
    if (answer->outcome != KUBE_ANSWERED || answer->code != 200) { /* another doubt will do */
        r->question_from_ms = now(r) + kube_told_ms(answer);
        return;
    }
    if (kube_parse_page(&r->parser, answer->body, answer->len, &arena, &page, NULL) < 0) return;
    if (kube_rv_cmp(page.rv, r->doubted_rv) < 0 && r->config.undone)
        r->config.undone(r->config.user);
}

/* A list that names no version is of etcd's own, now. */
void kube_reflector_doubt(struct kube_reflector *r)
{
    static const struct kube_handlers handlers = {.done = on_version};
    if (r->question || now(r) < r->question_from_ms) return;
    auto_free char *path = list_path(r, "limit=1");
    struct kube_call call = {.lane = KUBE_LANE_REQUESTS,
                             .method = "GET",
                             .path = path,
                             .timeout_ms = PAGE_TIMEOUT_MS};
    str_copy(r->doubted_rv, sizeof(r->doubted_rv), kube_store_rv(r->config.store));
    r->question = r->config.transport->start(r->config.transport, &call, &handlers, r);
}

/* --- what comes next ------------------------------------------------------------------------ */

static bool enter_gate(struct kube_reflector *r)
{
    struct kube_sync_gate *gate = r->config.gate;
    if (!gate || r->gated) return true;
    if (kube_store_synced(r->config.store) && gate->running >= SYNCS_AT_ONCE) return false;
    gate->running++;
    r->gated = true;
    return true;
}

static void start_sync(struct kube_reflector *r)
{
    if (!enter_gate(r)) {
        wait_then_go(r, rng_between(r->config.rng, 1, GATE_RETRY_MS));
        return;
    }
    str_copy(r->high_rv, sizeof(r->high_rv), kube_store_high(r->config.store));
    kube_store_list_begin(r->config.store);
    if (r->stream_refused) {
        r->stats.state = KUBE_SYNC_PAGES;
        next_page(r);
        return;
    }
    r->stats.state = KUBE_SYNC_STREAM;
    start_stream(r, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", sync_version(r));
}

static void go(struct kube_reflector *r)
{
    bool sync = r->resync || !kube_store_synced(r->config.store);
    if (sync) {
        start_sync(r);
        return;
    }
    r->stats.state = KUBE_WATCH;
    start_stream(r, "", r->rv);
}

static void on_retry(void *user)
{
    go(user);
}

struct kube_reflector *kube_reflector_new(const struct kube_reflector_config *config)
{
    struct kube_reflector *r = xcalloc(1, sizeof(*r));
    r->config = *config;
    r->stream_refused = config->pages_only;
    r->retry = (struct timer){.fire = on_retry, .user = r};
    r->idle = (struct timer){.fire = on_idle, .user = r};
    kube_lines_init(&r->lines);
    arena_init(&r->arena);
    kube_parser_init(&r->parser, config->type);
    return r;
}

void kube_reflector_start(struct kube_reflector *r)
{
    assert(r->stats.state == KUBE_IDLE);
    r->failed_ms = now(r);
    go(r);
}

void kube_reflector_free(struct kube_reflector *r)
{
    if (!r) return;
    end_streams(r);
    drop_list(r);
    timer_stop(r->config.timers, &r->retry);
    kube_lines_release(&r->lines);
    arena_release(&r->arena);
    free(r);
}

struct kube_reflector_stats kube_reflector_stats(const struct kube_reflector *r)
{
    return r->stats;
}
