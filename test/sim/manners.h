/* test/sim/manners.h: how an operator behaves towards the apiserver, where no object shows it. It
 * waits as long as a 429 says, and then asks for less at once; leaves a watch that fell silent;
 * lists nothing anew while all is quiet; and counts no request as under way that is not.
 */
#pragma once

#include "test/sim/wire.h"

struct manners;

struct manners *manners_new(void);
void manners_free(struct manners *manners);

/* S10: a request of an operator goes out; one is answered with a 429, before the operator hears of
 * that and after, `cap` being how much its client sent at once before. Judged by the operator's own
 * clock, which may go faster or slower than the world's. */
void manners_request(const struct wire *wire, const struct kube_call *call);
int manners_cap(const struct instance *i);
void manners_told(const struct kube_transfer *t, const struct instance *i);
void manners_refused(const struct kube_transfer *t, const struct instance *i, int cap);

/* From here on nothing goes wrong any more. */
void manners_healed(struct sim *sim);
/* L1: runs on until a watch that fell silent while faults were on must have been noticed. */
void manners_settled(struct sim *sim);

/* L2: around a time in which nothing happens. */
void manners_quiet(struct sim *sim, bool begins);
