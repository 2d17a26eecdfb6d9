/* lib/http_target.h: copies of what lib/http.h is told once and uses often: a target, a set of
 * header lines. Private to lib/http*.c.
 */
#pragma once

#include "lib/http.h"

struct http_target_copy { /* a target whose texts are ours; secrets are cleared at its end */
    struct http_target t;
    bool plain; /* http:// */
};
void http_target_init(struct http_target_copy *to, const struct http_target *from);
void http_target_release(struct http_target_copy *target);

struct http_headers {
    struct curl_slist *list;
    size_t refs;
};
