/* Any bytes as JSON. The three readers must agree on what JSON is, and whatever is read must
 * survive packing, printing and reading again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/json_table.h"

struct item {
    char *text, *scalar, *raw;
    int64_t number, time;
    uint64_t hash;
    bool yes, there;
    struct json_list texts, map, items; /* items: of struct item again */
    char *skipped;
};

static const struct json_table item_table;

static JSON_TABLE(deep_table, struct item, JSON_ROW("s", JSON_SCALAR, struct item, scalar),
                  JSON_ROW("i", JSON_INT, struct item, number),
                  JSON_ROW("m", JSON_MAP, struct item, map));

static JSON_TABLE(item_table, struct item, JSON_ROW("t", JSON_TEXT, struct item, text),
                  JSON_ROW("i", JSON_INT, struct item, number),
                  JSON_ROW("b", JSON_BOOL, struct item, yes),
                  JSON_ROW("w", JSON_TIME, struct item, time),
                  JSON_ROW("r", JSON_RAW, struct item, raw),
                  JSON_ROW("r", JSON_HASH, struct item, hash),
                  JSON_ROW("r", JSON_PRESENT, struct item, there), JSON_GROUP("o", deep_table),
                  JSON_ROW("l", JSON_LIST, struct item, items, .table = &item_table),
                  JSON_ROW("a", JSON_TEXTS, struct item, texts),
                  JSON_ROW("x", JSON_TEXT, struct item, skipped, .flags = JSON_TRANSIENT));

static void try_table(struct arena *a, const char *text, size_t n, bool is_json)
{
    struct item item = {0};
    struct err err = {0};
    if (json_decode(a, text, n, &item_table, &item, &err) < 0) {
        assert(err.code != ERR_NONE && err.text[0]);
        return;
    }
    assert(is_json);
    struct item *copy = json_pack(&item_table, &item), *again = json_pack(&item_table, copy);
    assert(json_same(&item_table, &item, copy) && json_same(&item_table, copy, again));
    assert(json_pack_size(&item_table, copy) == json_pack_size(&item_table, again));
    assert(!item.raw == !item.hash && !item.raw == !item.there);
    if (item.raw) assert(json_check(item.raw, strlen(item.raw), &err) == 0);
    free(copy);
    free(again);
}

static void try_tree(struct arena *a, const char *text, size_t n, bool is_json)
{
    struct json *tree = NULL, *again = NULL;
    struct err err = {0};
    if (json_parse(a, text, n, &tree, &err) < 0) {
        /* beyond json_check it refuses only these: two of a name, and what is too big */
        assert(!is_json || strstr(err.text, "is there twice") || strstr(err.text, "too many"));
        return;
    }
    assert(is_json);
    const char *printed = json_to_text(a, tree);
    assert(json_check(printed, strlen(printed), &err) == 0);
    assert(json_parse(a, printed, strlen(printed), &again, &err) == 0);
    assert(json_equal(tree, again) && json_equal(again, tree));
    assert(strcmp(printed, json_to_text(a, again)) == 0);
    struct json *copy = json_copy(a, tree);
    json_sort(copy);
    assert(json_equal(tree, copy));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct err err;
    auto_arena a = {0};
    bool is_json = json_check(text, size, &err) == 0;
    try_table(&a, text, size, is_json);
    try_tree(&a, text, size, is_json);
    return 0;
}
