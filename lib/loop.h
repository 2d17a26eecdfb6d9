/* lib/loop.h: one thread's wait for everything: epoll for sockets, one timerfd for all timers
 * (lib/timers.h), one eventfd for calls from other threads.
 *
 * loop_run sets timers.now_ms and wall_ms each time round, before it calls anybody. Handlers run on
 * the loop's thread and must not block. loop_post and loop_stop may be called from any thread (stop
 * also from a signal handler); all else from the loop's thread or before it runs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/timers.h"

struct loop;

enum loop_events { LOOP_READ = 1, LOOP_WRITE = 2 };

MUST_CHECK int loop_new(struct loop **out, struct err *err);
void loop_free(struct loop *loop); /* NULL is fine */
struct timers *loop_timers(struct loop *loop);

/* Watches fd until loop_unwatch; a second call for the same fd changes it. Level-triggered. */
MUST_CHECK int loop_watch(struct loop *loop, int fd, unsigned events,
                          void (*ready)(void *user, int fd, unsigned events), void *user,
                          struct err *err);
void loop_unwatch(struct loop *loop, int fd); /* before the fd is closed */

/* Has call(user) made on the loop's thread, in order of posting. After the loop ended: never. */
void loop_post(struct loop *loop, void (*call)(void *user), void *user);

void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop); /* async-signal-safe */

/* The greatest time one round of handlers took since the last call, microseconds: for metrics. */
int64_t loop_lag_us(struct loop *loop);
/* Loop time of the last round, for liveness from another thread (atomic). */
int64_t loop_last_tick_ms(const struct loop *loop);
