#include "dev/store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dev/store_read.h"
#include "dev/store_select.h"
#include "dev/store_status.h"
#include "lib/limits.h"
#include "lib/xalloc.h"

/* A watch is a place in its type's log and, at first, a snapshot of what there was. The log cannot
 * run away from it unseen: the indexes of changes only grow, so what was compacted is noticed. */
struct store_watch {
    struct store *s;
    struct store_type *type;
    struct arena arena; /* of the selector */
    struct store_selector selector;
    const char *ns, *name; /* "": all */
    size_t ns_len;
    struct store_object **initial; /* each with a reference; NULL once given */
    size_t initial_count, initial_at;
    uint64_t opened_rv; /* of the snapshot, or where the reader wants to go on */
    uint64_t next;      /* index into the log */
    uint64_t read_rv;   /* the version of the last change looked at */
    bool bookmarks, end_mark, expired, ended;
    struct str line;
};

static bool refuse_initial(struct store_job *job, const char *message)
{
    const struct store_field_error error = {"sendInitialEvents", "FieldValueForbidden", message};
    store_invalid_options(job->a, job->out, "ListOptions", &error);
    return false;
}

static bool check_options(struct store_job *job)
{
    const struct store_path *p = &job->path;
    bool has_match = p->rv_match && *p->rv_match;
    if (p->initial && job->s->config.no_watch_list) {
        return refuse_initial(job, "Forbidden: sendInitialEvents is forbidden for watch unless the "
                                   "WatchList feature gate is enabled");
    }
    if (p->initial && !str_equal(p->rv_match, "NotOlderThan")) {
        const struct store_field_error error = {
            "resourceVersionMatch", "FieldValueForbidden",
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"};
        store_invalid_options(job->a, job->out, "ListOptions", &error);
        return false;
    }
    if (!p->initial && has_match) {
        const struct store_field_error error = {
            "resourceVersionMatch", "FieldValueForbidden",
            "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
            "provided"};
        store_invalid_options(job->a, job->out, "ListOptions", &error);
        return false;
    }
    return true;
}

static bool in_scope(const struct store_watch *w, const struct store_object *o)
{
    if (*w->ns && !str_equal(w->ns, o->ns)) return false;
    if (*w->name && !str_equal(w->name, o->name)) return false;
    return store_selects(&w->selector, o);
}

static void take_snapshot(struct store_watch *w, const struct store_path *p)
{
    size_t i, end;
    store_range(w->type, p, &w->arena, &i, &end);
    w->initial = end > i ? xcalloc(end - i, sizeof(struct store_object *)) : NULL;
    for (; i < end; i++) {
        struct store_object *o = store_as_of(w->type->keys[i], w->opened_rv);
        if (o && in_scope(w, o)) w->initial[w->initial_count++] = store_object_ref(o);
    }
}

/* Where the stream begins, or a refusal. */
static bool place(struct store_watch *w, struct store_job *job)
{
    const struct store_path *p = &job->path;
    uint64_t wanted = 0, seen = store_seen(job);
    bool has_rv = p->rv && *p->rv, watch_list = store_path_true(p->initial);
    if (has_rv && !store_rv_parse(p->rv, &wanted)) {
        store_status(job->a,
                     &(struct store_status){
                         .code = 500,
                         .message = arena_printf(job->a,
                                                 "resourceVersion: Invalid value: \"%s\": "
                                                 "strconv.ParseUint: parsing \"%s\": invalid "
                                                 "syntax", p->rv, p->rv)},
                     job->out);
        return false;
    }
    w->opened_rv = has_rv ? seen : job->s->rv;
    if (watch_list && wanted > seen) {
        store_too_large_version(job->a, job->out, wanted, seen);
        return false;
    }
    if (wanted > 0 && !watch_list) w->opened_rv = wanted;
    else if (!p->initial || watch_list) take_snapshot(w, p);
    w->end_mark = watch_list && w->bookmarks;
    w->expired = w->opened_rv < w->type->compacted;
    w->next = store_log_after(w->type, w->opened_rv);
    w->read_rv = w->opened_rv;
    return true;
}

static struct store_status expired_status(struct arena *a, const struct store_watch *w)
{
    return (struct store_status){
        .code = 410,
        .reason = "Expired",
        .message = arena_printf(a, "too old resource version: %" PRIu64 " (%" PRIu64 ")",
                                w->read_rv, w->type->compacted)};
}

struct store_watch *store_watch_open(struct store *s, const struct store_call *call,
                                     struct arena *a, struct store_answer *refusal)
{
    *refusal = (struct store_answer){.retry_after_s = -1};
    struct store_job job = {.s = s, .call = call, .a = a, .out = refusal};
    struct store_watch *w = xcalloc(1, sizeof(*w));
    str_init(&w->line, 2 * LIMIT_WATCH_LINE_BYTES);
    w->s = s;
    if (!store_path_parse(&w->arena, call->path, &job.path) || *job.path.sub) {
        store_no_such_page(a, refusal);
        goto out;
    }
    w->type = job.type = store_type_of(s, job.path.type);
    w->ns = job.path.ns;
    w->name = job.path.name;
    w->bookmarks = store_path_true(job.path.bookmarks);
    if (!check_options(&job)) goto out;
    const char *wrong = store_selector_parse(&w->arena, w->type->resource, job.path.labels,
                                             job.path.fields, &w->selector);
    if (wrong) {
        store_bad_request(a, refusal, wrong);
        goto out;
    }
    if (!place(w, &job)) goto out;
    if (w->expired && s->config.gone_by_status) {
        const struct store_status status = expired_status(a, w);
        store_status(a, &status, refusal);
        goto out;
    }
    return w;
out:
    store_watch_close(w);
    return NULL;
}

void store_watch_close(struct store_watch *w)
{
    if (!w) return;
    for (size_t i = w->initial_at; i < w->initial_count; i++) store_object_unref(w->initial[i]);
    free(w->initial);
    str_release(&w->line);
    arena_release(&w->arena);
    free(w);
}

static void write_event(struct store_watch *w, const char *type, const struct store_object *o)
{
    str_clear(&w->line);
    str_add(&w->line, "{\"type\":\"");
    str_add(&w->line, type);
    str_add(&w->line, "\",\"object\":");
    store_object_write(&w->line, o,
                       (struct store_shape){.no_fields = w->s->config.no_managed_fields});
    str_add(&w->line, "}\n");
}

static void write_error(struct store_watch *w)
{
    auto_arena a;
    arena_init(&a);
    size_t len;
    const struct store_status status = expired_status(&a, w);
    const char *text = store_status_text(&a, &status, &len);
    str_clear(&w->line);
    str_add(&w->line, "{\"type\":\"ERROR\",\"object\":");
    str_add_n(&w->line, text, len);
    str_add(&w->line, "}\n");
}

static void write_bookmark(struct store_watch *w, uint64_t rv, bool end_mark)
{
    const struct resource *r = w->type->resource;
    str_clear(&w->line);
    str_add_f(&w->line,
              "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s%s%s\","
              "\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"%s}}}\n",
              r->kind, r->group, *r->group ? "/" : "", r->version, rv,
              end_mark ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

/* What a change means to this watch: an object enters or leaves the selector, or changes within.
 * NULL: nothing. */
static const char *event_of(const struct store_watch *w, const struct store_change *c)
{
    bool was = c->before && in_scope(w, c->before);
    bool is = !c->after->tombstone && in_scope(w, c->after);
    if (was && is) return "MODIFIED";
    if (is) return "ADDED";
    return was ? "DELETED" : NULL;
}

/* The next change that concerns the watch and is not after up_to; the place moves over others. */
static const struct store_change *next_change(struct store_watch *w, uint64_t up_to,
                                              const char **event)
{
    if (w->expired) return NULL;
    if (w->next < w->type->log_first) {
        w->expired = true;
        return NULL;
    }
    const struct store_change *c;
    while ((c = store_log_at(w->type, w->next)) && (up_to == 0 || c->rv <= up_to)) {
        /* A reader who is ahead of us (etcd was restored) hears nothing until we have caught up. */
        *event = c->rv > w->opened_rv ? event_of(w, c) : NULL;
        if (*event) return c;
        if (c->rv > w->read_rv) w->read_rv = c->rv;
        w->next++;
    }
    return NULL;
}

uint64_t store_watch_peek(struct store_watch *w)
{
    const char *event;
    if (w->ended) return 0;
    if (w->initial_at < w->initial_count || w->end_mark) {
        return w->opened_rv ? w->opened_rv : 1; /* of an empty store; 0 means nothing */
    }
    const struct store_change *c = next_change(w, 0, &event);
    if (w->expired) return w->read_rv ? w->read_rv : 1;
    return c ? c->rv : 0;
}

/* An object that left the selector goes out as it was, at the version at which it left. */
static void write_change(struct store_watch *w, const struct store_change *c, const char *event)
{
    if (!str_equal(event, "DELETED") || c->after->tombstone) {
        write_event(w, event, c->after);
        return;
    }
    struct store_object *left = store_object_bury(c->before, c->rv);
    write_event(w, event, left);
    store_object_unref(left);
}

static bool write_next(struct store_watch *w, uint64_t up_to)
{
    if (w->ended) return false;
    if (w->initial_at < w->initial_count) {
        struct store_object *o = w->initial[w->initial_at++];
        write_event(w, "ADDED", o);
        store_object_unref(o);
        return true;
    }
    if (w->end_mark) {
        w->end_mark = false;
        write_bookmark(w, w->opened_rv, true);
        return true;
    }
    const char *event;
    const struct store_change *c = next_change(w, up_to, &event);
    if (c) {
        write_change(w, c, event);
        w->read_rv = c->rv;
        w->next++;
        return true;
    }
    if (!w->expired) return false;
    w->ended = true;
    write_error(w);
    return true;
}

bool store_watch_next(struct store_watch *w, uint64_t up_to, const char **line, size_t *len)
{
    if (!write_next(w, up_to)) return false;
    assert(!w->line.over);
    *line = w->line.at;
    *len = w->line.len;
    return true;
}

bool store_watch_bookmark(struct store_watch *w, uint64_t up_to, const char **line, size_t *len)
{
    const char *event;
    if (!w->bookmarks || w->ended || w->end_mark || w->initial_at < w->initial_count) return false;
    const struct store_change *c = next_change(w, up_to, &event);
    if (w->expired) return false;
    uint64_t rv = up_to && up_to < w->s->rv ? up_to : w->s->rv;
    if (w->s->rv < w->opened_rv) return false; /* nor a bookmark */
    if (c) rv = w->read_rv; /* it waits to be read */
    if (rv < w->read_rv) rv = w->read_rv;
    write_bookmark(w, rv, false);
    *line = w->line.at;
    *len = w->line.len;
    return true;
}

bool store_watch_ended(const struct store_watch *w)
{
    return w->ended;
}
