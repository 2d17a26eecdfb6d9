/* lib/serve/server.h: an HTTP/1.1 server for health, metrics, the API and dev/, over civetweb,
 * which only this file and detach.c know.
 *
 * Requests are answered on worker threads, whose stacks are small (100 KiB): handlers keep big
 * things in the arena they are given and hand slow work to other threads. What civetweb lets
 * through is refused here before a handler sees it: too many headers, two lengths, length with
 * chunking, encoded NUL, bodies over the limit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/str.h"

struct server;

struct server_request { /* valid during the handler */
    const char *method;
    const char *path;  /* decoded once, "." and ".." refused */
    const char *query; /* raw, "" for none */
    const char *body;
    size_t body_len;
    const char *remote; /* address as text */
    struct arena *arena;
    const struct server *server;
    const void *conn; /* for server_header */
};

struct server_reply {
    int code;                 /* 200 when the handler sets nothing */
    const char *content_type; /* a constant; "text/plain; charset=utf-8" by default */
    const char *cache;        /* Cache-Control, a constant; "no-store" by default */
    struct str headers;       /* further lines; server_reply_header adds one */
    struct str body;
};

struct server_config {
    const char *listen; /* "127.0.0.1:8080"; port 0: any free one */
    int threads;
    size_t body_bytes_max;
    void (*handle)(void *user, const struct server_request *request, struct server_reply *reply);
    /* Makes the body of what is refused before a handler sees it; reply->code is set, text says
     * why. May be NULL: a line of text. */
    void (*refuse)(void *user, struct server_reply *reply, const char *text);
    void *user;
};

/* Errors name the address and why it cannot be had. */
MUST_CHECK int server_start(const struct server_config *config, struct server **out,
                            struct err *err);
int server_port(const struct server *server);
void server_stop(struct server *server); /* answers what runs, then ends; NULL is fine */
const char *server_header(const struct server_request *request, const char *name); /* or NULL */
/* A line of the reply's head. What would end the line within the value is left out. */
void server_reply_header(struct server_reply *reply, const char *name, const char *value);
const char *server_reason(int code); /* "Not Found"; "Status" for a code that is not used here */
