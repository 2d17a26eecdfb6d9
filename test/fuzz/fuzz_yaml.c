/* Any bytes as YAML. Whatever is accepted must have become JSON under our own rules. */
#include <assert.h>
#include <string.h>

#include "lib/json_table.h"
#include "lib/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct yaml_doc *docs = NULL;
    size_t count = 0, len = 0;
    char *json = NULL;
    struct err err = {0};
    auto_arena a = {0};
    bool fine = yaml_to_json(&a, text, size, &docs, &count, &err) == 0;
    assert(fine || (err.code != ERR_NONE && err.text[0]));
    for (size_t i = 0; i < count; i++) {
        assert(strlen(docs[i].json) == docs[i].len);
        assert(docs[i].line >= 1 && (i == 0 || docs[i].line >= docs[i - 1].line));
        assert(json_check(docs[i].json, docs[i].len, &err) == 0);
    }
    bool one = yaml_to_json_one(&a, text, size, &json, &len, &err) == 0;
    assert(one == (fine && count <= 1));
    return 0;
}
