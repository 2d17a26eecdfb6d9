/* lib/kube/status.h: the Status that the API answers with when it refuses, and what it means for
 * us. Decided by the HTTP code first, then by the body: a body that is no Status (a load
 * balancer's page) gives its first printable bytes as the message. Pure.
 */
#pragma once

#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/json_table.h"

struct kube_cause {
    char *reason; /* "FieldManagerConflict", "NamespaceTerminating", ... */
    char *message;
    char *field;
};

struct kube_status { /* texts are never NULL after kube_status_read */
    char *kind;
    char *status; /* "Success" or "Failure" */
    char *reason;
    char *message;
    char *name;
    char *uid;
    struct json_list causes; /* of struct kube_cause */
    int64_t retry_after_s;   /* of details; 0: none */
    int64_t code;
};

/* Fills *out from a body, never fails. Texts live in the arena. */
void kube_status_read(struct arena *a, int http_code, const char *body, size_t len,
                      struct kube_status *out);

/* What to do about a refusal: the code for struct err. */
enum err_code kube_status_code(int http_code, const struct kube_status *status);

bool kube_status_has_cause(const struct kube_status *status, const char *reason);

/* Sets *err to the code above and a text such as
 * "422 Invalid: Session "a" is invalid: spec.user: ..."; returns -1. */
int kube_status_err(int http_code, const struct kube_status *status, struct err *err);
