#include "lib/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

#include "lib/http_request.h"
#include "lib/xalloc.h"

/* Idle handles wait for the next burst, for one is dear to make, but not for ever, for one takes
 * some 20 KB: those that were not needed for a while are let go, all but a few. */
enum { IDLE_HANDLES_MAX = 96, IDLE_HANDLES_MIN = 4, UNNEEDED_MS = 3000 };
enum { PATIENCE_MS = 3000 }; /* so long a transfer may wait for a free stream */

struct http_transfer {
    struct http_request request;
    struct http_transfer *next, *prev; /* in running or in waiting; idle uses next only */
    bool waiting;                      /* started inside libcurl, not handed to it yet */
};

struct http {
    struct http_target_copy target;
    struct loop *loop;
    CURLM *multi;
    struct timer timer; /* when libcurl wants to be called, whatever happens */
    struct timer patience; /* to see who still waits for a free stream */
    int connections_max;   /* now */
    struct http_transfer *running, *waiting, *idle;
    size_t running_count, idle_count; /* running counts the waiting ones too */
    size_t unneeded;     /* the fewest that idled since let_go was set */
    struct timer let_go; /* set while more idle than the least */
    bool in_curl;       /* libcurl is calling us, and takes no calls about transfers */
    bool any_cancelled; /* while it was */
    bool saw_http1, raised;
};

/* --- Lists --- */

static void link_to(struct http_transfer **list, struct http_transfer *t)
{
    t->prev = NULL;
    t->next = *list;
    if (*list) (*list)->prev = t;
    *list = t;
}

static void unlink_from(struct http_transfer **list, struct http_transfer *t)
{
    if (t->prev) {
        t->prev->next = t->next;
    } else {
        *list = t->next;
    }
    if (t->next) t->next->prev = t->prev;
    t->next = t->prev = NULL;
}

/* --- Handles --- */

static void free_transfer(struct http_transfer *t)
{
    http_request_release(&t->request);
    free(t);
}

static struct http_transfer *new_transfer(struct http *http, struct err *err)
{
    struct http_transfer *t = xcalloc(1, sizeof(*t));
    if (http_request_init(&t->request, &http->target, err) < 0) {
        free_transfer(t);
        return NULL;
    }
    t->request.saw_http1 = &http->saw_http1;
    return t;
}

static struct http_transfer *take_handle(struct http *http)
{
    struct http_transfer *t = http->idle;
    if (!t) {
        t = new_transfer(http, NULL);
        if (!t) abort(); /* http_new made one, so this is a lack of memory */
        return t;
    }
    http->idle = t->next;
    http->idle_count--;
    if (http->idle_count < http->unneeded) http->unneeded = http->idle_count;
    return t;
}

static void set_let_go(struct http *http)
{
    struct timers *timers = loop_timers(http->loop);
    if (http->idle_count <= IDLE_HANDLES_MIN || timer_is_set(&http->let_go)) return;
    http->unneeded = http->idle_count;
    timer_set(timers, &http->let_go, timers->now_ms + UNNEEDED_MS);
}

static void let_go(void *user)
{
    struct http *http = user;
    for (; http->unneeded > 0 && http->idle_count > IDLE_HANDLES_MIN; http->unneeded--) {
        struct http_transfer *t = http->idle;
        http->idle = t->next;
        http->idle_count--;
        free_transfer(t);
    }
    set_let_go(http);
}

static void give_back(struct http *http, struct http_transfer *t)
{
    http_request_clear(&t->request);
    http->running_count--;
    if (http->idle_count >= IDLE_HANDLES_MAX) {
        free_transfer(t);
        return;
    }
    t->prev = NULL;
    t->next = http->idle;
    http->idle = t;
    http->idle_count++;
    set_let_go(http);
}

/* --- In and out of libcurl --- */

static void hand_over(struct http *http, struct http_transfer *t)
{
    t->waiting = false;
    link_to(&http->running, t);
    CURLMcode rc = curl_multi_add_handle(http->multi, t->request.easy);
    assert(rc == CURLM_OK);
    struct timers *timers = loop_timers(http->loop);
    if (!timer_is_set(&http->patience))
        timer_set(timers, &http->patience, timers->now_ms + PATIENCE_MS);
}

static void take_out(struct http *http, struct http_transfer *t)
{
    CURLMcode rc = curl_multi_remove_handle(http->multi, t->request.easy);
    assert(rc == CURLM_OK);
    unlink_from(&http->running, t);
}

static void end_transfer(struct http *http, struct http_transfer *t, CURLcode code)
{
    struct http_answer answer;
    http_request_answer(&t->request, (int)code, &answer);
    struct http_handlers handlers = t->request.handlers;
    take_out(http, t);
    handlers.done(t->request.user, &answer);
    give_back(http, t);
}

static void end_finished(struct http *http)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(http->multi, &left))) {
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode code = m->data.result;
        struct http_transfer *t;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        end_transfer(http, t, code);
    }
}

static void end_cancelled(struct http *http)
{
    http->any_cancelled = false;
    for (struct http_transfer *t = http->running, *next; t; t = next) {
        next = t->next;
        if (!t->request.cancelled) continue;
        take_out(http, t);
        give_back(http, t);
    }
}

static void limit_connections(struct http *http, int max)
{
    http->connections_max = max;
    curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)max);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)max);
}

/* libcurl does not look again at transfers that wait for a connection only because the limit rose,
 * so they go out and in again. */
static void raise_limit(struct http *http, int max)
{
    limit_connections(http, max);
    struct http_transfer *again = NULL;
    for (struct http_transfer *t = http->running, *next; t; t = next) {
        next = t->next;
        if (!http_request_waits(&t->request)) continue;
        take_out(http, t);
        link_to(&again, t);
    }
    while (again) {
        struct http_transfer *t = again;
        unlink_from(&again, t);
        hand_over(http, t);
    }
}

static bool any_waits(const struct http *http)
{
    for (const struct http_transfer *t = http->running; t; t = t->next) {
        if (http_request_waits(&t->request)) return true;
    }
    return false;
}

/* A server may allow a few streams only, and a watch holds its stream for ever. libcurl learns
 * of that too late to be given a higher limit at once: it would open one for each transfer. */
static void patience_ends(void *user)
{
    struct http *http = user;
    int most = http->target.t.connections_max_http1;
    if (!any_waits(http) || http->connections_max >= most) return;
    raise_limit(http, http->connections_max * 2 < most ? http->connections_max * 2 : most);
}

/* After libcurl has had its turn: what could not be done while it was calling us. */
static void catch_up(struct http *http)
{
    if (http->any_cancelled) end_cancelled(http);
    end_finished(http);
    if (http->saw_http1 && !http->raised) { /* a connection carries one transfer */
        http->raised = true;
        raise_limit(http, http->target.t.connections_max_http1);
    }
    while (http->waiting) {
        struct http_transfer *t = http->waiting;
        unlink_from(&http->waiting, t);
        hand_over(http, t);
    }
}

static void act(struct http *http, curl_socket_t fd, int events)
{
    int still_running;
    http->in_curl = true;
    CURLMcode rc = curl_multi_socket_action(http->multi, fd, events, &still_running);
    http->in_curl = false;
    assert(rc == CURLM_OK);
    catch_up(http);
}

/* --- What libcurl asks of the loop --- */

static void socket_ready(void *user, int fd, unsigned events)
{
    act(user, fd,
        (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct http *http = user;
    (void)easy;
    (void)socket_user;
    unsigned events = (what & CURL_POLL_IN ? (unsigned)LOOP_READ : 0u) |
                      (what & CURL_POLL_OUT ? (unsigned)LOOP_WRITE : 0u);
    if (what == CURL_POLL_REMOVE || !events) {
        loop_unwatch(http->loop, fd);
        return 0;
    }
    return loop_watch(http->loop, fd, events, socket_ready, http, NULL);
}

/* A timer of ours is no longer set when it fires, so the zero that libcurl asked for is gone
 * before it is served. Otherwise it would be served for ever. */
static void timer_fired(void *user)
{
    act(user, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct http *http = user;
    struct timers *timers = loop_timers(http->loop);
    (void)multi;
    if (timeout_ms < 0) {
        timer_stop(timers, &http->timer);
    } else {
        timer_set(timers, &http->timer, timers->now_ms + timeout_ms);
    }
    return 0;
}

/* --- Public --- */

static void set_multi(struct http *http)
{
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 100L);
    http->raised = http->target.plain || http->target.t.http1_only;
    limit_connections(http, http->raised ? http->target.t.connections_max_http1
                                         : http->target.t.connections_max);
}

int http_new(const struct http_target *target, struct loop *loop, struct http **out,
             struct err *err)
{
    struct http *http = xcalloc(1, sizeof(*http));
    http->loop = loop;
    http->timer = (struct timer){.fire = timer_fired, .user = http};
    http->let_go = (struct timer){.fire = let_go, .user = http};
    http->patience = (struct timer){.fire = patience_ends, .user = http};
    http_target_init(&http->target, target);
    struct http_transfer *first = new_transfer(http, err); /* tries the target's options */
    http->multi = first ? curl_multi_init() : NULL;
    if (!http->multi) {
        if (first) {
            free_transfer(first);
            err_set(err, ERR_UNAVAILABLE, "libcurl: no handle");
        }
        http_target_release(&http->target);
        free(http);
        return -1;
    }
    http->running_count++;
    give_back(http, first);
    set_multi(http);
    *out = http;
    return 0;
}

void http_free(struct http *http)
{
    if (!http) return;
    assert(!http->in_curl);
    while (http->running) http_cancel(http, http->running);
    while (http->waiting) http_cancel(http, http->waiting);
    while (http->idle) {
        struct http_transfer *t = http->idle;
        http->idle = t->next;
        free_transfer(t);
    }
    curl_multi_cleanup(http->multi);
    timer_stop(loop_timers(http->loop), &http->timer);
    timer_stop(loop_timers(http->loop), &http->let_go);
    timer_stop(loop_timers(http->loop), &http->patience);
    http_target_release(&http->target);
    free(http);
}

struct http_transfer *http_start(struct http *http, const struct http_call *call,
                                 const struct http_handlers *handlers, void *user)
{
    struct http_transfer *t = take_handle(http);
    http_request_set(&t->request, call, handlers, user);
    http->running_count++;
    if (http->in_curl) {
        t->waiting = true;
        link_to(&http->waiting, t);
    } else {
        hand_over(http, t);
    }
    return t;
}

void http_cancel(struct http *http, struct http_transfer *t)
{
    if (t->waiting) {
        unlink_from(&http->waiting, t);
        t->waiting = false;
        give_back(http, t);
    } else if (http->in_curl) {
        t->request.cancelled = http->any_cancelled = true;
    } else {
        take_out(http, t);
        give_back(http, t);
    }
}

size_t http_running(const struct http *http)
{
    return http->running_count;
}
