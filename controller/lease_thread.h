/* controller/lease_thread.h: drives the lease (lease.h) on a thread and a connection of its own, so
 * that neither a slow list nor a long reconcile can lose it.
 *
 * The loop hears of changes through loop_post; the write gate is an atomic moment in time that any
 * thread may compare with the clock, so that it shuts by itself, whatever the thread is doing.
 */
#pragma once

#include <stdbool.h>

#include "controller/lease.h"
#include "lib/kube/wire.h"
#include "lib/loop.h"

struct lease_thread;

struct lease_thread_config {
    struct lease_config lease;
    struct kube_wire_config wire; /* its loop is only posted to */
    /* On the loop's thread, when the lease was won or lost. */
    void (*changed)(void *user, bool leads);
    /* On the loop's thread: the Lease has gone back in history, and so has all else. */
    void (*undone)(void *user);
    void *user;
};

MUST_CHECK int lease_thread_start(const struct lease_thread_config *config,
                                  struct lease_thread **out, struct err *err);
/* Gives the lease back, if it is held, and ends the thread. Call it when all guarded work has
 * stopped; it waits for at most the renew deadline. NULL is fine. */
void lease_thread_stop(struct lease_thread *t);

bool lease_thread_may_write(void *t); /* the gate; any thread */
