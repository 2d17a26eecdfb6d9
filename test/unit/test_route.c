#include "apiserver/route.h"

#include <stdint.h>
#include <string.h>

#include "test/check.h"

static const struct api_route table[] = {
    {"GET", "/things", ROLE_VIEWER, "a bc", NULL, NULL},
    {"POST", "/things", ROLE_USER, "a bc", "Thing", NULL},
    {"GET", "/things/all", ROLE_VIEWER, "a bc", NULL, NULL},
    {"GET", "/things/{id}", ROLE_VIEWER, "a bc", NULL, NULL},
    {"DELETE", "/things/{id}", ROLE_USER, "a bc", NULL, NULL},
    {"GET", "/logs/{ns}/{pod}", ROLE_OPERATOR, "a bc", NULL, NULL},
};

static enum route_found find(const char *method, const char *path, struct route_match *m)
{
    static struct arena a;
    return route_find(table, sizeof(table) / sizeof(*table), method, path, &a, m);
}

TEST(route, a_path_finds_its_row_and_its_parameters)
{
    struct route_match m;
    CHECK_INT(find("GET", "/things", &m), ROUTE_FOUND);
    CHECK(m.route == &table[0]);
    CHECK_INT(find("POST", "/things", &m), ROUTE_FOUND);
    CHECK(m.route == &table[1]);
    CHECK_INT(find("GET", "/logs/a/b-1", &m), ROUTE_FOUND);
    CHECK_STR(m.param[0], "a");
    CHECK_STR(m.param[1], "b-1");
}

TEST(route, a_word_beats_a_parameter_where_it_stands_first)
{
    struct route_match m;
    CHECK_INT(find("GET", "/things/all", &m), ROUTE_FOUND);
    CHECK(m.route == &table[2]);
    CHECK_INT(find("DELETE", "/things/all", &m), ROUTE_FOUND);
    CHECK_STR(m.param[0], "all");
}

TEST(route, head_goes_where_get_goes)
{
    struct route_match m;
    CHECK_INT(find("HEAD", "/things/x", &m), ROUTE_FOUND);
    CHECK_STR(m.route->method, "GET");
}

TEST(route, a_wrong_method_is_told_what_there_is)
{
    struct route_match m;
    CHECK_INT(find("PUT", "/things", &m), ROUTE_NO_METHOD);
    CHECK_STR(m.allowed, "GET, HEAD, POST");
    CHECK_INT(find("OPTIONS", "/things/x", &m), ROUTE_NO_METHOD);
    CHECK_STR(m.allowed, "GET, HEAD, DELETE");
}

TEST(route, other_paths_find_nothing)
{
    static const char *const none[] = {"",           "/",        "things",     "/thing",
                                       "/thingss",   "/things/", "/things//x", "/things/a/b",
                                       "/logs/a",    "/logs//b", "//things",   "/logs/a/b/"};
    struct route_match m;
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        CHECK_INT(find("GET", none[i], &m), ROUTE_NO_PATH);
}

TEST(route, a_parameter_that_a_route_does_not_take_is_found)
{
    static const struct query_pair pairs[] = {{"bc", ""}, {"a", ""}, {"b", ""}, {"", ""}};
    struct query q = {(struct query_pair *)(uintptr_t)pairs, 2};
    CHECK_STR(route_odd_param(&table[0], &q), NULL);
    q.count = 3;
    CHECK_STR(route_odd_param(&table[0], &q), "b");
    q = (struct query){(struct query_pair *)(uintptr_t)&pairs[3], 1};
    CHECK_STR(route_odd_param(&table[0], &q), "");
}

TEST(route, every_row_of_the_api_has_a_handler_and_stands_once)
{
    for (size_t i = 0; i < api_route_count; i++) {
        CHECK(api_routes[i].handle);
        CHECK(api_routes[i].path[0] == '/');
        for (size_t k = 0; k < i; k++) {
            CHECK(strcmp(api_routes[i].method, api_routes[k].method) != 0 ||
                  strcmp(api_routes[i].path, api_routes[k].path) != 0);
        }
    }
}
