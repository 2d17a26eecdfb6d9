#include "controller/settings.h"

#include "controller/session_start.h"

const struct settings settings_default = {
    .ns = "",
    .template_namespace = "",
    .domain = "carrel.local",
    .host_template = "{session}.{domain}",
    .scheme = "https",
    .ingress_class = "",
    .tls_secret = "",
    .headless = true,
    .home_size = "10Gi",
    .home_class = "",
    .home_access = "ReadWriteOnce",
    .cpu_request = "100m",
    .memory_request = "256Mi",
    .cpu_limit = "1",
    .memory_limit = "2Gi",
    .concurrency = 64,
    .connection_stale_ms = 6 * 60 * 1000,
    .duration_warning_ms = 5 * 60 * 1000,
    .crash_limit = 3,
    .renderer = SESSION_RENDERER,
    .intent_schema = 1,
};
