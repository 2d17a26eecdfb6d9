#include "lib/kube/reflector.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/kube/reflector_parts.h"
#include "lib/kube/retry.h"
#include "lib/xalloc.h"

enum {
    BACKOFF_BASE_MS = 800,
    BACKOFF_CAP_MS = 30000,
    BACKOFF_RESET_MS = 120000,
    REGRESSIONS_MAX = 10,
    REGRESSION_MS = 300000,
    GATE_RETRY_MS = 200,
    SYNCS_AT_ONCE = 2,
};

int64_t reflector_now(const struct kube_reflector *r)
{
    return r->config.timers->now_ms;
}

static void leave_gate(struct kube_reflector *r)
{
    if (!r->gated) return;
    r->gated = false;
    r->config.gate->running--;
}

void reflector_end_streams(struct kube_reflector *r)
{
    struct kube_transport *t = r->config.transport;
    timer_stop(r->config.timers, &r->idle);
    if (r->transfer) t->cancel(t, r->transfer);
    if (r->canary) t->cancel(t, r->canary);
    if (r->question) t->cancel(t, r->question);
    r->transfer = r->canary = r->question = NULL;
    kube_lines_clear(&r->lines);
}

void reflector_drop_list(struct kube_reflector *r)
{
    leave_gate(r);
    free(r->page_token);
    r->page_token = NULL;
    kube_store_list_fail(r->config.store);
}

void reflector_wait(struct kube_reflector *r, int64_t delay_ms)
{
    r->stats.state = KUBE_BACKOFF;
    timer_set(r->config.timers, &r->retry, reflector_now(r) + delay_ms);
}

/* 0.8 s, doubled up to 30 s, plus up to as much again; forgotten after two minutes without. */
static int64_t backoff_ms(struct kube_reflector *r)
{
    if (reflector_now(r) - r->failed_ms > BACKOFF_RESET_MS) r->failures = 0;
    r->failed_ms = reflector_now(r);
    int64_t base = BACKOFF_BASE_MS;
    for (unsigned i = 0; i < r->failures && base < BACKOFF_CAP_MS; i++) base *= 2;
    if (base > BACKOFF_CAP_MS) base = BACKOFF_CAP_MS;
    r->failures++;
    return base + rng_between(r->config.rng, 0, base);
}

void reflector_back_off(struct kube_reflector *r, const char *what, const struct err *err)
{
    bool syncing = r->stats.state == KUBE_SYNC_STREAM || r->stats.state == KUBE_SYNC_PAGES;
    reflector_end_streams(r);
    if (syncing) reflector_drop_list(r);
    r->stats.last_error = *err;
    if (r->config.trouble) r->config.trouble(r->config.user, what, err);
    reflector_wait(r, r->told_ms + backoff_ms(r));
    r->told_ms = 0;
}

void reflector_need_sync(struct kube_reflector *r, bool version_is_lost)
{
    r->resync = true;
    if (version_is_lost) r->rv_unavailable = true;
}

/* --- paths ---------------------------------------------------------------------------------- */

char *reflector_list_path(struct kube_reflector *r, const char *query)
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

const char *reflector_sync_version(const struct kube_reflector *r)
{
    return r->rv_unavailable ? "" : kube_store_high(r->config.store);
}

void reflector_call(struct kube_reflector *r, const char *query, int64_t timeout_ms,
                  const struct kube_handlers *handlers)
{
    auto_free char *path = reflector_list_path(r, query);
    struct kube_call call = {
        .lane = handlers->data ? KUBE_LANE_WATCHES : KUBE_LANE_REQUESTS,
        .method = "GET",
        .path = path,
        .timeout_ms = timeout_ms,
    };
    r->started_ms = r->byte_ms = reflector_now(r);
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
    if (kube_rv_cmp(rv, kube_store_high(r->config.store)) >= 0) {
        r->regressions = 0;
        return false;
    }
    r->stats.regressions++;
    if (r->regressions++ == 0) r->regressed_ms = reflector_now(r);
    bool insists =
        r->regressions > REGRESSIONS_MAX || reflector_now(r) - r->regressed_ms > REGRESSION_MS;
    if (!insists) return true;
    r->regressions = 0;
    if (r->config.undone) r->config.undone(r->config.user);
    return false;
}

int reflector_accept_list(struct kube_reflector *r, const char *rv, struct err *err)
{
    if (version_goes_back(r, rv)) {
        return err_set(err, ERR_UNAVAILABLE, "the list is of version %s, %s was seen before", rv,
                       kube_store_high(r->config.store));
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

void reflector_rejected(struct kube_reflector *r, const struct kube_answer *answer)
{
    struct kube_transport *t = r->config.transport;
    if (answer->code == 401 && t->rejected) t->rejected(t, answer->credential);
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
        reflector_wait(r, rng_between(r->config.rng, 1, GATE_RETRY_MS));
        return;
    }
    kube_store_list_begin(r->config.store);
    if (r->stream_refused) {
        r->stats.state = KUBE_SYNC_PAGES;
        reflector_next_page(r);
        return;
    }
    r->stats.state = KUBE_SYNC_STREAM;
    reflector_stream(r, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
                     reflector_sync_version(r));
}

void reflector_go(struct kube_reflector *r)
{
    bool sync = r->resync || !kube_store_synced(r->config.store);
    if (sync) {
        start_sync(r);
        return;
    }
    r->stats.state = KUBE_WATCH;
    reflector_stream(r, "", r->rv);
}

static void on_retry(void *user)
{
    reflector_go(user);
}

struct kube_reflector *kube_reflector_new(const struct kube_reflector_config *config)
{
    struct kube_reflector *r = xcalloc(1, sizeof(*r));
    r->config = *config;
    r->stream_refused = config->pages_only;
    r->retry = (struct timer){.fire = on_retry, .user = r};
    r->idle = (struct timer){.fire = reflector_on_idle, .user = r};
    kube_lines_init(&r->lines);
    arena_init(&r->arena);
    kube_parser_init(&r->parser, config->type);
    return r;
}

void kube_reflector_start(struct kube_reflector *r)
{
    assert(r->stats.state == KUBE_IDLE);
    r->failed_ms = reflector_now(r);
    reflector_go(r);
}

void kube_reflector_free(struct kube_reflector *r)
{
    if (!r) return;
    reflector_end_streams(r);
    reflector_drop_list(r);
    timer_stop(r->config.timers, &r->retry);
    kube_lines_release(&r->lines);
    arena_release(&r->arena);
    free(r);
}

struct kube_reflector_stats kube_reflector_stats(const struct kube_reflector *r)
{
    return r->stats;
}
