/* controller/events.h: Kubernetes events (events.k8s.io/v1) on transitions, which `kubectl
 * describe` shows. They are a courtesy: bounded, never retried more than once, never in anybody's
 * way.
 *
 * An event's name is made of the object's name and a hash of what it says and when, so that the
 * same event sent twice, by this replica or the next leader, is one. One thread: the loop's.
 */
#pragma once

#include "controller/step.h"
#include "lib/kube/client.h"

struct events;

struct events_config {
    struct kube_client *client;
    struct timers *timers;
    const char *instance; /* reportingInstance */
};

struct events *events_new(const struct events_config *config);
void events_free(struct events *events); /* what waits is dropped */
void events_clear(struct events *events);

/* Queues the event about the object; dropped (and counted) when too many wait. */
void events_tell(struct events *events, const struct kube_object *about,
                 const struct step_event *event);

uint64_t events_dropped(const struct events *events);
bool events_idle(const struct events *events);
