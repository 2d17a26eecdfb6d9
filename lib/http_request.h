/* lib/http_request.h: one request on one libcurl handle: its options, its callbacks, its answer.
 * Private to lib/http*.c, and written so that libcurl's own header stays in the .c files. A request
 * is used again and again; what does not change from one to the next (addresses, TLS, limits) is
 * set once.
 */
#pragma once

#include "lib/http.h"
#include "lib/http_target.h"
#include "lib/str.h"

struct http_request {
    void *easy; /* CURL */
    const struct http_target_copy *target; /* outlives the request */
    struct curl_slist *connect_to; /* libcurl does not copy it */
    struct http_headers *headers;
    struct http_handlers handlers;
    void *user;
    struct str url;
    struct str body;       /* what is collected */
    size_t body_bytes_max; /* of a 2xx answer */
    bool *saw_http1;       /* set as soon as an answer begins; NULL: nobody wants to know */
    bool cancelled;        /* ends at its next byte */
    bool too_big, refused_by_receiver;
    char error[256]; /* libcurl's own words */
};

MUST_CHECK int http_request_init(struct http_request *r, const struct http_target_copy *target,
                                 struct err *err);
void http_request_release(struct http_request *r); /* also half made */

/* Sets what differs from call to call; nothing of call but the body is needed afterwards. */
void http_request_set(struct http_request *r, const struct http_call *call,
                      const struct http_handlers *handlers, void *user);
void http_request_answer(struct http_request *r, int curl_code, struct http_answer *answer);
void http_request_clear(struct http_request *r); /* lets go of what the call brought */

/* No byte of the request went out yet, on any connection. */
bool http_request_is_unsent(const struct http_request *r);
/* The same, or a stream of which nothing has come yet: libcurl calls it sent when it lies in a
 * queue behind streams that never end. It may be asked for anew. */
bool http_request_waits(const struct http_request *r);
