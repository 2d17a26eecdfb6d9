/* lib/files.h: whole files into memory, never more than the caller bears.
 *
 * Errors say what to do: ERR_NOT_FOUND, ERR_DENIED (no permission), ERR_TOO_BIG, ERR_INVALID (a
 * directory), ERR_UNAVAILABLE (the disk). Texts begin with the path. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* Reads it all. The caller frees *text, which ends in '\0' (the file may hold others). What is left
 * behind in the heap is cleared, so that secrets may be read with it; len may be NULL. */
MUST_CHECK int file_read(const char *path, size_t max, char **text, size_t *len, struct err *err);

/* Can it be opened for reading, and is it no directory? */
MUST_CHECK int file_check(const char *path, struct err *err);

/* Which file a path leads to and in which state: a replaced or rewritten file differs. Two writes
 * within a tick of the system's clock may look like one. */
struct file_identity {
    uint64_t device, inode;
    int64_t size, changed_ns;
};
MUST_CHECK int file_identify(const char *path, struct file_identity *out, struct err *err);
bool file_identity_same(const struct file_identity *a, const struct file_identity *b);
