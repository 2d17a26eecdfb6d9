#include "dev/patch.h"

#include <string.h>

#include "test/check.h"

static struct json *parse(struct arena *a, const char *text)
{
    struct json *tree = NULL;
    if (json_parse(a, text, strlen(text), &tree, NULL) < 0) return NULL;
    return tree;
}

static const char *merged(struct arena *a, const char *target, const char *patch)
{
    return json_to_text(a, patch_merge(a, parse(a, target), parse(a, patch)));
}

/* The document after the operations, or "400: why", "422: why". */
static const char *patched(struct arena *a, const char *doc, const char *ops)
{
    struct json *tree = parse(a, doc);
    struct err err;
    if (patch_json(a, &tree, parse(a, ops), &err) == 0) return json_to_text(a, tree);
    return arena_printf(a, "%s: %s", err.code == ERR_INVALID ? "400" : "422", err.text);
}

TEST(patch, merge_follows_the_examples_of_rfc_7386)
{
    static const char *const rows[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    auto_arena a;
    arena_init(&a);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_STR(merged(&a, rows[i][0], rows[i][1]), rows[i][2]);
    }
}

TEST(patch, json_operations_follow_the_examples_of_rfc_6902)
{
    static const char *const rows[][3] = {
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
         "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
        {"{\"foo\":[\"a\",\"b\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"x\"}]",
         "{\"foo\":[\"a\",\"x\",\"b\"]}"},
        {"{\"foo\":[\"a\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[1]}]",
         "{\"foo\":[\"a\",[1]]}"},
        {"{\"foo\":1,\"baz\":2}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":1}"},
        {"{\"foo\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]", "{\"foo\":[1,3]}"},
        {"{\"foo\":1}", "[{\"op\":\"replace\",\"path\":\"/foo\",\"value\":null}]",
         "{\"foo\":null}"},
        {"{\"foo\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/foo/0\",\"value\":9}]",
         "{\"foo\":[9,2]}"},
        {"{\"a\":{\"x\":1},\"b\":{}}", "[{\"op\":\"move\",\"from\":\"/a/x\",\"path\":\"/b/y\"}]",
         "{\"a\":{},\"b\":{\"y\":1}}"},
        {"{\"l\":[1,2,3]}", "[{\"op\":\"move\",\"from\":\"/l/0\",\"path\":\"/l/2\"}]",
         "{\"l\":[2,3,1]}"},
        {"{\"a\":{\"x\":[1]}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]",
         "{\"a\":{\"x\":[1]},\"b\":{\"x\":[1]}}"},
        {"{\"a/b\":1,\"m~n\":2}",
         "[{\"op\":\"test\",\"path\":\"/a~1b\",\"value\":1},"
         "{\"op\":\"test\",\"path\":\"/m~0n\",\"value\":2}]",
         "{\"a/b\":1,\"m~n\":2}"},
        {"{\"a\":{\"x\":1,\"y\":2}}",
         "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"y\":2,\"x\":1}}]",
         "{\"a\":{\"x\":1,\"y\":2}}"},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"b\":2}}]", "{\"b\":2}"},
        {"{\"a\":1}", "[]", "{\"a\":1}"},
    };
    auto_arena a;
    arena_init(&a);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_STR(patched(&a, rows[i][0], rows[i][1]), rows[i][2]);
    }
}

TEST(patch, operations_that_cannot_be_done_are_told_from_a_patch_that_is_no_list)
{
    static const char *const rows[][3] = {
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]",
         "422: testing value /a failed"},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":\"1\"}]",
         "422: testing value /a failed"},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", "422: path \"/b\" does not exist"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b/c\",\"value\":1}]",
         "422: path \"/b/c\" does not exist"},
        {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/3\",\"value\":1}]",
         "422: path \"/a/3\" does not exist"},
        {"{\"a\":[1]}", "[{\"op\":\"replace\",\"path\":\"/a/-\",\"value\":1}]",
         "422: path \"/a/-\" does not exist"},
        {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":1}]",
         "422: path \"/a/01\" does not exist"},
        {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]",
         "422: path \"a\" does not begin with /"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\"}]", "422: add needs value"},
        {"{\"a\":1}", "[{\"op\":\"dance\",\"path\":\"/b\",\"value\":1}]",
         "422: unknown operation \"dance\""},
        {"{\"a\":1}", "[{\"op\":\"move\",\"path\":\"/b\"}]", "422: move needs from"},
        {"{\"a\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]",
         "422: cannot move \"/a\" into itself"},
        {"{\"a\":1}", "[{\"path\":\"/b\"}]", "422: an operation needs op and path"},
        {"{\"a\":1}", "{}", "400: a JSON patch is a list"},
    };
    auto_arena a;
    arena_init(&a);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_STR(patched(&a, rows[i][0], rows[i][1]), rows[i][2]);
    }
}

TEST(patch, a_test_of_an_absent_path_holds_for_null_only)
{
    auto_arena a;
    arena_init(&a);
    CHECK_STR(patched(&a, "{}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":null}]"), "{}");
    CHECK_HAS(patched(&a, "{}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]"), "422");
}
