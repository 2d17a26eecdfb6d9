/* controller/session_objects.h: what a Session becomes: the JSON of its Deployment, Service,
 * Ingress and home claim. Names are injective: ss-<session>, never shortened.
 *
 * An intent is all that we say about a child; its hash stands in an annotation of the child, so
 * that nothing is sent twice. An intent is sent as it is by POST, and with the child's uid by
 * server-side apply. Pure: everything is in the arguments, texts land in the arena.
 */
#pragma once

#include "controller/kinds.h"
#include "controller/session_start.h"
#include "controller/settings.h"
#include "controller/template_spec.h"
#include "lib/arena.h"

struct intent {
    const struct kube_type *type;
    char *name;
    uint64_t hash;   /* of everything below */
    uint64_t labels; /* labels_hash of our labels */
    char *label_members; /* "\"a\":\"b\",..." */
    char *annotation_members; /* beginning with ',' where not empty, without the intent's own */
    char *owner; /* ownerReferences, JSON text */
    char *spec;  /* JSON text */
};

struct session_plan { /* what the children are made from */
    const struct session *session;
    const struct settings *settings;
    const struct template_spec *spec; /* of the frozen revision */
    const struct session_start *start;
    const char *host, *path; /* of its route */
    bool running; /* replicas 1, else 0 */
};

/* Text as a label's value: what is too long keeps its front and gets a hash of the whole. */
char *label_value(struct arena *a, const char *text);

/* Name of a session's children and of its user's home. */
char *session_child_name(struct arena *a, const char *session);
char *session_home_name(struct arena *a, const char *user);

MUST_CHECK int session_deployment(struct arena *a, const struct session_plan *plan,
                                  struct intent *out, struct err *err);
void session_service(struct arena *a, const struct session_plan *plan, struct intent *out);
/* What its Ingress says, which session_ingress writes. */
struct route session_route(struct arena *a, const struct session_plan *plan);
bool route_stands(const struct route *want, const struct route *there);
void session_ingress(struct arena *a, const struct session_plan *plan, struct intent *out);

/* Body of the claim's POST: it has no owner and is never changed after. */
char *session_home_claim(struct arena *a, const struct session_plan *plan);

/* The body to send: generation is that which the child will have (1 for a new one), uid NULL for a
 * POST. */
char *intent_body(struct arena *a, const struct intent *intent, const char *ns, const char *uid,
                  int64_t generation);

/* The child carries this intent, in this generation, with our labels. */
bool intent_stands(const struct intent *intent, const struct kube_object *child,
                   const struct child *state);

/* The child is in the generation that its intent foresaw, be that ours or another version's: nobody
 * has changed it since. */
bool intent_is_untouched(const struct kube_object *child, const struct child *state);

/* The pod template's JSON (session_pod.c), used by session_deployment. */
MUST_CHECK int session_pod_template(struct arena *a, const struct session_plan *plan,
                                    const char *label_members, char **out, struct err *err);
/* Writes our labels as JSON members and returns their hash. */
uint64_t session_labels(struct arena *a, const struct session_plan *plan, char **members);
