/* controller/runner.h: runs one controller's steps: key from the queue, step, requests, step, …
 * until done; many keys at once on one thread, each key never twice at once.
 *
 *     wake ─► queue ─take─► pass ─step─► requests ─► answers ─learn─► step … ─► done, again,
 * backoff
 *
 * What a write is answered with is learned into the caches before the next round looks. A pass has
 * an arena of its own, given back when it ends, and a deadline of a minute.
 */
#pragma once

#include "controller/events.h"
#include "controller/step.h"
#include "controller/wake.h"
#include "lib/workq.h"

struct runner;

struct runner_counts {
    uint64_t done, failed, again; /* passes by how they ended; again: with a time to look again */
    uint64_t unknown;             /* answers whose outcome nobody knows */
    uint64_t conflicts;
    size_t queued, running;
};

struct runner_config {
    const struct controller *controller;
    enum controller_id id;
    struct kube_client *client;
    struct timers *timers;
    struct rng *rng;
    const struct view *view;
    struct events *events;
    int concurrency;
    bool metrics;
    /* Puts an answered object into its kind's store. While it runs, changes that it makes must not
     * wake the pass that made them: runner_is_quiet says so. */
    const struct kube_object *(*learn)(void *user, struct kube_object *o);
    /* The server says that there is no such object, whatever the caches say. */
    void (*gone)(void *user, const struct kube_type *type, const char *ns, const char *name,
                 const char *uid);
    /* The kind's cache: what it has when a request is sent is what is meant. NULL: none. */
    const struct kube_store *(*store)(void *user, const struct kube_type *type);
    /* An answer contradicts that cache (history.h). Must not free the runner. */
    void (*doubt)(void *user, const struct kube_type *type);
    void *user;
};

struct runner *runner_new(const struct runner_config *config);
void runner_free(struct runner *r); /* cancels what runs; NULL is fine */
void runner_wake(struct runner *r, const char *key, int64_t delay_ms, enum workq_prio prio);
void runner_drain(struct runner *r); /* takes no more keys; what runs goes on */
bool runner_is_quiet(const struct runner *r, const char *key);
struct runner_counts runner_counts(const struct runner *r);
void runner_show_gauges(struct runner *r); /* brings the gauges up to date; now and then */
bool runner_idle(const struct runner *r); /* nothing is due and nothing runs */
