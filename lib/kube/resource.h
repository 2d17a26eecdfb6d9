/* lib/kube/resource.h: where a resource lives in the API, and the paths that name it. The types
 * that we use are compiled in: no discovery at run time. Pure.
 */
#pragma once

#include "lib/err.h"
#include "lib/str.h"

struct kube_resource {
    const char *api;         /* "api/v1", "apis/apps/v1" */
    const char *plural;      /* "deployments" */
    const char *api_version; /* "apps/v1" */
    const char *kind;        /* "Deployment" */
};

/* Appends "/apis/apps/v1/namespaces/NS/deployments/NAME/SUB". ns NULL or "": all namespaces (or a
 * cluster-scoped resource); name and sub may be NULL. ERR_INVALID for a part that could lead
 * elsewhere: empty, ".", "..", or with '/', '%', '?', '#' or a control character. */
MUST_CHECK int kube_path(struct str *out, const struct kube_resource *resource, const char *ns,
                         const char *name, const char *sub, struct err *err);
