/* test/sim/admission.h: what stands between a request and the store, and answers in its place: an
 * apiserver that is busy, a credential that has run out, a kind that is not served, admission that
 * refuses or fails, a quota that is used up, events that nobody takes; and admission that changes
 * what is written. Each goes on for a while, then stops.
 */
#pragma once

#include "test/sim/wire_in.h"

struct admission *admission_new(struct sim *sim);
void admission_free(struct admission *admission);

struct refused { /* an answer that is not the store's */
    int code;
    int retry_after_s; /* -1: none */
    const char *reason, *message, *cause; /* cause: of a Status' details, or NULL */
    const char *field;
    int64_t late_ms;   /* it takes that long */
};

/* Something goes wrong for a while, perhaps. */
void admission_strike(struct sim *sim);
/* A quota or a policy refuses one kind of child until it is allowed again. */
void admission_refuse(struct sim *sim);
void admission_allow(struct sim *sim);
/* What answers the request in the store's place. False: the store does. */
bool admission_refuses(struct sim *sim, const struct kube_transfer *t, struct refused *out);
/* What a mutating webhook makes of the body of a write, in the arena; NULL: it stays. */
char *admission_mutates(struct sim *sim, const struct kube_transfer *t, size_t *len);
