#include "apiserver/render.h"

#include <string.h>

#include "controller/template_spec.h"
#include "lib/clock.h"
#include "lib/json.h"

/* --- Members, each with a comma before it --- */

static void add_name(struct str *out, const char *name)
{
    str_add_f(out, ",\"%s\":", name);
}

static void add_text(struct str *out, const char *name, const char *text)
{
    add_name(out, name);
    if (text) {
        str_add_json(out, text);
    } else {
        str_add(out, "null");
    }
}

/* Left out where there is none. */
static void add_text_if(struct str *out, const char *name, const char *text)
{
    if (text && *text) add_text(out, name, text);
}

static void add_bool(struct str *out, const char *name, bool yes)
{
    add_name(out, name);
    str_add(out, yes ? "true" : "false");
}

static void add_int(struct str *out, const char *name, int64_t number)
{
    add_name(out, name);
    str_add_i(out, number);
}

static void add_raw(struct str *out, const char *name, const char *json, const char *otherwise)
{
    add_name(out, name);
    str_add(out, json && *json ? json : otherwise);
}

static void add_time_if(struct str *out, const char *name, int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];
    if (wall_ms <= 0) return;
    time_format(text, wall_ms);
    add_text(out, name, text);
}

/* --- Resources: {memory, cpu} for those who read that, requests and limits for the others --- */

static const char *amount_in(const struct json_list *list, const char *name)
{
    const struct json_pair *pairs = list->items;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(pairs[i].key, name) == 0) return pairs[i].value;
    }
    return NULL;
}

static const char *amount(const struct resources *r, const char *name, const char *flat)
{
    const char *limit = amount_in(&r->limits, name);
    if (limit) return limit;
    return flat ? flat : amount_in(&r->requests, name);
}

static void add_amounts(struct str *out, const char *name, const struct json_list *list)
{
    const struct json_pair *pairs = list->items;
    if (list->count == 0) return;
    add_name(out, name);
    for (size_t i = 0; i < list->count; i++) {
        str_add_c(out, i == 0 ? '{' : ',');
        str_add_json(out, pairs[i].key);
        str_add_c(out, ':');
        str_add_json(out, pairs[i].value);
    }
    str_add_c(out, '}');
}

static void add_resources(struct str *out, const char *name, const char *json, struct arena *a)
{
    struct session_extra extra;
    if (session_extra_read(a, json, NULL, NULL, &extra, NULL) < 0)
        extra = (struct session_extra){0}; /* a flaw, which the status tells of */
    const struct resources *r = &extra.resources;
    add_name(out, name);
    str_add(out, "{\"memory\":");
    const char *memory = amount(r, "memory", r->memory), *cpu = amount(r, "cpu", r->cpu);
    if (memory) str_add_json(out, memory);
    else str_add(out, "null");
    add_text(out, "cpu", cpu);
    add_amounts(out, "requests", &r->requests);
    add_amounts(out, "limits", &r->limits);
    str_add_c(out, '}');
}

/* --- Session --- */

static void add_conditions(struct str *out, const struct session *s)
{
    bool first = true;
    add_name(out, "conditions");
    str_add_c(out, '[');
    for (int i = 0; i < SESSION_CONDITION_COUNT; i++) {
        const struct condition *c = &s->status.conditions[i];
        if (c->status == CONDITION_ABSENT) continue;
        str_add_f(out, "%s{\"type\":\"%s\",\"status\":\"%s\"", first ? "" : ",",
                  session_condition_names[i], condition_status_name(c->status));
        add_text_if(out, "reason", c->reason);
        add_text_if(out, "message", c->message);
        add_time_if(out, "lastTransitionTime", c->since_ms);
        str_add_c(out, '}');
        first = false;
    }
    str_add_c(out, ']');
}

static void add_idle(struct str *out, const struct session_status *st)
{
    if (!st->idle_since_ms && !st->idle_blocked_by) return;
    add_name(out, "idle");
    str_add(out, "{\"by\":");
    str_add_json(out, st->idle_by ? st->idle_by : "");
    add_time_if(out, "since", st->idle_since_ms);
    add_time_if(out, "hibernateAt", st->idle_hibernate_ms);
    add_text_if(out, "blockedBy", st->idle_blocked_by);
    str_add_c(out, '}');
}

static void add_start(struct str *out, const struct session_status *st)
{
    if (!st->has_start) return;
    str_add_f(out, ",\"start\":{\"queuedMs\":%lld,\"scheduledMs\":%lld,\"pulledMs\":%lld,"
              "\"readyMs\":%lld}", (long long)st->queued_ms, (long long)st->scheduled_ms,
              (long long)st->pulled_ms, (long long)st->ready_ms);
}

static void add_status(struct str *out, const struct session *s, const char *phase)
{
    const struct session_status *st = &s->status;
    const struct condition *ready = &st->conditions[SESSION_READY];
    add_name(out, "status");
    str_add(out, "{\"phase\":");
    str_add_json(out, phase);
    add_text(out, "podName", st->pod_name);
    add_text(out, "url", st->url);
    add_time_if(out, "lastActivity", st->last_activity_ms);
    add_time_if(out, "startedAt", st->started_ms);
    add_bool(out, "ready", ready->status == CONDITION_TRUE);
    add_text_if(out, "reason", ready->reason);
    add_text_if(out, "message", ready->message);
    add_text_if(out, "templateRevision", st->template_revision);
    if (st->template_behind) add_bool(out, "templateBehind", true);
    add_idle(out, st);
    add_start(out, st);
    add_conditions(out, s);
    str_add_c(out, '}');
}

void render_session(struct str *out, const struct session *s, const struct render_about *about,
                    struct arena *a)
{
    const struct kube_meta *meta = &s->object.meta;
    /* Before the operator has looked at it there is no status: it waits for that. */
    const char *phase = s->status.phase ? s->status.phase : "Pending";
    str_add(out, "{\"id\":");
    str_add_json(out, meta->name);
    add_text(out, "name", meta->name);
    add_text(out, "namespace", meta->ns);
    add_text(out, "uid", meta->uid);
    add_text(out, "user", s->user);
    add_text(out, "template", s->template);
    add_text(out, "state", s->state ? s->state : "running");
    add_bool(out, "persistentHome", s->persistent_home);
    add_text(out, "idleTimeout", s->idle_timeout);
    add_text_if(out, "maxSessionDuration", s->max_duration);
    add_text_if(out, "retention", s->retention);
    add_raw(out, "tags", s->tags, "[]");
    add_resources(out, "resources", s->resources, a);
    if (s->git) add_raw(out, "git", s->git, "null");
    add_text_if(out, "storage", s->storage);
    add_text(out, "phase", phase);
    add_text(out, "url", s->status.url);
    add_text(out, "podName", s->status.pod_name);
    add_status(out, s, phase);
    add_int(out, "activeConnections", about->connections);
    add_time_if(out, "createdAt", meta->created_ms);
    if (meta->deleted_ms) add_time_if(out, "deletedAt", meta->deleted_ms);
    add_text(out, "resourceVersion", meta->rv);
    str_add_c(out, '}');
}

const char *tags_text(const char *json, struct arena *a)
{
    struct json *list;
    if (!json || json_parse(a, json, strlen(json), &list, NULL) < 0) return "";
    char *text = arena_alloc(a, strlen(json) + 2), *at = text;
    *at++ = '\n';
    for (const struct json *tag = json_first(list); tag; tag = json_next(tag)) {
        const char *word = json_text(tag);
        if (!word) continue;
        size_t n = strlen(word);
        memcpy(at, word, n);
        at[n] = '\n';
        at += n + 1;
    }
    *at = '\0';
    return text;
}

/* --- Template --- */

static JSON_TABLE(spec_table, struct template_texts,
                  JSON_ROW("displayName", JSON_TEXT, struct template_texts, display_name),
                  JSON_ROW("description", JSON_TEXT, struct template_texts, description),
                  JSON_ROW("category", JSON_TEXT, struct template_texts, category),
                  JSON_ROW("icon", JSON_TEXT, struct template_texts, icon),
                  JSON_ROW("baseImage", JSON_TEXT, struct template_texts, image),
                  JSON_ROW("kind", JSON_TEXT, struct template_texts, kind),
                  JSON_ROW("appType", JSON_TEXT, struct template_texts, app_type),
                  JSON_ROW("version", JSON_TEXT, struct template_texts, version),
                  JSON_ROW("tags", JSON_RAW, struct template_texts, tags),
                  JSON_ROW("defaultResources", JSON_RAW, struct template_texts, resources),
                  JSON_ROW("featured", JSON_BOOL, struct template_texts, featured));

struct template_texts template_texts(const struct template *t, struct arena *a)
{
    struct template_texts texts = {0};
    if (!t->spec || json_decode(a, t->spec, strlen(t->spec), &spec_table, &texts, NULL) < 0)
        texts = (struct template_texts){0}; /* a flaw, which the status tells of */
    char **each[] = {&texts.display_name, &texts.description, &texts.category, &texts.icon,
                     &texts.image, &texts.kind, &texts.app_type, &texts.version, &texts.tags,
                     &texts.resources};
    for (size_t i = 0; i < sizeof(each) / sizeof(*each); i++) {
        if (!*each[i]) *each[i] = arena_strdup(a, "");
    }
    return texts;
}

void render_template(struct str *out, const struct template *t, struct arena *a)
{
    const struct kube_meta *meta = &t->object.meta;
    struct template_texts texts = template_texts(t, a);
    str_add(out, "{\"id\":");
    str_add_json(out, meta->name);
    add_text(out, "name", meta->name);
    add_text(out, "namespace", meta->ns);
    add_text(out, "displayName", *texts.display_name ? texts.display_name : meta->name);
    add_text(out, "description", texts.description);
    add_text(out, "category", texts.category);
    add_text_if(out, "kind", texts.kind);
    add_text_if(out, "appType", texts.app_type);
    add_text_if(out, "version", texts.version);
    add_text(out, "icon", texts.icon);
    add_text(out, "baseImage", texts.image);
    add_resources(out, "defaultResources", *texts.resources ? texts.resources : NULL, a);
    add_raw(out, "tags", texts.tags, "[]");
    add_bool(out, "featured", texts.featured);
    add_bool(out, "valid", t->has_status && t->valid);
    add_text_if(out, "message", t->message);
    add_int(out, "sessions", t->sessions);
    add_text_if(out, "revision", t->revision);
    add_time_if(out, "createdAt", meta->created_ms);
    add_text(out, "resourceVersion", meta->rv);
    str_add_c(out, '}');
}
