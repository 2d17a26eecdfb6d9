#include <curl/curl.h>
#include <stdlib.h>

#include "lib/http_request.h"
#include "lib/xalloc.h"

struct http_line {
    struct http_target_copy target;
    struct http_request request;
};

int http_line_new(const struct http_target *target, struct http_line **out, struct err *err)
{
    struct http_line *line = xcalloc(1, sizeof(*line));
    http_target_init(&line->target, target);
    if (http_request_init(&line->request, &line->target, err) < 0) {
        http_line_free(line);
        return -1;
    }
    curl_easy_setopt(line->request.easy, CURLOPT_MAXCONNECTS, 1L);
    *out = line;
    return 0;
}

void http_line_free(struct http_line *line)
{
    if (!line) return;
    http_request_release(&line->request);
    http_target_release(&line->target);
    free(line);
}

void http_line_call(struct http_line *line, const struct http_call *call,
                    struct http_answer *answer)
{
    http_request_clear(&line->request); /* the answer before this one */
    http_request_set(&line->request, call, &(struct http_handlers){0}, NULL);
    CURLcode code = curl_easy_perform(line->request.easy);
    http_request_answer(&line->request, (int)code, answer);
}
