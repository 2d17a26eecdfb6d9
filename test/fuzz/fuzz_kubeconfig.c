/* Kubeconfig files as strangers write them: up to four, set apart by a byte 1. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/kube/auth_plugin.h"
#include "lib/kube/config.h"

enum { FILES_MAX = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t split(const char *text, size_t n, struct kube_config_file *files)
{
    static const char *const paths[] = {"/a/config", "b/config", "config", "/config"};
    size_t count = 0;
    while (count < FILES_MAX) {
        const char *cut = count + 1 < FILES_MAX ? memchr(text, 1, n) : NULL;
        size_t len = cut ? (size_t)(cut - text) : n;
        files[count] = (struct kube_config_file){paths[count], text, len};
        count++;
        if (!cut) break;
        text += len + 1;
        n -= len + 1;
    }
    return count;
}

static void must(bool that)
{
    if (!that) abort();
}

static bool is_clean(const char *text)
{
    for (; text && *text; text++) {
        if ((unsigned char)*text < ' ') return false;
    }
    return true;
}

static void check(const struct kube_config *c)
{
    struct arena a = {0};
    char *info = NULL;
    must(c->source && c->context && c->ns && *c->ns);
    must(strncmp(c->server, "http://", 7) == 0 || strncmp(c->server, "https://", 8) == 0);
    must(c->server[strlen(c->server) - 1] != '/' && is_clean(c->server));
    must(!(c->insecure && (c->ca_file || c->ca_data)));
    must(!(c->cert_file || c->cert_data) == !(c->key_file || c->key_data));
    must(is_clean(c->as_user) && is_clean(c->as_uid) && is_clean(c->username));
    for (size_t i = 0; i < c->as_group_count; i++) must(is_clean(c->as_groups[i]));
    for (size_t i = 0; i < c->as_extra_count; i++) {
        must(is_clean(c->as_extra[i].name) && is_clean(c->as_extra[i].value));
    }
    if (c->exec.command) must(plugin_info(&a, c, "PEM", &info, NULL) == 0);
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kube_config_file files[FILES_MAX];
    struct kube_config *config = NULL;
    struct err err = {0};
    size_t count = split((const char *)data, size, files);
    if (kube_config_parse(files, count, NULL, &config, &err) == 0) {
        check(config);
    } else {
        must(err.code != ERR_NONE && err.text[0]);
    }
    kube_config_free(config);
    return 0;
}
