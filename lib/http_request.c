#include "lib/http_request.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/limits.h"

enum {
    CONNECT_TIMEOUT_MS = 10000, /* name, TCP and TLS together */
    CONNECTION_IDLE_S = 80,     /* below the apiserver's 90 */
    CONNECTION_LIFE_S = 3600,   /* so that load spreads anew over servers behind one address */
    BODY_KEPT_BYTES = 16 << 10, /* of a buffer, between requests */
    URL_BYTES_MAX = 16 << 10,
};

/* --- Callbacks --- */

static long code_of(const struct http_request *r)
{
    long code = 0;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

static bool is_success(long code)
{
    return code >= 200 && code < 300;
}

static bool is_http1(const struct http_request *r)
{
    long version = 0;
    curl_easy_getinfo(r->easy, CURLINFO_HTTP_VERSION, &version);
    return version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1;
}

/* An error's text is cut at its limit; an answer that must be whole fails. */
static size_t collect(struct http_request *r, const char *bytes, size_t n)
{
    bool success = is_success(code_of(r));
    size_t max = success ? r->body_bytes_max : LIMIT_ERROR_BODY_BYTES;
    size_t room = r->body.len < max ? max - r->body.len : 0;
    if (n > room && success) {
        r->too_big = true;
        return 0;
    }
    str_add_n(&r->body, bytes, n < room ? n : room);
    return n;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    struct http_request *r = user;
    size_t n = size * count;
    if (r->cancelled) return 0; /* not n: libcurl ends the transfer */
    if (!r->handlers.data || !is_success(code_of(r))) return collect(r, bytes, n);
    if (r->handlers.data(r->user, bytes, n) != 0) r->refused_by_receiver = true;
    return r->cancelled || r->refused_by_receiver ? 0 : n;
}

/* Set only where somebody wants to know the protocol before the body begins: a quiet watch sends
 * its headers at once and its first byte of body perhaps in a minute. */
static size_t take_header(char *bytes, size_t size, size_t count, void *user)
{
    struct http_request *r = user;
    (void)bytes;
    if (r->saw_http1 && is_http1(r)) *r->saw_http1 = true;
    return size * count;
}

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    (void)user;
    (void)purpose;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol); /* for our child processes */
}

/* A peer that vanished without a word is noticed within 30 s of silence towards our own bytes, and
 * within 75 s where nobody speaks. libcurl sends no HTTP/2 PING on a connection in use. */
static int set_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},       {IPPROTO_TCP, TCP_KEEPIDLE, 30},
        {IPPROTO_TCP, TCP_KEEPINTVL, 15},    {IPPROTO_TCP, TCP_KEEPCNT, 3},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000},
    };
    (void)user;
    (void)purpose;
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
    }
    return CURL_SOCKOPT_OK;
}

/* --- Options that stay --- */

static void set_rules(CURL *e, const struct http_target_copy *target)
{
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, target->plain ? "http" : "https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_UNRESTRICTED_AUTH, 0L);
    curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    bool http1 = target->plain || target->t.http1_only;
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
                     http1 ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_PIPEWAIT, http1 ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)CONNECTION_IDLE_S);
    curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)target->t.buffer_bytes);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, set_socket);
    curl_easy_setopt(e, CURLOPT_PROXY, target->t.proxy ? target->t.proxy : "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, target->t.no_proxy ? target->t.no_proxy : "");
}

/* Blobs, not paths: libcurl keeps the roots of a path for a day, whatever becomes of the file. */
static CURLcode set_blob(CURL *e, CURLoption option, const char *pem)
{
    struct curl_blob blob = {
        .data = (char *)(uintptr_t)pem, .len = strlen(pem), .flags = CURL_BLOB_NOCOPY};
    return curl_easy_setopt(e, option, &blob);
}

static CURLcode set_tls(CURL *e, const struct http_target *t)
{
    CURLcode rc = curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, t->insecure ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, t->insecure ? 0L : 2L);
    if (t->ca && !rc) {
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* else the system's roots count as well */
        curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
        rc = set_blob(e, CURLOPT_CAINFO_BLOB, t->ca);
    }
    if (t->cert && !rc) rc = set_blob(e, CURLOPT_SSLCERT_BLOB, t->cert);
    if (t->key && !rc) rc = set_blob(e, CURLOPT_SSLKEY_BLOB, t->key);
    return rc;
}

static void set_callbacks(struct http_request *r)
{
    curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
    static_assert(sizeof(r->error) >= CURL_ERROR_SIZE, "libcurl writes that much");
    curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error);
    curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
}

static CURLcode set_address(struct http_request *r)
{
    if (!r->target->t.connect_to) return CURLE_OK;
    r->connect_to = curl_slist_append(NULL, r->target->t.connect_to);
    if (!r->connect_to) return CURLE_OUT_OF_MEMORY;
    return curl_easy_setopt(r->easy, CURLOPT_CONNECT_TO, r->connect_to);
}

static void init_library(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) abort();
}

int http_request_init(struct http_request *r, const struct http_target_copy *target,
                      struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);

    *r = (struct http_request){.target = target};
    str_init(&r->url, URL_BYTES_MAX);
    str_init(&r->body, SIZE_MAX / 2); /* collect() holds it to the call's limit */
    r->easy = curl_easy_init();
    if (!r->easy) return err_set(err, ERR_UNAVAILABLE, "libcurl: no handle");
    set_rules(r->easy, target);
    set_callbacks(r);
    CURLcode rc = set_tls(r->easy, &target->t);
    if (!rc) rc = set_address(r);
    if (rc) return err_set(err, ERR_INVALID, "%s: %s", target->t.base, curl_easy_strerror(rc));
    return 0;
}

void http_request_release(struct http_request *r)
{
    if (r->easy) curl_easy_cleanup(r->easy);
    http_request_clear(r);
    curl_slist_free_all(r->connect_to);
    str_release(&r->url);
    str_release(&r->body);
}

/* --- One call --- */

static void set_method(CURL *e, const struct http_call *call)
{
    bool post = strcmp(call->method, "POST") == 0;
    if (call->body || post) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->body ? call->body : "");
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(call->body ? call->body_len : 0));
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, post ? NULL : call->method);
    } else {
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, NULL); /* this makes it a POST, so it comes first */
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST,
                         strcmp(call->method, "GET") == 0 ? NULL : call->method);
    }
}

void http_request_set(struct http_request *r, const struct http_call *call,
                      const struct http_handlers *handlers, void *user)
{
    r->handlers = *handlers;
    r->user = user;
    r->body_bytes_max = call->body_bytes_max;
    r->cancelled = r->too_big = r->refused_by_receiver = false;
    r->error[0] = '\0';
    r->headers = call->headers;
    if (r->headers) http_headers_ref(r->headers);

    str_clear(&r->url);
    str_add(&r->url, r->target->t.base);
    str_add(&r->url, call->path);
    /* Too long a URL is left empty: libcurl then refuses the transfer as malformed. */
    curl_easy_setopt(r->easy, CURLOPT_URL, r->url.over ? "" : r->url.at);
    curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers ? r->headers->list : NULL);
    curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, handlers->data ? take_header : NULL);
    curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, handlers->data ? r : NULL);
    set_method(r->easy, call);
}

void http_request_clear(struct http_request *r)
{
    http_headers_unref(r->headers);
    r->headers = NULL;
    r->handlers = (struct http_handlers){0};
    if (r->body.cap > BODY_KEPT_BYTES) {
        str_release(&r->body);
    } else {
        str_clear(&r->body);
    }
}

bool http_request_is_unsent(const struct http_request *r)
{
    /* libcurl adds to it on every connection that it tries, and forgets nothing meanwhile. */
    long bytes = 0;
    curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes == 0;
}

static const char *header_of(const struct http_request *r, const char *name)
{
    struct curl_header *header;
    CURLHcode rc = curl_easy_header(r->easy, name, 0, CURLH_HEADER, -1, &header);
    return rc == CURLHE_OK ? header->value : NULL;
}

static int retry_after_of(const struct http_request *r)
{
    const char *p = header_of(r, "Retry-After");
    if (!p || !isdigit((unsigned char)*p)) return -1;
    int seconds = 0;
    for (; isdigit((unsigned char)*p) && seconds < 100000; p++) seconds = seconds * 10 + *p - '0';
    return *p == '\0' || isdigit((unsigned char)*p) ? seconds : -1;
}

static bool says_close(const struct http_request *r)
{
    const char *value = header_of(r, "Connection");
    return value && strcasecmp(value, "close") == 0;
}

static const char *text_of(const struct http_request *r, CURLcode code)
{
    if (r->refused_by_receiver) return "ended by the receiver";
    if (r->too_big) return "the answer is over its limit";
    if (r->url.over) return "the URL is too long";
    if (code == CURLE_OK) return "the connection ended without an answer";
    return r->error[0] ? r->error : curl_easy_strerror(code);
}

void http_request_answer(struct http_request *r, int curl_code, struct http_answer *answer)
{
    CURLcode code = (CURLcode)curl_code;
    int status = (int)code_of(r);
    bool complete = code == CURLE_OK && status >= 200;
    *answer = (struct http_answer){
        .complete = complete,
        .maybe_sent = status != 0 || !http_request_is_unsent(r),
        .timed_out = code == CURLE_OPERATION_TIMEDOUT,
        .code = status,
        .retry_after_s = status >= 300 ? retry_after_of(r) : -1,
        .http1 = is_http1(r),
        .body = r->body.at,
        .len = r->body.len,
        .text = complete ? "" : text_of(r, code),
    };
    answer->conn_close = answer->http1 && says_close(r);
    if (answer->http1 && r->saw_http1) *r->saw_http1 = true;
}

bool http_request_waits(const struct http_request *r)
{
    return http_request_is_unsent(r) || (r->handlers.data && code_of(r) == 0);
}
