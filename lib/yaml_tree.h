/* lib/yaml_tree.h: the nodes between lib/yaml.c, which makes them of libyaml's events, and
 * lib/yaml_print.c, which makes JSON of them. They live in an arena. No other file includes this.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/str.h"

enum yaml_kind {
    YAML_TEXT, /* text is a string */
    YAML_WORD, /* text is a JSON number, bool or null */
    YAML_LIST,
    YAML_MAP, /* children: key, value, key, value... */
    YAML_MERGE, /* the key << */
    YAML_ALIAS,
};

struct yaml_node {
    enum yaml_kind kind;
    bool open; /* its children are being read: an alias to it would be a circle */
    int line, column;
    const char *text;
    struct yaml_node *target; /* of an alias; never an alias itself */
    struct yaml_node *first;  /* child */
    struct yaml_node *next;   /* sibling */
};

/* The node itself, or what the alias stands for. */
static inline const struct yaml_node *yaml_real(const struct yaml_node *node)
{
    return node->kind == YAML_ALIAS ? node->target : node;
}

struct yaml_print {
    struct str *out;
    struct arena *arena;
    struct err *err;
    size_t nodes; /* printed so far, aliases expanded: has a limit */
};

MUST_CHECK int yaml_print(struct yaml_print *p, const struct yaml_node *node);

/* Sets err: "line 3, column 5: key 'a' is there twice". */
int yaml_fail(struct err *err, enum err_code code, int line, int column, const char *fmt, ...)
    PRINTF(5, 6);
