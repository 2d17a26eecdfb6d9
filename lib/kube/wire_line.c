#include <stdlib.h>

#include "lib/clock.h"
#include "lib/http.h"
#include "lib/kube/wire.h"
#include "lib/kube/wire_target.h"
#include "lib/limits.h"
#include "lib/xalloc.h"

struct kube_line {
    struct kube_wire_config config;
    char *user_agent;
    struct http_line *http; /* NULL before the first call */
    bool doubtful;          /* the last call waited in vain: the connection may be dead */
    uint64_t tls;
    struct err failure; /* what the last answer's text may point to */
};

int kube_line_new(const struct kube_wire_config *config, struct kube_line **out, struct err *err)
{
    auto_arena arena;
    arena_init(&arena);
    struct wire_target target; /* only to refuse an address that cannot be used */
    if (wire_target_make(config->kube, &(struct kube_credential){0}, &arena, &target, err) < 0)
        return -1;
    struct kube_line *line = xcalloc(1, sizeof(*line));
    line->config = *config;
    line->user_agent = xstrdup(config->user_agent);
    *out = line;
    return 0;
}

void kube_line_free(struct kube_line *line)
{
    if (!line) return;
    http_line_free(line->http);
    free(line->user_agent);
    free(line);
}

static int follow_tls(struct kube_line *line, const struct kube_credential *credential,
                      struct err *err)
{
    if (line->http && !line->doubtful && line->tls == credential->tls) return 0;
    auto_arena arena;
    arena_init(&arena);
    struct wire_target target;
    struct http_line *fresh;
    if (wire_target_make(line->config.kube, credential, &arena, &target, err) < 0) return -1;
    target.http.connections_max = target.http.connections_max_http1 = 1;
    target.http.buffer_bytes = 16 << 10;
    if (http_line_new(&target.http, &fresh, err) < 0) return -1;
    http_line_free(line->http);
    line->http = fresh;
    line->tls = credential->tls;
    line->doubtful = false;
    return 0;
}

static int call_with(struct kube_line *line, const struct kube_call *call,
                     const struct kube_credential *credential, int64_t now_ms,
                     struct kube_answer *answer, struct err *err)
{
    if (follow_tls(line, credential, err) < 0) return -1;
    struct http_headers *headers =
        wire_headers_make(line->config.kube, credential, line->user_agent, call);
    struct http_call http_call = {
        .method = call->method,
        .path = call->path,
        .headers = headers,
        .body = call->content_type ? call->body : NULL,
        .body_len = call->body_len,
        .timeout_ms = call->timeout_ms,
        .body_bytes_max = LIMIT_RESPONSE_BYTES,
    };
    struct http_answer http_answer;
    http_line_call(line->http, &http_call, &http_answer);
    http_headers_unref(headers);
    wire_answer(&http_answer, credential->generation, now_ms, answer);
    line->doubtful = http_answer.timed_out;
    if (answer->outcome == KUBE_NOT_SENT) kube_auth_unreachable(line->config.auth, now_ms);
    return 0;
}

void kube_line_call(struct kube_line *line, const struct kube_call *call,
                    struct kube_answer *answer)
{
    int64_t now_ms = clock_ms();
    line->failure = (struct err){0};
    const struct kube_credential *credential =
        kube_auth_get(line->config.auth, now_ms, clock_wall_ms(), &line->failure);
    if (!credential || call_with(line, call, credential, now_ms, answer, &line->failure) < 0) {
        *answer = (struct kube_answer){.outcome = KUBE_NOT_SENT,
                                       .retry_after_s = -1,
                                       .body = "",
                                       .text = line->failure.text,
                                       .sent_ms = now_ms};
    }
    if (credential) kube_credential_unref(line->config.auth, credential);
}
