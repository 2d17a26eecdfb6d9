#include "lib/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "lib/json_names.h"
#include "lib/limits.h"
#include "lib/map.h"
#include "lib/yaml_plain.h"
#include "lib/yaml_tree.h"

struct loader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one that we are at */
    struct arena *arena;
    struct err *err;
    struct map anchors; /* name -> node, of this document */
    size_t nodes;
};

/* --- Events --- */

static int fail_parse(struct loader *l)
{
    const yaml_parser_t *p = &l->parser;
    const char *what = p->problem ? p->problem : "cannot be read";
    if (p->error == YAML_READER_ERROR) {
        return err_set(l->err, ERR_INVALID, "byte %zu: %s", p->problem_offset, what);
    }
    return yaml_fail(l->err, ERR_INVALID, (int)p->problem_mark.line + 1,
                     (int)p->problem_mark.column + 1, "%s", what);
}

static int next_event(struct loader *l)
{
    yaml_event_delete(&l->event);
    if (!yaml_parser_parse(&l->parser, &l->event)) return fail_parse(l);
    return 0;
}

PRINTF(3, 4)
static int fail_here(struct loader *l, enum err_code code, const char *fmt, ...)
{
    char what[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return yaml_fail(l->err, code, (int)l->event.start_mark.line + 1,
                     (int)l->event.start_mark.column + 1, "%s", what);
}

/* --- Nodes --- */

static const char *tag_of(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return (const char *)e->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT: return (const char *)e->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT: return (const char *)e->data.mapping_start.tag;
    default: return NULL;
    }
}

static const char *anchor_of(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return (const char *)e->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT: return (const char *)e->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT: return (const char *)e->data.mapping_start.anchor;
    default: return NULL;
    }
}

/* The core schema's short name of a tag ("int"), "" for none; NULL: a foreign tag. */
static const char *core_tag(const char *tag)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    if (!tag) return "";
    if (strcmp(tag, "!") == 0) return "str"; /* "not to be resolved" */
    return strncmp(tag, prefix, sizeof(prefix) - 1) == 0 ? tag + sizeof(prefix) - 1 : NULL;
}

static int fail_tag(struct loader *l)
{
    return fail_here(l, ERR_INVALID, "tag '%.80s' is not for here", tag_of(&l->event));
}

static bool tag_fits(const char *tag, enum yaml_plain kind)
{
    static const char *const names[] = {
        [PLAIN_TEXT] = "str",  [PLAIN_NULL] = "null",   [PLAIN_BOOL] = "bool",
        [PLAIN_INT] = "int",   [PLAIN_FLOAT] = "float", [PLAIN_NO_JSON] = "float",
    };
    return !*tag || strcmp(tag, names[kind]) == 0 ||
           (kind == PLAIN_INT && strcmp(tag, "float") == 0);
}

static bool is_merge(const yaml_event_t *e)
{
    if (e->type != YAML_SCALAR_EVENT || anchor_of(e) || tag_of(e)) return false;
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)e->data.scalar.value, "<<") == 0;
}

static int load_scalar(struct loader *l, struct yaml_node *node)
{
    const char *text = (const char *)l->event.data.scalar.value;
    const char *tag = core_tag(tag_of(&l->event));
    size_t n = l->event.data.scalar.length;
    bool plain = l->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    char json[YAML_PLAIN_SIZE];
    if (!tag) return fail_tag(l);
    if (memchr(text, '\0', n)) return fail_here(l, ERR_INVALID, "a NUL in text");
    node->kind = YAML_TEXT;
    if (strcmp(tag, "str") == 0 || (!*tag && !plain)) {
        node->text = arena_strndup(l->arena, text, n);
        return 0;
    }
    enum yaml_plain kind = yaml_plain(text, n, json);
    if (!tag_fits(tag, kind)) return fail_tag(l);
    if (kind == PLAIN_NO_JSON) return fail_here(l, ERR_INVALID, "'%s' has no JSON", text);
    if (kind != PLAIN_TEXT) node->kind = YAML_WORD;
    node->text = kind == PLAIN_TEXT ? arena_strndup(l->arena, text, n)
                                    : arena_strdup(l->arena, json);
    return 0;
}

static int load_alias(struct loader *l, struct yaml_node *node)
{
    const char *name = (const char *)l->event.data.alias.anchor;
    node->kind = YAML_ALIAS;
    node->target = map_get(&l->anchors, name);
    if (!node->target) return fail_here(l, ERR_INVALID, "alias '%.80s' to nothing", name);
    if (node->target->open) return fail_here(l, ERR_INVALID, "alias '%.80s' to itself", name);
    return 0;
}

static int load_node(struct loader *l, struct yaml_node **out, int depth);

static int load_list(struct loader *l, struct yaml_node *list, int depth)
{
    struct yaml_node **link = &list->first;
    for (;;) {
        if (next_event(l) < 0) return -1;
        if (l->event.type == YAML_SEQUENCE_END_EVENT) return 0;
        if (load_node(l, link, depth) < 0) return -1;
        link = &(*link)->next;
    }
}

static int load_key(struct loader *l, struct yaml_node **out, struct json_names *names, int depth)
{
    bool merge = is_merge(&l->event);
    if (load_node(l, out, depth) < 0) return -1;
    const struct yaml_node *key = yaml_real(*out);
    int line = (*out)->line, column = (*out)->column;
    if (key->kind != YAML_TEXT && (key->kind != YAML_WORD || strcmp(key->text, "null") == 0)) {
        return yaml_fail(l->err, ERR_INVALID, line, column, "a key must be a scalar, not null");
    }
    if (merge) (*out)->kind = YAML_MERGE;
    const char *why = json_names_add(names, l->arena, key->text, strlen(key->text));
    if (!why) return 0;
    return yaml_fail(l->err, ERR_INVALID, line, column, "key '%.80s' %s", key->text, why);
}

static int load_map(struct loader *l, struct yaml_node *map, int depth)
{
    struct json_names names = {0};
    struct yaml_node **link = &map->first;
    for (;;) {
        if (next_event(l) < 0) return -1;
        if (l->event.type == YAML_MAPPING_END_EVENT) return 0;
        if (load_key(l, link, &names, depth) < 0) return -1;
        link = &(*link)->next;
        if (next_event(l) < 0) return -1;
        if (load_node(l, link, depth) < 0) return -1;
        link = &(*link)->next;
    }
}

static int load_nested(struct loader *l, struct yaml_node *node, int depth)
{
    bool is_map = l->event.type == YAML_MAPPING_START_EVENT;
    const char *tag = core_tag(tag_of(&l->event));
    if (!tag || (*tag && strcmp(tag, is_map ? "map" : "seq") != 0)) return fail_tag(l);
    if (depth >= LIMIT_YAML_DEPTH) return fail_here(l, ERR_TOO_BIG, "nested too deep");
    node->kind = is_map ? YAML_MAP : YAML_LIST;
    node->open = true;
    int rc = is_map ? load_map(l, node, depth + 1) : load_list(l, node, depth + 1);
    node->open = false;
    return rc;
}

/* The node of the event that we are at, with all that is in it. */
static int load_node(struct loader *l, struct yaml_node **out, int depth)
{
    struct yaml_node *node = arena_zalloc(l->arena, sizeof(*node));
    const char *anchor = anchor_of(&l->event);
    node->line = (int)l->event.start_mark.line + 1;
    node->column = (int)l->event.start_mark.column + 1;
    *out = node;
    if (++l->nodes > LIMIT_YAML_NODES) return fail_here(l, ERR_TOO_BIG, "too many nodes");
    if (anchor) map_put(&l->anchors, arena_strdup(l->arena, anchor), node);
    switch (l->event.type) {
    case YAML_SCALAR_EVENT: return load_scalar(l, node);
    case YAML_ALIAS_EVENT: return load_alias(l, node);
    default: return load_nested(l, node, depth);
    }
}

/* --- Documents --- */

struct docs {
    struct yaml_doc *items;
    size_t count, cap;
    struct str out; /* the JSON of one document */
    size_t bytes;   /* of all so far */
    size_t nodes;
};

static struct yaml_doc *add_doc(struct loader *l, struct docs *docs)
{
    if (docs->count == docs->cap) {
        docs->cap = docs->cap ? docs->cap * 2 : 4;
        struct yaml_doc *items = arena_alloc(l->arena, docs->cap * sizeof(*items));
        if (docs->count) memcpy(items, docs->items, docs->count * sizeof(*items));
        docs->items = items;
    }
    return &docs->items[docs->count++];
}

/* From the document's start event to its end event. */
static int load_document(struct loader *l, struct docs *docs)
{
    int line = (int)l->event.start_mark.line + 1;
    struct yaml_node *root = NULL;
    struct yaml_print print = {&docs->out, l->arena, l->err, docs->nodes};
    if (next_event(l) < 0 || load_node(l, &root, 0) < 0) return -1;
    str_clear(&docs->out);
    docs->out.max = LIMIT_YAML_OUTPUT_BYTES - docs->bytes;
    if (yaml_print(&print, root) < 0) return -1;
    *add_doc(l, docs) = (struct yaml_doc){
        .json = arena_strndup(l->arena, docs->out.at, docs->out.len),
        .len = docs->out.len,
        .line = line,
    };
    docs->bytes += docs->out.len;
    docs->nodes = print.nodes;
    map_release(&l->anchors, NULL);
    return next_event(l); /* the document's end */
}

static int load_stream(struct loader *l, struct docs *docs)
{
    for (;;) {
        if (next_event(l) < 0) return -1;
        if (l->event.type == YAML_STREAM_END_EVENT) return 0;
        if (l->event.type == YAML_DOCUMENT_START_EVENT && load_document(l, docs) < 0) return -1;
    }
}

int yaml_to_json(struct arena *a, const char *text, size_t n, struct yaml_doc **docs,
                 size_t *count, struct err *err)
{
    struct loader l = {.arena = a, .err = err};
    struct docs all = {0};
    if (n > LIMIT_YAML_BYTES) {
        return err_set(err, ERR_TOO_BIG, "YAML over %zu bytes", LIMIT_YAML_BYTES);
    }
    if (!yaml_parser_initialize(&l.parser)) return err_set(err, ERR_UNAVAILABLE, "out of memory");
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, n);
    str_init(&all.out, LIMIT_YAML_OUTPUT_BYTES);
    int rc = load_stream(&l, &all);
    str_release(&all.out);
    map_release(&l.anchors, NULL);
    yaml_event_delete(&l.event);
    yaml_parser_delete(&l.parser);
    if (rc < 0) return -1;
    *docs = all.items;
    *count = all.count;
    return 0;
}

int yaml_to_json_one(struct arena *a, const char *text, size_t n, char **json, size_t *len,
                     struct err *err)
{
    struct yaml_doc *docs = NULL;
    size_t count = 0;
    if (yaml_to_json(a, text, n, &docs, &count, err) < 0) return -1;
    if (count > 1) {
        return yaml_fail(err, ERR_INVALID, docs[1].line, 1, "a second document, want only one");
    }
    *json = count ? docs[0].json : arena_strdup(a, "null");
    *len = strlen(*json);
    return 0;
}
