/* controller/plain.h: text of strangers (a crashed program's last lines, an admission webhook's
 * words, a user's environment) on its way into objects of ours. Bodies of server-side apply go
 * through a YAML reader, which refuses some characters of JSON and turns others into spaces; what
 * came back changed would be written again and again. Pure.
 */
#pragma once

#include <stddef.h>

#include "lib/arena.h"

/* Text fit for a message: at most bytes_max bytes, cut between characters and then ending in
 * "..."; control characters but for tab and line feed, and others that YAML has its own mind about,
 * become '?'. The text itself where nothing has to change; NULL stays NULL. */
char *plain_text(struct arena *a, char *text, size_t bytes_max);

/* The same JSON document, with those characters escaped, so that it means the same in YAML. The
 * text itself where nothing has to change. */
char *plain_json(struct arena *a, char *json);
