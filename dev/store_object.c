#include "dev/store_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"

static void print_member(struct str *s, const struct json *member)
{
    str_add_json(s, json_name(member));
    str_add_c(s, ':');
    json_print(s, member);
}

static void print_metadata(struct store_print *out, const struct json *meta)
{
    struct str *s = &out->text;
    str_add(s, "\"metadata\":{");
    for (const struct json *m = json_first(meta); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (str_equal(name, "resourceVersion") || str_equal(name, "managedFields")) continue;
        if (s->at[s->len - 1] != '{') str_add_c(s, ',');
        print_member(s, m);
    }
    str_add(s, ",\"resourceVersion\":\""); /* a name stands before it */
    out->rv_at = s->len;
    str_add_c(s, '"');
    const struct json *fields = json_get(meta, "managedFields");
    if (json_count(fields) > 0) {
        out->fields_at = s->len;
        str_add_c(s, ',');
        print_member(s, fields);
        out->fields_len = s->len - out->fields_at;
    }
    str_add_c(s, '}');
}

void store_print(struct store_print *out, const struct resource *type, const struct json *tree)
{
    struct str *s = &out->text;
    str_clear(s);
    out->fields_at = out->fields_len = 0;
    str_add(s, "{\"apiVersion\":\"");
    if (*type->group) str_add_f(s, "%s/", type->group);
    str_add_f(s, "%s\",\"kind\":\"%s\",", type->version, type->kind);
    out->head_len = s->len;
    print_metadata(out, json_get(tree, "metadata"));
    for (const struct json *m = json_first(tree); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (str_equal(name, "apiVersion") || str_equal(name, "kind")) continue;
        if (str_equal(name, "metadata")) continue;
        str_add_c(s, ',');
        print_member(s, m);
    }
    str_add_c(s, '}');
}

bool store_print_same(const struct store_print *p, const struct store_object *o)
{
    size_t tail = p->text.len - p->rv_at;
    return p->text.len + o->rv_len == o->len && p->rv_at == o->rv_at &&
           memcmp(p->text.at, o->text, p->rv_at) == 0 &&
           memcmp(p->text.at + p->rv_at, o->text + o->rv_at + o->rv_len, tail) == 0;
}

/* --- One block: the struct, its arrays, its strings --- */

struct block {
    char *at; /* NULL: only count */
    size_t used;
};

static const char *put_text(struct block *b, const char *text)
{
    if (!text || !*text) return "";
    size_t n = strlen(text) + 1;
    char *to = b->at ? memcpy(b->at + b->used, text, n) : NULL;
    b->used += n;
    return to ? to : "";
}

static void *put_array(struct block *b, const void *items, size_t bytes)
{
    b->used = (b->used + 7) & ~(size_t)7;
    char *to = b->at ? b->at + b->used : NULL;
    if (to && bytes) memcpy(to, items, bytes);
    b->used += bytes;
    return to;
}

static void put_owners(struct block *b, struct store_object *o)
{
    struct store_owner *owners = put_array(b, o->owners, o->owner_count * sizeof(*owners));
    for (size_t i = 0; i < o->owner_count; i++) {
        struct store_owner w = o->owners[i];
        w.api_version = put_text(b, w.api_version);
        w.kind = put_text(b, w.kind);
        w.name = put_text(b, w.name);
        w.uid = put_text(b, w.uid);
        if (owners) owners[i] = w;
    }
    if (owners) o->owners = owners;
}

/* Copies all that o points at into the block; o itself must be its first part. */
static void put_all(struct block *b, struct store_object *o)
{
    struct store_label *labels = put_array(b, o->labels, o->label_count * sizeof(*labels));
    for (size_t i = 0; i < o->label_count; i++) {
        struct store_label l = {put_text(b, o->labels[i].key), put_text(b, o->labels[i].value)};
        if (labels) labels[i] = l;
    }
    if (labels) o->labels = labels;
    put_owners(b, o);
    o->ns = put_text(b, o->ns);
    o->name = put_text(b, o->name);
    o->uid = put_text(b, o->uid);
    for (size_t i = 0; i < SELECTABLE_MAX; i++) o->selectable[i] = put_text(b, o->selectable[i]);
}

/* The block of *from with head + rv + tail as its text. */
static struct store_object *assemble(const struct store_object *from, const char *text, size_t len,
                                     size_t old_rv_len, uint64_t rv)
{
    char digits[24];
    size_t rv_len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, rv);
    struct store_object count = *from;
    struct block b = {NULL, sizeof(count)};
    put_all(&b, &count);

    size_t text_at = b.used;
    size_t text_len = len - old_rv_len + rv_len;
    char *at = xmalloc(text_at + text_len + 1);
    struct store_object *o = (struct store_object *)(void *)at;
    *o = *from;
    b = (struct block){at, sizeof(*o)};
    put_all(&b, o);

    char *to = at + text_at;
    size_t head = from->rv_at;
    memcpy(to, text, head);
    memcpy(to + head, digits, rv_len);
    memcpy(to + head + rv_len, text + head + old_rv_len, len - head - old_rv_len);
    to[text_len] = '\0';
    o->text = to;
    o->len = text_len;
    o->rv = rv;
    if (o->fields_at) o->fields_at = from->fields_at + rv_len - old_rv_len;
    o->rv_len = rv_len;
    o->refs = 1;
    o->rv_end = 0;
    o->older = NULL;
    return o;
}

struct store_object *store_object_bury(const struct store_object *o, uint64_t rv)
{
    struct store_object *dead = assemble(o, o->text, o->len, o->rv_len, rv);
    dead->tombstone = true;
    return dead;
}

/* --- What the store wants to know of a tree --- */

static const char *text_or_empty(const struct json *value)
{
    const char *text = json_text(value);
    return text ? text : "";
}

static void read_labels(struct arena *a, struct store_object *o, const struct json *labels)
{
    struct store_label *out = arena_zalloc(a, (json_count(labels) + 1) * sizeof(*out));
    o->labels = out;
    for (const struct json *l = json_first(labels); l; l = json_next(l)) {
        out[o->label_count++] = (struct store_label){json_name(l), text_or_empty(l)};
    }
}

static void read_owners(struct arena *a, struct store_object *o, const struct json *owners)
{
    struct store_owner *out = arena_zalloc(a, (json_count(owners) + 1) * sizeof(*out));
    o->owners = out;
    for (const struct json *w = json_first(owners); w; w = json_next(w)) {
        out[o->owner_count++] = (struct store_owner){
            .api_version = text_or_empty(json_get(w, "apiVersion")),
            .kind = text_or_empty(json_get(w, "kind")),
            .name = text_or_empty(json_get(w, "name")),
            .uid = text_or_empty(json_get(w, "uid")),
            .controller = json_true(json_get(w, "controller")),
            .block = json_true(json_get(w, "blockOwnerDeletion")),
        };
    }
}

static const char *scalar_text(struct arena *a, const struct json *value)
{
    if (!value || json_is_null(value)) return "";
    return json_is_text(value) ? json_text(value) : json_to_text(a, value);
}

static void read_meta(struct arena *a, struct store_object *o, const struct json *tree)
{
    const struct json *meta = json_get(tree, "metadata");
    o->ns = text_or_empty(json_get(meta, "namespace"));
    o->name = text_or_empty(json_get(meta, "name"));
    o->uid = text_or_empty(json_get(meta, "uid"));
    int64_t generation = 0;
    if (json_int(json_get(meta, "generation"), &generation)) o->generation = generation;
    const char *created = json_text(json_get(meta, "creationTimestamp"));
    if (created && time_parse(created, &o->created_ms, NULL) < 0) o->created_ms = 0;
    o->deleting = json_is_text(json_get(meta, "deletionTimestamp"));
    o->finalizers = (unsigned)json_count(json_get(meta, "finalizers"));
    read_labels(a, o, json_get(meta, "labels"));
    read_owners(a, o, json_get(meta, "ownerReferences"));
    for (size_t i = 0; i < SELECTABLE_MAX && o->type->selectable[i]; i++) {
        o->selectable[i] = scalar_text(a, json_path(tree, o->type->selectable[i]));
    }
}

struct store_object *store_object_new(struct arena *scratch, const struct store_print *p,
                                      const struct resource *type, const struct json *tree,
                                      uint64_t rv)
{
    struct store_object o = {.type = type,
                             .rv_at = p->rv_at,
                             .fields_at = p->fields_at,
                             .fields_len = p->fields_len,
                             .head_len = p->head_len};
    read_meta(scratch, &o, tree);
    return assemble(&o, p->text.at, p->text.len, 0, rv);
}

struct store_object *store_object_ref(const struct store_object *o)
{
    struct store_object *mine = (struct store_object *)(uintptr_t)o;
    mine->refs++;
    return mine;
}

void store_object_unref(struct store_object *o)
{
    if (!o || --o->refs > 0) return;
    struct store_object *older = o->older;
    free(o);
    while (older && --older->refs == 0) { /* a loop: a chain may be long */
        struct store_object *next = older->older;
        free(older);
        older = next;
    }
}

void store_object_write(struct str *out, const struct store_object *o, struct store_shape shape)
{
    size_t from = 0;
    if (shape.no_head) {
        str_add_c(out, '{');
        from = o->head_len;
    }
    if (shape.no_fields && o->fields_at) {
        str_add_n(out, o->text + from, o->fields_at - from);
        from = o->fields_at + o->fields_len;
    }
    str_add_n(out, o->text + from, o->len - from);
}

size_t store_object_size(const struct store_object *o, struct store_shape shape)
{
    size_t n = o->len;
    if (shape.no_head) n -= o->head_len - 1;
    if (shape.no_fields) n -= o->fields_len;
    return n;
}
