/* Copies and comparisons by table: see lib/json_table.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json_table.h"
#include "lib/shared.h"
#include "lib/str.h"
#include "lib/xalloc.h"

/* The block: the struct, the items of all lists, then all text, which needs no alignment. A first
 * walk has no block and only counts. */
struct packer {
    char *block; /* NULL: count */
    size_t items_bytes;
    size_t text_bytes;
    size_t text_begin; /* in block */
    const char *front_end; /* the block has the struct up to here */
    int lists;         /* how many we are in */
    const char *last, *last_end; /* the text packed last, and where its copy ends */
    char *last_copy_end;
};

enum { ALIGN = _Alignof(max_align_t) };

static void pack_fields(struct packer *k, const struct json_table *table, const char *from,
                        char *to);

/* A place for n bytes of structs; NULL while counting. */
static char *pack_room(struct packer *k, size_t n)
{
    char *at = k->block ? k->block + k->items_bytes : NULL;
    k->items_bytes += (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    return at;
}

static void pack_text(struct packer *k, char *const *from, char **to)
{
    if (!*from) return;
    if (k->last && *from >= k->last && *from < k->last_end) { /* "name" of "ns/name" */
        if (k->block) *to = k->last_copy_end - (k->last_end - *from);
        return;
    }
    size_t n = strlen(*from) + 1;
    k->last = *from;
    k->last_end = *from + n;
    k->last_copy_end = k->block ? k->block + k->text_begin + k->text_bytes + n : NULL;
    if (k->block) {
        *to = k->last_copy_end - n;
        memcpy(*to, *from, n);
    }
    k->text_bytes += n;
}

static void pack_shared(const struct packer *k, char *const *from, char **to)
{
    if (k->block && *from) *to = shared_ref(*from);
}

static size_t item_size(const struct json_field *f)
{
    if (f->type == JSON_TEXTS) return sizeof(char *);
    return f->type == JSON_MAP ? sizeof(struct json_pair) : f->table->size;
}

static void pack_item(struct packer *k, const struct json_field *f, const void *from, void *to)
{
    if (f->type == JSON_LIST) {
        k->lists++;
        pack_fields(k, f->table, from, to);
        k->lists--;
        return;
    }
    char *const *texts = from;
    pack_text(k, texts, to);
    if (f->type == JSON_MAP) pack_text(k, texts + 1, to ? (char **)to + 1 : NULL);
}

static void pack_list(struct packer *k, const struct json_field *f, const struct json_list *from,
                      struct json_list *to)
{
    size_t size = item_size(f);
    if (from->count == 0) {
        if (to) to->items = NULL;
        return;
    }
    char *items = pack_room(k, from->count * size);
    if (items) {
        memcpy(items, from->items, from->count * size);
        to->items = items;
    }
    for (size_t i = 0; i < from->count; i++) {
        pack_item(k, f, (const char *)from->items + i * size, items ? items + i * size : NULL);
    }
}

static size_t field_size(const struct json_field *f)
{
    switch (f->type) {
    case JSON_TEXT:
    case JSON_SCALAR:
    case JSON_FLAW:
    case JSON_RAW: return sizeof(char *);
    case JSON_INT:
    case JSON_TIME: return sizeof(int64_t);
    case JSON_HASH: return sizeof(uint64_t);
    case JSON_BOOL:
    case JSON_PRESENT: return sizeof(bool);
    case JSON_LIST:
    case JSON_TEXTS:
    case JSON_MAP: return sizeof(struct json_list);
    case JSON_OBJECT: return 0; /* its own rows have sizes */
    }
    return 0;
}

/* An object's rows are cleared one by one, since they may lie among rows of others. */
static void clear_field(const struct json_field *f, char *at)
{
    memset(at, 0, field_size(f));
    for (size_t i = 0; f->type == JSON_OBJECT && i < f->table->count; i++) {
        clear_field(&f->table->fields[i], at + f->table->fields[i].offset);
    }
}

static void pack_field(struct packer *k, const struct json_field *f, const char *from, char *to)
{
    char *const *text = (char *const *)(const void *)from;
    if (f->flags & JSON_SHARED) {
        pack_shared(k, text, (char **)(void *)to);
        return;
    }
    switch (f->type) {
    case JSON_TEXT:
    case JSON_SCALAR:
    case JSON_FLAW:
    case JSON_RAW: pack_text(k, text, (char **)(void *)to); return;
    case JSON_OBJECT: pack_fields(k, f->table, from, to); return;
    case JSON_LIST:
    case JSON_TEXTS:
    case JSON_MAP: pack_list(k, f, (const void *)from, (void *)to); return;
    default: return; /* a plain value: copied with the struct */
    }
}

/* to is a copy of from, whose pointers are replaced here; NULL while counting. */
static void pack_fields(struct packer *k, const struct json_table *table, const char *from,
                        char *to)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct json_field *f = &table->fields[i];
        char *at = to ? to + f->offset : NULL;
        if (!(f->flags & JSON_TRANSIENT)) {
            pack_field(k, f, from + f->offset, at);
        } else if (at && (k->lists > 0 || at < k->front_end)) {
            clear_field(f, at);
        }
    }
}

static struct packer count_pack(const struct json_table *table, const void *from, size_t front)
{
    struct packer count = {0};
    assert(front > 0 && front <= table->size);
    pack_room(&count, front);
    pack_fields(&count, table, from, NULL);
    return count;
}

size_t json_pack_size(const struct json_table *table, const void *from)
{
    struct packer count = count_pack(table, from, table->size);
    return count.items_bytes + count.text_bytes;
}

void *json_pack(const struct json_table *table, const void *from)
{
    return json_pack_front(table, from, table->size);
}

void *json_pack_front(const struct json_table *table, const void *from, size_t front)
{
    struct packer count = count_pack(table, from, front);
    struct packer k = {
        .block = xmalloc(count.items_bytes + count.text_bytes),
        .text_begin = count.items_bytes,
    };
    char *to = pack_room(&k, front);
    k.front_end = to + front;
    memcpy(to, from, front);
    pack_fields(&k, table, from, to);
    assert(k.items_bytes == count.items_bytes && k.text_bytes == count.text_bytes);
    return to;
}

static void unshare(const struct json_table *table, char *at)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct json_field *f = &table->fields[i];
        if (f->flags & JSON_TRANSIENT) continue;
        if (f->flags & JSON_SHARED) shared_unref(*(char **)(void *)(at + f->offset));
        if (f->type == JSON_OBJECT) unshare(f->table, at + f->offset);
        const struct json_list *list = (const void *)(at + f->offset);
        if (f->type != JSON_LIST) continue;
        for (size_t k = 0; k < list->count; k++) {
            unshare(f->table, (char *)list->items + k * f->table->size);
        }
    }
}

void json_pack_free(const struct json_table *table, void *packed)
{
    if (!packed) return;
    unshare(table, packed);
    free(packed);
}

/* --- Comparison --- */

static bool same_item(const struct json_field *f, const char *a, const char *b)
{
    if (f->type == JSON_LIST) return json_same(f->table, a, b);
    char *const *x = (char *const *)(const void *)a, *const *y = (char *const *)(const void *)b;
    return str_equal(x[0], y[0]) && (f->type == JSON_TEXTS || str_equal(x[1], y[1]));
}

static bool same_list(const struct json_field *f, const struct json_list *a,
                      const struct json_list *b)
{
    size_t size = item_size(f);
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!same_item(f, (char *)a->items + i * size, (char *)b->items + i * size)) return false;
    }
    return true;
}

static bool same_text(const char *const *a, const char *const *b)
{
    return str_equal(*a, *b);
}

static bool same_field(const struct json_field *f, const char *a, const char *b)
{
    switch (f->type) {
    case JSON_TEXT:
    case JSON_SCALAR:
    case JSON_FLAW:
    case JSON_RAW: return same_text((const void *)a, (const void *)b);
    case JSON_OBJECT: return json_same(f->table, a, b);
    case JSON_LIST:
    case JSON_TEXTS:
    case JSON_MAP: return same_list(f, (const void *)a, (const void *)b);
    default: return memcmp(a, b, field_size(f)) == 0;
    }
}

bool json_same(const struct json_table *table, const void *a, const void *b)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct json_field *f = &table->fields[i];
        if (f->flags & (JSON_NOT_SAME | JSON_TRANSIENT)) continue;
        if (!same_field(f, (const char *)a + f->offset, (const char *)b + f->offset)) return false;
    }
    return true;
}
