#include "dev/patch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/str.h"

struct json *patch_merge(struct arena *a, struct json *target, const struct json *patch)
{
    if (!json_is_object(patch)) return json_copy(a, patch);
    struct json *out = json_is_object(target) ? target : json_object(a);
    for (const struct json *m = json_first(patch); m; m = json_next(m)) {
        const char *name = json_name(m);
        if (json_is_null(m)) {
            json_remove(out, name);
            continue;
        }
        struct json *old = json_get(out, name), *new = patch_merge(a, old, m);
        if (new != old) json_set(a, out, name, new);
    }
    return out;
}

/* --- Pointers --- */

struct place { /* where a pointer leads: a member or an item of parent */
    struct json *parent; /* NULL: the document itself */
    const char *token;
    size_t index; /* in an array; its length for "-" */
    struct json *value; /* NULL: nothing there (yet) */
};

static const char *unescape(struct arena *a, const char *text, size_t n)
{
    char *out = arena_alloc(a, n + 1), *to = out;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '~' && i + 1 < n && (text[i + 1] == '0' || text[i + 1] == '1')) {
            *to++ = text[++i] == '0' ? '~' : '/';
        } else {
            *to++ = text[i];
        }
    }
    *to = '\0';
    return out;
}

static int step(struct place *p, struct json *parent, const char *token)
{
    *p = (struct place){.parent = parent, .token = token};
    if (json_is_object(parent)) {
        p->value = json_get(parent, token);
        return 0;
    }
    if (!json_is_array(parent)) return -1;
    size_t count = json_count(parent), n = strspn(token, "0123456789");
    if (str_equal(token, "-")) p->index = count;
    else if (n == 0 || n > 9 || token[n] || (n > 1 && token[0] == '0')) return -1;
    else p->index = (size_t)strtoul(token, NULL, 10);
    p->value = json_at(parent, p->index);
    return p->index <= count ? 0 : -1;
}

static int find(struct arena *a, struct json *doc, const char *pointer, struct place *out,
                struct err *err)
{
    const char *whole = pointer;
    *out = (struct place){.value = doc};
    if (*pointer && *pointer != '/') {
        return err_set(err, ERR_CONFLICT, "path \"%s\" does not begin with /", whole);
    }
    while (*pointer) {
        size_t n = strcspn(++pointer, "/");
        const char *token = unescape(a, pointer, n);
        if (!out->value || step(out, out->value, token) < 0) {
            return err_set(err, ERR_CONFLICT, "path \"%s\" does not exist", whole);
        }
        pointer += n;
    }
    return 0;
}

static int absent(struct err *err, const char *pointer)
{
    return err_set(err, ERR_CONFLICT, "path \"%s\" does not exist", pointer);
}

/* --- Operations --- */

static void put(struct arena *a, struct json **doc, const struct place *p, struct json *value)
{
    if (!p->parent) *doc = value;
    else if (json_is_object(p->parent)) json_set(a, p->parent, p->token, value);
    else json_insert(a, p->parent, p->index, value);
}

static void take_out(const struct place *p)
{
    if (json_is_object(p->parent)) json_remove(p->parent, p->token);
    else json_remove_at(p->parent, p->index);
}

static int do_remove(struct arena *a, struct json **doc, const char *path, struct err *err)
{
    struct place p;
    if (find(a, *doc, path, &p, err) < 0) return -1;
    if (!p.value || !p.parent) return absent(err, path);
    take_out(&p);
    return 0;
}

static int do_add(struct arena *a, struct json **doc, const char *path, const struct json *value,
                  struct err *err)
{
    struct place p;
    if (find(a, *doc, path, &p, err) < 0) return -1;
    put(a, doc, &p, json_copy(a, value));
    return 0;
}

static int do_replace(struct arena *a, struct json **doc, const char *path,
                      const struct json *value, struct err *err)
{
    struct place p;
    if (find(a, *doc, path, &p, err) < 0) return -1;
    if (!p.value) return absent(err, path);
    if (json_is_array(p.parent)) take_out(&p);
    put(a, doc, &p, json_copy(a, value));
    return 0;
}

static int do_test(struct arena *a, struct json *doc, const char *path, const struct json *value,
                   struct err *err)
{
    struct place p;
    if (find(a, doc, path, &p, err) < 0) return -1;
    bool holds = p.value ? json_equal(p.value, value) : json_is_null(value);
    return holds ? 0 : err_set(err, ERR_CONFLICT, "testing value %s failed", path);
}

static int do_copy(struct arena *a, struct json **doc, const char *from, const char *path,
                   bool move, struct err *err)
{
    struct place p;
    if (find(a, *doc, from, &p, err) < 0) return -1;
    if (!p.value || (move && !p.parent)) return absent(err, from);
    size_t n = strlen(from);
    if (move && strncmp(path, from, n) == 0 && path[n] == '/') {
        return err_set(err, ERR_CONFLICT, "cannot move \"%s\" into itself", from);
    }
    struct json *value = json_copy(a, p.value);
    if (move) take_out(&p);
    return do_add(a, doc, path, value, err);
}

static int operate(struct arena *a, struct json **doc, const struct json *op, struct err *err)
{
    const char *name = json_text(json_get(op, "op")), *path = json_text(json_get(op, "path"));
    const char *from = json_text(json_get(op, "from"));
    const struct json *value = json_get(op, "value");
    if (!name || !path) return err_set(err, ERR_CONFLICT, "an operation needs op and path");
    if (str_equal(name, "remove")) return do_remove(a, doc, path, err);
    if (str_equal(name, "move") || str_equal(name, "copy")) {
        if (!from) return err_set(err, ERR_CONFLICT, "%s needs from", name);
        return do_copy(a, doc, from, path, str_equal(name, "move"), err);
    }
    if (str_equal(name, "test")) {
        return do_test(a, *doc, path, value ? value : json_new_null(a), err);
    }
    if (!value) return err_set(err, ERR_CONFLICT, "%s needs value", name);
    if (str_equal(name, "add")) return do_add(a, doc, path, value, err);
    if (str_equal(name, "replace")) return do_replace(a, doc, path, value, err);
    return err_set(err, ERR_CONFLICT, "unknown operation \"%s\"", name);
}

int patch_json(struct arena *a, struct json **doc, const struct json *ops, struct err *err)
{
    if (!json_is_array(ops)) return err_set(err, ERR_INVALID, "a JSON patch is a list");
    if (json_count(ops) > PATCH_OPS_MAX) {
        return err_set(err, ERR_INVALID, "a JSON patch has at most %d operations", PATCH_OPS_MAX);
    }
    for (const struct json *op = json_first(ops); op; op = json_next(op)) {
        if (operate(a, doc, op, err) < 0) return -1;
    }
    return 0;
}
