/* controller/session_trouble.h: why a session does not run, in a reason for programs and a message
 * for its user: the first that stands in the way, from what was found (session_facts.h) and what
 * the outside refused. Messages do not flap: no counters, no back-off times. Pure.
 */
#pragma once

#include "controller/session_facts.h"

struct trouble {
    const char *reason; /* NULL: none */
    const char *message;
};

struct trouble trouble_of_refusal(const struct refusal *r);

/* HostTaken, or none. */
struct trouble trouble_of_host(const struct session_facts *f, struct arena *a);

/* What keeps its pod from serving; may ask for another look by step_again. refused has ROLE_COUNT
 * elements. */
struct trouble trouble_of_workload(const struct session_facts *f, const struct refusal *refused,
                                   struct step_io *io);

/* It will not go by itself: the session counts as Failed. */
bool trouble_needs_a_person(const struct session_facts *f, struct trouble workload,
                            struct trouble host, const struct settings *settings);

/* A reason of Ready that stands in the way of a person: not merely on its way or asked to sleep. */
bool trouble_is_one(const char *reason);
