/* lib/limits.h: every bound on what a stranger may make us keep, in one place, with its reason.
 * Bytes unless the name says otherwise.
 */
#pragma once

#include <stddef.h>

/* Kubernetes refuses objects over about 1.5 MB; a watch line is one object and a frame. */
static const size_t LIMIT_WATCH_LINE_BYTES = 4u << 20;
/* A list page of 500 objects of the greatest size would not fit: pages are parsed as they come. */
static const size_t LIMIT_RESPONSE_BYTES = 16u << 20;
static const size_t LIMIT_ERROR_BODY_BYTES = 64u << 10;
static const size_t LIMIT_STATUS_TEXT_BYTES = 2048;
static const size_t LIMIT_KUBECONFIG_BYTES = 1u << 20;
static const size_t LIMIT_YAML_BYTES = 1u << 20;
static const size_t LIMIT_YAML_OUTPUT_BYTES = 8u << 20; /* after aliases are expanded */
static const size_t LIMIT_YAML_NODES = 100000;
static const size_t LIMIT_CREDENTIAL_BYTES = 1u << 20; /* a token file, a plugin's answer */
static const size_t LIMIT_REQUEST_BODY_BYTES = 3u << 20; /* the apiserver's own */
static const size_t LIMIT_METRICS_BYTES = 1u << 20;
static const size_t LIMIT_LOG_LINE_BYTES = 8u << 10;
static const size_t LIMIT_ARENA_BYTES = 64u << 20; /* one pass; over it is a bug or an attack */

enum {
    LIMIT_QUERY_PAIRS = 64,
    LIMIT_JSON_DEPTH = 64, /* handlers run on small stacks */
    LIMIT_YAML_DEPTH = 64, /* libyaml is quadratic in it */
    LIMIT_IN_FLIGHT = 32, /* and as many connections: none waits in libcurl for one */
    LIMIT_IN_FLIGHT_WRITES = 24, /* more made an API server slower: docs/decisions.md, The wire */
};
