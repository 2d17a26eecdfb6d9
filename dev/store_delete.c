#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dev/store_in.h"
#include "dev/store_read.h"
#include "dev/store_select.h"
#include "dev/store_status.h"
#include "lib/clock.h"

static const char FOREGROUND[] = "foregroundDeletion";
static const char ORPHAN[] = "orphan";

static bool meets(struct store_job *job, const struct store_object *o,
                  const struct store_delete_options *options)
{
    char rv[24];
    snprintf(rv, sizeof(rv), "%" PRIu64, o->rv);
    const char *why = NULL;
    if (options->uid && !str_equal(options->uid, o->uid)) {
        why = arena_printf(job->a,
                           "the UID in the precondition (%s) does not match the UID in record "
                           "(%s). The object might have been deleted and then recreated",
                           options->uid, o->uid);
    } else if (options->rv && !str_equal(options->rv, rv)) {
        why = arena_printf(job->a,
                           "the ResourceVersion in the precondition (%s) does not match the "
                           "ResourceVersion in record (%s). The object might have been modified",
                           options->rv, rv);
    }
    if (why) store_precondition(job->a, job->out, o->type, o->name, why);
    return !why;
}

/* How long the object may take to end, in seconds. Only pods that run somewhere take any. */
static int64_t grace_of(const struct store_object *o, const struct json *tree, int64_t asked)
{
    int64_t grace = 30;
    const char *phase = json_text(json_path(tree, "status.phase"));
    if (!(o->type->flags & RES_GRACE)) return 0;
    if (!json_text(json_path(tree, "spec.nodeName"))) return 0;
    if (str_equal(phase, "Failed") || str_equal(phase, "Succeeded")) return 0;
    if (asked >= 0) return asked;
    if (!json_int(json_path(tree, "spec.terminationGracePeriodSeconds"), &grace)) grace = 30;
    return grace;
}

static bool without(const struct json *finalizer, const char *propagation)
{
    const char *text = json_text(finalizer);
    if (!propagation) return false;
    return str_equal(text, FOREGROUND) || str_equal(text, ORPHAN);
}

/* The finalizers by which the garbage collector is told what to do about dependents. */
static void set_propagation(struct arena *a, struct json *meta, const char *propagation)
{
    struct json *out = json_array(a);
    for (const struct json *f = json_first(json_get(meta, "finalizers")); f; f = json_next(f)) {
        if (!without(f, propagation)) json_append(a, out, json_copy(a, f));
    }
    if (str_equal(propagation, "Foreground")) json_append(a, out, json_new_text(a, FOREGROUND));
    if (str_equal(propagation, "Orphan")) json_append(a, out, json_new_text(a, ORPHAN));
    json_remove(meta, "finalizers");
    if (json_count(out) > 0) json_set(a, meta, "finalizers", out);
}

/* Sets the marks of deletion; what is being deleted already can only be hurried. */
static void mark_deleting(struct store_job *job, const struct store_object *o, struct json *now,
                          int64_t grace)
{
    struct arena *a = job->a;
    struct json *meta = json_get(now, "metadata");
    int64_t left = 0;
    if (o->deleting) {
        bool has = json_int(json_get(meta, "deletionGracePeriodSeconds"), &left);
        if (!has || grace >= left) return;
    }
    char text[TIME_TEXT_SIZE];
    time_format(text, job->call->wall_ms + grace * 1000);
    json_set_text(a, meta, "deletionTimestamp", text);
    bool namespace = str_equal(o->type->kind, "Namespace");
    if (!namespace) json_set_int(a, meta, "deletionGracePeriodSeconds", grace);
    if (!o->deleting && o->generation > 0) {
        json_set_int(a, meta, "generation", o->generation + 1);
    }
    if (namespace) {
        json_set_text(a, json_ensure_object(a, now, "status"), "phase", "Terminating");
    }
}

static bool ends_now(const struct json *now)
{
    int64_t grace = 0;
    json_int(json_path(now, "metadata.deletionGracePeriodSeconds"), &grace);
    return grace == 0 && json_count(json_path(now, "metadata.finalizers")) == 0 &&
           json_count(json_path(now, "spec.finalizers")) == 0;
}

static void answer_gone(struct store_job *job, const struct store_object *o)
{
    if (o->type->flags & RES_DELETE_ANSWERS_OBJECT) {
        store_answer_object(job, o, 200);
        return;
    }
    store_status(job->a,
                 &(struct store_status){.code = 200,
                                        .name = o->name,
                                        .group = o->type->group,
                                        .kind = o->type->plural,
                                        .uid = o->uid},
                 job->out);
}

/* Ends it at once where nothing can hold it: the common case, and no tree is needed. */
static bool nothing_holds(const struct store_object *o, const struct store_delete_options *options)
{
    bool background = !options->propagation || str_equal(options->propagation, "Background");
    return background && o->finalizers == 0 && !(o->type->flags & RES_GRACE) &&
           !str_equal(o->type->kind, "Namespace");
}

static void bury(struct store_job *job, struct store_key *key, struct store_object *o)
{
    const struct store_writer writer = store_writer_of(job);
    if (job->dry) {
        answer_gone(job, o);
        return;
    }
    store_object_ref(o); /* the key may go with its history */
    store_bury(job->s, key, &writer);
    answer_gone(job, o);
    store_object_unref(o);
}

/* The same of what has a grace period: the answer shows the marks that nobody else will see. */
static void end_marked(struct store_job *job, struct store_key *key, struct store_object *o,
                       const struct json *now)
{
    store_print(&job->s->print, o->type, now);
    struct store_object *marked =
        store_object_new(job->a, &job->s->print, o->type, now, o->rv);
    bool show = (o->type->flags & RES_GRACE) != 0;
    bury(job, key, o);
    if (show) store_answer_object(job, marked, 200);
    store_object_unref(marked);
}

void store_delete_one(struct store_job *job, struct store_key *key,
                      const struct store_delete_options *options)
{
    struct arena *a = job->a;
    struct store_object *o = store_live(key);
    if (!meets(job, o, options)) return;
    if (nothing_holds(o, options)) {
        bury(job, key, o);
        return;
    }
    struct json *now = store_tree(a, o);
    set_propagation(a, json_get(now, "metadata"), options->propagation);
    mark_deleting(job, o, now, grace_of(o, now, options->grace_s));
    if (ends_now(now)) {
        end_marked(job, key, o, now);
        return;
    }
    const struct store_writer writer = store_writer_of(job);
    const struct store_plan plan = {
        .path = key->path, .before = o, .before_tree = store_tree(a, o), .now = now};
    struct store_object *put = store_put(job->s, a, key->type, &plan, &writer, job->dry);
    store_answer_object(job, put, 200);
    store_object_unref(put);
}

/* --- Options --- */

static bool read_body(struct store_job *job, struct store_delete_options *out)
{
    struct json *body;
    if (job->call->body_len == 0) return true;
    if (!store_body(job, &body)) return false;
    const char *text;
    if ((text = json_text(json_path(body, "preconditions.uid")))) out->uid = text;
    if ((text = json_text(json_path(body, "preconditions.resourceVersion")))) out->rv = text;
    if ((text = json_text(json_get(body, "propagationPolicy")))) out->propagation = text;
    json_int(json_get(body, "gracePeriodSeconds"), &out->grace_s);
    const struct json *orphan = json_get(body, "orphanDependents");
    if (json_is_bool(orphan)) out->propagation = json_true(orphan) ? "Orphan" : "Foreground";
    if (str_equal(json_text(json_at(json_get(body, "dryRun"), 0)), "All")) job->dry = true;
    return true;
}

static bool read_options(struct store_job *job, struct store_delete_options *out)
{
    uint64_t grace;
    *out = (struct store_delete_options){.propagation = job->path.propagation, .grace_s = -1};
    if (job->path.grace && store_rv_parse(job->path.grace, &grace)) out->grace_s = (int64_t)grace;
    if (!read_body(job, out)) return false;
    const char *p = out->propagation;
    if (!p || str_equal(p, "Background") || str_equal(p, "Foreground") || str_equal(p, "Orphan")) {
        return true;
    }
    const struct store_field_error error = {
        "propagationPolicy", "FieldValueNotSupported",
        arena_printf(job->a, "Unsupported value: \"%s\": supported values: \"Foreground\", "
                             "\"Background\", \"Orphan\", \"nil\"", p)};
    store_invalid_options(job->a, job->out, "DeleteOptions", &error);
    return false;
}

void store_delete(struct store_job *job)
{
    struct store_delete_options options;
    if (!read_options(job, &options)) return;
    const char *path = store_key_path(job->a, job->path.type, job->path.ns, job->path.name);
    struct store_key *key = store_key_find(job->type, path);
    if (store_live(key)) store_delete_one(job, key, &options);
    else store_not_found(job->a, job->out, job->path.type, job->path.name);
}

void store_delete_all(struct store_job *job)
{
    struct store_delete_options options;
    struct store_selector selector;
    if (!read_options(job, &options)) return;
    const char *wrong = store_selector_parse(job->a, job->path.type, job->path.labels,
                                             job->path.fields, &selector);
    if (wrong) {
        store_bad_request(job->a, job->out, wrong);
        return;
    }
    size_t first, end, n = 0;
    store_range(job->type, &job->path, job->a, &first, &end);
    const char **paths = arena_alloc(job->a, (end - first + 1) * sizeof(*paths));
    for (size_t i = first; i < end; i++) {
        const struct store_object *o = store_live(job->type->keys[i]);
        if (o && store_selects(&selector, o)) {
            paths[n++] = arena_strdup(job->a, job->type->keys[i]->path);
        }
    }
    for (size_t i = 0; i < n; i++) {
        struct store_key *key = store_key_find(job->type, paths[i]);
        if (store_live(key)) store_delete_one(job, key, &options);
    }
    store_status(job->a, &(struct store_status){.code = 200}, job->out);
}
