#include "test/sim/restore.h"

#include <inttypes.h>

#include "test/sim/cluster.h"
#include "test/sim/instance.h"
#include "test/sim/safety.h"
#include "test/sim/wire.h"

enum { VERSIONS_BETWEEN = 100000, AWAY_MS = 15000 };

static void restore(struct sim *sim)
{
    uint64_t now = store_rv(sim->store);
    net_lose_watches(sim);
    struct store *past = store_restore(sim->store, sim->backup_rv);
    for (int i = 0; i < REPLICAS; i++) {
        replica_restart(sim, i, sim_draw(sim, CHANCE_WEATHER, AWAY_MS, 2 * AWAY_MS));
    }
    if (!past) return; /* compacted: the servers were away, that is all */
    TRACE(sim, "---- etcd is restored: from version %" PRIu64 " to %" PRIu64 " ----", now,
          sim->backup_rv);
    sim->store = past;
    sim->restored = true;
    sim_at(sim, &sim->gc, 1000);
    safety_restored(sim);
    cluster_restored(sim);
}

void etcd_trouble(struct sim *sim)
{
    if (sim->restored) return;
    if (sim->backup_rv) {
        restore(sim);
        return;
    }
    sim->backup_rv = store_rv(sim->store);
    store_skip(sim->store, VERSIONS_BETWEEN);
    TRACE(sim, "---- etcd is backed up at version %" PRIu64 " ----", sim->backup_rv);
    for (int i = 0; i < sim->plan.instances; i++) instance_kill(sim->instance[i], 0);
}
