/* apiserver/render.h: objects as the API shows them, docs/openapi.yaml's Session and Template.
 * Pure.
 *
 * A Session has its fields where StreamSpace's clients look for them: state and resources {memory,
 * cpu} at the top, phase, url and podName there and in `status`, its name in `id` as well. Values
 * of env and parameters are not shown: they may be secrets.
 */
#pragma once

#include "controller/kinds.h"
#include "lib/str.h"

struct render_about { /* what the object itself does not say */
    uint32_t connections; /* active ones */
};

/* The arena is for what they read on the way. */
void render_session(struct str *out, const struct session *s, const struct render_about *about,
                    struct arena *a);
void render_template(struct str *out, const struct template *t, struct arena *a);

/* What the texts of a list are found by: indexes into snap_item.field. */
enum session_field {
    SESSION_NAME,
    SESSION_USER,
    SESSION_TEMPLATE,
    SESSION_STATE,
    SESSION_PHASE,
    SESSION_TAGS, /* as tags_text has them */
};
enum template_field {
    TEMPLATE_NAME,
    TEMPLATE_DISPLAY_NAME,
    TEMPLATE_CATEGORY,
    TEMPLATE_KIND,
    TEMPLATE_DESCRIPTION,
    TEMPLATE_TAGS,
};

/* A JSON list of words as "\none\ntwo\n", so that a word is found as "\ntwo\n"; "" for none. */
const char *tags_text(const char *json, struct arena *a);

struct template_texts { /* of a Template's spec, in an arena; "" for none */
    char *display_name, *description, *category, *icon, *image, *kind, *app_type, *version;
    char *tags;      /* JSON text of a list */
    char *resources; /* JSON text */
    bool featured;
};
struct template_texts template_texts(const struct template *t, struct arena *a);
