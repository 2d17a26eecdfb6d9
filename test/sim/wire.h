/* test/sim/wire.h: lib/kube/transport.h over the simulated world: requests that take time, arrive
 * late or not at all, are answered with errors or never; watches that are cut, silent or repeat
 * themselves. What a dead operator has sent stays on its way.
 */
#pragma once

#include "lib/kube/transport.h"
#include "test/sim/world.h"

struct net; /* all that is on its way in a world */

struct wire { /* the connections of one operator instance, or of its election */
    struct kube_transport transport; /* first: it is what the operator holds */
    struct sim *sim;
    struct instance *instance;
    const char *name; /* as the apiserver sees it */
    bool election;    /* carries the Lease: other rules, other faults */
    int replica[KUBE_LANE_COUNT];
    uint64_t credential; /* its number */
    bool cut_off;     /* nothing goes through, both ways */
    unsigned running; /* transfers that have neither ended nor been cancelled */
    unsigned plain;   /* those that are no streams */
};

struct net *net_new(struct sim *sim);
void net_free(struct net *net);

void wire_init(struct wire *wire, struct sim *sim, struct instance *instance, const char *name,
               bool election);
/* The owner is gone: whatever runs goes on without it, as chance will have it. */
void wire_abandon(struct wire *wire);

/* Streams have something to read: those of a type, or all. */
void net_pump(struct sim *sim, const struct resource *type);
/* Ends all streams of an apiserver. */
void net_cut(struct sim *sim, int replica);
/* Ends all streams, and what they read from is no more. */
void net_lose_watches(struct sim *sim);
/* Requests and streams on their way that still have an owner. */
unsigned net_owned(const struct sim *sim);
/* Requests without an owner that have not arrived. */
unsigned net_zombies(const struct sim *sim);
