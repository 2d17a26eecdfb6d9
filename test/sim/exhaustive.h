/* test/sim/exhaustive.h: one run without faults gives a list of writes; then for each of them the
 * operator dies before it is sent, when it is done and not answered, and after its answer, and
 * comes back before apiservers that are up to date or lag behind. All must end alike.
 */
#pragma once

void exhaustive_run(unsigned *passed, unsigned *failed);
