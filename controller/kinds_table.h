/* controller/kinds_table.h: how the kinds of kinds.h are written down as tables, and what their
 * files share. Only for controller/kinds*.c.
 *
 *     #define STRUCT struct thing                         the struct that the rows fill
 *     ROWS(thing_spec, SAME("user", user));               members of an object within it
 *     ITEMS(thing_table, STRUCT, INTO("spec", thing_spec));    a whole one, or one of a list
 *     #undef STRUCT
 *
 * A row whose name begins with \001 is filled by no JSON: what a kind's finish() derives, so that
 * it is copied and compared as the rest is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controller/kinds.h"

#define ROW(name, type, member, ...) JSON_ROW(name, type, STRUCT, member, __VA_ARGS__)
/* A text that many have alike. */
#define SAME(name, member) JSON_ROW(name, JSON_TEXT, STRUCT, member, .flags = JSON_SHARED)
#define INTO(name, table) {name, JSON_OBJECT, 0, 0, &table}
#define KEPT(name) offsetof(struct name, reading)
#define ROWS(table_name, ...)                                                                      \
    static const struct json_field table_name##_rows[] = {__VA_ARGS__};                            \
    static const struct json_table table_name = {                                                  \
        table_name##_rows, sizeof(table_name##_rows) / sizeof(table_name##_rows[0]), 0, false}
#define ITEMS(table_name, struct_type, ...)                                                        \
    static const struct json_field table_name##_rows[] = {__VA_ARGS__};                            \
    static const struct json_table table_name = {                                                  \
        table_name##_rows, sizeof(table_name##_rows) / sizeof(table_name##_rows[0]),               \
        sizeof(struct_type), false}

struct raw_condition { /* as Kubernetes has them, in a list */
    char *type, *status, *reason, *message;
    int64_t since_ms;
};
extern const struct json_table condition_table;
const struct raw_condition *condition_find(const struct json_list *list, const char *type);
bool condition_is_true(const struct raw_condition *c); /* NULL is not */
enum condition_status condition_read(const char *text);

/* "ns/name" as an index has it; false: there is no name, or it is too long to be one. */
bool kinds_key(char key[KUBE_KEY_SIZE], const char *ns, const char *name);
