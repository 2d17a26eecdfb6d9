/* lib/base64url.h: base64 for URLs and tokens (RFC 4648 5), without padding. Pure; any thread. */
#pragma once

#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"

char *base64url_encode(struct arena *a, const void *bytes, size_t n);

/* *out has a '\0' behind its *len bytes. ERR_INVALID: another character, padding, a length that
 * cannot be, or bits that are left over and not zero, so that no two texts mean the same bytes. */
MUST_CHECK int base64url_decode(struct arena *a, const char *text, size_t n, unsigned char **out,
                                size_t *len);
