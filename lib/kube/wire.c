#include "lib/kube/wire.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http.h"
#include "lib/kube/wire_target.h"
#include "lib/limits.h"
#include "lib/str.h"
#include "lib/xalloc.h"

enum {
    STREAMS_PER_CONNECTION = 100,
    HEADER_SETS_MAX = 64, /* content types times agent suffixes; past it all are made anew */
};

struct connections { /* of a lane, made with one TLS generation */
    struct http *http;
    bool doubtful; /* somebody waited there in vain: not for new transfers */
    struct connections *next;
};

struct header_set {
    char *content_type, *agent_suffix; /* NULL: none */
    struct http_headers *headers;
};

struct kube_wire {
    struct kube_transport transport;
    struct kube_wire_config config;
    char *user_agent;
    struct connections *lanes[KUBE_LANE_COUNT]; /* the newest first, which new transfers use */
    uint64_t tls;                               /* the generation of the newest ones */

    struct header_set sets[HEADER_SETS_MAX];
    int set_count;
    uint64_t set_generation; /* the credential in them */

    struct kube_transfer *transfers;
    struct timer sweep; /* frees connections that are of an old generation and idle */
};

struct kube_transfer {
    struct kube_wire *wire;
    struct kube_transfer *next, *prev;
    struct http *http; /* NULL: it could not even begin, and fail says so at the next turn */
    struct http_transfer *running;
    struct timer fail;
    char fail_text[sizeof(((struct err *)0)->text)];
    struct kube_handlers handlers;
    void *user;
    uint64_t credential;
    int64_t sent_ms;
};

/* --- Connections --- */

static void set_lane_sizes(const struct kube_wire *wire, enum kube_lane lane, struct http_target *t)
{
    int watches = wire->config.watches_max > 0 ? wire->config.watches_max : 1;
    if (lane == KUBE_LANE_WATCHES) {
        t->connections_max = (watches + STREAMS_PER_CONNECTION - 1) / STREAMS_PER_CONNECTION + 1;
        t->connections_max_http1 = watches + 1; /* a stream that ends may overlap its successor */
        t->buffer_bytes = 16 << 10; /* each watch has one for life */
    } else {
        t->http1_only = true; /* it costs the server less: docs/decisions.md, The wire */
        t->connections_max = t->connections_max_http1 = LIMIT_IN_FLIGHT;
        t->buffer_bytes = 8 << 10; /* an answer, mostly */
    }
}

static int connect_lane(struct kube_wire *wire, enum kube_lane lane,
                        const struct kube_credential *credential, struct err *err)
{
    auto_arena arena;
    arena_init(&arena);
    struct wire_target target;
    if (wire_target_make(wire->config.kube, credential, &arena, &target, err) < 0) return -1;
    set_lane_sizes(wire, lane, &target.http);
    struct http *http;
    if (http_new(&target.http, wire->config.loop, &http, err) < 0) return -1;
    struct connections *c = xcalloc(1, sizeof(*c));
    *c = (struct connections){.http = http, .next = wire->lanes[lane]};
    wire->lanes[lane] = c;
    return 0;
}

static void sweep_soon(struct kube_wire *wire)
{
    struct timers *timers = loop_timers(wire->config.loop);
    if (!timer_is_set(&wire->sweep)) timer_set(timers, &wire->sweep, timers->now_ms);
}

static bool has_old(const struct kube_wire *wire)
{
    for (int i = 0; i < KUBE_LANE_COUNT; i++) {
        if (wire->lanes[i] && wire->lanes[i]->next) return true;
    }
    return false;
}

static void sweep(void *user)
{
    struct kube_wire *wire = user;
    for (int i = 0; i < KUBE_LANE_COUNT; i++) {
        if (!wire->lanes[i]) continue;
        for (struct connections **at = &wire->lanes[i]->next; *at;) {
            struct connections *c = *at;
            if (http_running(c->http) > 0) {
                at = &c->next;
                continue;
            }
            *at = c->next;
            http_free(c->http);
            free(c);
        }
    }
}

/* New connections where CA or certificate changed: what runs on the old ones goes on there. */
static int follow_tls(struct kube_wire *wire, const struct kube_credential *credential,
                      struct err *err)
{
    if (wire->lanes[KUBE_LANE_COUNT - 1] && wire->tls == credential->tls) return 0;
    for (int i = 0; i < KUBE_LANE_COUNT; i++) {
        if (connect_lane(wire, (enum kube_lane)i, credential, err) < 0) return -1;
    }
    wire->tls = credential->tls;
    sweep_soon(wire);
    return 0;
}

/* New connections where the lane's own may be dead. Those that run there have deadlines too. */
static int renew_lane(struct kube_wire *wire, enum kube_lane lane,
                      const struct kube_credential *credential, struct err *err)
{
    if (!wire->lanes[lane]->doubtful) return 0;
    if (connect_lane(wire, lane, credential, err) < 0) return -1;
    sweep_soon(wire);
    return 0;
}

static void doubt(struct kube_wire *wire, const struct http *http)
{
    for (int i = 0; i < KUBE_LANE_COUNT; i++) {
        if (wire->lanes[i]->http == http) wire->lanes[i]->doubtful = true;
    }
}

/* --- Headers: the same for many calls, so they are kept --- */

static void drop_headers(struct kube_wire *wire)
{
    for (int i = 0; i < wire->set_count; i++) {
        http_headers_unref(wire->sets[i].headers);
        free(wire->sets[i].content_type);
        free(wire->sets[i].agent_suffix);
    }
    wire->set_count = 0;
}

static struct http_headers *headers_for(struct kube_wire *wire, const struct kube_call *call,
                                        const struct kube_credential *credential)
{
    if (wire->set_generation != credential->generation || wire->set_count == HEADER_SETS_MAX)
        drop_headers(wire);
    wire->set_generation = credential->generation;
    for (int i = 0; i < wire->set_count; i++) {
        struct header_set *s = &wire->sets[i];
        if (str_equal(s->content_type, call->content_type) &&
            str_equal(s->agent_suffix, call->agent_suffix))
            return s->headers;
    }
    struct header_set *s = &wire->sets[wire->set_count++];
    *s = (struct header_set){
        .content_type = call->content_type ? xstrdup(call->content_type) : NULL,
        .agent_suffix = call->agent_suffix ? xstrdup(call->agent_suffix) : NULL,
        .headers = wire_headers_make(wire->config.kube, credential, wire->user_agent, call),
    };
    return s->headers;
}

/* --- Transfers --- */

static void link_transfer(struct kube_wire *wire, struct kube_transfer *t)
{
    t->next = wire->transfers;
    if (t->next) t->next->prev = t;
    wire->transfers = t;
}

static void forget_transfer(struct kube_transfer *t)
{
    struct kube_wire *wire = t->wire;
    if (t->prev) {
        t->prev->next = t->next;
    } else {
        wire->transfers = t->next;
    }
    if (t->next) t->next->prev = t->prev;
    timer_stop(loop_timers(wire->config.loop), &t->fail);
    if (has_old(wire)) sweep_soon(wire);
    free(t);
}

static int take_data(void *user, const char *bytes, size_t n)
{
    struct kube_transfer *t = user;
    return t->handlers.data(t->user, bytes, n); /* which may cancel t: it is not looked at again */
}

static void finish(void *user, const struct http_answer *from)
{
    struct kube_transfer *t = user;
    struct kube_answer answer;
    wire_answer(from, t->credential, t->sent_ms, &answer);
    if (from->timed_out) doubt(t->wire, t->http);
    if (answer.outcome == KUBE_NOT_SENT) {
        struct kube_wire *wire = t->wire;
        kube_auth_unreachable(wire->config.auth, loop_timers(wire->config.loop)->now_ms);
    }
    struct kube_handlers handlers = t->handlers;
    void *to = t->user;
    forget_transfer(t);
    handlers.done(to, &answer);
}

static void finish_failed(void *user)
{
    struct kube_transfer *t = user;
    char text[sizeof(t->fail_text)];
    memcpy(text, t->fail_text, sizeof(text));
    struct kube_answer answer = {.outcome = KUBE_NOT_SENT,
                                 .retry_after_s = -1,
                                 .body = "",
                                 .credential = t->credential,
                                 .text = text,
                                 .sent_ms = t->sent_ms};
    struct kube_handlers handlers = t->handlers;
    void *to = t->user;
    forget_transfer(t);
    handlers.done(to, &answer);
}

static int begin(struct kube_transfer *t, const struct kube_call *call,
                 const struct kube_credential *credential, struct err *err)
{
    static const struct http_handlers collect = {.done = finish};
    static const struct http_handlers stream = {.data = take_data, .done = finish};
    struct kube_wire *wire = t->wire;
    if (follow_tls(wire, credential, err) < 0) return -1;
    if (renew_lane(wire, call->lane, credential, err) < 0) return -1;
    struct http_call http_call = {
        .method = call->method,
        .path = call->path,
        .headers = headers_for(wire, call, credential),
        .body = call->content_type ? call->body : NULL,
        .body_len = call->body_len,
        .timeout_ms = call->timeout_ms,
        .body_bytes_max = LIMIT_RESPONSE_BYTES,
    };
    t->credential = credential->generation;
    t->http = call->beside ? call->beside->http : wire->lanes[call->lane]->http;
    t->running = http_start(t->http, &http_call, t->handlers.data ? &stream : &collect, t);
    return 0;
}

static struct kube_transfer *start(struct kube_transport *transport, const struct kube_call *call,
                                   const struct kube_handlers *handlers, void *user)
{
    struct kube_wire *wire = (struct kube_wire *)(void *)transport;
    struct timers *timers = loop_timers(wire->config.loop);
    struct kube_transfer *t = xcalloc(1, sizeof(*t));
    *t = (struct kube_transfer){.wire = wire,
                                .fail = {.fire = finish_failed, .user = t},
                                .handlers = *handlers,
                                .user = user,
                                .sent_ms = timers->now_ms};
    link_transfer(wire, t);

    struct err err = {0};
    struct kube_auth *auth = wire->config.auth;
    const struct kube_credential *credential =
        kube_auth_get(auth, timers->now_ms, timers->wall_ms, &err);
    if (!credential || begin(t, call, credential, &err) < 0) {
        str_copy(t->fail_text, sizeof(t->fail_text), err.text);
        timer_set(timers, &t->fail, timers->now_ms);
    }
    if (credential) kube_credential_unref(auth, credential);
    return t;
}

static void cancel(struct kube_transport *transport, struct kube_transfer *t)
{
    (void)transport;
    if (t->http) http_cancel(t->http, t->running);
    forget_transfer(t);
}

static bool rejected(struct kube_transport *transport, uint64_t credential)
{
    struct kube_wire *wire = (struct kube_wire *)(void *)transport;
    return kube_auth_rejected(wire->config.auth, credential,
                              loop_timers(wire->config.loop)->now_ms);
}

/* --- Birth and death --- */

int kube_wire_new(const struct kube_wire_config *config, struct kube_wire **out, struct err *err)
{
    assert(config->loop);
    auto_arena arena;
    arena_init(&arena);
    struct wire_target target; /* only to refuse an address that cannot be used */
    if (wire_target_make(config->kube, &(struct kube_credential){0}, &arena, &target, err) < 0)
        return -1;
    struct kube_wire *wire = xcalloc(1, sizeof(*wire));
    wire->transport = (struct kube_transport){start, cancel, rejected};
    wire->config = *config;
    wire->user_agent = xstrdup(config->user_agent);
    wire->sweep = (struct timer){.fire = sweep, .user = wire};
    *out = wire;
    return 0;
}

void kube_wire_free(struct kube_wire *wire)
{
    if (!wire) return;
    while (wire->transfers) cancel(&wire->transport, wire->transfers);
    for (int i = 0; i < KUBE_LANE_COUNT; i++) {
        for (struct connections *c = wire->lanes[i], *next; c; c = next) {
            next = c->next;
            http_free(c->http);
            free(c);
        }
    }
    timer_stop(loop_timers(wire->config.loop), &wire->sweep);
    drop_headers(wire);
    free(wire->user_agent);
    free(wire);
}

struct kube_transport *kube_wire_transport(struct kube_wire *wire)
{
    return &wire->transport;
}
