/* controller/hosts.h: which Session has which host and path. Several may claim one: it belongs to
 * the oldest, by creation time and then uid; the others get no route until it is gone.
 * Pure; the session cache's observer keeps it up to date.
 */
#pragma once

#include <stdbool.h>

#include "controller/kinds.h"
#include "controller/settings.h"
#include "lib/str.h"

struct hosts;

struct hosts *hosts_new(const struct settings *settings);
void hosts_free(struct hosts *hosts);

/* The session came, changed or went (before or after NULL). Calls wake(user, key) for each other
 * session whose right to a host may have changed by it. */
void hosts_change(struct hosts *hosts, const struct session *before, const struct session *after,
                  void (*wake)(void *user, const char *key), void *user);

/* The key of the session that has what s claims; s's own key when it is the one. */
const char *hosts_holder(const struct hosts *hosts, const struct session *s);

/* The claim of s: host and path prefix, as text: "a.example.com" and "" (host mode) or
 * "example.com" and "/a" (path mode). False: it claims nothing (terminated, being deleted). */
bool hosts_claim(const struct settings *settings, const struct session *s, char host[256],
                 char path[80]);
