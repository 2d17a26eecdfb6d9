/* Any bytes as the body of a session's creation and of its change: what is taken is one JSON object
 * with a name that fits, what is not has a reason. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "apiserver/session_body.h"
#include "apiserver/user_name.h"

static const char *text_at(const struct json *object, const char *dotted)
{
    return json_text(json_path(object, dotted));
}

static struct json *parsed(struct arena *a, const char *text, size_t n)
{
    struct json *tree = NULL;
    int rc = json_parse(a, text, n, &tree, NULL);
    assert(rc == 0 && json_is_object(tree));
    return tree;
}

static void create(const char *text, size_t n)
{
    static const unsigned char chance[4] = {1, 2, 3, 4};
    auto_arena a = {0};
    struct session_create c;
    struct body_flaw flaw = {0};
    if (session_body_create(text, n, "ann", chance, &a, &c, &flaw) < 0) {
        assert(*flaw.text);
        return;
    }
    const struct json *object = parsed(&a, c.json, c.len);
    assert(strcmp(text_at(object, "metadata.name"), c.name) == 0);
    assert(strcmp(text_at(object, "kind"), "Session") == 0);
    assert(user_name_fits(text_at(object, "spec.user")));
    assert(*text_at(object, "spec.template"));
    assert(json_count(json_get(object, "metadata")) == 1); /* no labels, owners or finalizers */
}

static void change(const char *text, size_t n)
{
    auto_arena a = {0};
    struct session_change c;
    struct body_flaw flaw = {0};
    if (session_body_change(text, n, "7", &a, &c, &flaw) < 0) {
        assert(*flaw.text);
        return;
    }
    const struct json *object = parsed(&a, c.json, c.len);
    assert(json_count(object) == 2 && json_count(json_get(object, "spec")) > 0);
    assert(strcmp(text_at(object, "metadata.resourceVersion"), "7") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    create((const char *)data, size);
    change((const char *)data, size);
    return 0;
}
