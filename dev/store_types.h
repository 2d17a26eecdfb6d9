/* dev/store_types.h: what a row of dev/resources.h cannot say as data: what the server invents for
 * some types, and rules that compare with the stored object. Pure.
 */
#pragma once

#include "dev/resources.h"

void types_prepare_pod(struct arena *a, struct json *now, const struct json *old);
void types_prepare_deployment(struct arena *a, struct json *now, const struct json *old);
void types_prepare_service(struct arena *a, struct json *now, const struct json *old);
void types_prepare_namespace(struct arena *a, struct json *now, const struct json *old);

void types_allocate_service(struct arena *a, struct json *now, const struct json *old,
                            uint64_t seed);
void types_allocate_namespace(struct arena *a, struct json *now, const struct json *old,
                              uint64_t seed);

size_t types_check_session(struct arena *a, const struct json *now, const struct json *old,
                           struct store_field_error *errors, size_t max);
size_t types_check_template(struct arena *a, const struct json *now, const struct json *old,
                            struct store_field_error *errors, size_t max);
size_t types_check_connection(struct arena *a, const struct json *now, const struct json *old,
                              struct store_field_error *errors, size_t max);
size_t types_check_repository(struct arena *a, const struct json *now, const struct json *old,
                              struct store_field_error *errors, size_t max);
size_t types_check_deployment(struct arena *a, const struct json *now, const struct json *old,
                              struct store_field_error *errors, size_t max);
size_t types_check_service(struct arena *a, const struct json *now, const struct json *old,
                           struct store_field_error *errors, size_t max);
size_t types_check_pod(struct arena *a, const struct json *now, const struct json *old,
                       struct store_field_error *errors, size_t max);
