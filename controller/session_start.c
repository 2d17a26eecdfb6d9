#include "controller/session_start.h"

#include <string.h>

#include "lib/clock.h"

static const struct json_field spec_rows[] = {
    JSON_ROW("persistentHome", JSON_BOOL, struct session_start, persistent_home),
    JSON_ROW("resources", JSON_RAW, struct session_start, resources),
    JSON_ROW("env", JSON_RAW, struct session_start, env),
    JSON_ROW("parameters", JSON_RAW, struct session_start, parameters),
};
static const struct json_table spec_table = {spec_rows, 4, 0, false};
static JSON_TABLE(start_table, struct session_start,
                  JSON_ROW("revision", JSON_TEXT, struct session_start, revision,
                           .flags = JSON_REQUIRED),
                  JSON_ROW("at", JSON_TIME, struct session_start, at_ms, .flags = JSON_REQUIRED),
                  JSON_ROW("renderer", JSON_INT, struct session_start, renderer,
                           .flags = JSON_REQUIRED),
                  JSON_ROW("restartAt", JSON_TEXT, struct session_start, restart_at),
                  {"spec", JSON_OBJECT, .offset = 0, .table = &spec_table});

static void add_raw(struct str *out, const char *name, const char *json)
{
    if (json) str_add_f(out, ",\"%s\":%s", name, json);
}

static void add_time(struct str *out, int64_t wall_ms)
{
    char at[TIME_TEXT_SIZE];
    time_format_us(at, wall_ms * 1000);
    str_add_f(out, ",\"at\":\"%s\"", at);
}

struct session_start session_start_new(struct arena *a, const struct session *s,
                                       const char *revision, int64_t wall_ms, int renderer)
{
    auto_str text;
    str_init(&text, 512 * 1024);
    str_add(&text, "{\"revision\":");
    str_add_json(&text, revision);
    str_add_f(&text, ",\"renderer\":%d", renderer);
    add_time(&text, wall_ms);
    if (s->restart_at) {
        str_add(&text, ",\"restartAt\":");
        str_add_json(&text, s->restart_at);
    }
    str_add_f(&text, ",\"spec\":{\"persistentHome\":%s", s->persistent_home ? "true" : "false");
    add_raw(&text, "resources", s->resources);
    add_raw(&text, "env", s->env);
    add_raw(&text, "parameters", s->parameters);
    str_add(&text, "}}");
    return (struct session_start){
        .text = arena_strndup(a, text.at, text.len),
        .revision = arena_strdup(a, revision),
        .restart_at = s->restart_at,
        .at_ms = wall_ms,
        .renderer = renderer,
        .persistent_home = s->persistent_home,
        .resources = s->resources,
        .env = s->env,
        .parameters = s->parameters,
    };
}

int session_start_read(struct arena *a, const char *text, struct session_start *out,
                       struct err *err)
{
    struct session_start start = {0};
    if (json_decode(a, text, strlen(text), &start_table, &start, err) < 0) {
        return err_wrap(err, "annotation " ANNOTATION_START);
    }
    if (start.renderer < 1) {
        return err_set(err, ERR_INVALID, "annotation " ANNOTATION_START ": renderer %d is unknown",
                       (int)start.renderer);
    }
    start.text = arena_strdup(a, text);
    *out = start;
    return 0;
}

bool session_start_is_outdated(const struct session_start *start, const struct session *s)
{
    return start->persistent_home != s->persistent_home ||
           !str_equal(start->resources, s->resources) || !str_equal(start->env, s->env) ||
           !str_equal(start->parameters, s->parameters);
}
