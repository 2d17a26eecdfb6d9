/* Any bytes as a watch stream and as a list page of a kind that has one of everything. However the
 * stream is cut, the lines are the same; whatever is read goes through a store, whose promises must
 * hold. The first byte says how to cut. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/kube/lines.h"
#include "lib/kube/reflector_parse.h"
#include "lib/kube/status.h"
#include "lib/str.h"

struct item {
    char *name;
    int64_t count;
};

struct rich {
    struct kube_object object;
    char *text, *scalar, *raw, *derived;
    int64_t number, time_ms;
    uint64_t hash;
    bool yes, there;
    struct json_list items, texts, map;
    struct kube_reading reading;
    struct json_list passing;
};

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

static JSON_TABLE(item_table, struct item, JSON_ROW("name", JSON_TEXT, struct item, name),
                  JSON_ROW("count", JSON_INT, struct item, count));

static const struct json_field meta_rows[] = {
    KUBE_META_ROWS(struct rich),
    JSON_ROW("labels", JSON_MAP, struct rich, map),
    KUBE_NO_ANNOTATIONS(struct rich)};
static const struct json_table meta_table = {meta_rows, COUNT(meta_rows), 0, false};

static const struct json_field spec_rows[] = {
    JSON_ROW("text", JSON_TEXT, struct rich, text),
    JSON_ROW("scalar", JSON_SCALAR, struct rich, scalar),
    JSON_ROW("raw", JSON_RAW, struct rich, raw),
    JSON_ROW("raw", JSON_HASH, struct rich, hash),
    JSON_ROW("raw", JSON_PRESENT, struct rich, there),
    JSON_ROW("number", JSON_INT, struct rich, number),
    JSON_ROW("time", JSON_TIME, struct rich, time_ms),
    JSON_ROW("yes", JSON_BOOL, struct rich, yes),
    JSON_ROW("items", JSON_LIST, struct rich, items, .table = &item_table),
    JSON_ROW("texts", JSON_TEXTS, struct rich, texts),
    JSON_ROW("passing", JSON_LIST, struct rich, passing, .flags = JSON_TRANSIENT,
             .table = &item_table)};
static const struct json_table spec_table = {spec_rows, COUNT(spec_rows), 0, false};

static JSON_TABLE(rich_table, struct rich, KUBE_FLAW_ROW(struct rich),
                  JSON_GROUP("metadata", meta_table),
                  JSON_GROUP("spec", spec_table), KUBE_DERIVED_TEXT(struct rich, derived));

static void finish(struct kube_object *o, struct arena *a)
{
    struct rich *r = (struct rich *)o;
    r->derived = arena_printf(a, "%s/%s", r->text ? r->text : "-", o->meta.name);
}

static bool by_owner(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    return o->meta.owner_uid && str_copy(key, KUBE_KEY_SIZE, o->meta.owner_uid);
}

static bool by_text(const struct kube_object *o, char key[KUBE_KEY_SIZE])
{
    const struct rich *r = (const struct rich *)(const void *)o;
    return r->text && str_copy(key, KUBE_KEY_SIZE, r->text);
}

static const struct kube_resource riches = {"apis/test.dev/v1", "riches", "test.dev/v1", "Rich"};
static const struct kube_type rich_type = {.name = "rich",
                                           .resource = &riches,
                                           .table = &rich_table,
                                           .kept = offsetof(struct rich, reading),
                                           .finish = finish,
                                           .index = {by_owner, by_text}};

struct run {
    struct kube_parser parser;
    struct kube_store *store;
    struct arena a;
    struct str lines; /* all of them, each with its '\n' */
    bool events;      /* lines are read as events */
};

static void check_object(const struct kube_object *o)
{
    assert(o->type == &rich_type && o->meta.name[0] && o->meta.uid && o->meta.key && o->meta.ns);
    assert(kube_rv_valid(o->meta.rv));
    struct rich *copy = json_pack_front(&rich_table, o, rich_type.kept);
    assert(json_same(&rich_table, o, copy));
    json_pack_free(&rich_table, copy);
}

static void on_change(void *user, const struct kube_object *before,
                      const struct kube_object *after)
{
    struct run *run = user;
    assert(before || after);
    if (before) check_object(before);
    if (after) check_object(after);
    if (!before || !after) return;
    assert(strcmp(before->meta.uid, after->meta.uid) == 0);
    assert(!json_same(&rich_table, before, after));
    assert(kube_store_get(run->store, after->meta.key) == after);
}

static void take_event(struct run *run, const struct kube_event *event)
{
    struct kube_status status;
    switch (event->type) {
    case KUBE_ADDED:
    case KUBE_MODIFIED:
        check_object(event->object);
        kube_store_put(run->store, event->object);
        assert(kube_rv_cmp(kube_store_get(run->store, event->object->meta.key)->meta.rv,
                           event->rv) >= 0);
        break;
    case KUBE_DELETED: kube_store_delete(run->store, event->object); break;
    case KUBE_BOOKMARK: kube_store_advance(run->store, event->rv); break;
    case KUBE_ERROR:
        assert(!event->object && strlen(event->object_text) == event->object_len);
        kube_status_read(&run->a, 0, event->object_text, event->object_len, &status);
        return;
    }
    assert(kube_rv_cmp(kube_store_rv(run->store), event->rv) >= 0);
}

static int on_line(void *user, const char *text, size_t len)
{
    struct run *run = user;
    struct kube_event event;
    struct err err = {0};
    assert(len > 0 && !memchr(text, '\n', len));
    str_add_n(&run->lines, text, len);
    str_add_c(&run->lines, '\n');
    if (!run->events) return 0;
    arena_reset(&run->a, 1 << 20);
    if (kube_parse_event(&run->parser, text, len, &run->a, &event, &err) == 0) {
        take_event(run, &event);
    } else {
        assert(err.code != ERR_NONE && err.text[0]);
    }
    return 0;
}

static void feed(struct run *run, const char *text, size_t n, size_t piece)
{
    struct kube_lines lines;
    struct err err;
    kube_lines_init(&lines);
    for (size_t at = 0; at < n; at += piece) {
        size_t len = n - at < piece ? n - at : piece;
        assert(kube_lines_feed(&lines, text + at, len, on_line, run, &err) == 0);
    }
    kube_lines_release(&lines);
}

static void try_page(struct run *run, const char *text, size_t n)
{
    struct kube_page page;
    struct err err = {0};
    arena_reset(&run->a, 1 << 20);
    if (kube_parse_page(&run->parser, text, n, &run->a, &page, &err) < 0) {
        assert(err.code != ERR_NONE && err.text[0]);
        return;
    }
    assert(kube_rv_valid(page.rv) && (!page.next || *page.next));
    kube_store_list_begin(run->store);
    for (size_t i = 0; i < page.count; i++) {
        check_object(page.objects[i]);
        kube_store_list_add(run->store, page.objects[i]);
    }
    if (page.next) {
        kube_store_list_fail(run->store);
        return;
    }
    kube_store_list_end(run->store, page.rv);
    assert(kube_store_synced(run->store) && strcmp(kube_store_rv(run->store), page.rv) == 0);
    for (size_t i = 0; i < page.count; i++) {
        assert(kube_store_get(run->store, page.objects[i]->meta.key));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const char *text = (const char *)data + 1;
    struct run run = {.store = kube_store_new(&rich_type), .events = true};
    arena_init(&run.a);
    str_init(&run.lines, 2 * size + 2);
    kube_parser_init(&run.parser, &rich_type);
    kube_store_observe(run.store, on_change, &run);
    feed(&run, text, size - 1, (size_t)data[0] + 1);
    char *first = str_take(&run.lines);
    run.events = false;
    feed(&run, text, size - 1, size);
    assert(strcmp(first, run.lines.at) == 0);
    free(first);
    try_page(&run, text, size - 1);
    kube_store_free(run.store);
    arena_release(&run.a);
    str_release(&run.lines);
    return 0;
}
