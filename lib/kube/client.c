#include "lib/kube/client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/kube/limiter.h"
#include "lib/kube/retry.h"
#include "lib/kube/told.h"
#include "lib/limits.h"
#include "lib/xalloc.h"

enum { READ_TIMEOUT_MS = 15000, WRITE_TIMEOUT_MS = 35000, LIST_TIMEOUT_MS = 60000 };
enum { TOLD_SPREAD_MS = 100 }; /* who waits for one time does not come at one time */

struct kube_pending {
    struct kube_client *client;
    struct kube_pending *next, *prev; /* in client's waiting or running list */
    struct kube_op op;
    char *path;
    void (*done)(void *user, const struct kube_result *result);
    void *user;
    struct kube_transfer *transfer; /* running: on the wire */
    struct kube_attempts tries;
    struct timer timer; /* waiting for its attempt, or for its refusal to be told */
    struct err refusal; /* found before anything was sent */
    bool entered;       /* counted by the limiter */
    bool waiting;       /* in the queue for room */
    int64_t sent_ms;
};

struct kube_client {
    struct kube_client_config config;
    struct kube_limiter limiter;
    struct kube_told told;
    struct kube_pending waiting; /* ring heads: first come, first served */
    struct kube_pending others;
    struct timer room; /* the token bucket has one again */
    struct arena arena;
    bool dispatching;
    bool held;
};

static const struct {
    const char *method;
    const char *content_type;
    int64_t timeout_ms;
    bool write;
} verbs[KUBE_VERB_COUNT] = {
    [KUBE_GET] = {"GET", NULL, READ_TIMEOUT_MS, false},
    [KUBE_LIST] = {"GET", NULL, LIST_TIMEOUT_MS, false},
    [KUBE_CREATE] = {"POST", "application/json", WRITE_TIMEOUT_MS, true},
    [KUBE_UPDATE] = {"PUT", "application/json", WRITE_TIMEOUT_MS, true},
    [KUBE_APPLY] = {"PATCH", "application/apply-patch+yaml", WRITE_TIMEOUT_MS, true},
    [KUBE_MERGE] = {"PATCH", "application/merge-patch+json", WRITE_TIMEOUT_MS, true},
    [KUBE_JSON_PATCH] = {"PATCH", "application/json-patch+json", WRITE_TIMEOUT_MS, true},
    [KUBE_DELETE] = {"DELETE", "application/json", WRITE_TIMEOUT_MS, true},
};

const char *kube_verb_method(enum kube_verb verb)
{
    return verbs[verb].method;
}

static void unlink_pending(struct kube_pending *p)
{
    p->prev->next = p->next;
    p->next->prev = p->prev;
}

static void link_last(struct kube_pending *head, struct kube_pending *p)
{
    p->prev = head->prev;
    p->next = head;
    head->prev->next = p;
    head->prev = p;
}

static void move_to(struct kube_pending *head, struct kube_pending *p, bool waiting)
{
    unlink_pending(p);
    link_last(head, p);
    p->waiting = waiting;
}

static void pending_free(struct kube_pending *p)
{
    timer_stop(p->client->config.timers, &p->timer);
    unlink_pending(p);
    free(p->path);
    free(p);
}

static void leave(struct kube_pending *p, bool refused)
{
    if (!p->entered) return;
    p->entered = false;
    kube_limiter_leave(&p->client->limiter, verbs[p->op.verb].write, refused,
                       p->client->config.timers->now_ms);
}

static void finish(struct kube_pending *p, const struct kube_result *result)
{
    void (*done)(void *, const struct kube_result *) = p->done;
    void *user = p->user;
    pending_free(p);
    done(user, result);
}

static void finish_refused(void *user)
{
    struct kube_pending *p = user;
    struct kube_result result = {.err = p->refusal};
    finish(p, &result);
}

static void refuse(struct kube_pending *p, enum err_code code, const char *text)
{
    if (text) err_set(&p->refusal, code, "%s", text);
    p->timer.fire = finish_refused;
    timer_set(p->client->config.timers, &p->timer, p->client->config.timers->now_ms);
}

static void refuse_shut(struct kube_pending *p)
{
    refuse(p, ERR_DENIED, "this replica does not lead any more: nothing was sent");
}

static bool gate_is_open(const struct kube_pending *p)
{
    const struct kube_client_config *c = &p->client->config;
    if (!verbs[p->op.verb].write || p->op.ungated || !c->may_write) return true;
    return c->may_write(c->gate_user);
}

static enum kube_effect effect_of(const struct kube_op *op)
{
    if (!verbs[op->verb].write) return KUBE_READ;
    return op->unsafe ? KUBE_WRITE_OTHER : KUBE_WRITE_SAFE;
}

static void dispatch(struct kube_client *client);

static void wait_for_room(struct kube_pending *p)
{
    move_to(&p->client->waiting, p, true);
}

static void fire_again(void *user)
{
    struct kube_pending *p = user;
    wait_for_room(p);
    dispatch(p->client);
}

static uint64_t request_of(const struct kube_pending *p)
{
    return kube_told_request(verbs[p->op.verb].method, p->path, p->op.body, p->op.body_len);
}

static void keep_told(struct kube_pending *p, const struct kube_answer *answer)
{
    int64_t now_ms = p->client->config.timers->now_ms, told_ms = kube_told_ms(answer);
    if (told_ms > 0) kube_told_keep(&p->client->told, request_of(p), now_ms + told_ms, now_ms);
}

/* The server told us, whoever of us asked, to make this request later. */
static bool must_wait(struct kube_pending *p)
{
    struct kube_client *client = p->client;
    const struct kube_client_config *c = &client->config;
    if (c->timers->now_ms >= client->told.latest_ms) return false; /* spares the hash of a body */
    int64_t until_ms = kube_told_until(&client->told, request_of(p), c->timers->now_ms);
    if (until_ms == 0) return false;
    move_to(&client->others, p, false);
    p->timer.fire = fire_again;
    timer_set(c->timers, &p->timer, until_ms + rng_between(c->rng, 0, TOLD_SPREAD_MS));
    return true;
}

static void deliver(struct kube_pending *p, const struct kube_answer *answer,
                    enum err_code code)
{
    struct kube_client *client = p->client;
    struct kube_result result = {.code = answer->code, .body = answer->body, .len = answer->len,
                                 .told_ms = kube_told_ms(answer)};
    bool yes = answer->outcome == KUBE_ANSWERED && answer->code >= 200 && answer->code < 300;
    arena_reset(&client->arena, 64 * 1024);
    if (answer->outcome != KUBE_ANSWERED) {
        err_set(&result.err, code, "%s", answer->text);
    } else if (!yes) {
        size_t len = answer->len < LIMIT_ERROR_BODY_BYTES ? answer->len : LIMIT_ERROR_BODY_BYTES;
        kube_status_read(&client->arena, answer->code, answer->body, len, &result.status);
        kube_status_err(answer->code, &result.status, &result.err);
        if (code != ERR_NONE) result.err.code = code;
    }
    if (result.err.code != ERR_NONE) {
        err_wrap(&result.err, "%s %s", verbs[p->op.verb].method, p->path);
    }
    finish(p, &result);
}

static void on_done(void *user, const struct kube_answer *answer)
{
    struct kube_pending *p = user;
    struct kube_client *client = p->client;
    struct kube_client_config *c = &client->config;
    p->transfer = NULL;
    leave(p, answer->outcome == KUBE_ANSWERED && answer->code == 429);
    if (c->observe) {
        double seconds = (double)(c->timers->now_ms - p->sent_ms) / 1000.0;
        c->observe(c->observe_user, p->op.verb, answer->code, seconds);
    }
    keep_told(p, answer);
    bool newer = false;
    if (answer->outcome == KUBE_ANSWERED && answer->code == 401 && c->transport->rejected) {
        newer = c->transport->rejected(c->transport, answer->credential);
    }
    struct kube_verdict v = kube_retry(effect_of(&p->op), answer, newer, &p->tries, c->rng);
    if (v.again) {
        p->timer.fire = fire_again;
        timer_set(c->timers, &p->timer, c->timers->now_ms + v.after_ms);
    } else {
        deliver(p, answer, v.code);
    }
    dispatch(client);
}

static void start(struct kube_pending *p)
{
    static const struct kube_handlers handlers = {.done = on_done};
    struct kube_client_config *c = &p->client->config;
    struct kube_call call = {
        .lane = KUBE_LANE_REQUESTS,
        .method = verbs[p->op.verb].method,
        .path = p->path,
        .content_type = p->op.body ? verbs[p->op.verb].content_type : NULL,
        .body = p->op.body,
        .body_len = p->op.body_len,
        .timeout_ms = verbs[p->op.verb].timeout_ms,
        .agent_suffix = p->op.agent_suffix,
    };
    p->sent_ms = c->timers->now_ms;
    p->transfer = c->transport->start(c->transport, &call, &handlers, p);
}

static void on_room(void *user)
{
    dispatch(user);
}

/* Hands waiting requests to the wire while there is room, in order. */
static void dispatch(struct kube_client *client)
{
    /* dispatching: a callback of ours sent something, and the loop below sees it */
    if (client->dispatching || client->held) return;
    client->dispatching = true;
    struct timers *timers = client->config.timers;
    while (client->waiting.next != &client->waiting) {
        struct kube_pending *p = client->waiting.next;
        int64_t wait_ms = 0;
        if (!gate_is_open(p)) {
            move_to(&client->others, p, false);
            refuse_shut(p);
            continue;
        }
        if (must_wait(p)) continue;
        bool write = verbs[p->op.verb].write;
        if (!kube_limiter_enter(&client->limiter, write, timers->now_ms, &wait_ms)) {
            if (wait_ms > 0) timer_set(timers, &client->room, timers->now_ms + wait_ms);
            break;
        }
        p->entered = true;
        move_to(&client->others, p, false);
        start(p);
    }
    client->dispatching = false;
}

struct kube_client *kube_client_new(const struct kube_client_config *config)
{
    struct kube_client *client = xcalloc(1, sizeof(*client));
    client->config = *config;
    kube_limiter_init(&client->limiter, config->qps, config->burst, config->timers->now_ms);
    client->waiting.next = client->waiting.prev = &client->waiting;
    client->others.next = client->others.prev = &client->others;
    client->room = (struct timer){.fire = on_room, .user = client};
    arena_init(&client->arena);
    return client;
}

void kube_client_free(struct kube_client *client)
{
    if (!client) return;
    client->dispatching = true; /* cancelling must not start what waits */
    while (client->waiting.next != &client->waiting) kube_cancel(client->waiting.next);
    while (client->others.next != &client->others) kube_cancel(client->others.next);
    timer_stop(client->config.timers, &client->room);
    arena_release(&client->arena);
    free(client);
}

/* "path?fieldManager=m&force=true&query", or NULL with err. */
static char *path_of(const struct kube_op *op, struct err *err)
{
    auto_str path;
    str_init(&path, 4096);
    if (kube_path(&path, op->resource, op->ns, op->name, op->sub, err) < 0) return NULL;
    char glue = '?';
    if (op->manager && verbs[op->verb].write && op->verb != KUBE_DELETE) {
        str_add_c(&path, glue);
        str_add(&path, "fieldManager=");
        str_add_url(&path, op->manager);
        glue = '&';
    }
    if (op->verb == KUBE_APPLY && op->force) str_add(&path, "&force=true");
    if (op->query) {
        str_add_c(&path, glue);
        str_add(&path, op->query);
    }
    if (str_check(&path, "path", err) < 0) return NULL;
    return str_take(&path);
}

struct kube_pending *kube_send(struct kube_client *client, const struct kube_op *op,
                               void (*done)(void *user, const struct kube_result *result),
                               void *user)
{
    assert(op->verb != KUBE_APPLY || op->manager);
    struct kube_pending *p = xcalloc(1, sizeof(*p));
    p->client = client;
    p->op = *op;
    p->done = done;
    p->user = user;
    p->timer.user = p;
    link_last(&client->others, p);
    p->path = path_of(op, &p->refusal);
    if (!p->path) {
        p->path = xstrdup("");
        refuse(p, p->refusal.code, NULL);
        return p;
    }
    if (!gate_is_open(p)) {
        refuse_shut(p);
        return p;
    }
    wait_for_room(p);
    dispatch(client);
    return p;
}

void kube_cancel(struct kube_pending *p)
{
    struct kube_client *client = p->client;
    if (p->transfer) client->config.transport->cancel(client->config.transport, p->transfer);
    leave(p, false);
    pending_free(p);
    dispatch(client);
}

void kube_client_hold(struct kube_client *client, bool held)
{
    client->held = held;
    if (!held) dispatch(client);
}

int kube_client_in_flight(const struct kube_client *client)
{
    return client->limiter.in_flight;
}

int kube_client_cap(const struct kube_client *client)
{
    return client->limiter.cap;
}
