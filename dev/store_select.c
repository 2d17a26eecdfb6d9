#include "dev/store_select.h"

#include <string.h>

#include "lib/str.h"

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_ABSENT };

enum { FIELD_NAME = -1, FIELD_NS = -2, FIELD_LABEL = -3 };

struct store_requirement {
    struct store_requirement *next;
    int field; /* index of a selectable field, or one of FIELD_* */
    const char *key;
    enum op op;
    const char **values; /* ends in NULL */
};

struct reader {
    struct arena *a;
    const char *at;
};

static void skip_space(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t') r->at++;
}

static bool take(struct reader *r, const char *text)
{
    skip_space(r);
    size_t n = strlen(text);
    if (strncmp(r->at, text, n) != 0) return false;
    r->at += n;
    return true;
}

/* A key or a value: what stands before a mark or white space. May be empty. */
static const char *take_word(struct reader *r)
{
    skip_space(r);
    size_t n = strcspn(r->at, "=!,()<> \t");
    const char *word = arena_strndup(r->a, r->at, n);
    r->at += n;
    return word;
}

static const char **one_value(struct reader *r)
{
    const char **values = arena_zalloc(r->a, 2 * sizeof(*values));
    values[0] = take_word(r);
    return values;
}

static const char **value_set(struct reader *r)
{
    if (!take(r, "(")) return NULL;
    size_t cap = 2;
    for (const char *p = r->at; *p && *p != ')'; p++) cap += *p == ',';
    const char **values = arena_zalloc(r->a, cap * sizeof(*values));
    size_t n = 0;
    do values[n++] = take_word(r);
    while (take(r, ","));
    return take(r, ")") ? values : NULL;
}

static bool take_keyword(struct reader *r, const char *word)
{
    skip_space(r);
    size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0) return false;
    if (r->at[n] != ' ' && r->at[n] != '(' && r->at[n] != '\t') return false;
    r->at += n;
    return true;
}

static bool read_label(struct reader *r, struct store_requirement *q)
{
    q->field = FIELD_LABEL;
    bool absent = take(r, "!");
    q->key = take_word(r);
    if (!*q->key) return false;
    if (absent) {
        q->op = OP_ABSENT;
    } else if (take(r, "==") || take(r, "=")) {
        q->op = OP_IN;
        q->values = one_value(r);
    } else if (take(r, "!=")) {
        q->op = OP_NOT_IN;
        q->values = one_value(r);
    } else if (take_keyword(r, "in")) {
        q->op = OP_IN;
        q->values = value_set(r);
    } else if (take_keyword(r, "notin")) {
        q->op = OP_NOT_IN;
        q->values = value_set(r);
    } else {
        q->op = OP_EXISTS;
    }
    skip_space(r);
    return (q->values || q->op == OP_EXISTS || q->op == OP_ABSENT) &&
           (*r->at == '\0' || *r->at == ',');
}

static bool find_field(const struct resource *type, const char *key, int *field)
{
    if (str_equal(key, "metadata.name")) {
        *field = FIELD_NAME;
        return true;
    }
    if (str_equal(key, "metadata.namespace") && !(type->flags & RES_CLUSTER)) {
        *field = FIELD_NS;
        return true;
    }
    for (int i = 0; i < SELECTABLE_MAX && type->selectable[i]; i++) {
        *field = i;
        if (str_equal(type->selectable[i], key)) return true;
    }
    return false;
}

static bool read_field(struct reader *r, struct store_requirement *q)
{
    q->key = take_word(r);
    if (take(r, "==") || take(r, "=")) q->op = OP_IN;
    else if (take(r, "!=")) q->op = OP_NOT_IN;
    else return false;
    size_t n = strcspn(r->at, ","); /* values may hold anything but a comma */
    q->values = arena_zalloc(r->a, 2 * sizeof(*q->values));
    q->values[0] = arena_strndup(r->a, r->at, n);
    r->at += n;
    return true;
}

static void push(struct store_selector *s, struct store_requirement *q)
{
    q->next = s->first;
    s->first = q;
}

const char *store_selector_parse(struct arena *a, const struct resource *type, const char *labels,
                                 const char *fields, struct store_selector *out)
{
    *out = (struct store_selector){0};
    struct reader r = {a, labels ? labels : ""};
    while (*r.at) {
        struct store_requirement *q = arena_zalloc(a, sizeof(*q));
        if (!read_label(&r, q)) {
            return arena_printf(a, "unable to parse requirement: %s", labels);
        }
        push(out, q);
        take(&r, ",");
    }
    r.at = fields ? fields : "";
    while (*r.at) {
        struct store_requirement *q = arena_zalloc(a, sizeof(*q));
        if (!read_field(&r, q)) {
            return arena_printf(a, "invalid field selector: %s: can't understand it", fields);
        }
        if (!find_field(type, q->key, &q->field)) {
            return arena_printf(a, "field label not supported: %s", q->key);
        }
        push(out, q);
        take(&r, ",");
    }
    return NULL;
}

static const char *value_of(const struct store_requirement *q, const struct store_object *o)
{
    if (q->field == FIELD_NAME) return o->name;
    if (q->field == FIELD_NS) return o->ns;
    if (q->field >= 0) return o->selectable[q->field];
    for (size_t i = 0; i < o->label_count; i++) {
        if (str_equal(o->labels[i].key, q->key)) return o->labels[i].value;
    }
    return NULL;
}

static bool among(const char *value, const char **values)
{
    for (; value && *values; values++) {
        if (str_equal(value, *values)) return true;
    }
    return false;
}

static bool meets(const struct store_requirement *q, const struct store_object *o)
{
    const char *value = value_of(q, o);
    switch (q->op) {
    case OP_EXISTS: return value != NULL;
    case OP_ABSENT: return value == NULL;
    case OP_IN: return among(value, q->values);
    case OP_NOT_IN: break;
    }
    return !among(value, q->values); /* also where the label is absent */
}

bool store_selects(const struct store_selector *selector, const struct store_object *o)
{
    for (const struct store_requirement *q = selector->first; q; q = q->next) {
        if (!meets(q, o)) return false;
    }
    return true;
}
