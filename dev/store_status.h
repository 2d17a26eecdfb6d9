/* dev/store_status.h: Status bodies, phrased as a kube-apiserver phrases them. Part of dev/store.h.
 * Each function fills the answer whole, text in the arena. Pure.
 */
#pragma once

#include "dev/resources.h"
#include "dev/store.h"

struct store_cause {
    const char *reason, *message, *field; /* NULL or "": left out */
};

struct store_status { /* NULL, 0: left out */
    int code;
    const char *reason, *message;
    const char *name, *group, *kind, *uid;
    const struct store_cause *causes;
    size_t cause_count;
    int retry_after_s;
    const char *cont; /* metadata.continue */
    bool details;     /* even when they are empty */
};

void store_status(struct arena *a, const struct store_status *status, struct store_answer *out);
/* The JSON text alone: also for ERROR events. */
const char *store_status_text(struct arena *a, const struct store_status *status, size_t *len);

/* "sessions.carrel.dev" or "pods". */
const char *store_qualified(struct arena *a, const struct resource *r);

void store_no_such_page(struct arena *a, struct store_answer *out); /* 404 in plain text: no type */
void store_no_such_path(struct arena *a, struct store_answer *out); /* no subresource */
void store_bad_request(struct arena *a, struct store_answer *out, const char *message);
void store_wrong_method(struct arena *a, struct store_answer *out);
void store_wrong_type(struct arena *a, struct store_answer *out); /* of a patch */
void store_not_found(struct arena *a, struct store_answer *out, const struct resource *r,
                     const char *name);
void store_exists(struct arena *a, struct store_answer *out, const struct resource *r,
                  const char *name, bool being_deleted);
void store_conflict(struct arena *a, struct store_answer *out, const struct resource *r,
                    const char *name, const char *why);
void store_stale(struct arena *a, struct store_answer *out, const struct resource *r,
                 const char *name); /* "the object has been modified; ..." */
void store_invalid(struct arena *a, struct store_answer *out, const struct resource *r,
                   const char *name, const struct store_field_error *errors, size_t count);
/* The same with the plural as kind, as the storage layer has it. */
void store_invalid_resource(struct arena *a, struct store_answer *out, const struct resource *r,
                            const char *name, const struct store_field_error *error);
/* 422 about options rather than an object: kind "ListOptions", "PatchOptions". */
void store_invalid_options(struct arena *a, struct store_answer *out, const char *kind,
                           const struct store_field_error *error);
/* 409 of a DELETE's preconditions, which says the kind. */
void store_precondition(struct arena *a, struct store_answer *out, const struct resource *r,
                        const char *name, const char *why);
void store_terminating(struct arena *a, struct store_answer *out, const struct resource *r,
                       const char *name, const char *ns);
void store_too_large_version(struct arena *a, struct store_answer *out, uint64_t wanted,
                             uint64_t current);
void store_expired(struct arena *a, struct store_answer *out, const char *message,
                   const char *cont);
