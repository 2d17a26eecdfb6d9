#include "test/unit/test_kube_things.h"

#include <ctype.h>
#include <string.h>

#include "lib/str.h"
#include "test/check.h"

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

static const struct json_field meta_rows[] = {
    KUBE_META_ROWS(struct thing),
    KUBE_NO_ANNOTATIONS(struct thing)};
static const struct json_table meta_table = {meta_rows, COUNT(meta_rows), 0, false};

static const struct json_field spec_rows[] = {
    JSON_ROW("node", JSON_TEXT, struct thing, node),
    JSON_ROW("size", JSON_INT, struct thing, size),
    JSON_ROW("tags", JSON_TEXTS, struct thing, tags)};
static const struct json_table spec_table = {spec_rows, COUNT(spec_rows), 0, false};

static const struct json_field status_rows[] = {
    JSON_ROW("phase", JSON_TEXT, struct thing, phase)};
static const struct json_table status_table = {status_rows, COUNT(status_rows), 0, false};

static JSON_TABLE(thing_table, struct thing, KUBE_FLAW_ROW(struct thing),
                  JSON_GROUP("metadata", meta_table),
                  JSON_GROUP("spec", spec_table), JSON_GROUP("status", status_table),
                  KUBE_DERIVED_TEXT(struct thing, shout));

static void finish(struct kube_object *o, struct arena *a)
{
    struct thing *t = (struct thing *)o;
    if (!t->phase) return;
    t->shout = arena_strdup(a, t->phase);
    for (char *p = t->shout; *p; p++) *p = (char)toupper((unsigned char)*p);
}

static bool by_owner(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return o->meta.owner_uid && str_copy(key, KUBE_KEY_SIZE, o->meta.owner_uid);
}

static bool by_node(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return as_thing(o)->node && str_copy(key, KUBE_KEY_SIZE, as_thing(o)->node);
}

static const struct kube_resource things = {"apis/test.dev/v1", "things", "test.dev/v1", "Thing"};

const struct kube_type thing_type = {
    .name = "thing",
    .resource = &things,
    .table = &thing_table,
    .kept = offsetof(struct thing, reading),
    .finish = finish,
    .index = {[THINGS_BY_OWNER] = by_owner, [THINGS_BY_NODE] = by_node},
};

static void add_member(struct str *out, const char *name, const char *text)
{
    if (!text) return;
    char last = out->at[out->len - 1];
    if (last != '{') str_add_c(out, ',');
    str_add_f(out, "\"%s\":", name);
    str_add_json(out, text);
}

const char *thing_json(struct arena *a, const struct thing_text *t)
{
    auto_str out;
    str_init(&out, 1 << 20);
    str_add(&out, "{\"apiVersion\":\"test.dev/v1\",\"kind\":\"Thing\",\"metadata\":{");
    add_member(&out, "namespace", t->ns);
    add_member(&out, "name", t->name);
    add_member(&out, "uid", t->uid);
    add_member(&out, "resourceVersion", t->rv);
    if (t->owner) {
        str_add_f(&out, ",\"ownerReferences\":[{\"kind\":\"Other\",\"name\":\"x\",\"uid\":\"no\"},"
                        "{\"kind\":\"Owner\",\"name\":\"o\",\"uid\":\"%s\",\"controller\":true}]",
                  t->owner);
    }
    str_add_f(&out, "},\"spec\":{\"size\":%d", t->size);
    add_member(&out, "node", t->node);
    str_add(&out, "},\"status\":{");
    add_member(&out, "phase", t->phase);
    str_add(&out, "}}");
    return arena_strdup(a, out.at);
}

const char *thing_event(struct arena *a, const char *type, const struct thing_text *t)
{
    return arena_printf(a, "{\"type\":\"%s\",\"object\":%s}\n", type, thing_json(a, t));
}

const char *bookmark_event(struct arena *a, const char *rv, bool ends_list)
{
    return arena_printf(a,
                        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Thing\",\"apiVersion\":"
                        "\"test.dev/v1\",\"metadata\":{\"resourceVersion\":\"%s\","
                        "\"creationTimestamp\":null%s},\"spec\":{},\"status\":{}}}\n",
                        rv,
                        ends_list ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}"
                                  : "");
}

struct kube_object *thing_new(struct arena *a, const struct thing_text *t)
{
    struct kube_object *o = NULL;
    struct err err = {0};
    const char *json = thing_json(a, t);
    CHECK_OK(kube_object_read(&thing_type, json, strlen(json), a, &o, &err), err);
    return o;
}
