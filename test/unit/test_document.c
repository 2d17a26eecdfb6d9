#include "apiserver/document.h"

#include <string.h>

#include "lib/json.h"
#include "test/check.h"

static struct arena arena;

static struct json *document(void)
{
    struct json *tree = NULL;
    struct err err = {0};
    arena_reset(&arena, 0);
    const char *text = document_json();
    CHECK_OK(json_parse(&arena, text, strlen(text), &tree, &err), err);
    return tree;
}

static const char *lower(const char *method)
{
    char *text = arena_strdup(&arena, method);
    for (char *p = text; *p; p++) *p = (char)(*p | 0x20);
    return text;
}

static const struct json *operation_of(const struct json *doc, const struct api_route *route)
{
    return json_get(json_get(json_get(doc, "paths"), route->path), lower(route->method));
}

TEST(document, every_route_stands_in_it_with_its_body_and_whether_it_asks_who_one_is)
{
    const struct json *doc = document();
    for (size_t i = 0; i < api_route_count; i++) {
        const struct json *op = operation_of(doc, &api_routes[i]);
        CHECK_STR(op ? "" : api_routes[i].path, "");
        const char *ref = json_text(json_path(json_get(json_path(op, "requestBody.content"),
                                                       "application/json"), "schema.$ref"));
        const char *name = ref ? strrchr(ref, '/') + 1 : NULL;
        CHECK_STR(name, api_routes[i].body);
        if (name) CHECK(json_get(json_path(doc, "components.schemas"), name));
        bool for_anyone = json_is_array(json_get(op, "security"));
        CHECK_INT(for_anyone, api_routes[i].role == ROLE_NOBODY);
    }
}

static bool is_method(const char *name)
{
    return strcmp(name, "parameters") != 0;
}

TEST(document, nothing_stands_in_it_that_is_no_route)
{
    size_t operations = 0;
    for (const struct json *p = json_first(json_get(document(), "paths")); p; p = json_next(p)) {
        for (const struct json *m = json_first(p); m; m = json_next(m)) {
            operations += is_method(json_name(m));
        }
    }
    CHECK_INT(operations, api_route_count);
}

/* Every "$ref" below the value leads somewhere. */
static void check_refs(const struct json *doc, const struct json *value)
{
    const char *ref = json_text(json_get(value, "$ref"));
    if (ref) {
        CHECK(strncmp(ref, "#/components/", 13) == 0);
        char *dotted = arena_strdup(&arena, ref + 2);
        for (char *p = dotted; *p; p++) *p = *p == '/' ? '.' : *p;
        CHECK_STR(json_path(doc, dotted) ? "" : ref, "");
    }
    for (const struct json *c = json_first(value); c; c = json_next(c)) check_refs(doc, c);
}

TEST(document, every_reference_leads_somewhere)
{
    const struct json *doc = document();
    check_refs(doc, doc);
}
