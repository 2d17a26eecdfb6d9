#include "lib/kube/config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/files.h"
#include "lib/kube/config_parts.h"
#include "lib/limits.h"
#include "lib/map.h"
#include "lib/xalloc.h"

static bool given(const char *text)
{
    return text && *text;
}

static struct kube_config *config_new(void)
{
    struct kube_config *config = xcalloc(1, sizeof(*config));
    arena_init(&config->arena);
    return config;
}

static void clear(char *text)
{
    if (text) explicit_bzero(text, strlen(text));
}

void kube_config_free(struct kube_config *config)
{
    if (!config) return;
    clear(config->token);
    clear(config->password);
    clear(config->key_data);
    clear(config->proxy_url);
    for (size_t i = 0; i < config->exec.env_count; i++) clear(config->exec.env[i].value);
    clear(config->exec.cluster_info); /* has the proxy's URL */
    arena_release(&config->arena);
    free(config);
}

int config_make(const struct kube_config_file *files, size_t count, const char *context,
                bool on_disk, struct kube_config **out, struct err *err)
{
    auto_arena scratch = {0};
    struct file_parts *parts = xcalloc(count, sizeof(*parts));
    struct kube_config *config = config_new();
    struct chosen chosen = {0};
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) rc = config_read(&files[i], &parts[i], err);
    if (rc == 0) rc = config_pick(parts, count, context, &chosen, err);
    if (rc == 0) rc = config_check(&chosen, on_disk, err);
    if (rc == 0) rc = config_build(&scratch, &chosen, config, err);
    for (size_t i = 0; i < count; i++) parts_release(&parts[i]);
    free(parts);
    if (rc == 0) {
        *out = config;
    } else {
        kube_config_free(config);
    }
    return rc;
}

int kube_config_parse(const struct kube_config_file *files, size_t count, const char *context,
                      struct kube_config **out, struct err *err)
{
    return config_make(files, count, context, false, out, err);
}

/* --- Files --- */

/* KUBECONFIG's list: its paths in order, each once, and the texts of those that are there. */
struct file_list {
    struct kube_config_file *files;
    size_t count;
    struct map seen;
};

static void list_release(struct file_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        char *text = (char *)(uintptr_t)list->files[i].text;
        if (text) explicit_bzero(text, list->files[i].len);
        free(text);
    }
    map_release(&list->seen, NULL);
    free(list->files);
}

static int list_add(struct file_list *list, const char *path, bool may_miss, struct err *err)
{
    struct err why;
    char *text = NULL;
    size_t len = 0;
    if (file_read(path, LIMIT_KUBECONFIG_BYTES, &text, &len, &why) < 0) {
        if (may_miss && why.code == ERR_NOT_FOUND) return 0;
        if (err) *err = why;
        return err_wrap(err, "kubeconfig");
    }
    list->files = xrealloc(list->files, list->count + 1, sizeof(*list->files));
    list->files[list->count++] = (struct kube_config_file){path, text, len};
    return 0;
}

static int list_read(struct file_list *list, struct arena *a, const char *paths, struct err *err)
{
    for (const char *at = paths; *at;) {
        size_t n = strcspn(at, ":");
        char *path = arena_strndup(a, at, n);
        at += at[n] ? n + 1 : n;
        if (n == 0 || map_put(&list->seen, path, path)) continue;
        if (list_add(list, path, true, err) < 0) return -1;
    }
    if (list->count == 0) {
        return err_set(err, ERR_NOT_FOUND, "KUBECONFIG: there is no file of '%.150s'", paths);
    }
    return 0;
}

static int load_list(const char *paths, const char *context, struct kube_config **out,
                     struct err *err)
{
    auto_arena a = {0};
    struct file_list list = {0};
    int rc = list_read(&list, &a, paths, err);
    if (rc == 0) rc = config_make(list.files, list.count, context, true, out, err);
    list_release(&list);
    return rc;
}

static int load_file(const char *path, const char *context, struct kube_config **out,
                     struct err *err)
{
    struct file_list list = {0};
    int rc = list_add(&list, path, false, err);
    if (rc == 0) rc = config_make(list.files, list.count, context, true, out, err);
    list_release(&list);
    return rc;
}

static int load_home(const struct kube_config_source *from, struct kube_config **out,
                     struct err *err)
{
    auto_arena a = {0};
    const char *path = arena_printf(&a, "%s/.kube/config", from->home);
    if (load_file(path, from->context, out, err) == 0) return 0;
    if (err && err->code == ERR_NOT_FOUND) err_wrap(err, "no --kubeconfig, no KUBECONFIG");
    return -1;
}

/* --- In a pod --- */

static bool in_pod(const struct kube_config_source *from)
{
    return given(from->service_host) && given(from->service_port);
}

static char *account_path(struct arena *a, const struct kube_config_source *from, const char *name)
{
    return arena_printf(a, "%s/%s", from->account_dir, name);
}

static char *pod_namespace(struct arena *a, const struct kube_config_source *from)
{
    char *text = NULL, *ns = NULL;
    if (given(from->pod_namespace)) return arena_strdup(a, from->pod_namespace);
    if (file_read(account_path(a, from, "namespace"), 256, &text, NULL, NULL) < 0) {
        return arena_strdup(a, "default");
    }
    char *begin = text + strspn(text, " \t\r\n");
    ns = arena_strndup(a, begin, strcspn(begin, " \t\r\n"));
    free(text);
    return *ns ? ns : arena_strdup(a, "default");
}

static int build_pod(const struct kube_config_source *from, struct kube_config *c, struct err *err)
{
    struct arena *a = &c->arena;
    const char *host = from->service_host;
    bool bare_ipv6 = strchr(host, ':') && host[0] != '[';
    const char *url =
        arena_printf(a, bare_ipv6 ? "https://[%s]:%s" : "https://%s:%s", host, from->service_port);
    if (server_url(a, url, true, &c->server, err) < 0) {
        return err_wrap(err, "KUBERNETES_SERVICE_HOST and _PORT");
    }
    c->source = arena_strdup(a, "in-cluster");
    c->ns = pod_namespace(a, from);
    c->token_file = account_path(a, from, "token");
    c->ca_file = account_path(a, from, "ca.crt");
    return file_check(c->ca_file, err); /* without it nothing would be verified */
}

static int load_pod(const struct kube_config_source *from, struct kube_config **out,
                    struct err *err)
{
    if (given(from->context)) {
        return err_set(err, ERR_INVALID, "in-cluster: there is no context '%.60s'", from->context);
    }
    struct kube_config *config = config_new();
    if (build_pod(from, config, err) < 0) {
        kube_config_free(config);
        return err_wrap(err, "in-cluster");
    }
    *out = config;
    return 0;
}

static bool has_account(const struct kube_config_source *from)
{
    auto_arena a = {0};
    if (!in_pod(from) || !given(from->account_dir)) return false;
    return file_check(account_path(&a, from, "token"), NULL) == 0;
}

/* --- */

static int load_any(const struct kube_config_source *from, struct kube_config **out,
                    struct err *err)
{
    if (given(from->path)) return load_file(from->path, from->context, out, err);
    if (given(from->kubeconfig_env)) {
        return load_list(from->kubeconfig_env, from->context, out, err);
    }
    if (has_account(from)) return load_pod(from, out, err);
    if (given(from->home)) return load_home(from, out, err);
    return err_set(err, ERR_NOT_FOUND, "no --kubeconfig, no KUBECONFIG, not in a pod, no HOME");
}

int kube_config_load(const struct kube_config_source *from, struct kube_config **out,
                     struct err *err)
{
    struct kube_config *config = NULL;
    if (load_any(from, &config, err) < 0) return -1;
    /* In a pod a kubeconfig comes from a Secret or a volume: it must not choose what runs there. */
    if (config->exec.command && in_pod(from)) {
        err_set(err, ERR_DENIED, "%s: exec: no credential plugin is run inside a cluster",
                config->source);
        kube_config_free(config);
        return -1;
    }
    *out = config;
    return 0;
}
