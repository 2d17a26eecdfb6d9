/* lib/yaml_plain.h: what a plain YAML scalar means, as Kubernetes reads it (YAML 1.1 with Go's
 * numbers): yes, no, on, off, y and n are bools, 017 and 0o17 are octal, 1_000 is a number, 1:30
 * and dates are text. Pure; any thread.
 */
#pragma once

#include <stddef.h>

enum yaml_plain {
    PLAIN_TEXT,
    PLAIN_NULL,
    PLAIN_BOOL,
    PLAIN_INT,
    PLAIN_FLOAT,
    PLAIN_NO_JSON, /* .inf and .nan */
};

enum { YAML_PLAIN_MAX = 64, YAML_PLAIN_SIZE = YAML_PLAIN_MAX + 4 };

/* json becomes the value as JSON, unless it is text or has no JSON. What is longer than
 * YAML_PLAIN_MAX is text, digits too: such a thing is an id. */
enum yaml_plain yaml_plain(const char *text, size_t n, char json[YAML_PLAIN_SIZE]);
