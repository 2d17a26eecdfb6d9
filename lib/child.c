#include "lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/xalloc.h"

struct sink { /* one of the child's outputs */
    int fd;   /* -1: ended */
    char *at;
    size_t len, max;
    bool over;
};

static int fail(struct err *err, const char *what, int why)
{
    enum err_code code = ERR_UNAVAILABLE;
    if (why == ENOENT || why == ENOTDIR) code = ERR_NOT_FOUND;
    if (why == EACCES || why == EPERM || why == ENOEXEC) code = ERR_DENIED;
    return err_set(err, code, "%s: %s", what, strerror(why));
}

/* The buffer has its full size from the start: growing would leave copies of a secret behind. */
static void sink_init(struct sink *s, int fd, size_t max)
{
    *s = (struct sink){.fd = fd, .at = xmalloc(max + 1), .max = max};
}

static void sink_close(struct sink *s)
{
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
}

/* Reads what is there now. */
static void sink_drain(struct sink *s)
{
    char extra[1024];
    while (s->fd >= 0) {
        size_t room = s->max - s->len;
        ssize_t n = read(s->fd, room ? s->at + s->len : extra, room ? room : sizeof(extra));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            sink_close(s);
        } else if (room) {
            s->len += (size_t)n;
        } else {
            s->over = true;
            return; /* back to the deadline: a child may write for ever */
        }
    }
}

static void forget(char *text, size_t len)
{
    if (text) explicit_bzero(text, len);
    free(text);
}

static void add_files(posix_spawn_file_actions_t *files, int out, int err_out)
{
    posix_spawn_file_actions_init(files);
    posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(files, out, 1);
    posix_spawn_file_actions_adddup2(files, err_out, 2);
    posix_spawn_file_actions_addclosefrom_np(files, 3);
}

static int spawn(const struct child_run *run, int out, int err_out, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    add_files(&files, out, err_out);
    int why = posix_spawnp(pid, run->args[0], &files, &attr, (char *const *)(uintptr_t)run->args,
                           (char *const *)(uintptr_t)run->env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return why;
}

/* Until the child has ended by itself: 0. Otherwise -1, and it must be killed. */
static int follow(const struct child_run *run, int pid_fd, struct sink *out, struct sink *log,
                  struct err *err)
{
    const int64_t end_ms = clock_ms() + run->timeout_ms;
    for (;;) {
        int64_t left_ms = end_ms - clock_ms();
        if (left_ms < 0) left_ms = 0;
        struct pollfd fds[] = {
            {.fd = pid_fd, .events = POLLIN},
            {.fd = run->cancel_fd, .events = POLLIN},
            {.fd = out->fd, .events = POLLIN},
            {.fd = log->fd, .events = POLLIN},
        };
        int n = poll(fds, 4, left_ms < 1000000 ? (int)left_ms : 1000000);
        if (n < 0 && errno != EINTR) return fail(err, "poll", errno);
        if (n < 0) continue;
        sink_drain(out);
        sink_drain(log);
        if (out->over) return err_set(err, ERR_TOO_BIG, "wrote over %zu bytes", out->max);
        if (fds[0].revents) return 0;
        if (fds[1].revents) return err_set(err, ERR_UNAVAILABLE, "cancelled");
        if (end_ms <= clock_ms()) {
            return err_set(err, ERR_UNAVAILABLE, "not done within %lld ms",
                           (long long)run->timeout_ms);
        }
    }
}

/* The leader is still unreaped here, so the group's number cannot have gone to somebody else. */
static int kill_and_reap(pid_t pid)
{
    int status = 0;
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_child(const struct child_run *run, const int out[2], const int log[2],
                     struct child_end *end, struct err *err)
{
    pid_t pid = -1;
    int why = spawn(run, out[1], log[1], &pid);
    close(out[1]);
    close(log[1]);
    struct sink sinks[2];
    sink_init(&sinks[0], out[0], run->out_bytes_max);
    sink_init(&sinks[1], log[0], run->err_bytes_max);
    int rc = why ? fail(err, run->args[0], why) : 0;
    if (!rc) {
        int pid_fd = pidfd_open(pid, 0);
        rc = pid_fd < 0 ? fail(err, "pidfd_open", errno)
                        : follow(run, pid_fd, &sinks[0], &sinks[1], err);
        int code = kill_and_reap(pid);
        if (pid_fd >= 0) close(pid_fd);
        *end = (struct child_end){.code = code};
    }
    for (int i = 0; i < 2; i++) {
        sink_close(&sinks[i]);
        sinks[i].at[sinks[i].len] = '\0';
        if (rc < 0) forget(sinks[i].at, sinks[i].len);
    }
    if (rc < 0) return -1;
    end->out = sinks[0].at;
    end->out_len = sinks[0].len;
    end->err = sinks[1].at;
    end->err_len = sinks[1].len;
    return 0;
}

int child_run(const struct child_run *run, struct child_end *end, struct err *err)
{
    int out[2], log[2];
    if (pipe2(out, O_CLOEXEC) < 0) return fail(err, "pipe", errno);
    if (pipe2(log, O_CLOEXEC) < 0) {
        fail(err, "pipe", errno);
        close(out[0]);
        close(out[1]);
        return -1;
    }
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(log[0], F_SETFL, O_NONBLOCK);
    struct child_end got = {0};
    if (run_child(run, out, log, &got, err) < 0) return -1;
    *end = got;
    return 0;
}

void child_end_release(struct child_end *end)
{
    forget(end->out, end->out_len);
    forget(end->err, end->err_len);
    *end = (struct child_end){0};
}
