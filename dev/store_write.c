#include <string.h>

#include "dev/apply.h"
#include "dev/patch.h"
#include "dev/store_in.h"
#include "dev/store_read.h"
#include "dev/store_rules.h"
#include "dev/store_status.h"
#include "lib/limits.h"

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

static bool uid_differs(const struct json *now, const struct store_object *o, const char **uid)
{
    *uid = json_text(json_path(now, "metadata.uid"));
    return *uid && **uid && !(o && str_equal(*uid, o->uid));
}

/* Of a PUT. */
static bool same_uid(struct store_job *job, const struct json *now, const struct store_object *o)
{
    const char *uid;
    const struct resource *r = job->path.type;
    if (!uid_differs(now, o, &uid)) return true;
    const char *group = (r->flags & RES_CUSTOM) ? arena_printf(job->a, "%s/", r->group) : "";
    store_conflict(job->a, job->out, r, job->path.name,
                   arena_printf(job->a,
                                "StorageError: invalid object, Code: 4, Key: /registry/%s%s/%s, "
                                "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID "
                                "in precondition: %s, UID in object meta: %s",
                                group, r->plural,
                                store_key_path(job->a, r, job->path.ns, job->path.name), uid,
                                o ? o->uid : ""));
    return false;
}

/* Of a PATCH: the uid is a field that cannot change, and of an apply a precondition. */
static bool keeps_uid(struct store_job *job, const struct json *now, const struct store_object *o)
{
    const char *uid;
    if (!uid_differs(now, o, &uid)) return true;
    if (!o) {
        store_conflict(job->a, job->out, job->path.type, job->path.name,
                       arena_printf(job->a,
                                    "uid mismatch: the provided object specified uid %s, and no "
                                    "existing object was found", uid));
        return false;
    }
    const struct store_field_error error = {
        "metadata.uid", "FieldValueInvalid",
        arena_printf(job->a, "Invalid value: \"%s\": field is immutable", uid)};
    const struct store_field_error twice[] = {error, error}; /* two validators say so */
    store_invalid(job->a, job->out, job->path.type, job->path.name, twice, 2);
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
        store_invalid_resource(job->a, job->out, job->path.type, job->path.name, &error);
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
    } else if (same_uid(job, now, NULL)) {
        create(job, now, false);
    }
}

void store_update(struct store_job *job)
{
    struct json *now;
    unsigned flags = job->path.type->flags;
    if (!store_body(job, &now) || !store_rules_named(job, now)) return;
    if (!store_rules_body(job, now)) return;
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
    if (!same_version(job, now, before, false) || !keeps_uid(job, now, before)) return;
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
    if (!apply_options(job) || !store_body(job, &config)) return;
    if (!store_rules_typed(job, config)) return;
    if (!store_rules_named(job, config) || !store_rules_body(job, config)) return;
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
    if (!keeps_uid(job, config, before) || !same_version(job, config, before, false)) return;
    struct json *live = before ? store_tree(a, before) : NULL;
    const struct apply_writer who = {job->manager, job->path.sub, store_now_text(job)};
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
    else store_wrong_type(job->a, job->out);
}
