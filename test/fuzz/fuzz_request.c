/* Any bytes as "METHOD PATH?QUERY": a route that is found has its parameters, a query is decoded to
 * UTF-8, what a list is asked for can be answered, and its pages give each item once. */
#include <assert.h>
#include <string.h>

#include "apiserver/origin.h"
#include "apiserver/route.h"
#include "apiserver/select.h"
#include "apiserver/user_name.h"
#include "lib/serve/guard.h"
#include "lib/xalloc.h"

enum { ITEMS = 5 };

static const struct select_param params[] = {{"user", 0}, {NULL, 0}};
static const struct select_sort sorts[] = {{"name", 1}, {"created", SELECT_BY_CREATED}, {NULL, 0}};
static const struct select_kind kind = {params, sorts, 2, 3u};

#define ITEM(key_, user, name, tags, at)                                                           \
    &(struct snap_item){.key = key_, .rv = "1", .created_ms = at, .json = "",                      \
                        .field = {user, name, tags, "", "", ""}}
static struct snap_item *const items[ITEMS] = {
    ITEM("a/a", "u", "a", "\nx\ny\n", 3), ITEM("a/b", "v", "b", "", 1),
    ITEM("a/c", "u", "c", "\nx\n", 2), ITEM("b/a", "v", "a", "\n", 2),
    ITEM("b/b", "u", "b", "\ny\n", 1)};

/* Made once, and never given back. */
static const struct snapshot *all(void)
{
    static struct snapshot *made;
    if (made) return made;
    made = xcalloc(1, sizeof(*made) + sizeof(items));
    made->count = ITEMS;
    memcpy(made->items, items, sizeof(items));
    return made;
}

/* As long as there is a next page; a page that is not empty ends before the next begins. */
static void walk(struct select s, struct arena *a)
{
    struct select_page page;
    size_t seen = 0;
    for (int pages = 0; pages <= ITEMS; pages++) {
        select_page(&s, all(), a, &page);
        assert(page.count <= page.total && page.total <= ITEMS);
        assert(!s.limit || page.count <= s.limit);
        seen += page.count;
        assert(seen <= ITEMS);
        if (!page.next) return;
        assert(page.count > 0);
        const char *key = strchr(page.next, '\n');
        assert(key);
        s.after_value = arena_strndup(a, page.next, (size_t)(key - page.next));
        s.after_key = key + 1;
    }
    assert(0);
}

static void check_query(char *raw, struct arena *a)
{
    struct query q;
    struct select s;
    struct err err = {0};
    if (query_parse(a, raw, &q, &err) < 0) {
        assert(err.code == ERR_INVALID && *err.text);
        return;
    }
    for (size_t i = 0; i < q.count; i++) {
        char name[USER_NAME_SIZE];
        assert(query_get(&q, q.pairs[i].name));
        user_name(q.pairs[i].value, name);
        assert(!*name || user_name_fits(name));
        origin_is_own(q.pairs[i].name, q.pairs[i].value);
        origin_is_listed(q.pairs[i].name, q.pairs[i].value);
        host_is_loopback(q.pairs[i].value);
    }
    if (select_read(&kind, &q, a, &s, &err) == 0) walk(s, a);
    else assert(err.code == ERR_INVALID && strchr(err.text, ':'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena a = {0};
    char *method = arena_strndup(&a, (const char *)data, size);
    char *path = strchr(method, ' ');
    if (!path) return 0;
    *path++ = '\0';
    char *raw = path + strcspn(path, "?");
    if (*raw) *raw++ = '\0';
    check_query(raw, &a);
    if (!guard_path(path)) return 0;
    struct route_match m;
    enum route_found found = route_find(api_routes, api_route_count, method, path, &a, &m);
    if (found == ROUTE_NO_METHOD) assert(*m.allowed);
    if (found != ROUTE_FOUND) return 0;
    for (size_t i = 0, n = 0; m.route->path[i]; i++) {
        if (m.route->path[i] == '{')
            assert(m.param[n] && *m.param[n] && !strchr(m.param[n], '/')), n++;
    }
    return 0;
}
