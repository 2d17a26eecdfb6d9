/* test/unit/test_kube_reflector.h: the fixture of the reflector's tests: a store of things, a wire
 * of memory, time that moves when it is told to, and the server's part in one line each.
 */
#pragma once

#include <string.h>

#include "lib/kube/reflector.h"
#include "lib/str.h"
#include "test/check.h"
#include "test/unit/fake_transport.h"
#include "test/unit/test_kube_things.h"

struct world {
    struct fake_transport fake;
    struct kube_store *store;
    struct arena a;
    struct kube_sync_gate gate;
    struct kube_reflector *r;
    int synced, troubles, undone;
    char trouble[300]; /* the last one's error */
    struct str told;   /* what the store's observer heard: "+a ~a -a " */
};

static inline void on_change(void *user, const struct kube_object *before,
                             const struct kube_object *after)
{
    struct world *w = user;
    const struct kube_object *o = after ? after : before;
    str_add_f(&w->told, "%c%s ", !before ? '+' : !after ? '-' : '~', o->meta.key);
}

static inline void on_synced(void *user)
{
    struct world *w = user;
    w->synced++;
}

static inline void on_trouble(void *user, const char *what, const struct err *err)
{
    struct world *w = user;
    w->troubles++;
    CHECK(*what);
    CHECK(err->code != ERR_NONE);
    str_copy(w->trouble, sizeof(w->trouble), err->text);
}

static inline void on_undone(void *user)
{
    ((struct world *)user)->undone++;
}

/* Makes it and starts it: the first call is out. */
static inline void world_open(struct world *w, struct kube_reflector_config config)
{
    *w = (struct world){.store = kube_store_new(&thing_type)};
    fake_open(&w->fake);
    arena_init(&w->a);
    str_init(&w->told, 10000);
    kube_store_observe(w->store, on_change, w);
    config.transport = &w->fake.transport;
    config.timers = &w->fake.timers;
    config.rng = &w->fake.rng;
    config.store = w->store;
    config.type = &thing_type;
    config.gate = &w->gate;
    config.synced = on_synced;
    config.trouble = on_trouble;
    config.undone = on_undone;
    config.user = w;
    if (!config.ns) config.ns = "";
    w->r = kube_reflector_new(&config);
    kube_reflector_start(w->r);
}

static inline void world_close(struct world *w)
{
    kube_reflector_free(w->r);
    CHECK_INT(timers_next_ms(&w->fake.timers), TIMERS_NEVER);
    CHECK_INT(w->gate.running, 0);
    fake_close(&w->fake);
    kube_store_free(w->store);
    arena_release(&w->a);
    str_release(&w->told);
}

static inline enum kube_reflector_state state(const struct world *w)
{
    return kube_reflector_stats(w->r).state;
}

/* The newest call, which must be running. */
static inline struct kube_transfer *call(const struct world *w)
{
    struct kube_transfer *last = fake_last(&w->fake);
    CHECK(last && last->state == FAKE_RUNNING);
    return last;
}

/* The value of a query parameter of the newest call; NULL: it has none. */
static inline const char *param(struct world *w, const char *name)
{
    const char *at = strchr(call(w)->path, '?');
    size_t n = strlen(name);
    while (at) {
        at++;
        if (strncmp(at, name, n) == 0 && at[n] == '=') {
            return arena_strndup(&w->a, at + n + 1, strcspn(at + n + 1, "&"));
        }
        at = strchr(at, '&');
    }
    return NULL;
}

static inline bool is_watch_list(struct world *w)
{
    return call(w)->handlers->data && param(w, "sendInitialEvents");
}

static inline bool is_watch(struct world *w)
{
    return call(w)->handlers->data && !param(w, "sendInitialEvents");
}

static inline bool is_page(struct world *w)
{
    return !call(w)->handlers->data && strstr(call(w)->path, "/things?");
}

#define EVENT(w, type, ...)                                                                        \
    fake_data(call(w), thing_event(&(w)->a, type, &(struct thing_text){__VA_ARGS__}))

static inline bool bookmark(struct world *w, const char *rv)
{
    return fake_data(call(w), bookmark_event(&w->a, rv, false));
}

static inline bool end_list(struct world *w, const char *rv)
{
    return fake_data(call(w), bookmark_event(&w->a, rv, true));
}

static inline bool error_event(struct world *w, int code, const char *cause)
{
    return fake_data(call(w),
                     arena_printf(&w->a,
                                  "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\","
                                  "\"status\":\"Failure\",\"message\":\"said the server\","
                                  "\"details\":{\"causes\":[{\"reason\":\"%s\"}]},\"code\":%d}}\n",
                                  cause, code));
}

static inline const char *refusal(struct world *w, const char *cause)
{
    return arena_printf(&w->a,
                        "{\"kind\":\"Status\",\"message\":\"said the server\","
                        "\"details\":{\"causes\":[{\"reason\":\"%s\"}]}}",
                        cause);
}

/* A watch-list with "a" of version 3 and "b" of version 2 that ends at rv. */
static inline void list_ab(struct world *w, const char *rv)
{
    CHECK(is_watch_list(w));
    CHECK(EVENT(w, "ADDED", .name = "a", .uid = "ua", .rv = "3", .size = 1));
    CHECK(EVENT(w, "ADDED", .name = "b", .uid = "ub", .rv = "2", .size = 1));
    CHECK(end_list(w, rv));
}

/* Opened and in sync at version 10, the same stream still open. */
static inline void world_open_synced(struct world *w)
{
    world_open(w, (struct kube_reflector_config){0});
    list_ab(w, "10");
    CHECK_INT(state(w), KUBE_WATCH);
    str_clear(&w->told);
}

/* Lets time pass until there is a new call; how long that took. */
static inline int64_t wait_for_call(struct world *w)
{
    struct timers *t = &w->fake.timers;
    int64_t begin_ms = t->now_ms;
    size_t count = w->fake.count;
    while (w->fake.count == count && timers_next_ms(t) != TIMERS_NEVER) {
        fake_run(&w->fake, timers_next_ms(t) > t->now_ms ? timers_next_ms(t) - t->now_ms : 0);
    }
    CHECK_INT(w->fake.count, count + 1);
    return t->now_ms - begin_ms;
}

static inline void check_sent_between(struct world *w, int64_t low_ms, int64_t high_ms)
{
    int64_t ms = wait_for_call(w);
    CHECK(ms >= low_ms);
    CHECK(ms <= high_ms);
}
