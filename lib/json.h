/* lib/json.h: JSON as a tree, over cJSON, which no other file knows. For bodies that are changed
 * (patches, pod fragments of templates); what is only read goes through lib/json_table.h, which is
 * five times faster.
 *
 * A tree lives in an arena for one pass: nothing in it is freed on its own, every builder succeeds,
 * and what must outlive the pass is printed or copied into a struct. Not to be shared by threads;
 * different threads may use different arenas at once.
 */
#pragma once

#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/str.h"

struct json; /* a value: object, array, text, number, true, false or null */

/* Reads n bytes under json_check's rules, duplicate members refused at every level. */
MUST_CHECK int json_parse(struct arena *a, const char *text, size_t n, struct json **out,
                          struct err *err);

/* Prints without white space, members in the order they have. Whole numbers print as such within
 * 2^53. */
void json_print(struct str *out, const struct json *value);
char *json_to_text(struct arena *a, const struct json *value);

/* Looking. All take NULL as "absent" and then answer NULL, false or 0. Case matters. */
struct json *json_get(const struct json *object, const char *name);
struct json *json_path(const struct json *value, const char *dotted); /* "spec.template.spec" */
struct json *json_at(const struct json *array, size_t i);
size_t json_count(const struct json *value); /* of an array or object */
struct json *json_first(const struct json *value); /* child of an array or object, or NULL */
struct json *json_next(const struct json *child);
const char *json_name(const struct json *child); /* of a member */
const char *json_text(const struct json *value); /* NULL if it is no text */
bool json_int(const struct json *value, int64_t *out); /* a whole number within 2^53 */
bool json_double(const struct json *value, double *out); /* any number */
bool json_true(const struct json *value);
bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_null(const struct json *value);
bool json_is_text(const struct json *value);
bool json_is_number(const struct json *value);
bool json_is_bool(const struct json *value);
bool json_equal(const struct json *a, const struct json *b); /* members in any order */

/* Building. The arena must be the tree's own. Text is copied. */
struct json *json_object(struct arena *a);
struct json *json_array(struct arena *a);
struct json *json_new_text(struct arena *a, const char *text);
struct json *json_new_int(struct arena *a, int64_t number); /* exact, also over 2^53 */
struct json *json_new_bool(struct arena *a, bool yes);
struct json *json_new_null(struct arena *a);
struct json *json_copy(struct arena *a, const struct json *value); /* deep */

/* Changing. set replaces or appends and keeps the member's place; a value may be in one tree only.
 * The short forms return nothing, since nothing can fail. */
void json_set(struct arena *a, struct json *object, const char *name, struct json *value);
void json_set_text(struct arena *a, struct json *object, const char *name, const char *text);
void json_set_int(struct arena *a, struct json *object, const char *name, int64_t number);
void json_set_bool(struct arena *a, struct json *object, const char *name, bool yes);
struct json *json_ensure_object(struct arena *a, struct json *object, const char *name);
void json_append(struct arena *a, struct json *array, struct json *value);
void json_insert(struct arena *a, struct json *array, size_t i, struct json *value);
void json_remove(struct json *object, const char *name); /* absent is fine */
void json_remove_at(struct json *array, size_t i);
void json_sort(struct json *object); /* members by name, deep: for hashes */
