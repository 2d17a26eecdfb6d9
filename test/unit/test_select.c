#include "apiserver/select.h"

#include <string.h>

#include "lib/str.h"
#include "lib/xalloc.h"
#include "test/check.h"

enum { NAME, OWNER, TAGS };

static const struct select_param params[] = {{"owner", OWNER}, {NULL, 0}};
static const struct select_sort sorts[] = {
    {"name", NAME}, {"owner", OWNER}, {"created", SELECT_BY_CREATED}, {NULL, 0}};
static const struct select_kind kind = {params, sorts, TAGS, 1u << NAME | 1u << OWNER};

#define ITEM(ns, name, owner, tags, created)                                                       \
    &(struct snap_item){.key = ns "/" name, .rv = "1", .created_ms = created,                      \
                        .field = {name, owner, tags, "", "", ""}, .json = "{}", .len = 2}

enum { COUNT = 6 };
static struct snap_item *const items[COUNT] = {
    ITEM("a", "apple", "ann", "\nred\ngreen\n", 3000000000000),
    ITEM("a", "banana", "bob", "\nyellow\n", 1000000000000),
    ITEM("a", "cherry", "ann", "\nred\n", 2000000000000),
    ITEM("b", "apple", "bob", "", 1000000000000),
    ITEM("b", "date", "eve", "", 1000000000001),
    ITEM("bb", "egg", "ann", "", 1000000000002)};

/* Made once, and never given back. */
static const struct snapshot *things(void)
{
    static struct snapshot *all;
    if (all) return all;
    all = xcalloc(1, sizeof(*all) + sizeof(items));
    all->count = COUNT;
    memcpy(all->items, items, sizeof(items));
    return all;
}

static struct arena arena;

/* The keys of the page that the parameters give, with blanks between them. */
static const char *page_of(const char *raw, const char **next, size_t *total)
{
    static char keys[200];
    struct query q;
    struct select s;
    struct select_page page;
    struct err err = {0};
    CHECK_OK(query_parse(&arena, raw, &q, &err), err);
    CHECK_OK(select_read(&kind, &q, &arena, &s, &err), err);
    select_page(&s, things(), &arena, &page);
    *keys = '\0';
    for (size_t i = 0; i < page.count; i++) {
        size_t n = strlen(keys);
        str_copy(keys + n, sizeof(keys) - n, i > 0 ? " " : "");
        n = strlen(keys);
        str_copy(keys + n, sizeof(keys) - n, page.items[i]->key);
    }
    if (next) *next = page.next;
    if (total) *total = page.total;
    return keys;
}

static const char *keys_of(const char *raw)
{
    arena_reset(&arena, 0);
    return page_of(raw, NULL, NULL);
}

TEST(select, without_parameters_all_come_by_key)
{
    CHECK_STR(keys_of(""), "a/apple a/banana a/cherry b/apple b/date bb/egg");
}

TEST(select, a_namespace_is_not_one_that_begins_alike)
{
    CHECK_STR(keys_of("namespace=b"), "b/apple b/date");
    CHECK_STR(keys_of("namespace="), "a/apple a/banana a/cherry b/apple b/date bb/egg");
}

TEST(select, fields_tags_and_words_all_have_to_fit)
{
    CHECK_STR(keys_of("owner=ann"), "a/apple a/cherry bb/egg");
    CHECK_STR(keys_of("tag=red"), "a/apple a/cherry");
    CHECK_STR(keys_of("tags=red,green"), "a/apple");
    CHECK_STR(keys_of("tag=re"), "");
    CHECK_STR(keys_of("search=AN"), "a/apple a/banana a/cherry bb/egg");
    CHECK_STR(keys_of("search=an&owner=bob"), "a/banana");
}

TEST(select, an_order_may_be_asked_for_up_or_down)
{
    CHECK_STR(keys_of("sort=created"), "a/banana b/apple b/date bb/egg a/cherry a/apple");
    CHECK_STR(keys_of("sort=-created"), "a/apple a/cherry bb/egg b/date a/banana b/apple");
    CHECK_STR(keys_of("sort=owner"), "a/apple a/cherry bb/egg a/banana b/apple b/date");
    CHECK_STR(keys_of("sort=-owner"), "b/date a/banana b/apple a/apple a/cherry bb/egg");
}

TEST(select, pages_give_every_item_once_in_any_order)
{
    static const char *const orders[] = {"", "sort=created", "sort=-created", "sort=-owner",
                                         "sort=name"};
    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
        auto_str got, query;
        str_init(&got, 1000);
        str_init(&query, 1000);
        arena_reset(&arena, 0);
        char whole[200];
        str_copy(whole, sizeof(whole), keys_of(orders[i]));
        str_add_f(&query, "%s&limit=1", orders[i]);
        for (int pages = 0; pages < COUNT; pages++) {
            const char *next;
            size_t total;
            str_add_f(&got, "%s%s", pages > 0 ? " " : "", page_of(query.at, &next, &total));
            CHECK_INT(total, COUNT);
            CHECK((next != NULL) == (pages < COUNT - 1));
            str_clear(&query);
            str_add_f(&query, "%s&limit=1&continue=", orders[i]);
            if (next) str_add_url(&query, next);
        }
        CHECK_STR(got.at, whole);
    }
}

TEST(select, a_page_goes_on_behind_an_item_that_has_gone)
{
    CHECK_STR(keys_of("limit=2&continue=%0Aa/aardvark"), "a/apple a/banana");
    CHECK_STR(keys_of("limit=2&sort=owner&continue=bob%0Aa/zebra"), "b/apple b/date");
}

static void refused(const char *raw, const char *hint)
{
    struct query q;
    struct select s;
    struct err err = {0};
    arena_reset(&arena, 0);
    CHECK_OK(query_parse(&arena, raw, &q, &err), err);
    CHECK_ERR(select_read(&kind, &q, &arena, &s, &err), err, ERR_INVALID);
    CHECK_HAS(err.text, hint);
}

TEST(select, what_cannot_be_is_refused_and_named)
{
    refused("limit=0", "limit: write a whole number from 1 to 1000");
    refused("limit=1001", "limit");
    refused("limit=5x", "limit");
    refused("limit=-1", "limit");
    refused("sort=colour", "sort: write one of name, owner, created");
    refused("sort=", "sort");
    refused("continue=x", "continue");
    refused("colour=red", "colour: there is no such parameter");
}
