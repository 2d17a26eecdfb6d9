#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/apply.h"
#include "dev/store_in.h"
#include "dev/store_rules.h"
#include "dev/store_status.h"
#include "lib/clock.h"
#include "lib/limits.h"

struct json *store_tree(struct arena *a, const struct store_object *o)
{
    struct json *tree;
    if (json_parse(a, o->text, o->len, &tree, NULL) < 0) abort(); /* we printed it */
    return tree;
}

struct store_writer store_writer_of(const struct store_job *job)
{
    return (struct store_writer){.method = job->call->method,
                                 .sub = job->path.sub,
                                 .manager = job->manager,
                                 .user = job->call->user,
                                 .wall_ms = job->call->wall_ms};
}

bool store_body(struct store_job *job, struct json **out)
{
    const struct store_call *call = job->call;
    struct err err;
    if (call->body_len > LIMIT_REQUEST_BODY_BYTES) {
        store_status(job->a,
                     &(struct store_status){
                         .code = 413,
                         .reason = "RequestEntityTooLarge",
                         .message = "Request entity too large: limit is 3145728"},
                     job->out);
        return false;
    }
    if (json_parse(job->a, call->body ? call->body : "", call->body_len, out, &err) == 0) {
        if (json_is_object(*out) || json_is_array(*out)) return true;
        err_set(&err, ERR_INVALID, "it is neither an object nor a list");
    }
    store_bad_request(job->a, job->out,
                      arena_printf(job->a, "the body of the request is no JSON object: %s",
                                   err.text));
    return false;
}

/* --- The common end of all writes --- */

/* The object was being deleted, and nothing holds it any more. */
static bool is_over(const struct store_object *o, const struct json *now)
{
    int64_t grace = 0;
    if (!o->deleting || o->finalizers > 0) return false;
    if (json_count(json_path(now, "spec.finalizers")) > 0) return false; /* a namespace */
    return !json_int(json_path(now, "metadata.deletionGracePeriodSeconds"), &grace) || grace == 0;
}

void store_bury(struct store *s, struct store_key *key, const struct store_writer *writer)
{
    store_commit(s, key, store_object_bury(key->newest, s->rv + 1), writer);
}

struct store_object *store_put(struct store *s, struct arena *a, struct store_type *type,
                               const struct store_plan *plan, const struct store_writer *writer,
                               bool dry)
{
    const struct store_object *before = plan->before;
    store_print(&s->print, type->resource, plan->now);
    if (before) {
        char rv[24];
        snprintf(rv, sizeof(rv), "%" PRIu64, before->rv);
        json_set_text(a, json_get(plan->now, "metadata"), "resourceVersion", rv);
        if (store_print_same(&s->print, before) || json_equal(plan->before_tree, plan->now)) {
            return store_object_ref(before);
        }
    }
    uint64_t rv = dry ? (before ? before->rv : 0) : s->rv + 1;
    struct store_object *o = store_object_new(a, &s->print, type->resource, plan->now, rv);
    if (dry) return o;
    struct store_key *key = store_key_ensure(type, plan->path);
    if (before && is_over(o, plan->now)) {
        store_bury(s, key, writer);
        return o;
    }
    store_commit(s, key, o, writer);
    return store_object_ref(o);
}

/* --- What the server writes into each object --- */

const char *store_now_text(struct store_job *job)
{
    char text[TIME_TEXT_SIZE];
    time_format(text, job->call->wall_ms);
    return arena_strdup(job->a, text);
}

static const char *new_uid(struct arena *a, struct rng *rng)
{
    uint64_t x = rng_next(rng), y = rng_next(rng);
    return arena_printf(a, "%08x-%04x-4%03x-%x%03x-%012" PRIx64, (unsigned)(x >> 32),
                        (unsigned)(x >> 16) & 0xffff, (unsigned)x & 0xfff,
                        8 + ((unsigned)(y >> 62) & 3), (unsigned)(y >> 48) & 0xfff,
                        y & 0xffffffffffff);
}

static void stamp_new(struct store_job *job, struct json *now)
{
    struct json *meta = json_ensure_object(job->a, now, "metadata");
    json_remove(meta, "resourceVersion");
    json_remove(meta, "deletionTimestamp");
    json_remove(meta, "deletionGracePeriodSeconds");
    json_remove(meta, "selfLink");
    json_remove(meta, "generation");
    json_set_text(job->a, meta, "uid", new_uid(job->a, job->s->config.rng));
    json_set_text(job->a, meta, "creationTimestamp", store_now_text(job));
    if (job->path.type->flags & RES_GENERATION) json_set_int(job->a, meta, "generation", 1);
    if (job->path.type->flags & RES_STATUS) json_remove(now, "status");
}

static void take_over(struct arena *a, struct json *to, const struct json *from, const char *name)
{
    const struct json *value = json_get(from, name);
    if (value) json_set(a, to, name, json_copy(a, value));
    else json_remove(to, name);
}

/* Puts back what a write may not change. */
static void restore(struct arena *a, struct json *now, const struct json *before)
{
    static const char *const kept[] = {"name",
                                       "generateName",
                                       "namespace",
                                       "uid",
                                       "creationTimestamp",
                                       "deletionTimestamp",
                                       "deletionGracePeriodSeconds",
                                       "generation",
                                       "selfLink"};
    struct json *meta = json_ensure_object(a, now, "metadata");
    const struct json *old = json_get(before, "metadata");
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) take_over(a, meta, old, kept[i]);
}

/* Servers print no empty labels, annotations, finalizers, owners or data. */
static void drop_empty(struct json *object)
{
    const struct json *next;
    for (const struct json *m = json_first(object); m; m = next) {
        next = json_next(m);
        bool holds = json_is_object(m) || json_is_array(m);
        if (str_equal(json_name(m), "spec") || str_equal(json_name(m), "status")) continue;
        if (holds && json_count(m) == 0) json_remove(object, json_name(m));
    }
}

static bool is_plain_map(const char *name)
{
    static const char *const maps[] = {"labels",   "annotations",  "limits",
                                       "requests", "nodeSelector", "matchLabels"};
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        if (str_equal(maps[i], name)) return true;
    }
    return false;
}

/* The types of built-in objects print no empty list and no empty map of texts, at any depth. */
static void drop_empty_deep(struct json *value)
{
    struct json *next;
    bool object = json_is_object(value);
    for (struct json *m = json_first(value); m; m = next) {
        next = json_next(m);
        drop_empty_deep(m);
        if (!object || json_count(m) > 0) continue;
        bool map = json_is_object(m) && is_plain_map(json_name(m));
        if (json_is_array(m) || map) json_remove(value, json_name(m));
    }
}

/* Of a write through one endpoint only its half counts. */
static struct json *own_half(struct store_job *job, const struct store_plan *plan)
{
    struct arena *a = job->a;
    if (!*job->path.sub) {
        if (job->path.type->flags & RES_STATUS) {
            take_over(a, plan->now, plan->before_tree, "status");
        }
        if (str_equal(job->path.type->kind, "Namespace")) {
            take_over(a, plan->now, plan->before_tree, "spec");
        }
        return plan->now;
    }
    struct json *half = json_copy(a, plan->before_tree);
    take_over(a, json_get(half, "metadata"), json_get(plan->now, "metadata"), "managedFields");
    if (str_equal(job->path.sub, "status")) {
        take_over(a, half, plan->now, "status");
    } else { /* finalize, of a namespace */
        struct json *spec = json_ensure_object(a, half, "spec");
        take_over(a, spec, json_get(plan->now, "spec"), "finalizers");
    }
    return half;
}

static bool same_intent(const struct json *a, const struct json *b)
{
    for (const struct json *m = json_first(a); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (str_equal(name, "metadata") || str_equal(name, "status")) continue;
        const struct json *other = json_get(b, name);
        if (!other || !json_equal(m, other)) return false;
    }
    return true;
}

static void count_generation(struct store_job *job, const struct store_plan *plan, struct json *now)
{
    unsigned flags = job->path.type->flags;
    if (!(flags & RES_GENERATION)) return;
    bool same = same_intent(now, plan->before_tree) && same_intent(plan->before_tree, now);
    if (same && (flags & RES_COUNTS_NOTES)) {
        const struct json *notes = json_path(now, "metadata.annotations");
        const struct json *old = json_path(plan->before_tree, "metadata.annotations");
        same = notes && old ? json_equal(notes, old) : notes == old;
    }
    if (same) return;
    json_set_int(job->a, json_get(now, "metadata"), "generation", plan->before->generation + 1);
}

void store_finish(struct store_job *job, const struct store_plan *plan)
{
    struct arena *a = job->a;
    const struct resource *r = job->path.type;
    struct store_plan end = *plan;
    apply_drop_nulls(end.now);
    if (plan->before) {
        end.now = own_half(job, plan);
        restore(a, end.now, plan->before_tree);
    } else {
        stamp_new(job, end.now);
    }
    drop_empty(json_get(end.now, "metadata"));
    if (!(r->flags & RES_CUSTOM)) {
        drop_empty(end.now);
        drop_empty_deep(json_get(end.now, "spec"));
        drop_empty_deep(json_get(end.now, "status"));
    }
    resource_apply_defaults(r, a, end.now);
    if (r->prepare) r->prepare(a, end.now, plan->before_tree);
    if (!plan->fields_done) {
        const struct apply_writer who = {job->manager, job->path.sub, store_now_text(job)};
        apply_track(a, r, plan->before_tree, end.now, &who);
    }
    if (r->allocate) {
        uint64_t seed = plan->before ? 0 : rng_next(job->s->config.rng);
        r->allocate(a, end.now, plan->before_tree, seed);
    }
    bool built_in = !(r->flags & RES_CUSTOM) && (r->flags & RES_STATUS);
    if (built_in) json_ensure_object(a, end.now, "status");
    if (!store_rules_hold(job, end.now, plan->before_tree)) return;
    if (plan->before) count_generation(job, plan, end.now);
    const struct store_writer writer = store_writer_of(job);
    struct store_object *o = store_put(job->s, a, job->type, &end, &writer, job->dry);
    store_answer_object(job, o, plan->code);
    store_object_unref(o);
}
