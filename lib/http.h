/* lib/http.h: an HTTP client for one server, over libcurl, which only lib/http*.c know.
 *
 * `struct http` runs any number of transfers at once on a loop; `struct http_line` runs one at a
 * time and waits for it, for threads that have no loop. Both keep their connections and speak
 * HTTP/2 where TLS offers it, unless told otherwise. No redirects, no cookies, no .netrc, no proxy
 * from the environment, no compression, no other protocol than the one that the target names.
 *
 * libcurl may send a request again by itself, whatever its method, when a connection that was used
 * before dies before the first byte of the answer. So a request that must not happen twice needs a
 * precondition that the server checks.
 *
 * What TLS and addresses are is fixed at birth: to change it, make another one and let the old one
 * finish. An http and all its transfers belong to its loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"

struct http_target { /* copied */
    const char *base;       /* "https://host:port/prefix": put in front of each path */
    const char *connect_to; /* "host:port:other:port": where base's host really is; NULL: there */
    const char *proxy;      /* NULL: none, whatever the environment says */
    const char *no_proxy;   /* hosts, domains and networks that it is not for, with commas */
    const char *ca;         /* PEM: the only roots to trust; NULL: the system's */
    const char *cert, *key; /* PEM, or NULL */
    bool insecure;          /* no check of the server's certificate and name */
    bool http1_only;        /* HTTP/2 is not asked for: connections_max_http1 counts at once */
    int connections_max;    /* at once; over HTTP/2 each carries 100 transfers */
    int connections_max_http1; /* when the server turns out to speak HTTP/1.1 only; and where it
                                * allows so few streams that some wait for one, bit by bit */
    int buffer_bytes;       /* what is read at once */
};

/* Header lines, counted: many requests share one set. Immutable once a transfer uses it. */
struct http_headers;
struct http_headers *http_headers_new(void);
void http_headers_add(struct http_headers *h, const char *name, const char *value); /* "": empty */
void http_headers_ref(struct http_headers *h);
void http_headers_unref(struct http_headers *h); /* NULL is fine; the last one clears the texts */

struct http_call { /* borrowed until start returns, but for body, which must outlive the transfer */
    const char *method;
    const char *path; /* with query, already encoded */
    struct http_headers *headers; /* the transfer takes a reference of its own; NULL: none */
    const char *body; /* NULL: none */
    size_t body_len;
    int64_t timeout_ms;    /* for all of it; 0: none */
    size_t body_bytes_max; /* of a collected 2xx answer; over it the transfer fails */
};

struct http_answer { /* valid during done only */
    bool complete;   /* the answer came to its end, as far as libcurl can tell: of an HTTP/2 answer
                      * without Content-Length it cannot always (7.88), so look at the body too */
    bool maybe_sent; /* false: the server has certainly seen nothing of this request */
    bool timed_out;  /* its own deadline passed. Over HTTP/2 the connection is kept
                      * and used again, though it may be dead without a sound */
    int code;        /* 0: there was no answer */
    int retry_after_s; /* -1: absent, or no whole number */
    bool conn_close;
    bool http1;
    const char *body; /* collected, '\0'-terminated, never NULL */
    size_t len;
    const char *text; /* why it is not complete; "" when it is */
};

struct http_handlers {
    /* NULL: the body is collected. Otherwise a 2xx body comes here, as it comes, and any other is
     * collected (its first LIMIT_ERROR_BODY_BYTES). Not 0 ends the transfer. */
    int (*data)(void *user, const char *bytes, size_t n);
    void (*done)(void *user, const struct http_answer *answer);
};

struct http;
struct http_transfer;

/* ERR_INVALID: libcurl cannot use the target. */
MUST_CHECK int http_new(const struct http_target *target, struct loop *loop, struct http **out,
                        struct err *err);
void http_free(struct http *http); /* NULL is fine; cancels what runs; not from a handler */

/* Both may be called from handlers. done is called later, once, unless http_cancel comes first;
 * after http_cancel no handler is called any more. */
struct http_transfer *http_start(struct http *http, const struct http_call *call,
                                 const struct http_handlers *handlers, void *user);
void http_cancel(struct http *http, struct http_transfer *transfer);
size_t http_running(const struct http *http); /* transfers between start and done */

struct http_line;
MUST_CHECK int http_line_new(const struct http_target *target, struct http_line **out,
                             struct err *err);
void http_line_free(struct http_line *line); /* NULL is fine */
/* The answer belongs to the line until its next call. */
void http_line_call(struct http_line *line, const struct http_call *call,
                    struct http_answer *answer);
