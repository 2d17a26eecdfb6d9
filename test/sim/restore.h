/* test/sim/restore.h: etcd is lost and restored from a backup (F13): what was written since is
 * gone, what was deleted since is there again, versions count from the past; both apiservers are
 * away for longer than a lease is renewed.
 */
#pragma once

#include "test/sim/world.h"

/* The first time etcd is backed up, the second time restored from that. As between a backup and a
 * disaster there lie many versions between the two (of a few, whose numbers are soon used again, no
 * client could ever notice), and a start of the operators, whose watches have all seen some of
 * them. */
void etcd_trouble(struct sim *sim);
