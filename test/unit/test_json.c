#include "lib/json.h"

#include <string.h>

#include "lib/xalloc.h"
#include "test/check.h"

static struct arena arena;

static struct json *parse(const char *text)
{
    struct json *value = NULL;
    struct err err;
    size_t n = strlen(text);
    auto_free char *exact = xmalloc(n);
    memcpy(exact, text, n);
    CHECK_OK(json_parse(&arena, exact, n, &value, &err), err);
    return value;
}

static const char *print(const struct json *value)
{
    return json_to_text(&arena, value);
}

static const char *again(const char *text)
{
    return print(parse(text));
}

TEST(json, what_is_printed_is_what_was_read)
{
    arena_release(&arena);
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-7",
        "\"\"",
        "[]",
        "{}",
        "[[],{},[null,true]]",
        "1.5",
        "1e300",
        "{\"b\":1,\"a\":[{\"x\":\"y\"}],\"\":\"\xc3\xa9\"}",
        "9223372036854775807",
        "0.10",
        "18446744073709551615",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        CHECK_STR(again(texts[i]), texts[i]);
}

TEST(json, whole_numbers_are_printed_as_such)
{
    CHECK_STR(again("[1.0,1e15,10e-1,-0,1e3]"), "[1,1000000000000000,1,0,1000]");
    CHECK_STR(again("9007199254740993"), "9007199254740993");
}

TEST(json, white_space_and_needless_escapes_go)
{
    CHECK_STR(again(" { \"a\" : [ 1 , \"\\u00e9\\/\" ] } "), "{\"a\":[1,\"\xc3\xa9/\"]}");
    CHECK_STR(again("\"\\n\\\"\\\\\""), "\"\\u000a\\\"\\\\\"");
}

TEST(json, bad_text_is_refused_with_its_place)
{
    struct json *out = (struct json *)&arena;
    struct err err;
    CHECK_ERR(json_parse(&arena, "[1,]", 4, &out, &err), err, ERR_INVALID);
    CHECK_STR(err.text, "byte 3: no JSON value");
    CHECK_ERR(json_parse(&arena, "", 0, &out, &err), err, ERR_INVALID);
    CHECK_ERR(json_parse(&arena, "[] x", 4, &out, &err), err, ERR_INVALID);
    CHECK(out == (struct json *)&arena);
}

TEST(json, a_member_that_comes_twice_is_refused_at_any_depth)
{
    static const char text[] = "[{\"a\":{\"b\":1,\"\\u0062\":2}}]";
    struct json *out = NULL;
    struct err err;
    CHECK_ERR(json_parse(&arena, text, sizeof(text) - 1, &out, &err), err, ERR_INVALID);
    CHECK_STR(err.text, "byte 13: 'b' is there twice");
}

TEST(json, small_text_that_stands_for_a_big_tree_is_too_big_and_no_crash)
{
    size_t n = 2 << 20;
    auto_arena a = {0};
    auto_free char *text = xmalloc(n);
    struct json *out = NULL;
    struct err err;
    for (size_t i = 0; i < n; i++) text[i] = i % 2 ? ',' : '0';
    text[0] = '[';
    text[1] = '0';
    text[2] = ',';
    text[n - 1] = ']';
    CHECK_ERR(json_parse(&a, text, n, &out, &err), err, ERR_INVALID); /* [0,,: no value */
    text[1] = ' ';
    text[2] = '0';
    CHECK_ERR(json_parse(&a, text, n, &out, &err), err, ERR_TOO_BIG);
}

TEST(json, looking_takes_null_and_the_wrong_type_as_absent)
{
    struct json *v = parse("{\"a\":{\"b\":[10,\"x\"]},\"A\":1,\"t\":true}");
    int64_t n = 5;
    CHECK(!json_get(NULL, "a") && !json_path(NULL, "a.b") && !json_at(NULL, 0));
    CHECK(!json_first(NULL) && !json_next(NULL) && !json_name(NULL) && !json_text(NULL));
    CHECK(!json_int(NULL, &n) && !json_true(NULL) && !json_is_object(NULL));
    CHECK(!json_is_array(NULL) && !json_is_null(NULL) && !json_is_text(NULL));
    CHECK(!json_is_number(NULL) && !json_is_bool(NULL));
    CHECK_INT(json_count(NULL), 0);
    CHECK(!json_get(json_path(v, "a.b"), "x"));
    CHECK(!json_at(v, 0) && !json_text(v) && !json_int(v, &n));
    CHECK_INT(n, 5);
}

TEST(json, members_are_found_by_case_and_by_path)
{
    struct json *v = parse("{\"a\":{\"b\":[10,\"x\"]},\"A\":1,\"ab\":2,\"t\":true}");
    int64_t n = 0;
    CHECK(json_int(json_get(v, "A"), &n));
    CHECK_INT(n, 1);
    CHECK_STR(json_text(json_at(json_path(v, "a.b"), 1)), "x");
    CHECK(!json_path(v, "a.c") && !json_path(v, "a.b.c") && !json_get(v, "B"));
    CHECK(json_true(json_get(v, "t")) && !json_true(json_get(v, "A")));
    CHECK_INT(json_count(v), 4);
    CHECK_STR(json_name(json_next(json_first(v))), "A");
}

TEST(json, only_whole_numbers_within_two_to_53_are_ints)
{
    int64_t n = 0;
    CHECK(json_int(parse("9007199254740992"), &n));
    CHECK_INT(n, 9007199254740992);
    CHECK(!json_int(parse("9007199254740993"), &n));
    CHECK(!json_int(parse("1.5"), &n));
    CHECK(!json_int(parse("\"1\""), &n));
}

TEST(json, an_item_is_inserted_at_every_place_of_a_list)
{
    static const char *const want[] = {"[9,0,1,2]", "[0,9,1,2]", "[0,1,9,2]", "[0,1,2,9]"};
    for (size_t i = 0; i < 4; i++) {
        struct json *list = parse("[0,1,2]");
        json_insert(&arena, list, i, json_new_int(&arena, 9));
        CHECK_STR(print(list), want[i]);
        CHECK_INT(json_count(list), 4);
    }
}

TEST(json, a_tree_is_built_and_changed_in_place)
{
    struct json *o = json_object(&arena), *list = json_array(&arena);
    json_set_text(&arena, o, "name", "a\"b");
    json_set_int(&arena, o, "big", INT64_MIN);
    json_set(&arena, o, "list", list);
    json_set_bool(&arena, o, "yes", true);
    json_append(&arena, list, json_new_int(&arena, 2));
    json_insert(&arena, list, 0, json_new_int(&arena, 1));
    json_insert(&arena, list, 9, json_new_null(&arena));
    json_set_int(&arena, json_ensure_object(&arena, o, "sub"), "x", 1);
    json_set_int(&arena, json_ensure_object(&arena, o, "sub"), "y", 2);
    CHECK_STR(print(o), "{\"name\":\"a\\\"b\",\"big\":-9223372036854775808,\"list\":[1,2,null],"
                        "\"yes\":true,\"sub\":{\"x\":1,\"y\":2}}");
    json_set_text(&arena, o, "big", "small"); /* keeps its place */
    json_remove(o, "name");
    json_remove(o, "absent");
    json_remove_at(list, 2);
    json_remove_at(list, 7);
    CHECK_STR(print(o),
              "{\"big\":\"small\",\"list\":[1,2],\"yes\":true,\"sub\":{\"x\":1,\"y\":2}}");
}

TEST(json, first_and_last_members_can_be_replaced_removed_and_followed)
{
    struct json *o = parse("{\"a\":1,\"b\":2,\"c\":3}");
    json_set_int(&arena, o, "c", 30);
    json_set_int(&arena, o, "d", 4);
    json_set_int(&arena, o, "a", 10);
    CHECK_STR(print(o), "{\"a\":10,\"b\":2,\"c\":30,\"d\":4}");
    json_remove(o, "d");
    json_set_int(&arena, o, "e", 5);
    json_remove(o, "a");
    json_set_int(&arena, o, "f", 6);
    CHECK_STR(print(o), "{\"b\":2,\"c\":30,\"e\":5,\"f\":6}");
    json_remove(o, "b");
    json_remove(o, "c");
    json_remove(o, "e");
    json_remove(o, "f");
    CHECK_STR(print(o), "{}");
    json_set_int(&arena, o, "g", 7);
    CHECK_STR(print(o), "{\"g\":7}");
}

TEST(json, what_is_no_object_makes_room_for_one)
{
    struct json *o = parse("{\"a\":null}");
    json_set_int(&arena, json_ensure_object(&arena, o, "a"), "x", 1);
    CHECK_STR(print(o), "{\"a\":{\"x\":1}}");
}

TEST(json, a_copy_is_deep_and_needs_nothing_of_the_original)
{
    auto_arena other = {0};
    struct err err;
    static const char text[] = "{\"a\":[{\"b\":\"c\"},1.25,null]}";
    struct json *v = NULL;
    CHECK_OK(json_parse(&other, text, sizeof(text) - 1, &v, &err), err);
    struct json *copy = json_copy(&arena, v);
    CHECK(json_equal(v, copy));
    json_set_int(&other, json_at(json_get(v, "a"), 0), "b", 2);
    arena_release(&other);
    CHECK_STR(print(copy), text);
}

TEST(json, equality_ignores_the_order_of_members_and_the_form_of_numbers)
{
    CHECK(json_equal(parse("{\"a\":1,\"b\":[1.0,2.50]}"), parse("{\"b\":[1,2.5],\"a\":1e0}")));
    CHECK(!json_equal(parse("[1,2]"), parse("[2,1]")));
    CHECK(!json_equal(parse("[1]"), parse("[1,2]")));
    CHECK(!json_equal(parse("{\"a\":1}"), parse("{\"b\":1}")));
    CHECK(!json_equal(parse("{\"a\":1,\"b\":1}"), parse("{\"a\":1,\"c\":1}")));
    CHECK(!json_equal(parse("\"1\""), parse("1")));
    CHECK(!json_equal(parse("true"), parse("false")));
    CHECK(!json_equal(parse("null"), parse("false")));
    CHECK(!json_equal(parse("9007199254740993"), parse("9007199254740992")));
    CHECK(json_equal(NULL, NULL) && !json_equal(NULL, parse("null")));
}

TEST(json, sorting_is_by_name_and_deep_and_leaves_arrays)
{
    struct json *v = parse("{\"b\":[{\"z\":1,\"y\":2},0],\"a\":{\"d\":1,\"c\":2},\"aa\":0}");
    json_sort(v);
    CHECK_STR(print(v), "{\"a\":{\"c\":2,\"d\":1},\"aa\":0,\"b\":[{\"y\":2,\"z\":1},0]}");
    json_set_int(&arena, v, "c", 1); /* the list behind it is whole */
    json_remove(v, "a");
    CHECK_STR(print(v), "{\"aa\":0,\"b\":[{\"y\":2,\"z\":1},0],\"c\":1}");
}
