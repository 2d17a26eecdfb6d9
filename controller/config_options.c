#include "controller/config_options.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define BOOL_ALLOWED "write true or false"
#define TIME_ALLOWED "write a number and ms, s, m or h, such as 15s"
#define QUANTITY_ALLOWED "write a Kubernetes quantity, such as 500m, 2 or 10Gi"
#define DNS_ALLOWED "write a DNS name: lower-case letters, digits, '-' and '.'"

const struct option options[OPTION_COUNT] = {
    [OPTION_CONFIG] = {"config", OPTION_TEXT, "", "FILE",
                       "YAML file with any of these options as keys", .allowed = "write a path",
                       .group = "What it reads"},
    [OPTION_KUBECONFIG] = {"kubeconfig", OPTION_TEXT, "", "FILE",
                           "the cluster; else KUBECONFIG, the pod's account, ~/.kube/config",
                           .allowed = "write a path"},
    [OPTION_CONTEXT] = {"context", OPTION_TEXT, "", "NAME", "context of the kubeconfig",
                        .allowed = "write the name of a context"},

    [OPTION_NAMESPACE] = {"namespace", OPTION_DNS, "", "NS",
                          "namespace to serve; empty for all of them", .allowed = DNS_ALLOWED,
                          .group = "The cluster", .aliases = NAMES("NAMESPACE")},
    [OPTION_TEMPLATE_NAMESPACE] = {"template-namespace", OPTION_DNS, "", "NS",
                                   "where Templates for everybody are", .allowed = DNS_ALLOWED},
    [OPTION_QPS] = {"kube-api-qps", OPTION_NUMBER, "0", "N",
                    "requests a second at the most; 0: the server decides",
                    .allowed = "write a whole number from 0 to 100000", .high = 100000},
    [OPTION_BURST] = {"kube-api-burst", OPTION_NUMBER, "100", "N",
                      "requests at once above kube-api-qps",
                      .allowed = "write a whole number from 1 to 100000", .low = 1, .high = 100000},
    [OPTION_WATCH_LIST] = {"watch-list", OPTION_BOOL, "true", "true|false",
                           "stream first lists where the server can; false: always by pages",
                           .allowed = BOOL_ALLOWED},

    [OPTION_DOMAIN] = {"domain", OPTION_DNS, "carrel.local", "DOMAIN",
                       "sessions are reached below it", .allowed = DNS_ALLOWED,
                       .group = "Addresses of sessions", .aliases = NAMES("INGRESS_DOMAIN")},
    [OPTION_HOST_TEMPLATE] = {"host-template", OPTION_HOSTS, "{session}.{domain}", "PATTERN",
                              "host of a session, of {session}, {namespace}, {user} and {domain}",
                              .allowed = "write a host with {session} in it, such as "
                                         "{session}-{namespace}.{domain}"},
    [OPTION_EXTERNAL_URL] = {"external-url", OPTION_URL, "https://carrel.local", "URL",
                             "scheme and port under which the ingress is reached",
                             .allowed =
                                 "write http:// or https://, a host, and a port if it is not the "
                                 "usual one"},
    [OPTION_INGRESS_CLASS] = {"ingress-class", OPTION_DNS, "", "NAME",
                              "class of the Ingresses; empty for the cluster's default",
                              .allowed = DNS_ALLOWED, .aliases = NAMES("INGRESS_CLASS")},
    [OPTION_INGRESS_ANNOTATION] = {"ingress-annotation", OPTION_PAIRS, "", "KEY=VALUE",
                                   "annotation of every Ingress; may be given several times",
                                   .allowed = "write key=value pairs with commas between them"},
    [OPTION_TLS_SECRET] = {"tls-secret", OPTION_TEXT, "", "NAME",
                           "Secret of the Ingresses' TLS block; may hold {session}",
                           .allowed = "write the name of a Secret"},
    [OPTION_SERVICE_TYPE] = {"service-type", OPTION_CHOICE, "headless", "TYPE",
                             "headless, or ClusterIP where the ingress needs an address",
                             .allowed = "write headless or ClusterIP",
                             .choices = NAMES("headless", "ClusterIP")},

    [OPTION_HOME_SIZE] = {"home-size", OPTION_QUANTITY, "10Gi", "SIZE", "size of a user's home",
                          .allowed = QUANTITY_ALLOWED, .group = "What sessions get"},
    [OPTION_HOME_CLASS] = {"home-class", OPTION_DNS, "", "NAME",
                           "storage class of homes; empty for the cluster's default",
                           .allowed = DNS_ALLOWED},
    [OPTION_HOME_ACCESS_MODE] = {"home-access-mode", OPTION_CHOICE, "ReadWriteOnce", "MODE",
                                 "ReadWriteMany where the class can",
                                 .allowed = "write ReadWriteOnce or ReadWriteMany",
                                 .choices = NAMES("ReadWriteOnce", "ReadWriteMany")},
    [OPTION_CPU_REQUEST] = {"cpu-request", OPTION_QUANTITY, "100m", "CPU",
                            "where neither session nor template says", .allowed = QUANTITY_ALLOWED},
    [OPTION_MEMORY_REQUEST] = {"memory-request", OPTION_QUANTITY, "256Mi", "MEMORY",
                               "where neither session nor template says",
                               .allowed = QUANTITY_ALLOWED},
    [OPTION_CPU_LIMIT] = {"cpu-limit", OPTION_QUANTITY, "1", "CPU",
                          "where neither session nor template says", .allowed = QUANTITY_ALLOWED},
    [OPTION_MEMORY_LIMIT] = {"memory-limit", OPTION_QUANTITY, "2Gi", "MEMORY",
                             "where neither session nor template says",
                             .allowed = QUANTITY_ALLOWED},
    [OPTION_CRASH_LIMIT] = {"crash-limit", OPTION_NUMBER, "3", "N",
                            "restarts after which a session counts as Failed",
                            .allowed = "write a whole number from 1 to 1000", .low = 1,
                            .high = 1000},
    [OPTION_DURATION_WARNING] = {"duration-warning", OPTION_TIME, "5m", "TIME",
                                 "how long before maxSessionDuration the warning comes",
                                 .allowed = TIME_ALLOWED},
    [OPTION_CONNECTION_STALE] = {"connection-stale", OPTION_TIME, "6m", "TIME",
                                 "a Connection without a heartbeat for so long is stale",
                                 .allowed = TIME_ALLOWED},

    [OPTION_LISTEN] = {"listen", OPTION_ADDRESS, "", "ADDRESS", "where the API is; empty for none",
                       .allowed = "write an IPv4 address and a port, such as 127.0.0.1:8080",
                       .group = "The API"},
    [OPTION_AUTH_MODE] = {"auth-mode", OPTION_CHOICE, "open", "MODE",
                          "open: whoever reaches the API may do anything; token: who has one",
                          .allowed = "write open or token", .choices = NAMES("open", "token")},
    [OPTION_AUTH_SECRET_FILE] = {"auth-secret-file", OPTION_TEXT, "", "FILE",
                                 "32 bytes or more, with which tokens are signed (HS256)",
                                 .allowed = "write a path"},
    [OPTION_AUTH_JWKS_FILE] = {"auth-jwks-file", OPTION_TEXT, "", "FILE",
                               "JWK set with the public keys of who signs tokens",
                               .allowed = "write a path"},
    [OPTION_AUTH_JWKS_URL] = {"auth-jwks-url", OPTION_TEXT, "", "URL",
                              "where such a set is fetched every ten minutes",
                              .allowed = "write an address with https://"},
    [OPTION_AUTH_CA_FILE] = {"auth-ca-file", OPTION_TEXT, "", "FILE",
                             "roots to trust there; empty for the system's",
                             .allowed = "write a path"},
    [OPTION_AUTH_ISSUER] = {"auth-issuer", OPTION_TEXT, "", "URL",
                            "what a token's iss must be; where no keys are named, they are found "
                            "by its OpenID discovery",
                            .allowed = "write an issuer"},
    [OPTION_AUTH_AUDIENCE] = {"auth-audience", OPTION_TEXT, "", "NAME",
                              "what a token's aud must hold; empty for anything",
                              .allowed = "write an audience"},
    [OPTION_AUTH_USER_CLAIM] = {"auth-user-claim", OPTION_TEXT, "sub", "NAME",
                                "which claim of a token is the user",
                                .allowed = "write the name of a claim"},
    [OPTION_AUTH_ROLE_CLAIM] = {"auth-role-claim", OPTION_TEXT, "role", "NAME",
                                "which claim of a token is the role: a text or a list",
                                .allowed = "write the name of a claim"},
    [OPTION_AUTH_DEFAULT_ROLE] = {"auth-default-role", OPTION_CHOICE, "user", "ROLE",
                                  "role of a token without that claim; none: it is refused",
                                  .allowed = "write none, viewer, user, operator or admin",
                                  .choices = NAMES("none", "viewer", "user", "operator", "admin")},
    [OPTION_OPEN_ANYWHERE] =
        {"open-anywhere", OPTION_BOOL, "false", "true|false",
         "let auth-mode open listen on other addresses than this machine's own",
         .allowed = BOOL_ALLOWED},
    [OPTION_CORS_ORIGINS] = {"cors-origins", OPTION_ORIGINS, "", "ORIGINS",
                             "whose web pages may use the API besides its own, with commas",
                             .allowed = "write origins such as https://app.example.com with "
                                        "commas between them, or *"},
    [OPTION_RATE_LIMIT] = {"rate-limit", OPTION_NUMBER, "50", "N",
                           "requests a second of one caller with a token, four times that at once; "
                           "0: any",
                           .allowed = "write a whole number from 0 to 100000", .high = 100000},

    [OPTION_CONCURRENCY] = {"concurrency", OPTION_NUMBER, "64", "N", "reconciles of a kind at once",
                            .allowed = "write a whole number from 1 to 1000",
                            .group = "How it runs", .low = 1, .high = 1000},
    [OPTION_LEADER_ELECT] = {"leader-elect", OPTION_BOOL, "true", "true|false",
                             "share the work's lead with other replicas by a Lease",
                             .allowed = BOOL_ALLOWED},
    [OPTION_LEASE_NAMESPACE] = {"lease-namespace", OPTION_DNS, "", "NS",
                                "of the Lease; empty for the pod's own", .allowed = DNS_ALLOWED},
    [OPTION_LEASE_NAME] = {"lease-name", OPTION_DNS, "carrel-controller", "NAME", "of the Lease",
                           .allowed = DNS_ALLOWED},
    [OPTION_LEASE_DURATION] = {"lease-duration", OPTION_TIME, "15s", "TIME",
                               "how long others wait for a silent leader", .allowed = TIME_ALLOWED},
    [OPTION_RENEW_DEADLINE] = {"renew-deadline", OPTION_TIME, "10s", "TIME",
                               "without a renewal for so long the lead is given up",
                               .allowed = TIME_ALLOWED},
    [OPTION_RETRY_PERIOD] = {"retry-period", OPTION_TIME, "2s", "TIME",
                             "between two looks at the Lease", .allowed = TIME_ALLOWED},
    [OPTION_METRICS_LISTEN] = {"metrics-listen", OPTION_ADDRESS, "0.0.0.0:8081", "ADDRESS",
                               "where /livez, /readyz and /metrics are",
                               .allowed =
                                   "write an IPv4 address and a port, such as 127.0.0.1:8081"},
    [OPTION_LOG_LEVEL] = {"log-level", OPTION_CHOICE, "info", "LEVEL", "debug, info, warn or error",
                          .allowed = "write debug, info, warn or error",
                          .choices = NAMES("debug", "info", "warn", "error")},
    [OPTION_LOG_FORMAT] = {"log-format", OPTION_CHOICE, "text", "FORMAT", "text or json",
                           .allowed = "write text or json", .choices = NAMES("text", "json")},
};

/* --- what is allowed ------------------------------------------------------------------------- */

static bool is_choice(const struct option *o, const char *text)
{
    for (const char *const *c = o->choices; *c; c++) {
        if (strcmp(*c, text) == 0) return true;
    }
    return false;
}

static bool is_number(const char *text, long low, long high)
{
    char *end = NULL;
    if (!isdigit((unsigned char)*text)) return false;
    long n = strtol(text, &end, 10);
    return *end == '\0' && n >= low && n <= high;
}

static bool is_dns(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.");
    if (text[n] || n > 253) return false;
    if (n == 0) return true; /* empty: the default */
    for (const char *p = text; *p; p++) {
        bool edge = p == text || p[-1] == '.' || p[1] == '.' || p[1] == '\0';
        if (edge && !isalnum((unsigned char)*p)) return false;
    }
    return true;
}

static bool is_hosts(const char *text)
{
    if (!strstr(text, "{session}") || strlen(text) > 200) return false;
    while (*text) {
        size_t n = strcspn(text, "{}");
        for (size_t i = 0; i < n; i++) {
            if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) &&
                !strchr("-.", text[i])) {
                return false;
            }
        }
        text += n;
        if (!*text) return true;
        static const char *const marks[] = {"{session}", "{namespace}", "{user}", "{domain}"};
        size_t i = 0;
        while (i < 4 && strncmp(text, marks[i], strlen(marks[i])) != 0) i++;
        if (i == 4) return false;
        text += strlen(marks[i]);
    }
    return true;
}

static bool is_url(const char *text)
{
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : NULL;
    if (!host) return false;
    size_t n = strcspn(host, ":/");
    if (n == 0 || strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") != n) return false;
    if (host[n] == '\0') return true;
    return host[n] == ':' && is_number(host + n + 1, 1, 65535);
}

static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !is_number(colon + 1, 0, 65535)) return false;
    int dots = 0;
    for (const char *p = text; p < colon; p++) {
        if (*p == '.')
            dots++;
        else if (!isdigit((unsigned char)*p))
            return false;
    }
    return dots == 3;
}

static bool is_quantity(const char *text)
{
    static const char *const units[] = {"",   "m",  "k",  "M",  "G",  "T", "P",
                                        "Ki", "Mi", "Gi", "Ti", "Pi", NULL};
    size_t n = strspn(text, "0123456789");
    if (n == 0) return false;
    if (text[n] == '.') n += 1 + strspn(text + n + 1, "0123456789");
    for (const char *const *u = units; *u; u++) {
        if (strcmp(text + n, *u) == 0) return true;
    }
    return false;
}

static bool is_pairs(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, ","), name = strcspn(text, "=");
        if (name == 0 || name >= n) return false;
        text += n + (text[n] == ',');
    }
    return true;
}

static bool is_origin(const char *text, size_t n)
{
    const char *at = memmem(text, n, "://", 3);
    if (!at) return false;
    size_t scheme = (size_t)(at - text);
    if ((scheme != 4 || strncmp(text, "http", 4) != 0) &&
        (scheme != 5 || strncmp(text, "https", 5) != 0))
        return false;
    for (const char *p = at + 3; p < text + n; p++) {
        if (!isalnum((unsigned char)*p) && !strchr(".-:[]", *p)) return false;
    }
    return at + 3 < text + n;
}

static bool is_origins(const char *text)
{
    if (strcmp(text, "*") == 0) return true;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ",");
        if (!is_origin(p, n)) return false;
        p += n;
        if (*p && !*++p) return false;
    }
    return true;
}

bool option_accepts(const struct option *o, const char *text)
{
    int64_t ms = 0;
    switch (o->type) {
    case OPTION_TEXT:
        return true;
    case OPTION_BOOL:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    case OPTION_NUMBER:
        return is_number(text, o->low, o->high);
    case OPTION_TIME:
        return duration_parse(text, &ms, NULL) == 0;
    case OPTION_CHOICE:
        return is_choice(o, text);
    case OPTION_ADDRESS:
        return is_address(text) || (!*text && !*o->fallback);
    case OPTION_ORIGINS:
        return is_origins(text);
    case OPTION_DNS:
        return is_dns(text);
    case OPTION_HOSTS:
        return is_hosts(text);
    case OPTION_URL:
        return is_url(text);
    case OPTION_QUANTITY:
        return is_quantity(text);
    case OPTION_PAIRS:
        return is_pairs(text);
    }
    return false;
}
