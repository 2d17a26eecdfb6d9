#include "lib/serve/server.h"

#include <civetweb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/serve/guard.h"
#include "lib/xalloc.h"

enum {
    BODY_DEADLINE_MS = 30000,  /* civetweb's timeout begins anew with every byte */
    ARENA_KEPT_BYTES = 64 << 10, /* per worker, between requests */
    REPLY_KEPT_BYTES = 64 << 10,
    SMALL_BODY_BYTES = 1024, /* goes with the head */
    HEADERS_BYTES_MAX = 4096,
};

struct server {
    struct mg_context *context;
    struct server_config config;
    int port;
    char problem[200]; /* what civetweb complained of first while it started */
};

static _Thread_local struct server *starting; /* the one that this thread is starting */

struct worker { /* what a thread keeps from request to request */
    struct arena arena;
    struct str body, head;
    struct server_reply reply;
};

/* --- Replies --- */

const char *server_reason(int code)
{
    static const struct {
        int code;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i].code == code) return reasons[i].reason;
    }
    return "Status";
}

static void send_reply(struct mg_connection *conn, struct worker *w, bool close)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    const struct server_reply *r = &w->reply;
    bool http11 = info->http_version && strcmp(info->http_version, "1.1") == 0;
    if (!http11) close = true;
    if (close) mg_disable_connection_keep_alive(conn);

    str_clear(&w->head);
    str_add_f(&w->head, "HTTP/1.1 %d %s\r\n", r->code, server_reason(r->code));
    if (r->code != 204 && r->code != 304) {
        str_add_f(&w->head, "Content-Type: %s\r\nContent-Length: %zu\r\n", r->content_type,
                  r->body.len);
    }
    str_add_f(&w->head, "Cache-Control: %s\r\nX-Content-Type-Options: nosniff\r\n", r->cache);
    str_add_n(&w->head, r->headers.at, r->headers.len);
    if (close) str_add(&w->head, "Connection: close\r\n");
    str_add(&w->head, "\r\n");
    bool is_head = info->request_method && strcmp(info->request_method, "HEAD") == 0;
    bool with_body = r->code != 204 && r->code != 304 && !is_head;
    if (with_body && r->body.len <= SMALL_BODY_BYTES) { /* one packet for what is small */
        str_add_n(&w->head, r->body.at, r->body.len);
        with_body = false;
    }
    mg_write(conn, w->head.at, w->head.len);
    if (with_body) mg_write(conn, r->body.at, r->body.len);
}

static void begin_reply(struct worker *w, int code)
{
    w->reply.code = code;
    w->reply.content_type = "text/plain; charset=utf-8";
    w->reply.cache = "no-store";
    str_clear(&w->reply.headers);
    str_clear(&w->reply.body);
}

static void reply_refusal(const struct server *server, struct worker *w, int code,
                          const char *text)
{
    begin_reply(w, code);
    if (server->config.refuse) {
        server->config.refuse(server->config.user, &w->reply, text);
    } else {
        str_add_f(&w->reply.body, "%s\n", text);
    }
}

void server_reply_header(struct server_reply *reply, const char *name, const char *value)
{
    str_add_f(&reply->headers, "%s: ", name);
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p >= 0x20 && *p != 0x7f) str_add_c(&reply->headers, *p);
    }
    str_add(&reply->headers, "\r\n");
}

/* --- Requests --- */

static int check_headers(const struct mg_request_info *info)
{
    struct guard_header headers[MG_MAX_HEADERS];
    size_t count = info->num_headers < 0 ? 0 : (size_t)info->num_headers;
    for (size_t i = 0; i < count && i < MG_MAX_HEADERS; i++) {
        headers[i] = (struct guard_header){info->http_headers[i].name, info->http_headers[i].value};
    }
    bool http11 = info->http_version && strcmp(info->http_version, "1.1") == 0;
    return guard_headers(headers, count, MG_MAX_HEADERS, http11);
}

/* 0, or the status to refuse with. */
static int read_body(struct mg_connection *conn, const struct server *server, struct worker *w)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    bool chunked = mg_get_header(conn, "Transfer-Encoding");
    long long length = chunked ? -1 : info->content_length;
    if (!chunked && length <= 0) return 0;
    if (length > (long long)server->config.body_bytes_max) return 413;
    const char *expect = mg_get_header(conn, "Expect");
    if (expect && strcasecmp(expect, "100-continue") == 0)
        mg_write(conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);

    int64_t deadline_ms = clock_ms() + BODY_DEADLINE_MS;
    char piece[4096];
    while (length != (long long)w->body.len) {
        int n = mg_read(conn, piece, sizeof(piece));
        if (n < 0 || (n == 0 && !chunked)) return 400;
        if (n == 0) break;
        str_add_n(&w->body, piece, (size_t)n);
        if (w->body.over) return 413;
        if (clock_ms() > deadline_ms) return 408;
    }
    return 0;
}

static const char *refusal_text(int code)
{
    switch (code) {
    case 408: return "the body took too long";
    case 413: return "the body is too big";
    case 431: return "too many headers";
    case 501: return "only the chunked transfer coding is known here";
    default: return "malformed request";
    }
}

static void run_handler(struct mg_connection *conn, struct server *server, struct worker *w,
                        const char *path)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    struct server_request request = {
        .method = info->request_method,
        .path = path,
        .query = info->query_string ? info->query_string : "",
        .body = w->body.at,
        .body_len = w->body.len,
        .remote = info->remote_addr,
        .arena = &w->arena,
        .server = server,
        .conn = conn,
    };
    begin_reply(w, 200);
    server->config.handle(server->config.user, &request, &w->reply);
    if (w->reply.body.over || w->reply.headers.over)
        reply_refusal(server, w, 500, "the reply is too big");
}

static void tidy_up(struct worker *w)
{
    arena_reset(&w->arena, ARENA_KEPT_BYTES);
    if (w->body.cap > REPLY_KEPT_BYTES) str_release(&w->body);
    if (w->reply.body.cap > REPLY_KEPT_BYTES) str_release(&w->reply.body);
}

/* Called for every request before civetweb looks at it; what is returned says that it need not. */
static int begin_request(struct mg_connection *conn)
{
    struct worker *w = mg_get_thread_pointer(conn);
    struct server *server = mg_get_user_data(mg_get_context(conn));
    const struct mg_request_info *info = mg_get_request_info(conn);
    str_clear(&w->body);
    w->body.max = server->config.body_bytes_max;

    char *path = arena_strdup(&w->arena, info->local_uri_raw ? info->local_uri_raw : "");
    int refused = check_headers(info);
    if (!refused && !guard_path(path)) refused = 400;
    if (!refused) refused = read_body(conn, server, w);
    if (refused) {
        reply_refusal(server, w, refused, refusal_text(refused));
    } else {
        run_handler(conn, server, w, path);
    }
    send_reply(conn, w, refused != 0);
    tidy_up(w);
    return 200;
}

/* --- civetweb's other callbacks --- */

static bool is_unknown_method(const char *method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    size_t n = method ? strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") : 0;
    if (n == 0 || method[n]) return false;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (strcmp(known[i], method) == 0) return false;
    }
    return true;
}

/* What it refuses before begin_request. Of a method that it does not know it says only that the
 * request is bad. */
static int http_error(struct mg_connection *conn, int status, const char *text)
{
    struct worker *w = mg_get_thread_pointer(conn);
    struct server *server = mg_get_user_data(mg_get_context(conn));
    const struct mg_request_info *info = mg_get_request_info(conn);
    if (!w || !info) return 1;
    if (status == 400 && is_unknown_method(info->request_method)) {
        reply_refusal(server, w, 405, "there is no such method");
        server_reply_header(&w->reply, "Allow", "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
    } else {
        reply_refusal(server, w, status, status == 400 ? refusal_text(400) : text);
    }
    send_reply(conn, w, true);
    return 0;
}

static void *init_thread(const struct mg_context *context, int type)
{
    (void)context;
    if (type != 1) return NULL; /* 1: a worker */
    struct worker *w = xcalloc(1, sizeof(*w));
    arena_init(&w->arena);
    str_init(&w->body, 0);
    str_init(&w->head, HEADERS_BYTES_MAX + 2 * SMALL_BODY_BYTES);
    str_init(&w->reply.headers, HEADERS_BYTES_MAX);
    str_init(&w->reply.body, LIMIT_RESPONSE_BYTES);
    return w;
}

static void exit_thread(const struct mg_context *context, int type, void *thread)
{
    struct worker *w = thread;
    (void)context;
    if (type != 1 || !w) return;
    arena_release(&w->arena);
    str_release(&w->body);
    str_release(&w->head);
    str_release(&w->reply.headers);
    str_release(&w->reply.body);
    free(w);
}

/* It speaks of every client that goes away early. Only why it cannot start is worth keeping. */
static int log_message(const struct mg_connection *conn, const char *message)
{
    (void)conn;
    if (starting && !*starting->problem)
        str_copy(starting->problem, sizeof(starting->problem), message);
    return 1;
}

/* --- Birth and death --- */

static void init_library(void)
{
    mg_init_library(0); /* without TLS: Debian's build crashes at the first TLS client */
}

/* civetweb knows addresses, not names, and "8080" for all of them. */
static void listen_text(char *out, size_t size, const char *listen)
{
    if (strncmp(listen, "localhost:", 10) == 0) {
        snprintf(out, size, "127.0.0.1:%s", listen + 10);
    } else {
        snprintf(out, size, "%s", *listen == ':' ? listen + 1 : listen);
    }
}

static struct mg_context *start_civetweb(struct server *server)
{
    char listen[100], threads[16], keep_ms[16];
    listen_text(listen, sizeof(listen), server->config.listen);
    snprintf(threads, sizeof(threads), "%d", server->config.threads);
    /* A kept connection holds its worker, so few workers mean a short wait for the next request. */
    snprintf(keep_ms, sizeof(keep_ms), "%d", server->config.threads >= 32 ? 5000 : 500);
    const char *options[] = {
        "listening_ports", listen,
        "num_threads", threads,
        "request_timeout_ms", "5000",
        "enable_keep_alive", "yes",
        "keep_alive_timeout_ms", keep_ms,
        "tcp_nodelay", "1",
        "listen_backlog", "1024",
        "connection_queue", "512",
        "decode_url", "no", /* it would cut the path at %00 */
        "access_control_allow_origin", "", /* else it answers OPTIONS by itself, with "*" */
        "access_control_allow_methods", "",
        "access_control_allow_headers", "",
        NULL,
    };
    struct mg_callbacks callbacks = {
        .begin_request = begin_request,
        .http_error = http_error,
        .init_thread = init_thread,
        .exit_thread = exit_thread,
        .log_message = log_message,
    };
    char text[200] = "";
    struct mg_init_data init = {
        .callbacks = &callbacks, .user_data = server, .configuration_options = options};
    struct mg_error_data problem = {.text = text, .text_buffer_size = sizeof(text)};
    struct mg_context *context = mg_start2(&init, &problem);
    if (!context && !*server->problem) str_copy(server->problem, sizeof(server->problem), text);
    return context;
}

int server_start(const struct server_config *config, struct server **out, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);

    struct server *server = xcalloc(1, sizeof(*server));
    server->config = *config;
    starting = server;
    server->context = start_civetweb(server);
    starting = NULL;
    struct mg_server_port port = {0};
    if (!server->context || mg_get_server_ports(server->context, 1, &port) != 1) {
        err_set(err, ERR_UNAVAILABLE, "listen on %s: %s", config->listen,
                *server->problem ? server->problem : "cannot");
        server_stop(server);
        return -1;
    }
    server->port = port.port;
    *out = server;
    return 0;
}

int server_port(const struct server *server)
{
    return server->port;
}

void server_stop(struct server *server)
{
    if (!server) return;
    if (server->context) mg_stop(server->context);
    free(server);
}

const char *server_header(const struct server_request *request, const char *name)
{
    return mg_get_header(request->conn, name);
}
