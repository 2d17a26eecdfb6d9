#include "dev/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dev/store_in.h"
#include "dev/store_status.h"
#include "lib/limits.h"
#include "lib/xalloc.h"

struct store *store_new(const struct store_config *config)
{
    assert(config->rng);
    struct store *s = xcalloc(1, sizeof(*s));
    s->config = *config;
    const struct resource *all = resources_all(&s->type_count);
    s->types = xcalloc(s->type_count, sizeof(*s->types));
    for (size_t i = 0; i < s->type_count; i++) s->types[i].resource = &all[i];
    str_init(&s->print.text, 2 * LIMIT_REQUEST_BODY_BYTES);
    str_init(&s->out, 2 * (size_t)STORE_LIST_BYTES);
    arena_init(&s->scratch);
    return s;
}

static void type_release(struct store_type *t)
{
    for (size_t i = 0; i < t->key_count; i++) {
        store_object_unref(t->keys[i]->newest);
        free(t->keys[i]);
    }
    free(t->keys);
    free(t->log);
}

void store_free(struct store *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->type_count; i++) type_release(&s->types[i]);
    for (size_t i = 0; i < s->dependents.cap; i++) {
        struct store_dependents *d = s->dependents.entries[i].value;
        if (s->dependents.entries[i].key) free(d->keys);
    }
    map_release(&s->dependents, free);
    map_release(&s->uids, NULL);
    free(s->types);
    free(s->gc_queue);
    str_release(&s->print.text);
    str_release(&s->out);
    arena_release(&s->scratch);
    free(s);
}

struct store_type *store_type_of(const struct store *s, const struct resource *r)
{
    size_t count;
    return &s->types[r - resources_all(&count)];
}

/* --- Keys --- */

const char *store_key_path(struct arena *a, const struct resource *r, const char *ns,
                           const char *name)
{
    return (r->flags & RES_CLUSTER) ? name : arena_printf(a, "%s/%s", ns, name);
}

size_t store_key_index(const struct store_type *t, const char *path)
{
    size_t low = 0, high = t->key_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(t->keys[mid]->path, path) < 0) low = mid + 1;
        else high = mid;
    }
    return low;
}

struct store_key *store_key_find(const struct store_type *t, const char *path)
{
    size_t i = store_key_index(t, path);
    return i < t->key_count && strcmp(t->keys[i]->path, path) == 0 ? t->keys[i] : NULL;
}

struct store_key *store_key_ensure(struct store_type *t, const char *path)
{
    size_t i = store_key_index(t, path);
    if (i < t->key_count && strcmp(t->keys[i]->path, path) == 0) return t->keys[i];
    if (t->key_count == t->key_cap) {
        t->key_cap = t->key_cap ? t->key_cap * 2 : 16;
        t->keys = xrealloc(t->keys, t->key_cap, sizeof(struct store_key *));
    }
    size_t n = strlen(path) + 1;
    struct store_key *key = xcalloc(1, sizeof(*key) + n);
    memcpy(key->path, path, n);
    key->type = t;
    memmove(&t->keys[i + 1], &t->keys[i], (t->key_count - i) * sizeof(struct store_key *));
    t->keys[i] = key;
    t->key_count++;
    return key;
}

static void key_remove(struct store *s, struct store_key *key)
{
    struct store_type *t = key->type;
    size_t i = store_key_index(t, key->path);
    assert(t->keys[i] == key);
    t->key_count--;
    memmove(&t->keys[i], &t->keys[i + 1], (t->key_count - i) * sizeof(struct store_key *));
    store_gc_forget(s, key);
    store_object_unref(key->newest);
    free(key);
}

struct store_object *store_live(const struct store_key *key)
{
    return key && key->newest && !key->newest->tombstone ? key->newest : NULL;
}

struct store_object *store_as_of(const struct store_key *key, uint64_t rv)
{
    struct store_object *o = key->newest;
    while (o && o->rv > rv) o = o->older;
    return o && !o->tombstone ? o : NULL;
}

/* --- The log --- */

uint64_t store_log_after(const struct store_type *t, uint64_t rv)
{
    size_t low = 0, high = t->log_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (t->log[t->log_at + mid].rv <= rv) low = mid + 1;
        else high = mid;
    }
    return t->log_first + low;
}

const struct store_change *store_log_at(const struct store_type *t, uint64_t index)
{
    if (index < t->log_first || index >= t->log_first + t->log_count) return NULL;
    return &t->log[t->log_at + (size_t)(index - t->log_first)];
}

static void log_append(struct store_type *t, struct store_change change)
{
    if (t->log_at + t->log_count == t->log_cap) {
        if (t->log_at > t->log_count) { /* more than half is free at the front */
            memmove(t->log, t->log + t->log_at, t->log_count * sizeof(*t->log));
            t->log_at = 0;
        } else {
            t->log_cap = t->log_cap ? t->log_cap * 2 : 64;
            t->log = xrealloc(t->log, t->log_cap, sizeof(*t->log));
        }
    }
    t->log[t->log_at + t->log_count++] = change;
}

/* Takes the oldest change off the log, and with it the version that it replaced. */
static void log_drop(struct store *s, struct store_type *t)
{
    struct store_change c = t->log[t->log_at];
    t->log_at++;
    t->log_count--;
    t->log_first++;
    t->compacted = c.rv;
    store_object_unref(c.after->older);
    c.after->older = NULL;
    if (c.after->tombstone && c.after->key->newest == c.after) key_remove(s, c.after->key);
}

void store_compact(struct store *s, uint64_t rv)
{
    if (rv == 0 || rv > s->rv) rv = s->rv;
    for (size_t i = 0; i < s->type_count; i++) {
        struct store_type *t = &s->types[i];
        while (t->log_count > 0 && t->log[t->log_at].rv <= rv) log_drop(s, t);
        if (t->compacted < rv) t->compacted = rv;
    }
}

/* --- Commits --- */

static void index_uid(struct store *s, struct store_key *key, const struct store_object *before,
                      const struct store_object *after)
{
    if (after->tombstone) map_remove(&s->uids, before->uid);
    else map_put(&s->uids, after->uid, key); /* also moves the entry's text to the newest version */
}

static void tell(struct store *s, const struct store_object *before,
                 const struct store_object *after, const struct store_writer *writer)
{
    const struct store_commit commit = {
        .event = after->tombstone ? STORE_DELETED : before ? STORE_MODIFIED : STORE_ADDED,
        .before = before,
        .after = after,
        .method = writer->method,
        .subresource = writer->sub,
        .manager = writer->manager,
        .user = writer->user,
        .wall_ms = writer->wall_ms};
    for (size_t i = 0; i < s->observer_count; i++) {
        s->observers[i].seen(s->observers[i].user, &commit);
    }
}

void store_commit(struct store *s, struct store_key *key, struct store_object *after,
                  const struct store_writer *writer)
{
    struct store_object *before = store_live(key);
    struct store_type *t = key->type;
    assert(after->rv == s->rv + 1);
    assert(before || !after->tombstone);
    s->rv = after->rv;
    after->key = key;
    after->older = key->newest;
    if (key->newest) key->newest->rv_end = after->rv;
    key->newest = after;
    if (!before) t->live++;
    if (after->tombstone) t->live--;
    log_append(t, (struct store_change){after->rv, before, after});
    index_uid(s, key, before, after);
    store_gc_note(s, key, before, after);
    tell(s, before, after, writer);
    while (s->config.history_max && t->log_count > s->config.history_max) log_drop(s, t);
}

void store_observe(struct store *s, void (*seen)(void *user, const struct store_commit *commit),
                   void *user)
{
    assert(s->observer_count < sizeof(s->observers) / sizeof(s->observers[0]));
    s->observers[s->observer_count++] = (struct store_observer){seen, user};
}

/* --- Direct looks --- */

uint64_t store_rv(const struct store *s)
{
    return s->rv;
}

const struct store_object *store_get(const struct store *s, const struct resource *type,
                                     const char *ns, const char *name)
{
    char path[512]; /* over any name that a create lets in: 63 + 1 + 253 */
    size_t ns_len = (type->flags & RES_CLUSTER) ? 0 : strlen(ns) + 1, n = strlen(name) + 1;
    if (ns_len + n > sizeof(path)) return NULL;
    if (ns_len) {
        memcpy(path, ns, ns_len - 1);
        path[ns_len - 1] = '/';
    }
    memcpy(path + ns_len, name, n);
    return store_live(store_key_find(store_type_of(s, type), path));
}

const struct store_object *store_walk(const struct store *s, const struct resource *type,
                                      size_t *i)
{
    const struct store_type *t = store_type_of(s, type);
    while (*i < t->key_count) {
        const struct store_object *o = store_live(t->keys[(*i)++]);
        if (o) return o;
    }
    return NULL;
}

size_t store_count(const struct store *s, const struct resource *type)
{
    return store_type_of(s, type)->live;
}

bool store_uid_lives(const struct store *s, const char *uid)
{
    return map_get(&s->uids, uid) != NULL;
}

/* --- Requests --- */

/* Up to the first '/' of the User-Agent, as servers name managers that give no name. */
static const char *manager_of(struct arena *a, const struct store_job *job)
{
    if (job->path.manager && *job->path.manager) return job->path.manager;
    const char *agent = job->call->user_agent ? job->call->user_agent : "unknown";
    return arena_strndup(a, agent, strcspn(agent, "/"));
}

static bool known_sub(const struct store_job *job)
{
    const char *sub = job->path.sub;
    if (!*sub) return true;
    if (str_equal(sub, "status")) return (job->type->resource->flags & RES_STATUS) != 0;
    return str_equal(sub, "finalize") && str_equal(job->type->resource->kind, "Namespace");
}

static void dispatch(struct store_job *job)
{
    const char *method = job->call->method;
    bool one = *job->path.name != '\0';
    if (str_equal(method, "GET")) one ? store_get_one(job) : store_list(job);
    else if (str_equal(method, "POST") && !one) store_create(job);
    else if (str_equal(method, "PUT") && one) store_update(job);
    else if (str_equal(method, "PATCH") && one) store_patch(job);
    else if (str_equal(method, "DELETE") && !*job->path.sub)
        one ? store_delete(job) : store_delete_all(job);
    else store_wrong_method(job->a, job->out);
}

static void refuse_dry_run(struct store_job *job)
{
    const char *method = job->call->method;
    const char *kind = str_equal(method, "POST")    ? "CreateOptions"
                       : str_equal(method, "PUT")   ? "UpdateOptions"
                       : str_equal(method, "PATCH") ? "PatchOptions"
                                                    : "DeleteOptions";
    const struct store_field_error error = {
        "dryRun", "FieldValueNotSupported",
        arena_printf(job->a, "Unsupported value: [\"%s\"]: supported values: \"All\"",
                     job->path.dry_run)};
    store_invalid_options(job->a, job->out, kind, &error);
}

void store_request(struct store *s, const struct store_call *call, struct arena *a,
                   struct store_answer *answer)
{
    *answer = (struct store_answer){.retry_after_s = -1};
    struct store_job job = {.s = s, .call = call, .a = a, .out = answer};
    if (!store_path_parse(a, call->path, &job.path)) {
        store_no_such_page(a, answer);
        return;
    }
    job.type = store_type_of(s, job.path.type);
    job.manager = manager_of(a, &job);
    job.manager_sub = job.path.sub;
    job.dry = job.path.dry_run && *job.path.dry_run;
    if (!known_sub(&job)) store_no_such_path(a, answer);
    else if (job.dry && !str_equal(job.path.dry_run, "All")) refuse_dry_run(&job);
    else dispatch(&job);
}

void store_answer_object(struct store_job *job, const struct store_object *o, int code)
{
    struct store_shape shape = {.no_fields = job->s->config.no_managed_fields};
    job->out->code = code;
    if (!shape.no_fields) { /* the common case: one copy */
        job->out->body = arena_strndup(job->a, o->text, o->len);
        job->out->len = o->len;
        return;
    }
    str_clear(&job->s->out);
    store_object_write(&job->s->out, o, shape);
    job->out->body = arena_strndup(job->a, job->s->out.at, job->s->out.len);
    job->out->len = job->s->out.len;
}
