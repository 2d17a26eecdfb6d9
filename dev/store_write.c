#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/apply.h"
#include "dev/patch.h"
#include "dev/store_in.h"
#include "dev/store_read.h"
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

static const char *now_text(struct store_job *job)
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
    json_set_text(job->a, meta, "creationTimestamp", now_text(job));
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

/* Servers print no empty labels, annotations, finalizers or owners. */
static void drop_empty(struct json *meta)
{
    const struct json *next;
    for (const struct json *m = json_first(meta); m; m = next) {
        next = json_next(m);
        bool holds = json_is_object(m) || json_is_array(m);
        if (holds && json_count(m) == 0) json_remove(meta, json_name(m));
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
        return plan->now;
    }
    struct json *half = json_copy(a, plan->before_tree);
    take_over(a, json_get(half, "metadata"), json_get(plan->now, "metadata"), "managedFields");
    if (str_equal(job->path.sub, "status")) {
        take_over(a, half, plan->now, "status");
    } else { /* finalize, of a namespace */
        const struct json *given = json_path(plan->now, "spec.finalizers");
        json_set(a, json_ensure_object(a, half, "spec"), "finalizers",
                 given ? json_copy(a, given) : json_array(a));
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
    if (!(job->path.type->flags & RES_GENERATION)) return;
    if (same_intent(now, plan->before_tree) && same_intent(plan->before_tree, now)) return;
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
    resource_apply_defaults(r, a, end.now);
    if (r->prepare) {
        uint64_t seed = plan->before ? 0 : rng_next(job->s->config.rng);
        r->prepare(a, end.now, plan->before_tree, seed);
    }
    if (!plan->fields_done) {
        const struct apply_writer who = {job->manager, job->path.sub, now_text(job)};
        apply_track(a, r, plan->before_tree, end.now, &who);
    }
    if (!store_rules_hold(job, end.now, plan->before_tree)) return;
    if (plan->before) count_generation(job, plan, end.now);
    const struct store_writer writer = store_writer_of(job);
    struct store_object *o = store_put(job->s, a, job->type, &end, &writer, job->dry);
    store_answer_object(job, o, plan->code);
    store_object_unref(o);
}

/* --- POST --- */

static const char *generate_name(struct store_job *job, const char *prefix)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    const char *name = NULL;
    for (int tries = 0; tries < 8; tries++) {
        char tail[6] = {0};
        for (size_t i = 0; i < 5; i++) {
            tail[i] = letters[rng_below(job->s->config.rng, sizeof(letters) - 1)];
        }
        name = arena_printf(job->a, "%.58s%s", prefix, tail);
        const char *path = store_key_path(job->a, job->path.type, job->path.ns, name);
        if (!store_live(store_key_find(job->type, path))) break;
    }
    return name;
}

static bool name_new(struct store_job *job, struct json *now)
{
    struct json *meta = json_ensure_object(job->a, now, "metadata");
    const char *name = json_text(json_get(meta, "name"));
    const char *prefix = json_text(json_get(meta, "generateName"));
    if (name && *name) {
        job->path.name = name;
    } else if (prefix && *prefix) {
        job->path.name = generate_name(job, prefix);
        json_set_text(job->a, meta, "name", job->path.name);
    } else {
        const struct store_field_error error = {"metadata.name", "FieldValueRequired",
                                                "Required value: name or generateName is required"};
        store_invalid(job->a, job->out, job->path.type, "", &error, 1);
        return false;
    }
    return true;
}

/* now is new in its place; what holds for POST, PUT and apply of what is not there. */
static void create(struct store_job *job, struct json *now, bool fields_done)
{
    struct store_plan plan = {.now = now, .fields_done = fields_done, .code = 201};
    if (!store_rules_place(job)) return;
    plan.path = store_key_path(job->a, job->path.type, job->path.ns, job->path.name);
    const struct store_object *there = store_live(store_key_find(job->type, plan.path));
    if (there) {
        store_exists(job->a, job->out, job->path.type, job->path.name, there->deleting);
        return;
    }
    store_finish(job, &plan);
}

void store_create(struct store_job *job)
{
    struct json *now;
    if (!*job->path.ns && !(job->path.type->flags & RES_CLUSTER)) {
        store_wrong_method(job->a, job->out);
        return;
    }
    if (!store_body(job, &now) || !store_rules_body(job, now)) return;
    const char *rv = json_text(json_path(now, "metadata.resourceVersion"));
    if (rv && *rv) {
        store_status(job->a,
                     &(struct store_status){
                         .code = 500,
                         .message = "resourceVersion should not be set on objects to be created"},
                     job->out);
        return;
    }
    if (name_new(job, now)) create(job, now, false);
}

/* --- PUT --- */

static bool same_uid(struct store_job *job, const struct json *now, const struct store_object *o)
{
    const char *uid = json_text(json_path(now, "metadata.uid"));
    if (!uid || !*uid || (o && str_equal(uid, o->uid))) return true;
    store_conflict(job->a, job->out, job->path.type, job->path.name,
                   arena_printf(job->a,
                                "Precondition failed: UID in precondition: %s, UID in object "
                                "meta: %s", uid, o ? o->uid : ""));
    return false;
}

/* The body's resourceVersion, if it has one, must be the stored one. */
static bool same_version(struct store_job *job, const struct json *now,
                         const struct store_object *o, bool needed)
{
    const char *rv = json_text(json_path(now, "metadata.resourceVersion"));
    uint64_t wanted = 0;
    if (!rv || !*rv || str_equal(rv, "0")) {
        if (!needed) return true;
        const struct store_field_error error = {
            "metadata.resourceVersion", "FieldValueInvalid",
            "Invalid value: 0: must be specified for an update"};
        store_invalid(job->a, job->out, job->path.type, job->path.name, &error, 1);
        return false;
    }
    if (store_rv_parse(rv, &wanted) && o && wanted == o->rv) return true;
    store_stale(job->a, job->out, job->path.type, job->path.name);
    return false;
}

static void put_absent(struct store_job *job, struct json *now)
{
    bool may = (job->path.type->flags & RES_PUT_CREATES) && !*job->path.sub;
    if (!may) {
        store_not_found(job->a, job->out, job->path.type, job->path.name);
    } else if (same_uid(job, now, NULL) && same_version(job, now, NULL, false)) {
        create(job, now, false);
    }
}

void store_update(struct store_job *job)
{
    struct json *now;
    unsigned flags = job->path.type->flags;
    if (!store_body(job, &now) || !store_rules_body(job, now)) return;
    const char *path = store_key_path(job->a, job->path.type, job->path.ns, job->path.name);
    const struct store_object *before = store_live(store_key_find(job->type, path));
    if (!before) {
        put_absent(job, now);
        return;
    }
    if (!same_uid(job, now, before)) return;
    if (!same_version(job, now, before, (flags & RES_PUT_NEEDS_RV) != 0)) return;
    store_finish(job, &(struct store_plan){.path = path,
                                           .before = before,
                                           .before_tree = store_tree(job->a, before),
                                           .now = now,
                                           .code = 200});
}

/* --- PATCH --- */

static void answer_patch_failure(struct store_job *job, const struct err *err)
{
    if (err->code == ERR_INVALID) {
        store_bad_request(job->a, job->out,
                          arena_printf(job->a, "error decoding patch: %s", err->text));
        return;
    }
    store_status(job->a,
                 &(struct store_status){
                     .code = 422,
                     .reason = "Invalid",
                     .message = "the server rejected our request due to an error in our request",
                     .details = true},
                 job->out);
}

/* Merge or JSON patch of what is there. */
static void patch_stored(struct store_job *job, bool merge)
{
    struct json *patch;
    struct err err;
    const char *path = store_key_path(job->a, job->path.type, job->path.ns, job->path.name);
    const struct store_object *before = store_live(store_key_find(job->type, path));
    if (!before) {
        store_not_found(job->a, job->out, job->path.type, job->path.name);
        return;
    }
    if (!store_body(job, &patch)) return;
    if (merge != json_is_object(patch)) {
        store_bad_request(job->a, job->out, "error decoding patch: wrong kind of document");
        return;
    }
    struct json *now = store_tree(job->a, before);
    if (merge) {
        now = patch_merge(job->a, now, patch);
    } else if (patch_json(job->a, &now, patch, &err) < 0) {
        answer_patch_failure(job, &err);
        return;
    }
    if (!json_is_object(now) || !store_rules_body(job, now)) {
        if (!job->out->code) store_bad_request(job->a, job->out, "the patch leaves no object");
        return;
    }
    if (!same_uid(job, now, before) || !same_version(job, now, before, false)) return;
    store_finish(job, &(struct store_plan){.path = path,
                                           .before = before,
                                           .before_tree = store_tree(job->a, before),
                                           .now = now,
                                           .code = 200});
}

static void answer_conflicts(struct store_job *job, const struct apply_conflict *first)
{
    size_t count = 0, i = 0;
    for (const struct apply_conflict *c = first; c; c = c->next) count++;
    struct store_cause *causes = arena_zalloc(job->a, count * sizeof(*causes));
    auto_str s;
    str_init(&s, LIMIT_REQUEST_BODY_BYTES);
    str_add_f(&s, "Apply failed with %zu conflict%s: ", count, count > 1 ? "s" : "");
    const char *manager = "";
    for (const struct apply_conflict *c = first; c; c = c->next, i++) {
        causes[i] = (struct store_cause){"FieldManagerConflict",
                                         arena_printf(job->a, "conflict with %s", c->manager),
                                         c->path};
        if (count == 1) {
            str_add_f(&s, "conflict with %s: %s", c->manager, c->path);
            continue;
        }
        if (!str_equal(manager, c->manager)) {
            str_add_f(&s, "%sconflicts with %s:", i ? "\n" : "", c->manager);
        }
        manager = c->manager;
        str_add_f(&s, "\n- %s", c->path);
    }
    store_status(job->a,
                 &(struct store_status){.code = 409,
                                        .reason = "Conflict",
                                        .message = s.at,
                                        .causes = causes,
                                        .cause_count = count},
                 job->out);
}

static bool apply_options(struct store_job *job)
{
    if (job->path.manager && *job->path.manager) return true;
    const struct store_field_error error = {"fieldManager", "FieldValueRequired",
                                            "Required value: is required for apply patch"};
    store_invalid_options(job->a, job->out, "PatchOptions", &error);
    return false;
}

static void apply(struct store_job *job)
{
    struct arena *a = job->a;
    const struct resource *r = job->path.type;
    struct json *config;
    struct apply_conflict *conflicts = NULL;
    if (!apply_options(job) || !store_body(job, &config) || !store_rules_body(job, config)) return;
    if (json_count(json_path(config, "metadata.managedFields")) > 0) {
        store_bad_request(a, job->out, "metadata.managedFields must be nil");
        return;
    }
    const char *path = store_key_path(a, r, job->path.ns, job->path.name);
    const struct store_object *before = store_live(store_key_find(job->type, path));
    if (!before && *job->path.sub) {
        store_not_found(a, job->out, r, job->path.name);
        return;
    }
    if (!same_uid(job, config, before) || !same_version(job, config, before, false)) return;
    struct json *live = before ? store_tree(a, before) : NULL;
    const struct apply_writer who = {job->manager, job->path.sub, now_text(job)};
    bool force = store_path_true(job->path.force);
    struct json *now = apply_config(a, r, live, config, &who, force, &conflicts);
    if (!now) {
        answer_conflicts(job, conflicts);
    } else if (!before) {
        json_set_text(a, json_ensure_object(a, now, "metadata"), "name", job->path.name);
        create(job, now, true);
    } else {
        store_finish(job, &(struct store_plan){.path = path,
                                               .before = before,
                                               .before_tree = live,
                                               .now = now,
                                               .fields_done = true,
                                               .code = 200});
    }
}

void store_patch(struct store_job *job)
{
    const char *type = job->call->content_type ? job->call->content_type : "";
    size_t n = strcspn(type, "; ");
    const char *bare = arena_strndup(job->a, type, n);
    if (str_equal(bare, "application/apply-patch+yaml")) apply(job);
    else if (str_equal(bare, "application/merge-patch+json")) patch_stored(job, true);
    else if (str_equal(bare, "application/json-patch+json")) patch_stored(job, false);
    else store_wrong_type(job->a, job->out, job->call->content_type);
}
