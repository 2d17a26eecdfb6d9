/* controller/session_facts.h: what a round knows about a session: the caches' objects put together
 * and judged. Made afresh in each round, so that it never outlives what it points at. Pure.
 */
#pragma once

#include "controller/session_objects.h"
#include "controller/step.h"

enum session_wish { WISH_RUNNING, WISH_HIBERNATED, WISH_TERMINATED };

enum child_role { /* also the tags of requests and the index of what was refused */
    ROLE_DEPLOYMENT,
    ROLE_SERVICE,
    ROLE_INGRESS,
    ROLE_CLAIM,
    ROLE_CHILDREN,
    ROLE_SESSION = ROLE_CHILDREN, /* a patch of the Session itself */
    ROLE_STATUS,
    ROLE_COUNT
};

enum child_standing {
    CHILD_ABSENT,
    CHILD_OURS,
    CHILD_FOREIGN, /* the name is taken by what we do not own: left alone and reported */
    CHILD_LEAVING, /* being deleted, or left behind by a predecessor: wait for the collector */
};

struct refusal { /* the outside said no to a write of this pass */
    bool refused;
    bool quota;
    char *message;
};

struct session_facts {
    const struct session *session;
    const struct template *template; /* NULL: there is none */
    bool template_unjudged;          /* it is there, and its own reconcile has not seen it yet */
    const struct revision *revision; /* of start */
    const struct deployment *deployment;
    const struct service *service;
    const struct ingress *ingress;
    const struct claim *claim;
    const struct pod *pod; /* the newest that is not leaving */
    enum child_standing standing[ROLE_CHILDREN];
    enum session_wish wish;
    char *child_name;
    char host[256], path[80];
    bool has_route;           /* it claims a host */
    const char *holder;       /* key of the session that has the host */
    bool has_start;           /* start is filled */
    bool new_start;           /* start was made in this pass, not read from the Deployment */
    bool newer_start;         /* it is a newer version's, and its Deployment is to be left alone */
    struct session_start start;
    bool can_render;          /* spec is filled from start's revision */
    struct template_spec spec;
    struct err problem; /* why it cannot be rendered, in words for the user; ERR_NONE */
    const char *problem_reason; /* "TemplateNotFound", "TemplateInvalid", ... */
    bool waiting;       /* for news that is surely coming (a revision): say nothing yet */
    bool home_in_use;   /* another session of the user has the home on another node */
};

/* False: there is no such session any more. start_wall_ms is when a start of this pass counts
 * from. seen: children as this pass was answered with them, which count where the cache has nothing
 * newer: one without our labels is in no cache of ours. */
bool session_facts_gather(struct session_facts *f, struct step_io *io, int64_t start_wall_ms,
                          const struct kube_object *const seen[ROLE_CHILDREN]);
