/* lib/serve/guard.h: what an HTTP request must not look like, whatever the server library let
 * through. Two readers of one connection (a proxy and we) must never see different requests in it,
 * so everything that is read in two ways somewhere is refused. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct guard_header {
    const char *name;
    const char *value;
};

/* 0, or the status to refuse the request with; the connection must then be closed. Of count_max
 * headers the library may have dropped some without a word. */
int guard_headers(const struct guard_header *headers, size_t count, size_t count_max, bool http11);

/* Decodes a raw path once, in place. False: not a path, bad encoding, encoded NUL, control
 * characters or '/', or a "." or ".." segment. */
bool guard_path(char *path);
