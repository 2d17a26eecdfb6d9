/* dev/apply_schema.h: how the lists of the known types merge, for the table in dev/resources.c.
 * Constant data.
 */
#pragma once

#include "dev/resources.h"

extern const struct schema schema_metadata;
extern const struct schema_rows schema_pod, schema_deployment, schema_service,
    schema_ingress, schema_claim, schema_node, schema_account, schema_slice, schema_policy,
    schema_namespace, schema_event, schema_revision, schema_ordinary, schema_session,
    schema_template, schema_repository;
