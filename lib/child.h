/* lib/child.h: another program, run to its end while the calling thread waits.
 *
 * The child has a process group of its own, /dev/null as its input, the environment that is given
 * and no file descriptor of ours. Whatever way the run ends, the whole group is killed: a
 * grandchild cannot stay behind with our pipes. Any thread; the process must not reap children that
 * are not its own (no wait for -1).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct child_run {
    const char *const *args; /* ends in NULL; the first is the program, sought in our PATH if it
                              * has no '/' */
    const char *const *env;  /* all of it; ends in NULL */
    int64_t timeout_ms;
    int cancel_fd;        /* readable: kill it; -1: nobody cancels */
    size_t out_bytes_max; /* of standard output; more fails the run */
    size_t err_bytes_max; /* of standard error; what is over it is thrown away */
};

struct child_end {
    int code;        /* its exit code, or 128 + the signal that killed it */
    char *out, *err; /* end in '\0' */
    size_t out_len, err_len;
};

/* Runs it. 0 whatever its exit code; child_end_release then. ERR_NOT_FOUND or ERR_DENIED if there
 * is no such program or it may not be run, ERR_UNAVAILABLE at the deadline or when cancelled,
 * ERR_TOO_BIG. */
MUST_CHECK int child_run(const struct child_run *run, struct child_end *end, struct err *err);
void child_end_release(struct child_end *end); /* clears the texts; also fine on a zeroed struct */
