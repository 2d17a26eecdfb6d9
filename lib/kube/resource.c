#include "lib/kube/resource.h"

#include <string.h>

static bool is_safe(const char *part)
{
    if (!*part || strcmp(part, ".") == 0 || strcmp(part, "..") == 0) return false;
    for (const unsigned char *p = (const unsigned char *)part; *p; p++) {
        if (*p <= ' ' || *p == 0x7f || strchr("/%?#", *p)) return false;
    }
    return true;
}

static int add_part(struct str *out, const char *part, struct err *err)
{
    if (!is_safe(part)) return err_set(err, ERR_INVALID, "'%.60s' cannot be part of a path", part);
    str_add_c(out, '/');
    str_add(out, part);
    return 0;
}

int kube_path(struct str *out, const struct kube_resource *resource, const char *ns,
              const char *name, const char *sub, struct err *err)
{
    str_add_c(out, '/');
    str_add(out, resource->api);
    if (ns && *ns) {
        str_add(out, "/namespaces");
        if (add_part(out, ns, err) < 0) return -1;
    }
    str_add_c(out, '/');
    str_add(out, resource->plural);
    if (name && add_part(out, name, err) < 0) return -1;
    if (sub && add_part(out, sub, err) < 0) return -1;
    return str_check(out, "path", err);
}
