#include "lib/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/check.h"

static struct child_end end;
static struct err err;

static const char *const ENV[] = {"PATH=/usr/bin:/bin", "COLOUR=green", NULL};

static int run_with(const char *script, int64_t timeout_ms, int cancel_fd)
{
    const char *const args[] = {"/bin/sh", "-c", script, NULL};
    struct child_run run = {
        .args = args,
        .env = ENV,
        .timeout_ms = timeout_ms,
        .cancel_fd = cancel_fd,
        .out_bytes_max = 1000,
        .err_bytes_max = 10,
    };
    child_end_release(&end);
    return child_run(&run, &end, &err);
}

static int run(const char *script)
{
    return run_with(script, 20000, -1);
}

TEST(child, outputs_and_exit_code_come_back)
{
    CHECK_OK(run("echo out; echo err >&2; exit 3"), err);
    CHECK_INT(end.code, 3);
    CHECK_STR(end.out, "out\n");
    CHECK_INT(end.out_len, 4);
    CHECK_STR(end.err, "err\n");
    CHECK_OK(run("kill -TERM $$"), err);
    CHECK_INT(end.code, 128 + SIGTERM);
    CHECK_STR(end.out, "");
    child_end_release(&end);
}

TEST(child, environment_is_the_one_given_and_input_is_empty)
{
    CHECK_OK(run("echo $COLOUR; echo ${HOME-none}; cat; echo end"), err);
    CHECK_STR(end.out, "green\nnone\nend\n");
    child_end_release(&end);
}

TEST(child, no_descriptor_of_ours_gets_through)
{
    int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as somebody's library may do */
    CHECK_OK(run("cd /proc/self/fd && echo *"), err);
    close(leak);
    CHECK(!strchr(end.out, '9'));
    CHECK(strncmp(end.out, "0 1 2", 5) == 0);
    child_end_release(&end);
}

TEST(child, signals_are_as_a_new_program_expects_them)
{
    sigset_t pipe_signal, old;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGTERM);
    sigprocmask(SIG_BLOCK, &pipe_signal, &old);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    int rc = run("kill -TERM $$; echo still here");
    int piped = rc == 0 && end.code == 128 + SIGTERM ? run("kill -PIPE $$; echo still here") : -1;
    signal(SIGPIPE, before);
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK_OK(rc, err);
    CHECK_OK(piped, err);
    CHECK_INT(end.code, 128 + SIGPIPE);
    child_end_release(&end);
}

TEST(child, too_much_output_ends_the_run_and_too_much_complaint_is_cut)
{
    CHECK_ERR(run("yes"), err, ERR_TOO_BIG);
    CHECK_HAS(err.text, "1000 bytes");
    CHECK_OK(run("head -c 1000 /dev/zero | tr '\\0' x"), err);
    CHECK_INT(end.out_len, 1000);
    CHECK_ERR(run("head -c 1001 /dev/zero; exec cat /dev/zero"), err, ERR_TOO_BIG);
    CHECK_OK(run("head -c 300000 /dev/zero | tr '\\0' y >&2; echo ok"), err);
    CHECK_STR(end.err, "yyyyyyyyyy");
    CHECK_STR(end.out, "ok\n");
    child_end_release(&end);
}

/* A pipe whose writing end the script opens, so that its children get it too: it hangs
 * up when the last of them is dead. */
static char fifo[64];
static int our_writer; /* without one there is nothing to hang up */

static int open_fifo(void)
{
    snprintf(fifo, sizeof(fifo), "/tmp/carrel-child-XXXXXX");
    CHECK(mkdtemp(fifo) != NULL);
    snprintf(fifo + strlen(fifo), sizeof(fifo) - strlen(fifo), "/f");
    CHECK_INT(mkfifo(fifo, 0600), 0);
    int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    our_writer = open(fifo, O_WRONLY | O_CLOEXEC);
    return fd;
}

static int run_holding_fifo(const char *script, int64_t timeout_ms)
{
    char text[256];
    snprintf(text, sizeof(text), "exec 5>%s; %s", fifo, script);
    return run_with(text, timeout_ms, -1);
}

static void check_all_dead(int fd)
{
    struct pollfd hangs_up = {.fd = fd};
    close(our_writer);
    CHECK_INT(poll(&hangs_up, 1, 20000), 1);
    CHECK(hangs_up.revents & POLLHUP);
    close(fd);
    unlink(fifo);
    *strrchr(fifo, '/') = '\0';
    rmdir(fifo);
}

TEST(child, deadline_kills_the_whole_group)
{
    int fd = open_fifo();
    CHECK_ERR(run_holding_fifo("tail -f /dev/null & tail -f /dev/null", 50), err, ERR_UNAVAILABLE);
    CHECK_HAS(err.text, "not done within 50 ms");
    check_all_dead(fd);
}

TEST(child, grandchild_that_keeps_the_pipes_does_not_hold_us)
{
    int fd = open_fifo();
    CHECK_OK(run_holding_fifo("tail -f /dev/null & echo done", 20000), err);
    CHECK_STR(end.out, "done\n");
    check_all_dead(fd);
    child_end_release(&end);
}

TEST(child, cancel_ends_it)
{
    int cancel = eventfd(1, EFD_CLOEXEC);
    CHECK_ERR(run_with("cat /dev/zero >/dev/null", 20000, cancel), err, ERR_UNAVAILABLE);
    CHECK_HAS(err.text, "cancelled");
    close(cancel);
}

static int run_program(const char *program)
{
    const char *const args[] = {program, NULL};
    struct child_run it = {.args = args, .env = ENV, .timeout_ms = 20000, .cancel_fd = -1};
    return child_run(&it, &end, &err);
}

TEST(child, program_that_cannot_be_run_says_why)
{
    CHECK_ERR(run_program("/no/such/program"), err, ERR_NOT_FOUND);
    CHECK_HAS(err.text, "/no/such/program: No such file");
    CHECK_ERR(run_program("no-such-program-anywhere"), err, ERR_NOT_FOUND);
    CHECK_ERR(run_program("/etc/passwd"), err, ERR_DENIED);
    CHECK_OK(run_program("true"), err);
    CHECK_INT(end.code, 0);
    child_end_release(&end);
}
