#include "lib/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/xalloc.h"

enum { EVENTS_PER_ROUND = 64, TIMERS_PER_ROUND = 256 };

struct watch {
    void (*ready)(void *user, int fd, unsigned events); /* NULL: fd is not watched */
    void *user;
    uint32_t generation; /* tells an fd from an earlier one of the same number */
    unsigned events;
};

struct post {
    void (*call)(void *user);
    void *user;
};

struct posts {
    struct post *at;
    size_t count, cap;
};

struct loop {
    int epoll, timer, wake;
    struct timers timers;
    int64_t armed_ms; /* when the timerfd goes off; TIMERS_NEVER: it does not */

    struct watch *watches; /* by fd. Bounded by RLIMIT_NOFILE. */
    int watch_cap;
    uint32_t generation;

    pthread_mutex_t lock; /* guards posted, nothing else; nobody is called while it is held */
    struct posts posted;
    struct posts running; /* the other half of the double buffer; the loop's thread only */

    atomic_bool stop;
    _Atomic int64_t lag_us, last_tick_ms;
};

/* --- What time it is, and the timerfd --- */

static int64_t tell_time(struct loop *loop)
{
    int64_t now_us = clock_us();
    loop->timers.now_ms = now_us / 1000;
    loop->timers.wall_ms = clock_wall_ms();
    atomic_store_explicit(&loop->last_tick_ms, loop->timers.now_ms, memory_order_relaxed);
    return now_us;
}

/* A timerfd that goes off too early costs one idle round, and most deadlines are moved or stopped
 * long before they are due: so it is only ever set to an earlier time than it has. */
static void arm(struct loop *loop)
{
    int64_t next_ms = timers_next_ms(&loop->timers);
    bool went_off = loop->armed_ms <= loop->timers.now_ms;
    if (next_ms == TIMERS_NEVER || (next_ms >= loop->armed_ms && !went_off)) return;
    struct itimerspec at = {
        .it_value = {.tv_sec = next_ms / 1000, .tv_nsec = next_ms % 1000 * 1000000},
    };
    int rc = timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &at, NULL);
    assert(rc == 0);
    loop->armed_ms = next_ms;
}

/* --- Watching --- */

static uint32_t to_epoll(unsigned events)
{
    return (events & LOOP_READ ? EPOLLIN | EPOLLRDHUP : 0u) | (events & LOOP_WRITE ? EPOLLOUT : 0u);
}

/* What went wrong with a socket is found out by reading or writing it, so an error is told as
 * whatever was waited for. */
static unsigned from_epoll(uint32_t got, unsigned wanted)
{
    unsigned events = (got & (EPOLLIN | EPOLLRDHUP) ? (unsigned)LOOP_READ : 0u) |
                      (got & EPOLLOUT ? (unsigned)LOOP_WRITE : 0u);
    if (got & (EPOLLERR | EPOLLHUP)) events |= LOOP_READ | LOOP_WRITE;
    return events & wanted;
}

static void make_room(struct loop *loop, int fd)
{
    if (fd < loop->watch_cap) return;
    int cap = loop->watch_cap ? loop->watch_cap : 64;
    while (cap <= fd) cap *= 2;
    loop->watches = xrealloc(loop->watches, (size_t)cap, sizeof(*loop->watches));
    memset(loop->watches + loop->watch_cap, 0,
           (size_t)(cap - loop->watch_cap) * sizeof(*loop->watches));
    loop->watch_cap = cap;
}

int loop_watch(struct loop *loop, int fd, unsigned events,
               void (*ready)(void *user, int fd, unsigned events), void *user, struct err *err)
{
    assert(fd >= 0);
    assert(ready);
    make_room(loop, fd);
    struct watch *w = &loop->watches[fd];
    bool known = w->ready;
    uint32_t generation = known ? w->generation : ++loop->generation;
    struct epoll_event e = {
        .events = to_epoll(events),
        .data.u64 = (uint64_t)generation << 32 | (uint32_t)fd,
    };
    int rc = epoll_ctl(loop->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
    /* The fd was closed while it was watched, and its number has come back. */
    if (rc < 0 && errno == ENOENT) rc = epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &e);
    if (rc < 0) return err_set(err, ERR_INVALID, "watch fd %d: %s", fd, strerror(errno));
    *w = (struct watch){
        .ready = ready, .user = user, .generation = generation, .events = events};
    return 0;
}

void loop_unwatch(struct loop *loop, int fd)
{
    if (fd < 0 || fd >= loop->watch_cap || !loop->watches[fd].ready) return;
    loop->watches[fd] = (struct watch){0};
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* --- Calls from other threads --- */

static void wake_up(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t n = write(loop->wake, &one, sizeof(one));
    (void)n; /* it can only fail when the counter is full, and then the loop is awake anyway */
}

void loop_post(struct loop *loop, void (*call)(void *user), void *user)
{
    assert(call);
    pthread_mutex_lock(&loop->lock);
    struct posts *p = &loop->posted;
    if (p->count == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        p->at = xrealloc(p->at, p->cap, sizeof(*p->at));
    }
    p->at[p->count++] = (struct post){call, user};
    bool first = p->count == 1;
    pthread_mutex_unlock(&loop->lock);
    if (first) wake_up(loop);
}

/* What is posted meanwhile is left for the next round, so that a call which posts itself again
 * does not starve the sockets. */
static void run_posts(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct posts now = loop->posted;
    loop->posted = loop->running;
    loop->posted.count = 0;
    loop->running = now;
    pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < loop->running.count; i++) {
        struct post post = loop->running.at[i];
        post.call(post.user);
    }
    loop->running.count = 0;
}

void loop_stop(struct loop *loop)
{
    int saved = errno; /* a signal handler may be asking */
    atomic_store(&loop->stop, true);
    wake_up(loop);
    errno = saved;
}

/* --- The loop --- */

static void serve_event(struct loop *loop, const struct epoll_event *e)
{
    int fd = (int)(uint32_t)e->data.u64;
    if (fd == loop->wake) {
        uint64_t count;
        ssize_t n = read(fd, &count, sizeof(count));
        (void)n;
        return;
    }
    if (fd == loop->timer) return; /* edge-triggered: there is nothing to read */
    struct watch w = loop->watches[fd];
    /* A handler before us in this round may have ended the watch, or begun another. */
    if (!w.ready || w.generation != (uint32_t)(e->data.u64 >> 32)) return;
    unsigned events = from_epoll(e->events, w.events);
    if (events) w.ready(w.user, fd, events);
}

static void serve_round(struct loop *loop, const struct epoll_event *events, int count)
{
    int64_t began_us = tell_time(loop);
    for (int i = 0; i < count; i++) serve_event(loop, &events[i]);
    run_posts(loop);
    timers_run(&loop->timers, TIMERS_PER_ROUND);

    int64_t took_us = clock_us() - began_us;
    int64_t most_us = atomic_load_explicit(&loop->lag_us, memory_order_relaxed);
    while (took_us > most_us &&
           !atomic_compare_exchange_weak(&loop->lag_us, &most_us, took_us)) {
        continue;
    }
}

void loop_run(struct loop *loop)
{
    struct epoll_event events[EVENTS_PER_ROUND];
    tell_time(loop);
    while (!atomic_load(&loop->stop)) {
        bool due = timers_next_ms(&loop->timers) <= loop->timers.now_ms;
        if (!due) arm(loop);
        int count = epoll_wait(loop->epoll, events, EVENTS_PER_ROUND, due ? 0 : -1);
        assert(count >= 0 || errno == EINTR);
        serve_round(loop, events, count);
    }
    atomic_store(&loop->stop, false);
}

int64_t loop_lag_us(struct loop *loop)
{
    return atomic_exchange(&loop->lag_us, 0);
}

int64_t loop_last_tick_ms(const struct loop *loop)
{
    return atomic_load_explicit(&loop->last_tick_ms, memory_order_relaxed);
}

struct timers *loop_timers(struct loop *loop)
{
    return &loop->timers;
}

/* --- Birth and death --- */

static int watch_own(struct loop *loop, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = (uint32_t)fd};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &e);
}

int loop_new(struct loop **out, struct err *err)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->armed_ms = TIMERS_NEVER;
    timers_init(&loop->timers);
    pthread_mutex_init(&loop->lock, NULL);
    if (loop->epoll < 0 || loop->timer < 0 || loop->wake < 0 ||
        watch_own(loop, loop->timer, EPOLLIN | EPOLLET) < 0 ||
        watch_own(loop, loop->wake, EPOLLIN) < 0) {
        err_set(err, ERR_UNAVAILABLE, "event loop: %s", strerror(errno));
        loop_free(loop);
        return -1;
    }
    tell_time(loop);
    *out = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop) return;
    if (loop->epoll >= 0) close(loop->epoll);
    if (loop->timer >= 0) close(loop->timer);
    if (loop->wake >= 0) close(loop->wake);
    pthread_mutex_destroy(&loop->lock);
    timers_release(&loop->timers);
    free(loop->watches);
    free(loop->posted.at);
    free(loop->running.at);
    free(loop);
}
