/* controller/settings.h: what the reconciles need to know of the configuration; a plain const
 * struct, so that tests and the simulator fill it by hand. config.h makes it from flags,
 * environment and file, and has checked every value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct setting_pair {
    const char *name;
    const char *value;
};

struct settings {
    const char *ns;                 /* namespace to watch; "" for all */
    const char *template_namespace; /* where shared Templates are; "" for none */
    const char *domain;             /* "example.com"; hosts are below it */
    const char *host_template;      /* "{session}.{domain}" */
    const char *scheme;             /* of URLs: "https" or "http" */
    int port;                       /* of URLs; 0: the scheme's own */
    const char *ingress_class;      /* "" for the cluster's default */
    const char *tls_secret;         /* of the TLS block; "" for none; may hold {session} */
    const struct setting_pair *ingress_annotations;
    size_t ingress_annotation_count;
    bool headless;             /* Services without a cluster address */
    const char *home_size;     /* "10Gi" */
    const char *home_class;    /* storage class; "" for the cluster's default */
    const char *home_access;   /* "ReadWriteOnce" or "ReadWriteMany" */
    const char *cpu_request, *memory_request, *cpu_limit, *memory_limit; /* where none is given */
    int concurrency;           /* reconciles at once */
    double qps, burst;         /* of the client; 0: none */
    int64_t connection_stale_ms; /* a Connection without a heartbeat for so long is stale */
    int64_t duration_warning_ms; /* how long before maxSessionDuration the warning comes */
    int64_t crash_limit;         /* restarts after which a session counts as Failed */
    int page_size;               /* of paged lists; 0: 500 */
    bool pages_only;             /* never ask for a watch-list */
    /* Constants of a version, here so that the simulator can run two versions at once. */
    int renderer;                /* the newest way in which we make pods (session_start.h) */
    int intent_schema;           /* raised when all children are to be written once again */
};

/* The values that the program has without any configuration. */
extern const struct settings settings_default;
