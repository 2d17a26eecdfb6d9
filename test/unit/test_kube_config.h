/* test/unit/test_kube_config.h: the fixture of a configuration's tests: texts as files that are
 * read without any file.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/kube/config.h"
#include "lib/kube/config_parts.h"
#include "test/check.h"

static struct kube_config *config;
static struct err err;

/* One cluster c, one user u, one context x, written in flow style. */

static inline int parse_files(const char *const *texts, size_t count, const char *context)
{
    static char paths[8][40];
    struct kube_config_file files[8];
    for (size_t i = 0; i < count; i++) {
        snprintf(paths[i], sizeof(paths[i]), "/etc/kube%zu/config", i);
        files[i] = (struct kube_config_file){paths[i], texts[i], strlen(texts[i])};
    }
    kube_config_free(config);
    config = NULL;
    err = (struct err){0};
    return kube_config_parse(files, count, context, &config, &err);
}

static inline int parse(const char *text)
{
    return parse_files(&text, 1, NULL);
}

static inline int parse_entry(const char *cluster, const char *user, const char *context)
{
    auto_arena a = {0};
    return parse(arena_printf(&a,
                              "current-context: x\n"
                              "contexts: [{name: x, context: {%s}}]\n"
                              "clusters: [{name: c, cluster: {%s}}]\n"
                              "users: [{name: u, user: {%s}}]\n",
                              context, cluster, user));
}

static const char CONTEXT[] = "cluster: c, user: u";

static inline int parse_user(const char *user)
{
    return parse_entry("server: 'https://h'", user, CONTEXT);
}

static inline int parse_cluster(const char *cluster)
{
    return parse_entry(cluster, "", CONTEXT);
}

static inline void done(void)
{
    kube_config_free(config);
    config = NULL;
}

struct refused {
    const char *text; /* of the entry */
    const char *want; /* in the error */
};

#define V1 "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never"

/* "PEM!" in base64: what it says is nobody's business before it is used. */
#define DATA "UEVNIQ=="
