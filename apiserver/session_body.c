#include "apiserver/session_body.h"

#include <string.h>

#include "apiserver/user_name.h"
#include "controller/kinds.h"
#include "lib/format.h"

enum { VERSION_DIGITS_MAX = 19 }; /* of 64 bit */
enum { NAME_MAX_BYTES = 52, SUFFIX_BYTES = 9 }; /* of crds/sessions.yaml; "-" and eight digits */

enum member_type { TEXT, BOOL, OBJECT, LIST };

struct member {
    const char *name;
    enum member_type type;
    const char *ask; /* what to write */
};

/* What goes into spec under its own name. */
static const struct member spec_members[] = {
    {"user", TEXT, "write a name, such as alice"},
    {"template", TEXT, "write the name of a template"},
    {"state", TEXT, "write running, hibernated or terminated"},
    {"idleTimeout", TEXT, "write a time, such as 30m, or 0"},
    {"maxSessionDuration", TEXT, "write a time, such as 8h"},
    {"retention", TEXT, "write a time, such as 24h"},
    {"storage", TEXT, "write none, volume or s3"},
    {"persistentHome", BOOL, "write true or false"},
    {"tags", LIST, "write a list of words"},
    {"parameters", OBJECT, "write an object of texts"},
    {"git", OBJECT, "write an object with url and ref"},
    {"route", OBJECT, "write an object with mode"},
    {"resources", OBJECT, "write an object with memory and cpu"},
};

static int fail(struct body_flaw *flaw, const char *field, const char *text)
{
    flaw->field = field;
    str_copy(flaw->text, sizeof(flaw->text), text);
    return -1;
}

static bool is_of_type(const struct json *value, enum member_type type)
{
    switch (type) {
    case TEXT: return json_is_text(value);
    case BOOL: return json_is_bool(value);
    case OBJECT: return json_is_object(value);
    default: return json_is_array(value);
    }
}

static const struct member *member_of(const char *name)
{
    for (size_t i = 0; i < sizeof(spec_members) / sizeof(*spec_members); i++) {
        if (strcmp(spec_members[i].name, name) == 0) return &spec_members[i];
    }
    return NULL;
}

static int parse(const char *text, size_t n, struct arena *a, struct json **out,
                 struct body_flaw *flaw)
{
    struct err err = {0};
    if (n == 0) return fail(flaw, NULL, "the body is empty: write a JSON object");
    if (json_parse(a, text, n, out, &err) < 0) {
        flaw->field = NULL;
        format(flaw->text, sizeof(flaw->text), "the body is not JSON: %s", err.text);
        return -1;
    }
    if (!json_is_object(*out)) return fail(flaw, NULL, "the body must be a JSON object");
    return 0;
}

/* --- Values that we fold --- */

/* {memory, cpu}, which StreamSpace's clients send, becomes requests and limits of that. */
static int fold_resources(struct arena *a, const struct json *from, struct json *spec,
                          struct body_flaw *flaw)
{
    static const char *const flat[] = {"memory", "cpu"};
    struct json *to = json_copy(a, from);
    for (size_t i = 0; i < sizeof(flat) / sizeof(*flat); i++) {
        struct json *value = json_get(to, flat[i]);
        if (!value) continue;
        if (!json_is_text(value) && !json_is_number(value)) {
            return fail(flaw, i == 0 ? "resources.memory" : "resources.cpu",
                        i == 0 ? "write a quantity, such as 2Gi"
                               : "write a quantity, such as 500m");
        }
        json_set(a, json_ensure_object(a, to, "requests"), flat[i], json_copy(a, value));
        json_set(a, json_ensure_object(a, to, "limits"), flat[i], json_copy(a, value));
        json_remove(to, flat[i]);
    }
    json_set(a, spec, "resources", to);
    return 0;
}

/* A list of {name, value} as it is; {"A": "b"} becomes one. */
static int fold_env(struct arena *a, const struct json *from, struct json *spec,
                    struct body_flaw *flaw)
{
    if (json_is_array(from)) {
        json_set(a, spec, "env", json_copy(a, from));
        return 0;
    }
    if (!json_is_object(from))
        return fail(flaw, "env", "write an object of texts, or a list of {name, value}");
    struct json *list = json_array(a);
    for (const struct json *v = json_first(from); v; v = json_next(v)) {
        if (!json_is_text(v)) return fail(flaw, "env", "each value must be a text");
        struct json *one = json_object(a);
        json_set_text(a, one, "name", json_name(v));
        json_set_text(a, one, "value", json_text(v));
        json_append(a, list, one);
    }
    json_set(a, spec, "env", list);
    return 0;
}

static int fold_member(struct arena *a, const struct json *value, struct json *spec,
                       struct body_flaw *flaw)
{
    const char *name = json_name(value);
    const struct member *m = member_of(name);
    if (!m) {
        if (strcmp(name, "env") == 0) return fold_env(a, value, spec, flaw);
        flaw->field = arena_strdup(a, name);
        str_copy(flaw->text, sizeof(flaw->text), "there is no such field");
        return -1;
    }
    if (!is_of_type(value, m->type)) return fail(flaw, m->name, m->ask);
    if (strcmp(name, "resources") == 0) return fold_resources(a, value, spec, flaw);
    json_set(a, spec, name, json_copy(a, value));
    return 0;
}

/* --- Create --- */

static bool may_be_in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* "<user>-<template>-<8 hex>", the middle cut where it is too long. */
static const char *make_name(struct arena *a, const char *user, const char *template,
                             const unsigned char random[4])
{
    char *stem = arena_printf(a, "%s-%s", user, template);
    for (char *p = stem; *p; p++) {
        if (!may_be_in_name(*p)) *p = '-';
    }
    if (strlen(stem) > NAME_MAX_BYTES - SUFFIX_BYTES) stem[NAME_MAX_BYTES - SUFFIX_BYTES] = '\0';
    return arena_printf(a, "%s-%02x%02x%02x%02x", stem, random[0], random[1], random[2],
                        random[3]);
}

static int take_meta(const struct json *value, const char **out, struct body_flaw *flaw)
{
    if (!json_is_text(value)) {
        flaw->field = json_name(value);
        str_copy(flaw->text, sizeof(flaw->text), "write a text");
        return -1;
    }
    *out = json_text(value);
    return 0;
}

static int take_members(const struct json *body, struct json *spec, struct arena *a,
                        struct session_create *out, struct body_flaw *flaw)
{
    for (const struct json *v = json_first(body); v; v = json_next(v)) {
        const char *name = json_name(v);
        if (json_is_null(v)) continue;
        int rc;
        if (strcmp(name, "name") == 0) {
            rc = take_meta(v, &out->name, flaw);
        } else if (strcmp(name, "namespace") == 0) {
            rc = take_meta(v, &out->ns, flaw);
        } else {
            rc = fold_member(a, v, spec, flaw);
        }
        if (rc < 0) return -1;
    }
    return 0;
}

int session_body_create(const char *text, size_t n, const char *user,
                        const unsigned char random[4], struct arena *a,
                        struct session_create *out, struct body_flaw *flaw)
{
    struct json *body, *object = json_object(a);
    *out = (struct session_create){0};
    if (parse(text, n, a, &body, flaw) < 0) return -1;
    json_set_text(a, object, "apiVersion", CARREL_API_VERSION);
    json_set_text(a, object, "kind", "Session");
    struct json *meta = json_ensure_object(a, object, "metadata");
    struct json *spec = json_ensure_object(a, object, "spec");
    if (take_members(body, spec, a, out, flaw) < 0) return -1;
    const char *given = json_text(json_get(spec, "user"));
    if (given || user) {
        char name[USER_NAME_SIZE];
        user_name(given ? given : user, name);
        json_set_text(a, spec, "user", name);
    }
    out->user = json_text(json_get(spec, "user"));
    out->template = json_text(json_get(spec, "template"));
    if (!out->user || !*out->user) return fail(flaw, "user", "is missing: say whose session it is");
    if (!out->template || !*out->template)
        return fail(flaw, "template", "is missing: say what is to run");
    if (!out->name) out->name = make_name(a, out->user, out->template, random);
    json_set_text(a, meta, "name", out->name);
    out->json = json_to_text(a, object);
    out->len = strlen(out->json);
    return 0;
}

/* --- Change --- */

bool session_version_fits(const char *text)
{
    return kube_rv_valid(text) && strlen(text) <= VERSION_DIGITS_MAX;
}

int session_body_change(const char *text, size_t n, const char *rv, struct arena *a,
                        struct session_change *out, struct body_flaw *flaw)
{
    struct json *body, *object = json_object(a);
    if (parse(text, n, a, &body, flaw) < 0) return -1;
    struct json *spec = json_object(a);
    for (const struct json *v = json_first(body); v; v = json_next(v)) {
        if (strcmp(json_name(v), "resourceVersion") == 0) {
            const char *given = NULL;
            if (take_meta(v, &given, flaw) < 0) return -1;
            if (!session_version_fits(given))
                return fail(flaw, "resourceVersion", "write one that was given");
            if (!rv) rv = given;
        } else if (json_is_null(v) && member_of(json_name(v))) {
            json_set(a, spec, json_name(v), json_new_null(a)); /* back to its default */
        } else if (fold_member(a, v, spec, flaw) < 0) {
            return -1;
        }
    }
    if (json_count(spec) == 0) return fail(flaw, NULL, "the body names nothing to change");
    json_set(a, object, "spec", spec);
    if (rv) json_set_text(a, json_ensure_object(a, object, "metadata"), "resourceVersion", rv);
    out->json = json_to_text(a, object);
    out->len = strlen(out->json);
    return 0;
}
