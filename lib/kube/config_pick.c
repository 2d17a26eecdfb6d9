#include "lib/kube/config.h"

#include "lib/kube/config_parts.h"
#include "lib/str.h"

/* Files are not merged: each name is sought in one file after the other, and the first that has it
 * gives the whole entry. */
struct search {
    const struct file_parts *files;
    size_t count;
    size_t list; /* offset of the list in file_parts */
    size_t size; /* of its entries */
};

static const void *find(const struct search *s, const char *name, const char **path)
{
    for (size_t i = 0; i < s->count; i++) {
        const char *file = (const char *)&s->files[i];
        const struct json_list *list = (const struct json_list *)(const void *)(file + s->list);
        for (size_t j = 0; j < list->count; j++) {
            const char *entry = (const char *)list->items + j * s->size;
            if (!str_equal(*(char *const *)(const void *)entry, name)) continue;
            *path = s->files[i].path;
            return entry;
        }
    }
    return NULL;
}

#define SEARCH(list_name, entry)                                                                   \
    &(struct search)                                                                               \
    {                                                                                              \
        files, count, offsetof(struct file_parts, list_name), sizeof(struct entry)                 \
    }

static const char *current_context(const struct file_parts *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = files[i].current_context;
        if (name && *name) return name;
    }
    return NULL;
}

static int fail_context(const struct chosen *c, const char *what, const char *name, struct err *err)
{
    const char *context = c->context->name;
    if (!name || !*name) {
        return err_set(err, ERR_INVALID, "%s: context '%.60s': names no %s", c->context_path,
                       context, what);
    }
    return err_set(err, ERR_INVALID, "%s: context '%.60s': there is no %s '%.60s'", c->context_path,
                   context, what, name);
}

int config_pick(const struct file_parts *files, size_t count, const char *context,
                struct chosen *out, struct err *err)
{
    struct chosen c = {0};
    const char *first = count ? files[0].path : "kubeconfig";
    const char *name = context && *context ? context : current_context(files, count);
    if (!name) return err_set(err, ERR_INVALID, "%s: current-context is not set", first);
    c.context = find(SEARCH(contexts, named_context), name, &c.context_path);
    if (!c.context) {
        return err_set(err, ERR_INVALID, "%s: there is no context '%.60s'", first, name);
    }
    const struct context_part *parts = &c.context->context;
    c.cluster = find(SEARCH(clusters, named_cluster), parts->cluster, &c.cluster_path);
    if (!c.cluster) return fail_context(&c, "cluster", parts->cluster, err);
    c.user = find(SEARCH(users, named_user), parts->user, &c.user_path);
    if (!c.user) return fail_context(&c, "user", parts->user, err);
    *out = c;
    return 0;
}
