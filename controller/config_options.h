/* controller/config_options.h: the table of options and what values each allows. Pure.
 */
#pragma once

#include <stdbool.h>

enum option_id {
    OPTION_CONFIG,
    OPTION_KUBECONFIG,
    OPTION_CONTEXT,
    OPTION_NAMESPACE,
    OPTION_TEMPLATE_NAMESPACE,
    OPTION_QPS,
    OPTION_BURST,
    OPTION_WATCH_LIST,
    OPTION_DOMAIN,
    OPTION_HOST_TEMPLATE,
    OPTION_EXTERNAL_URL,
    OPTION_INGRESS_CLASS,
    OPTION_INGRESS_ANNOTATION,
    OPTION_TLS_SECRET,
    OPTION_SERVICE_TYPE,
    OPTION_HOME_SIZE,
    OPTION_HOME_CLASS,
    OPTION_HOME_ACCESS_MODE,
    OPTION_CPU_REQUEST,
    OPTION_MEMORY_REQUEST,
    OPTION_CPU_LIMIT,
    OPTION_MEMORY_LIMIT,
    OPTION_CRASH_LIMIT,
    OPTION_DURATION_WARNING,
    OPTION_CONNECTION_STALE,
    OPTION_LISTEN,
    OPTION_AUTH_MODE,
    OPTION_AUTH_SECRET_FILE,
    OPTION_AUTH_JWKS_FILE,
    OPTION_AUTH_JWKS_URL,
    OPTION_AUTH_CA_FILE,
    OPTION_AUTH_ISSUER,
    OPTION_AUTH_AUDIENCE,
    OPTION_AUTH_USER_CLAIM,
    OPTION_AUTH_ROLE_CLAIM,
    OPTION_AUTH_DEFAULT_ROLE,
    OPTION_OPEN_ANYWHERE,
    OPTION_CORS_ORIGINS,
    OPTION_RATE_LIMIT,
    OPTION_CONCURRENCY,
    OPTION_LEADER_ELECT,
    OPTION_LEASE_NAMESPACE,
    OPTION_LEASE_NAME,
    OPTION_LEASE_DURATION,
    OPTION_RENEW_DEADLINE,
    OPTION_RETRY_PERIOD,
    OPTION_METRICS_LISTEN,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
    OPTION_COUNT
};

enum option_type {
    OPTION_TEXT,
    OPTION_BOOL,
    OPTION_NUMBER,   /* a whole number, low to high */
    OPTION_TIME,     /* "15s" */
    OPTION_CHOICE,   /* one of choices */
    OPTION_ADDRESS,  /* "127.0.0.1:8081" */
    OPTION_DNS,      /* a DNS name, or empty where the default is */
    OPTION_HOSTS,    /* a pattern with {session} */
    OPTION_URL,      /* "https://host:port" */
    OPTION_QUANTITY, /* "10Gi" */
    OPTION_PAIRS,    /* "a=b,c=d" */
    OPTION_ORIGINS,  /* "https://a.example,http://localhost:3000", or "*" */
};

struct option {
    const char *name;
    enum option_type type;
    const char *fallback; /* the default, "" for none */
    const char *argument; /* in the help: FILE, NAME */
    const char *help;
    const char *allowed;  /* in messages: what to write instead */
    const char *group;    /* heading before it in the help; NULL: none */
    const char *const *aliases; /* further environment names; NULL-terminated, or NULL */
    const char *const *choices;
    long low, high;
};

extern const struct option options[OPTION_COUNT];

bool option_accepts(const struct option *option, const char *text);
