/* test/e2e/lib/skew.c: preloaded into the operator, gives it clocks, a resolver and a speed of time
 * that a test changes while it runs. What to change stands in a file of four numbers, which both
 * sides have mapped: E2E_SKEW names it.
 *
 * CLOCK_BOOTTIME and the monotonic clocks run at `rate` thousandths of their speed, and waits are
 * shortened by the same, so that half a minute of patience costs a test seconds. `wall` is added to
 * the wall clock, `boot` to CLOCK_BOOTTIME, which is what a suspended machine looks like. */
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct skew {
    volatile int64_t wall_ns, boot_ns;
    volatile int64_t rate;     /* thousandths, of a life: not to be changed */
    volatile int64_t no_names; /* 1: nothing is resolved */
};

static struct skew none = {.rate = 1000}, *skew = &none;
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_timer)(int, int, const struct itimerspec *, struct itimerspec *);
static int (*real_poll)(struct pollfd *, nfds_t, int);
static int (*real_resolve)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
static int64_t born_boot, born_mono;

static int64_t read_ns(clockid_t id)
{
    struct timespec t;
    real_clock(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct timespec to_time(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("E2E_SKEW");
    *(void **)&real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    *(void **)&real_timer = dlsym(RTLD_NEXT, "timerfd_settime");
    *(void **)&real_poll = dlsym(RTLD_NEXT, "poll");
    *(void **)&real_resolve = dlsym(RTLD_NEXT, "getaddrinfo");
    born_boot = read_ns(CLOCK_BOOTTIME);
    born_mono = read_ns(CLOCK_MONOTONIC);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof(*skew), PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) skew = at;
    close(fd);
}

static int64_t faster(int64_t born, int64_t now)
{
    return born + (now - born) / 1000 * skew->rate;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) {
        *out = to_time(read_ns(id) + skew->wall_ns);
    } else if (id == CLOCK_BOOTTIME) {
        *out = to_time(faster(born_boot, read_ns(id)) + skew->boot_ns);
    } else if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_RAW || id == CLOCK_MONOTONIC_COARSE) {
        *out = to_time(faster(born_mono, read_ns(CLOCK_MONOTONIC)));
    } else {
        return real_clock(id, out);
    }
    return 0;
}

time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out) *out = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *out = (struct timeval){.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
    return 0;
}

/* Of the loop's one timer: an absolute time of the skewed CLOCK_BOOTTIME. */
int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
    struct itimerspec real = *new;
    int64_t ns = (int64_t)new->it_value.tv_sec * 1000000000 + new->it_value.tv_nsec;
    if (ns > 0 && flags & TFD_TIMER_ABSTIME) {
        int64_t left = ns - skew->boot_ns - born_boot;
        ns = born_boot + (left > 0 ? left / skew->rate * 1000 : 0);
        real.it_value = to_time(ns > 0 ? ns : 1);
    }
    return real_timer(fd, flags, &real, old);
}

int poll(struct pollfd *fds, nfds_t count, int ms)
{
    return real_poll(fds, count, ms > 0 ? (int)(ms * 1000LL / skew->rate) + 1 : ms);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int numeric = hints && hints->ai_flags & AI_NUMERICHOST;
    if (skew->no_names && !numeric) return EAI_AGAIN;
    /* A name that is in the server's certificate and in no name server. */
    if (node && strcmp(node, "kubernetes.default.svc") == 0) node = "127.0.0.1";
    return real_resolve(node, service, hints, out);
}
