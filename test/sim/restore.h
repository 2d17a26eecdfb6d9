/* test/sim/restore.h: etcd is lost and restored from a backup (F13): what was written since is gone,
 * what was deleted since is there again, versions count from the past; both apiservers are away for
 * longer than a lease is renewed.
 */
#pragma once

#include "test/sim/world.h"

/* The first time etcd is backed up, the second time restored from that. Between the two lie many
 * versions, as between a backup and a disaster: of a few only, whose numbers are soon used again,
 * no client could ever notice. */
void etcd_trouble(struct sim *sim);
