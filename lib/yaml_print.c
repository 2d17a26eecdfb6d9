#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/json_names.h"
#include "lib/limits.h"
#include "lib/yaml_tree.h"

int yaml_fail(struct err *err, enum err_code code, int line, int column, const char *fmt, ...)
{
    char what[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return err_set(err, code, "line %d, column %d: %s", line, column, what);
}

static int fail(struct yaml_print *p, enum err_code code, const struct yaml_node *at,
                const char *what)
{
    return yaml_fail(p->err, code, at->line, at->column, "%s", what);
}

static int print_node(struct yaml_print *p, const struct yaml_node *node, int depth);

static int print_list(struct yaml_print *p, const struct yaml_node *list, int depth)
{
    str_add_c(p->out, '[');
    for (const struct yaml_node *item = list->first; item; item = item->next) {
        if (item != list->first) str_add_c(p->out, ',');
        if (print_node(p, item, depth + 1) < 0) return -1;
    }
    str_add_c(p->out, ']');
    return 0;
}

/* Every visit counts, also one that prints nothing: a merge may walk far for no key. */
static int count_node(struct yaml_print *p, const struct yaml_node *node)
{
    if (++p->nodes > LIMIT_YAML_NODES) return fail(p, ERR_TOO_BIG, node, "too many nodes");
    return 0;
}

/* Prints the members of a map that have not been seen. Its own go before those that it merges, so
 * that they win; of several merged maps the first wins. */
static int print_members(struct yaml_print *p, const struct yaml_node *map,
                         struct json_names *seen, int depth);

static int print_merged(struct yaml_print *p, const struct yaml_node *value,
                        struct json_names *seen, int depth)
{
    const struct yaml_node *from = yaml_real(value);
    if (count_node(p, value) < 0) return -1;
    if (depth > LIMIT_JSON_DEPTH) return fail(p, ERR_TOO_BIG, value, "nested too deep");
    if (from->kind == YAML_MAP) return print_members(p, from, seen, depth);
    if (from->kind != YAML_LIST) return fail(p, ERR_INVALID, value, "<< merges maps only");
    for (const struct yaml_node *item = from->first; item; item = item->next) {
        if (count_node(p, item) < 0) return -1;
        if (yaml_real(item)->kind != YAML_MAP) {
            return fail(p, ERR_INVALID, item, "<< merges maps only");
        }
        if (print_members(p, yaml_real(item), seen, depth) < 0) return -1;
    }
    return 0;
}

static int print_members(struct yaml_print *p, const struct yaml_node *map,
                         struct json_names *seen, int depth)
{
    const struct yaml_node *merge = NULL;
    for (const struct yaml_node *key = map->first; key; key = key->next->next) {
        const char *name = yaml_real(key)->text;
        if (count_node(p, key) < 0) return -1;
        if (key->kind == YAML_MERGE) {
            merge = key->next;
            continue;
        }
        bool first = seen->count == 0;
        if (json_names_add(seen, p->arena, name, strlen(name))) continue;
        if (!first) str_add_c(p->out, ',');
        str_add_json(p->out, name);
        str_add_c(p->out, ':');
        if (print_node(p, key->next, depth + 1) < 0) return -1;
    }
    return merge ? print_merged(p, merge, seen, depth + 1) : 0;
}

static int print_map(struct yaml_print *p, const struct yaml_node *map, int depth)
{
    struct json_names seen = {0};
    str_add_c(p->out, '{');
    if (print_members(p, map, &seen, depth) < 0) return -1;
    str_add_c(p->out, '}');
    return 0;
}

static int print_node(struct yaml_print *p, const struct yaml_node *node, int depth)
{
    const struct yaml_node *real = yaml_real(node);
    bool nests = real->kind == YAML_LIST || real->kind == YAML_MAP;
    if (count_node(p, node) < 0) return -1;
    if (p->out->over) return fail(p, ERR_TOO_BIG, node, "too big with its aliases expanded");
    if (nests && depth >= LIMIT_JSON_DEPTH) return fail(p, ERR_TOO_BIG, node, "nested too deep");
    if (real->kind == YAML_LIST) return print_list(p, real, depth);
    if (real->kind == YAML_MAP) return print_map(p, real, depth);
    if (real->kind == YAML_TEXT) str_add_json(p->out, real->text);
    else str_add(p->out, real->text);
    return 0;
}

int yaml_print(struct yaml_print *p, const struct yaml_node *node)
{
    if (print_node(p, node, 0) < 0) return -1;
    if (p->out->over) return fail(p, ERR_TOO_BIG, node, "too big with its aliases expanded");
    return 0;
}
