#include "apiserver/api_parts.h"
#include "apiserver/document.h"

const struct api_route api_routes[] = {
    {"GET", "/health", ROLE_NOBODY, "", NULL, about_health},
    {"GET", "/version", ROLE_NOBODY, "", NULL, about_version},
    {"GET", "/openapi.json", ROLE_NOBODY, "", NULL, document_openapi},
    {"GET", "/docs", ROLE_NOBODY, "", NULL, document_page},
    {"GET", "/docs.js", ROLE_NOBODY, "", NULL, document_script},

    {"GET", "/api/v1/sessions", ROLE_VIEWER, NULL, NULL, sessions_list},
    {"POST", "/api/v1/sessions", ROLE_USER, "namespace dryRun", "SessionCreate", sessions_create},
    {"GET", "/api/v1/sessions/{id}", ROLE_VIEWER, "namespace", NULL, sessions_get},
    {"PATCH", "/api/v1/sessions/{id}", ROLE_USER, "namespace dryRun", "SessionChange",
     sessions_change},
    {"DELETE", "/api/v1/sessions/{id}", ROLE_USER, "namespace dryRun", NULL, sessions_delete},
    {"GET", "/api/v1/sessions/{id}/events", ROLE_VIEWER, "namespace", NULL, session_events},
    {"GET", "/api/v1/sessions/{id}/logs", ROLE_VIEWER, "namespace tail", NULL, session_logs},
    {"GET", "/api/v1/sessions/{id}/why", ROLE_VIEWER, "namespace", NULL, session_why},
    {"POST", "/api/v1/sessions/{id}/start", ROLE_USER, "namespace dryRun", NULL, sessions_start},
    {"POST", "/api/v1/sessions/{id}/hibernate", ROLE_USER, "namespace dryRun", NULL,
     sessions_hibernate},
    {"POST", "/api/v1/sessions/{id}/restart", ROLE_USER, "namespace dryRun", NULL,
     sessions_restart},

    {"GET", "/api/v1/templates", ROLE_VIEWER, NULL, NULL, templates_list},
    {"POST", "/api/v1/templates", ROLE_ADMIN, "namespace", "TemplateCreate", templates_create},
    {"GET", "/api/v1/templates/{id}", ROLE_VIEWER, "namespace", NULL, templates_get},
    {"DELETE", "/api/v1/templates/{id}", ROLE_ADMIN, "namespace", NULL, templates_delete},

    {"GET", "/api/v1/cluster/pods/{namespace}/{name}/logs", ROLE_OPERATOR, "tail", NULL, pod_logs},
};
const size_t api_route_count = sizeof(api_routes) / sizeof(*api_routes);
