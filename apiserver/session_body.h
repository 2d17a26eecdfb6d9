/* apiserver/session_body.h: what people send about a Session, as what Kubernetes is sent. Pure.
 *
 * Only what Kubernetes cannot say well is judged here: members that there are not, values that are
 * of the wrong type. The rest (formats, bounds, what may change) stands in the CRD's schema, whose
 * refusals come back through problem_of_kube.
 */
#pragma once

#include "lib/json.h"

struct body_flaw { /* what is wrong with a body */
    const char *field; /* "resources.memory"; NULL: all of it */
    char text[200];
};

struct session_create {
    const char *ns;   /* of the body; NULL: it names none */
    const char *name; /* given, or made of user, template and chance */
    const char *user, *template;
    const char *json; /* the Session, for a POST */
    size_t len;
};

/* user: whom the session is for where the body does not say; NULL: it must. random: four bytes of
 * chance for a name. Returns -1 with *flaw filled. */
MUST_CHECK int session_body_create(const char *text, size_t n, const char *user,
                                   const unsigned char random[4], struct arena *a,
                                   struct session_create *out, struct body_flaw *flaw);

/* Text that the API server can read as a version: it answers 500 to any other. */
bool session_version_fits(const char *text);

struct session_change {
    const char *json; /* a JSON merge patch */
    size_t len;
};

/* rv: the version that the change is made for, or NULL for any; a body's resourceVersion counts
 * where rv is NULL. */
MUST_CHECK int session_body_change(const char *text, size_t n, const char *rv, struct arena *a,
                                   struct session_change *out, struct body_flaw *flaw);
