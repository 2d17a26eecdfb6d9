#include "dev/store_path.h"

#include <stddef.h>
#include <string.h>

#include "lib/str.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static const char *decode(struct arena *a, const char *text, size_t n, bool plus_is_space)
{
    char *out = arena_alloc(a, n + 1), *to = out;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '%' && i + 2 < n && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        *to++ = c;
    }
    *to = '\0';
    return out;
}

static const struct {
    const char *name;
    size_t offset;
} params[] = {
    {"limit", offsetof(struct store_path, limit)},
    {"continue", offsetof(struct store_path, cont)},
    {"resourceVersion", offsetof(struct store_path, rv)},
    {"resourceVersionMatch", offsetof(struct store_path, rv_match)},
    {"labelSelector", offsetof(struct store_path, labels)},
    {"fieldSelector", offsetof(struct store_path, fields)},
    {"watch", offsetof(struct store_path, watch)},
    {"allowWatchBookmarks", offsetof(struct store_path, bookmarks)},
    {"sendInitialEvents", offsetof(struct store_path, initial)},
    {"fieldManager", offsetof(struct store_path, manager)},
    {"force", offsetof(struct store_path, force)},
    {"dryRun", offsetof(struct store_path, dry_run)},
    {"propagationPolicy", offsetof(struct store_path, propagation)},
    {"gracePeriodSeconds", offsetof(struct store_path, grace)},
    {"orphanDependents", offsetof(struct store_path, orphan)},
};

static void parse_query(struct arena *a, const char *query, struct store_path *out)
{
    while (*query) {
        size_t n = strcspn(query, "&"), name_n = strcspn(query, "=&");
        for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
            if (strlen(params[i].name) != name_n) continue;
            if (memcmp(params[i].name, query, name_n) != 0) continue;
            size_t skip = name_n < n ? name_n + 1 : n;
            const char *value = decode(a, query + skip, n - skip, true);
            memcpy((char *)out + params[i].offset, &value, sizeof(value));
        }
        query += n;
        if (*query == '&') query++;
    }
}

enum { SEGMENTS_MAX = 9 };

/* Splits "/a/b/c" at its slashes. -1: too many or empty ones. */
static int split(struct arena *a, const char *path, size_t n, const char *parts[SEGMENTS_MAX])
{
    int count = 0;
    size_t i = 0;
    while (i < n) {
        if (path[i] != '/') return -1;
        size_t end = ++i;
        while (end < n && path[end] != '/') end++;
        if (end == i) return end == n && count > 0 ? count : -1;
        if (count == SEGMENTS_MAX) return -1;
        parts[count++] = decode(a, path + i, end - i, false);
        i = end;
    }
    return count;
}

bool store_path_parse(struct arena *a, const char *path, struct store_path *out)
{
    *out = (struct store_path){.ns = "", .name = "", .sub = ""};
    const char *parts[SEGMENTS_MAX];
    size_t n = strcspn(path, "?");
    if (path[n] == '?') parse_query(a, path + n + 1, out);

    int count = split(a, path, n, parts), at = 0;
    const char *group = "";
    if (count < 3) return false;
    if (str_equal(parts[0], "apis")) group = parts[++at];
    else if (!str_equal(parts[0], "api")) return false;
    if (++at >= count) return false;
    const char *version = parts[at++];

    /* "namespaces/x" alone, or with one of its own subresources, is the namespace itself. */
    if (count - at >= 3 && str_equal(parts[at], "namespaces") &&
        !(*group == '\0' && count - at == 3 &&
          (str_equal(parts[at + 2], "status") || str_equal(parts[at + 2], "finalize")))) {
        out->ns = parts[at + 1];
        at += 2;
    }
    if (at >= count || count - at > 3) return false;
    out->type = resource_find(group, version, parts[at]);
    if (!out->type) return false;
    if (*out->ns && (out->type->flags & RES_CLUSTER)) return false;
    if (at + 1 < count) out->name = parts[at + 1];
    if (at + 2 < count) out->sub = parts[at + 2];
    return !*out->name || *out->ns || (out->type->flags & RES_CLUSTER);
}

bool store_path_true(const char *value)
{
    return str_equal(value, "true") || str_equal(value, "1");
}
