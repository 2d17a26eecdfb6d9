/* controller/session_children.h: what is sent so that a session's children are as they should be:
 * the table in session.h, and what a pass remembers between its rounds. Pure.
 */
#pragma once

#include "controller/session_facts.h"

/* What the children should be, as it was rendered in this pass. It depends on what stands beside it
 * and on nothing else that can change under one uid, so the rounds after need not do it again. */
struct session_rendered {
    const char *uid; /* of the Session; NULL: nothing was rendered yet */
    const char *start, *host, *path;
    bool running;
    struct intent intent[ROLE_INGRESS + 1];
};

struct session_state {
    bool begun;
    int64_t start_wall_ms; /* a start of this pass counts from here */
    unsigned rounds;
    bool look[ROLE_CHILDREN];    /* the name is taken and the cache does not know by what */
    bool deleted[ROLE_CHILDREN]; /* asked for in this pass */
    bool applied[ROLE_CHILDREN]; /* once in this pass: the next apply changes no spec */
    bool home_exists;            /* under a claim that is in no cache of ours */
    bool remake;                 /* the Service cannot be mended by an apply */
    const struct kube_object *seen[ROLE_CHILDREN];
    struct session_rendered rendered;
    struct refusal refused[ROLE_COUNT];
    bool gone;
    bool ns_ends;
    bool checked[ROLE_CHILDREN]; /* the server was asked for what the cache does not have */
    bool behind; /* the Session is not what the cache has: read it */
    bool read;   /* once in this pass */
};

/* Asks for whatever is missing or wrong among the children; nothing, when all is well. May find
 * that the pod cannot be rendered, and then says so in *f. */
void session_keep_children(struct session_state *st, struct step_io *io, struct session_facts *f);

/* Stops the pod of a session that is to hibernate and cannot be rendered, for its Template is gone
 * or no longer fits: what is wrong with it must not keep it awake. */
void session_put_to_sleep(const struct session_state *st, struct step_io *io,
                          const struct session_facts *f);

/* Asks for the end of the child of that role, if it is ours. */
void session_end_child(struct session_state *st, struct step_io *io,
                       const struct session_facts *f, int role);

/* A child whose owner was a Session of the same name that is gone is the collector's. But of a name
 * that is deleted and made again while its watch is down the collector never hears, and the child
 * would stand in the way for ever: some time later it is deleted by us. True: only after the
 * Session was read anew, for the cache's may be the predecessor and the child its successor's. */
bool session_drop_left_behind(struct session_state *st, struct step_io *io,
                              const struct session_facts *f);

/* Reads a child that the cache does not have. */
void session_look(struct step_io *io, int role, const char *ns, const char *name);
