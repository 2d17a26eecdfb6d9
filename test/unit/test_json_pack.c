#include <stdlib.h>
#include <string.h>

#include "lib/json_table.h"
#include "lib/shared.h"
#include "test/check.h"

struct part {
    bool on;
    char *name;
    struct json_list tags;
};

struct whole {
    char *name;
    int64_t size;
    struct part best;
    struct json_list parts; /* of struct part */
    struct json_list labels;
    char *version;
    char *scratch;
    struct part scrap;
    int mine; /* in no row */
};

static JSON_TABLE(part_table, struct part, JSON_ROW("on", JSON_BOOL, struct part, on),
                  JSON_ROW("name", JSON_TEXT, struct part, name),
                  JSON_ROW("tags", JSON_TEXTS, struct part, tags));

static JSON_TABLE(whole_table, struct whole, JSON_ROW("name", JSON_TEXT, struct whole, name),
                  JSON_ROW("size", JSON_INT, struct whole, size),
                  JSON_ROW("best", JSON_OBJECT, struct whole, best, .table = &part_table),
                  JSON_ROW("parts", JSON_LIST, struct whole, parts, .table = &part_table),
                  JSON_ROW("labels", JSON_MAP, struct whole, labels),
                  JSON_ROW("version", JSON_TEXT, struct whole, version, .flags = JSON_NOT_SAME),
                  JSON_ROW("scratch", JSON_TEXT, struct whole, scratch, .flags = JSON_TRANSIENT),
                  JSON_ROW("scrap", JSON_OBJECT, struct whole, scrap, .table = &part_table,
                           .flags = JSON_TRANSIENT));

static const char TEXT[] =
    "{\"name\":\"n\",\"size\":5,\"best\":{\"on\":true,\"name\":\"b\",\"tags\":[\"t0\",\"t1\"]},"
    "\"parts\":[{\"name\":\"p0\"},{\"name\":\"p1\",\"tags\":[\"x\"]}],\"labels\":{\"k\":\"v\"},"
    "\"version\":\"1\",\"scratch\":\"s\",\"scrap\":{\"name\":\"z\",\"tags\":[\"q\"]}}";

static struct whole read_whole(struct arena *a, const char *text)
{
    struct whole w = {0};
    struct err err;
    CHECK_OK(json_decode(a, text, strlen(text), &whole_table, &w, &err), err);
    return w;
}

TEST(json_pack, a_copy_outlives_the_arena_and_free_frees_it)
{
    auto_arena a = {0};
    struct whole w = read_whole(&a, TEXT);
    w.mine = 42;
    struct whole *copy = json_pack(&whole_table, &w);
    arena_release(&a);
    const struct part *parts = copy->parts.items;
    const struct json_pair *labels = copy->labels.items;
    CHECK_STR(copy->name, "n");
    CHECK_INT(copy->size, 5);
    CHECK_STR(((char **)copy->best.tags.items)[1], "t1");
    CHECK_INT(copy->parts.count, 2);
    CHECK_STR(parts[1].name, "p1");
    CHECK_STR(((char **)parts[1].tags.items)[0], "x");
    CHECK(parts[0].tags.items == NULL);
    CHECK_STR(labels[0].key, "k");
    CHECK_STR(labels[0].value, "v");
    CHECK_INT(copy->mine, 42);
    free(copy);
}

TEST(json_pack, a_copy_equals_what_it_was_made_of_and_leaves_transients_zero)
{
    auto_arena a = {0};
    struct whole w = read_whole(&a, TEXT);
    struct whole *copy = json_pack(&whole_table, &w);
    CHECK(json_same(&whole_table, &w, copy));
    CHECK(copy->scratch == NULL && copy->scrap.name == NULL);
    CHECK(copy->scrap.tags.items == NULL && copy->scrap.tags.count == 0);
    CHECK_STR(copy->version, "1");
    CHECK_STR(w.scratch, "s");
    CHECK_INT(json_pack_size(&whole_table, copy) < json_pack_size(&whole_table, &w) + 1, 1);
    free(copy);
}

TEST(json_pack, an_empty_struct_packs_to_its_own_size)
{
    struct whole w = {0};
    CHECK_INT(json_pack_size(&whole_table, &w), (sizeof(w) + 15) / 16 * 16);
    struct whole *copy = json_pack(&whole_table, &w);
    CHECK(json_same(&whole_table, &w, copy));
    free(copy);
}

TEST(json_same, every_difference_at_any_depth_is_seen)
{
    static const char *const others[] = {
        "{\"name\":\"m\"}",
        "{\"name\":\"n\",\"size\":1}",
        "{\"name\":\"n\",\"best\":{\"on\":true}}",
        "{\"name\":\"n\",\"best\":{\"name\":\"\"}}",
        "{\"name\":\"n\",\"parts\":[{}]}",
        "{\"name\":\"n\",\"labels\":{\"a\":\"1\"}}",
        "{}",
    };
    auto_arena a = {0};
    struct whole base = read_whole(&a, "{\"name\":\"n\"}");
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        struct whole other = read_whole(&a, others[i]);
        CHECK(!json_same(&whole_table, &base, &other));
        CHECK(!json_same(&whole_table, &other, &base));
        CHECK(json_same(&whole_table, &other, &other));
    }
}

TEST(json_same, order_counts_in_lists_and_maps)
{
    auto_arena a = {0};
    struct whole x = read_whole(&a, "{\"best\":{\"tags\":[\"1\",\"2\"]}}");
    struct whole y = read_whole(&a, "{\"best\":{\"tags\":[\"2\",\"1\"]}}");
    CHECK(!json_same(&whole_table, &x, &y));
    x = read_whole(&a, "{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}");
    y = read_whole(&a, "{\"labels\":{\"a\":\"1\",\"b\":\"3\"}}");
    CHECK(!json_same(&whole_table, &x, &y));
}

TEST(json_same, rows_marked_not_same_or_transient_do_not_count)
{
    auto_arena a = {0};
    struct whole x =
        read_whole(&a, "{\"version\":\"1\",\"scratch\":\"a\",\"scrap\":{\"on\":true}}");
    struct whole y = read_whole(&a, "{\"version\":\"2\",\"scratch\":\"b\"}");
    CHECK(json_same(&whole_table, &x, &y));
}

TEST(json_pack, a_front_is_all_that_is_copied_and_lists_in_it_are_whole)
{
    struct tail {
        char *kept;
        struct json_list parts;
        char *passing;
        struct part scrap;
    };
    static const struct json_field rows[] = {
        JSON_ROW("name", JSON_TEXT, struct tail, kept),
        JSON_ROW("parts", JSON_LIST, struct tail, parts, .table = &part_table),
        JSON_ROW("version", JSON_TEXT, struct tail, passing, .flags = JSON_TRANSIENT),
        JSON_ROW("best", JSON_OBJECT, struct tail, scrap, .table = &part_table,
                 .flags = JSON_TRANSIENT)};
    static const struct json_table table = {rows, 4, sizeof(struct tail), false};
    auto_arena a = {0};
    struct tail t = {0};
    struct err err;
    CHECK_OK(json_decode(&a, TEXT, strlen(TEXT), &table, &t, &err), err);
    CHECK_STR(t.scrap.name, "b");
    /* a byte past the end would be the sanitizer's to find */
    struct tail *copy = json_pack_front(&table, &t, offsetof(struct tail, passing));
    arena_release(&a);
    CHECK_STR(copy->kept, "n");
    CHECK_INT(copy->parts.count, 2);
    CHECK_STR(((const struct part *)copy->parts.items)[1].name, "p1");
    free(copy);
}

TEST(json_pack, shared_texts_are_kept_once_and_go_back)
{
    struct pair {
        char *phase, *name;
    };
    static const struct json_field rows[] = {
        JSON_ROW("phase", JSON_TEXT, struct pair, phase, .flags = JSON_SHARED),
        JSON_ROW("name", JSON_TEXT, struct pair, name)};
    static const struct json_table table = {rows, 2, sizeof(struct pair), false};
    size_t before = shared_count();
    char phase[] = "Running";
    struct pair one = {phase, phase}, none = {0};
    struct pair *a = json_pack(&table, &one), *b = json_pack(&table, &one);
    struct pair *c = json_pack(&table, &none);
    CHECK(a->phase == b->phase && a->name != b->name && !c->phase);
    CHECK(json_same(&table, a, b) && json_same(&table, a, &one) && !json_same(&table, a, c));
    json_pack_free(&table, a);
    json_pack_free(&table, c);
    CHECK_STR(b->phase, "Running");
    json_pack_free(&table, b);
    json_pack_free(&table, NULL);
    CHECK_INT(shared_count(), before);
}

TEST(json_pack, a_name_at_the_end_of_a_key_is_stored_once)
{
    struct named {
        char *key, *name;
    };
    static const struct json_field rows[] = {JSON_ROW("k", JSON_TEXT, struct named, key),
                                             JSON_ROW("n", JSON_TEXT, struct named, name)};
    static const struct json_table table = {rows, 2, sizeof(struct named), false};
    char key[] = "ns/name", apart[] = "name";
    struct named n = {key, key + 3}, two = {key, apart};
    struct named *copy = json_pack(&table, &n), *other = json_pack(&table, &two);
    CHECK_STR(copy->key, "ns/name");
    CHECK_STR(copy->name, "name");
    CHECK(copy->name == copy->key + 3 && other->name != other->key + 3);
    CHECK_INT(json_pack_size(&table, &two) - json_pack_size(&table, &n), 5);
    free(copy);
    free(other);
}
