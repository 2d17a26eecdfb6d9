#include "lib/yaml.h"

#include <string.h>

#include "lib/json_table.h"
#include "lib/limits.h"
#include "lib/str.h"
#include "lib/xalloc.h"
#include "test/check.h"

static struct arena arena;

static int convert(const char *text, struct yaml_doc **docs, size_t *count, struct err *err)
{
    size_t n = strlen(text);
    auto_free char *exact = xmalloc(n);
    memcpy(exact, text, n);
    arena_release(&arena);
    return yaml_to_json(&arena, exact, n, docs, count, err);
}

/* The JSON of the only document, or the error. */
static const char *json_of(const char *text)
{
    static struct err err;
    struct yaml_doc *docs = NULL;
    size_t count = 0;
    if (convert(text, &docs, &count, &err) < 0) return err.text;
    CHECK_INT(count, 1);
    CHECK_OK(json_check(docs->json, docs->len, &err), err);
    return docs->json;
}

static enum err_code code_of(const char *text)
{
    struct err err = {0};
    struct yaml_doc *docs = NULL;
    size_t count = 0;
    return convert(text, &docs, &count, &err) < 0 ? err.code : ERR_NONE;
}

TEST(yaml, a_manifest_becomes_its_json)
{
    CHECK_STR(
        json_of("# a comment\napiVersion: carrel.dev/v1\nkind: Template\nmetadata:\n  name: x\n"
                "spec:\n  ports:\n  - port: 80\n    name: \"http\"\n  - {port: 0x50}\n"
                "  env: []\n  text: |\n    one\n    two\n  folded: >-\n    a\n    b\n"),
        "{\"apiVersion\":\"carrel.dev/v1\",\"kind\":\"Template\",\"metadata\":{\"name\":\"x\"},"
        "\"spec\":{\"ports\":[{\"port\":80,\"name\":\"http\"},{\"port\":80}],\"env\":[],"
        "\"text\":\"one\\u000atwo\\u000a\",\"folded\":\"a b\"}}");
}

TEST(yaml, plain_scalars_are_read_and_quoted_ones_stay_text)
{
    CHECK_STR(json_of("[yes, 'yes', \"1\", 1, ~, '', 1.50, 2026-11-21]"),
              "[true,\"yes\",\"1\",1,null,\"\",1.50,\"2026-11-21\"]");
    CHECK_STR(json_of("- |-\n  2\n-\n- >-\n  true\n"), "[\"2\",null,\"true\"]");
}

TEST(yaml, keys_become_text_by_the_same_rules)
{
    CHECK_STR(json_of("{on: 1, 0x10: 2, 'no': 3, 1.5: 4}"),
              "{\"true\":1,\"16\":2,\"no\":3,\"1.5\":4}");
    CHECK_STR(json_of("? a\n: b\n"), "{\"a\":\"b\"}");
    CHECK_STR(json_of("{~: 1}"), "line 1, column 2: a key must be a scalar, not null");
    CHECK_STR(json_of("{[a]: 1}"), "line 1, column 2: a key must be a scalar, not null");
    CHECK_STR(json_of("? {a: 1}\n: 2\n"), "line 1, column 3: a key must be a scalar, not null");
}

TEST(yaml, a_key_that_comes_twice_is_refused_where_it_stands)
{
    CHECK_STR(json_of("a: 1\nb:\n  c: 1\n  'c': 2\n"), "line 4, column 3: key 'c' is there twice");
    CHECK_STR(json_of("yes: 1\non: 2\n"), "line 2, column 1: key 'true' is there twice");
    CHECK_STR(json_of("x: &k a\ny: {*k : 1, a: 2}\n"), "line 2, column 13: key 'a' is there twice");
}

TEST(yaml, an_alias_stands_for_its_anchor)
{
    CHECK_STR(json_of("a: &x {k: [1, 2]}\nb: *x\nc: &x 3\nd: *x\n*x : e"),
              "{\"a\":{\"k\":[1,2]},\"b\":{\"k\":[1,2]},\"c\":3,\"d\":3,\"3\":\"e\"}");
    CHECK_STR(json_of("a: *x"), "line 1, column 4: alias 'x' to nothing");
    CHECK_STR(json_of("--- &x a\n--- *x\n"), "line 2, column 5: alias 'x' to nothing");
}

TEST(yaml, an_alias_to_itself_is_refused)
{
    CHECK_STR(json_of("&a [*a]"), "line 1, column 5: alias 'a' to itself");
    CHECK_STR(json_of("&a {x: {y: [*a]}}"), "line 1, column 13: alias 'a' to itself");
}

TEST(yaml, merged_maps_give_way_to_the_maps_own_keys)
{
    CHECK_STR(json_of("a: &a {x: 1, z: 2}\nb: {x: 3, <<: *a}\n"),
              "{\"a\":{\"x\":1,\"z\":2},\"b\":{\"x\":3,\"z\":2}}");
    CHECK_STR(json_of("a: &a {x: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], w: 3}\n"),
              "{\"a\":{\"x\":1},\"b\":{\"x\":2,\"z\":2},\"c\":{\"w\":3,\"x\":1,\"z\":2}}");
    CHECK_STR(json_of("a: &a {x: 1}\nb: &b {<<: *a, z: 2}\nc: {<<: *b}\n"),
              "{\"a\":{\"x\":1},\"b\":{\"z\":2,\"x\":1},\"c\":{\"z\":2,\"x\":1}}");
    CHECK_STR(json_of("{'<<': 1}"), "{\"<<\":1}");
    CHECK_STR(json_of("{<<: {}}"), "{}");
}

TEST(yaml, only_maps_are_merged)
{
    CHECK_STR(json_of("{<<: 1}"), "line 1, column 6: << merges maps only");
    CHECK_STR(json_of("{<<: [{a: 1}, [{b: 1}]]}"), "line 1, column 15: << merges maps only");
    CHECK_STR(json_of("a: &k <<\nb: *k"), "{\"a\":\"<<\",\"b\":\"<<\"}");
    CHECK_STR(json_of("a: {&k << : {x: 1}}\nb: *k"), "{\"a\":{\"<<\":{\"x\":1}},\"b\":\"<<\"}");
}

TEST(yaml, tags_of_the_core_schema_are_obeyed_and_others_refused)
{
    CHECK_STR(json_of("[!!str 1, !!int \"2\", !!float 3, !!bool yes, !!null ~, ! 4]"),
              "[\"1\",2,3,true,null,\"4\"]");
    CHECK_STR(json_of("[!!map {}, !!seq []]"), "[{},[]]");
    CHECK_HAS(json_of("!!int x"), "line 1, column 1: tag 'tag:yaml.org,2002:int'");
    CHECK_HAS(json_of("!!binary aGk="), "binary' is not for here");
    CHECK_HAS(json_of("a: !mine {}"), "line 1, column 4: tag '!mine'");
    CHECK_HAS(json_of("!!seq {}"), "is not for here");
    CHECK_HAS(json_of("!!set {a}"), "is not for here");
    CHECK_HAS(json_of("!!str []"), "is not for here");
}

TEST(yaml, what_json_cannot_say_is_refused)
{
    CHECK_STR(json_of("a: .inf"), "line 1, column 4: '.inf' has no JSON");
    CHECK_STR(json_of("a: \"x\\0y\""), "line 1, column 4: a NUL in text");
    CHECK_INT(code_of("a: \"\\ud800\""), ERR_INVALID);
    CHECK_INT(code_of("a: \x80"), ERR_INVALID);
    CHECK_INT(code_of("a: [1"), ERR_INVALID);
    CHECK_INT(code_of("a:\n\t- b"), ERR_INVALID);
}

TEST(yaml, documents_come_in_order_with_their_lines)
{
    struct yaml_doc *docs = NULL;
    size_t count = 0;
    struct err err;
    CHECK_OK(convert("# head\na: 1\n---\n# nothing\n---\n- 2\n...\n---\nx\n", &docs, &count, &err),
             err);
    CHECK_INT(count, 4);
    CHECK_STR(docs[0].json, "{\"a\":1}");
    CHECK_INT(docs[0].line, 2);
    CHECK_STR(docs[1].json, "null");
    CHECK_INT(docs[1].line, 3);
    CHECK_STR(docs[2].json, "[2]");
    CHECK_STR(docs[3].json, "\"x\"");
    CHECK_INT(docs[3].line, 8);
    CHECK_INT(docs[3].len, 3);
}

TEST(yaml, empty_input_is_no_document)
{
    static const char *const empty[] = {"", "\n\n", "# only a comment\n", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
        struct yaml_doc *docs = NULL;
        size_t count = 9;
        struct err err;
        CHECK_OK(convert(empty[i], &docs, &count, &err), err);
        CHECK_INT(count, 0);
    }
}

TEST(yaml, one_document_is_wanted_and_none_is_null)
{
    char *json = NULL;
    size_t len = 0;
    struct err err;
    CHECK_OK(yaml_to_json_one(&arena, "a: 1", 4, &json, &len, &err), err);
    CHECK_STR(json, "{\"a\":1}");
    CHECK_INT(len, 7);
    CHECK_OK(yaml_to_json_one(&arena, "", 0, &json, &len, &err), err);
    CHECK_STR(json, "null");
    CHECK_ERR(yaml_to_json_one(&arena, "a\n---\nb", 7, &json, &len, &err), err, ERR_INVALID);
    CHECK_STR(err.text, "line 2, column 1: a second document, want only one");
}

TEST(yaml, json_is_yaml)
{
    static const char text[] = "{\"a\":[1,2.5,\"x\\u00e9\",null,true],\"b\":{}}";
    CHECK_STR(json_of(text), "{\"a\":[1,2.5,\"x\xc3\xa9\",null,true],\"b\":{}}");
}

/* --- Hostile --- */

TEST(yaml, aliases_that_multiply_are_too_big)
{
    auto_str laughs;
    str_init(&laughs, 10000);
    str_add(&laughs, "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (int i = 1; i < 10; i++) {
        str_add_f(&laughs, "a%d: &a%d [", i, i);
        for (int j = 0; j < 9; j++) str_add_f(&laughs, "%s*a%d", j ? ", " : "", i - 1);
        str_add(&laughs, "]\n");
    }
    CHECK_INT(code_of(laughs.at), ERR_TOO_BIG);
}

static enum err_code code_of_long_text(int aliases)
{
    auto_str text;
    str_init(&text, LIMIT_YAML_BYTES);
    str_add(&text, "- &a '");
    for (int i = 0; i < 10000; i++) str_add(&text, "0123456789");
    str_add(&text, "'\n");
    for (int i = 0; i < aliases; i++) str_add(&text, "- *a\n");
    return code_of(text.at);
}

TEST(yaml, long_text_that_aliases_multiply_is_too_big)
{
    int fit = (int)(LIMIT_YAML_OUTPUT_BYTES / 100003) - 1;
    CHECK_INT(code_of_long_text(fit), ERR_NONE);
    CHECK_INT(code_of_long_text(fit + 1), ERR_TOO_BIG); /* seen at the end only */
    CHECK_INT(code_of_long_text(fit + 100), ERR_TOO_BIG);
}

TEST(yaml, merges_that_multiply_but_print_nothing_are_too_big)
{
    auto_str text;
    str_init(&text, 10000);
    str_add(&text, "- &a0 {x: 1}\n");
    for (int i = 1; i < 20; i++) {
        str_add_f(&text, "- &a%d {<<: [*a%d, *a%d, *a%d, *a%d]}\n", i, i - 1, i - 1, i - 1, i - 1);
    }
    CHECK_INT(code_of(text.at), ERR_TOO_BIG);
}

static enum err_code code_of_repeated(const char *what, int times)
{
    auto_str text;
    str_init(&text, LIMIT_YAML_BYTES * 2);
    for (int i = 0; i < times; i++) str_add(&text, what);
    return code_of(text.at);
}

TEST(yaml, deep_nesting_is_too_big_before_it_costs)
{
    CHECK_INT(code_of_repeated("[", 500000), ERR_TOO_BIG);
    CHECK_INT(code_of_repeated("{a: ", 100000), ERR_TOO_BIG);
    CHECK_INT(code_of_repeated("- ", 65), ERR_TOO_BIG);
    CHECK_INT(code_of_repeated("- ", LIMIT_YAML_DEPTH), ERR_NONE);
}

TEST(yaml, depth_counts_what_aliases_stand_for)
{
    auto_str text;
    str_init(&text, 10000);
    str_add(&text, "- &a ");
    for (int i = 0; i < 40; i++) str_add(&text, "[");
    for (int i = 0; i < 40; i++) str_add(&text, "]");
    str_add(&text, "\n- ");
    for (int i = 0; i < 30; i++) str_add(&text, "[");
    str_add(&text, "*a");
    for (int i = 0; i < 30; i++) str_add(&text, "]");
    CHECK_INT(code_of(text.at), ERR_TOO_BIG);
}

TEST(yaml, too_many_nodes_and_too_much_text_are_too_big)
{
    CHECK_INT(code_of_repeated("- 1\n", (int)LIMIT_YAML_NODES), ERR_TOO_BIG);
    CHECK_INT(code_of_repeated("- 1\n", (int)LIMIT_YAML_NODES - 1), ERR_NONE);
    CHECK_INT(code_of_repeated("# comment\n", 200000), ERR_TOO_BIG);
}
