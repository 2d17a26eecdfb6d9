/* controller/step.h: what a reconcile is made of. A step looks at the view, which is the caches as
 * they are now, and says what to send, or that it is done. It remembers nothing between passes and
 * next to nothing between rounds: what its writes were answered with is in the caches before it is
 * called again, so each round asks anew what is missing. It can be stopped, or die, anywhere.
 *
 *     step ─► up to four independent requests ─► answers, learned into the caches ─► step ─► …
 *
 * No I/O, no clock, no global, no memory but the pass's arena: runner.c and test/sim call the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/view.h"
#include "lib/arena.h"
#include "lib/kube/client.h"
#include "lib/rng.h"

#define STEP_NEVER INT64_MAX

enum { STEP_REQUESTS_MAX = 4, STEP_EVENTS_MAX = 4, STEP_ROUNDS_MAX = 8 };

struct step_request {
    struct kube_op op;
    const struct kube_type *type; /* of the object in the answer, to be learned; NULL: none */
    bool
        aside; /* without our labels it is shown to the step only: it would never leave the cache */
    int tag;                      /* the step's own, to know whose answer it is */
};

struct step_answer {
    struct err err; /* ERR_NONE: done */
    int code;       /* HTTP status; 0: nothing was answered, or nothing was sent */
    int tag;
    enum kube_verb verb;
    bool ns_terminating; /* refused because the namespace goes away */
    bool quota;          /* refused by a ResourceQuota */
    const char *field;   /* the first that the refusal names; NULL or "": none */
    char *message;       /* the server's, in the arena; "" for none */
    const struct kube_object *object; /* as answered, in the arena; NULL: none of the type */
};

struct step_event { /* a Kubernetes event about the pass's object, told once */
    bool warning;
    const char *reason; /* "Ready", "Hibernated": CamelCase, a constant */
    const char *note;   /* for people, in the arena */
    int64_t once;       /* with uid and reason: the same number is the same event */
};

struct step_io {
    /* in */
    const struct view *view;
    struct arena *arena;
    struct rng *rng;
    const char *key; /* "ns/name" */
    int64_t now_ms;  /* loop time */
    int64_t wall_ms;
    struct step_answer answers[STEP_REQUESTS_MAX]; /* of this round */
    size_t answer_count;
    /* out */
    struct step_request requests[STEP_REQUESTS_MAX];
    size_t request_count;
    struct step_event events[STEP_EVENTS_MAX];
    size_t event_count;
    const struct kube_object *about; /* whom the events are about; NULL: no events */
    int64_t again_ms; /* loop time of the next look, whatever happens; STEP_NEVER: on news only */
    struct err err;
};

enum step_result {
    STEP_SEND, /* requests are filled: call again with their answers */
    STEP_DONE, /* forget failures; again_ms */
    STEP_REST, /* the same, and news of children do not bring again_ms forward */
    STEP_FAIL, /* err is set: again after the key's backoff */
};

/* One controller: its kind and its step. state_size bytes, zeroed at a pass's start, are the
 * step's own until the pass ends. */
struct controller {
    const char *name; /* "session": metrics, logs, user agent */
    const char *agent_suffix;
    size_t state_size;
    enum step_result (*step)(void *state, struct step_io *io);
};

extern const struct controller session_controller, template_controller;
extern const struct controller connection_controller, repository_controller;

/* Nothing may be decided from it, for its spec could not be read. A status that could not is ours
 * to write anew. NULL: no. */
bool step_is_unreadable(const struct kube_object *o);
/* The same, and an event about it says so. */
bool step_leaves_alone(struct step_io *io, const struct kube_object *o);

/* Adds a request to the round; NULL when the round is full (the next round asks again). */
struct step_request *step_send(struct step_io *io, int tag);
/* Says what a request does to which object; name NULL for a create. The manager is ours. */
void step_fill(struct step_request *r, enum kube_verb verb, const struct kube_type *type,
               const char *ns, const char *name);
void step_body(struct step_request *r, char *body); /* text in the pass's arena */
/* Makes it the server-side apply, by force, of the object's status. */
void step_status(struct step_request *r, const struct kube_object *o, char *body);
/* A deletion of exactly this object; precious: and of exactly this version of it. */
void step_delete(struct step_io *io, int tag, const struct kube_object *o, bool precious);

void step_event(struct step_io *io, bool warning, const char *reason, int64_t once,
                const char *note);
void step_again(struct step_io *io, int64_t at_ms); /* the earliest counts */
/* When the wall clock will be left_ms further. Looks sooner where that is long: the clock may be
 * wrong now, and nobody tells when it is put right. */
void step_again_by_wall(struct step_io *io, int64_t left_ms);
