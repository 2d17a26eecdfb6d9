#include "apiserver/ask.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

struct asks {
    struct asks_config config;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* an ask is over */
    struct ask *waiting;
    bool stopped;
};

struct ask { /* on the stack of the worker that waits */
    struct asks *asks;
    struct ask *next, *prev;
    bool over; /* answered, or never to be */
    bool made;
    const struct kube_op *op; /* NULL: a call */
    void (*call)(void *user);
    void *user;
    struct err err; /* of the answer */
    int code;
    char *body;
    size_t len;
    int64_t told_ms;
};

struct asks *asks_new(const struct asks_config *config)
{
    struct asks *asks = xcalloc(1, sizeof(*asks));
    asks->config = *config;
    pthread_mutex_init(&asks->lock, NULL);
    pthread_cond_init(&asks->changed, NULL);
    return asks;
}

void asks_free(struct asks *asks)
{
    if (!asks) return;
    pthread_cond_destroy(&asks->changed);
    pthread_mutex_destroy(&asks->lock);
    free(asks);
}

static void take_out(struct asks *asks, struct ask *ask)
{
    if (ask->prev) {
        ask->prev->next = ask->next;
    } else {
        asks->waiting = ask->next;
    }
    if (ask->next) ask->next->prev = ask->prev;
    ask->over = true;
}

void asks_stop(struct asks *asks)
{
    pthread_mutex_lock(&asks->lock);
    asks->stopped = true;
    while (asks->waiting) take_out(asks, asks->waiting);
    pthread_cond_broadcast(&asks->changed);
    pthread_mutex_unlock(&asks->lock);
}

/* --- On the loop --- */

static void end(struct ask *ask)
{
    struct asks *asks = ask->asks;
    pthread_mutex_lock(&asks->lock);
    ask->made = true;
    take_out(asks, ask); /* from here on its worker may be gone */
    pthread_cond_broadcast(&asks->changed);
    pthread_mutex_unlock(&asks->lock);
}

static void answered(void *user, const struct kube_result *result)
{
    struct ask *ask = user;
    ask->err = result->err;
    ask->code = result->code;
    ask->told_ms = result->told_ms;
    ask->body = xmalloc(result->len + 1);
    if (result->len > 0) memcpy(ask->body, result->body, result->len);
    ask->body[result->len] = '\0';
    ask->len = result->len;
    const struct asks_config *config = &ask->asks->config;
    if (config->done && result->err.code == ERR_NONE) config->done(config->user, ask->op, result);
    end(ask);
}

static void run(void *user)
{
    struct ask *ask = user;
    if (ask->op) {
        kube_send(ask->asks->config.client, ask->op, answered, ask);
        return;
    }
    ask->call(ask->user);
    end(ask);
}

/* --- On a worker --- */

/* False: it was never handed over. */
static bool wait_for(struct asks *asks, struct ask *ask)
{
    pthread_mutex_lock(&asks->lock);
    if (asks->stopped) {
        pthread_mutex_unlock(&asks->lock);
        return false;
    }
    ask->asks = asks;
    ask->next = asks->waiting;
    if (ask->next) ask->next->prev = ask;
    asks->waiting = ask;
    loop_post(asks->config.loop, run, ask);
    while (!ask->over) pthread_cond_wait(&asks->changed, &asks->lock);
    pthread_mutex_unlock(&asks->lock);
    return ask->made;
}

int ask_kube(struct asks *asks, const struct kube_op *op, struct arena *a, struct ask_answer *out)
{
    struct ask ask = {.op = op};
    *out = (struct ask_answer){.body = ""};
    if (!wait_for(asks, &ask)) {
        kube_status_read(a, 0, "", 0, &out->status);
        return err_set(&out->err, ERR_UNAVAILABLE, "this replica is about to end");
    }
    out->err = ask.err;
    out->code = ask.code;
    out->told_ms = ask.told_ms;
    out->body = arena_strndup(a, ask.body, ask.len);
    out->len = ask.len;
    free(ask.body);
    if (out->err.code == ERR_NONE) return 0;
    kube_status_read(a, out->code, out->body, out->len, &out->status);
    return -1;
}

bool ask_call(struct asks *asks, void (*call)(void *user), void *user)
{
    struct ask ask = {.call = call, .user = user};
    return wait_for(asks, &ask);
}
