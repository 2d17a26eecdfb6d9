/* controller/template_spec.h: a Template's spec as a struct, read from the JSON of the Template or
 * of a ControllerRevision that froze it; and what makes a template usable. Pure.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/json_table.h"

struct template_port {
    char *name;
    int64_t port;
    char *protocol;
};

struct env_var {
    char *name;
    char *value;      /* NULL: none */
    char *value_from; /* JSON text; NULL: none */
};

struct template_mount {
    char *name, *path, *sub_path;
    bool read_only;
};

struct template_volume { /* of pod.volumes: its name is all that we look at */
    char *name;
};

struct template_parameter {
    char *name;
    char *type;
    char *fallback; /* "default" */
    struct json_list allowed; /* of char * */
    bool required;
};

struct resources {
    struct json_list requests, limits; /* of struct json_pair */
    char *cpu, *memory;                /* StreamSpace's flat form */
};

struct template_spec {
    char *display_name, *image, *kind;
    struct json_list command, args; /* of char * */
    struct json_list ports;         /* of struct template_port */
    struct json_list env;           /* of struct env_var */
    struct json_list parameters;    /* of struct template_parameter */
    struct resources resources;
    struct json_list mounts;        /* of struct template_mount */
    struct json_list volume_names;  /* of struct template_volume */
    bool has_webapp, webapp_enabled;
    int64_t webapp_port;
    char *webapp_path, *health_check;
    bool has_vnc, vnc_enabled;
    int64_t vnc_port;
    bool base_path_aware, evictable;
    char *probe_path;
    int64_t probe_port, probe_period_s;
    char *home_path;
    char *pull_secrets, *node_selector, *tolerations, *affinity, *volumes; /* JSON text */
    char *runtime_class, *priority_class;
    char *pod_security; /* "restricted" or "baseline"; NULL as restricted */
    int64_t run_as_user, run_as_group, fs_group; /* -1: not given */
    bool has_run_as_non_root, run_as_non_root, read_only_root;
};

/* What a Session adds: read from the JSON texts of its spec. */
struct session_extra {
    struct resources resources;
    struct json_list env;        /* of struct env_var */
    struct json_list parameters; /* of struct json_pair */
};

MUST_CHECK int template_spec_read(struct arena *a, const char *json, struct template_spec *out,
                                  struct err *err);
/* json texts may be NULL. */
MUST_CHECK int session_extra_read(struct arena *a, const char *resources, const char *env,
                                  const char *parameters, struct session_extra *out,
                                  struct err *err);

/* What mounts and volumes call the user's home. StreamSpace's manifests mount it under that name
 * without declaring it. */
#define TEMPLATE_HOME_VOLUME "user-home"

/* Where the home is mounted: at the template's own mount of it, else at homePath. */
const char *template_home_path(const struct template_spec *spec);

/* The port that the session's address leads to: webapp.port, vnc.port, the first TCP port, 3000. */
int64_t template_port_of(const struct template_spec *spec);

/* What the schema cannot say. The error names the field and says what to write instead. */
MUST_CHECK int template_spec_check(const struct template_spec *spec, struct err *err);

/* A session's parameters against the template's: unknown, missing or not allowed values. */
MUST_CHECK int session_parameters_check(const struct template_spec *spec,
                                        const struct session_extra *extra, struct err *err);
