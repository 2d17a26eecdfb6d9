#include "lib/http_target.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/limits.h"
#include "lib/str.h"
#include "lib/xalloc.h"

static char *copy_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

void http_target_init(struct http_target_copy *to, const struct http_target *from)
{
    to->t = *from;
    to->t.base = xstrdup(from->base);
    to->t.connect_to = copy_or_null(from->connect_to);
    to->t.proxy = copy_or_null(from->proxy);
    to->t.no_proxy = copy_or_null(from->no_proxy);
    to->t.ca = copy_or_null(from->ca);
    to->t.cert = copy_or_null(from->cert);
    to->t.key = copy_or_null(from->key);
    to->plain = strncasecmp(from->base, "http://", 7) == 0;
}

static void clear_and_free(const char *text)
{
    if (text) explicit_bzero((char *)(uintptr_t)text, strlen(text));
    free((char *)(uintptr_t)text);
}

void http_target_release(struct http_target_copy *target)
{
    clear_and_free(target->t.base);
    clear_and_free(target->t.connect_to);
    clear_and_free(target->t.proxy);
    clear_and_free(target->t.no_proxy);
    clear_and_free(target->t.ca);
    clear_and_free(target->t.cert);
    clear_and_free(target->t.key);
    *target = (struct http_target_copy){0};
}

/* --- Headers --- */

struct http_headers *http_headers_new(void)
{
    struct http_headers *h = xcalloc(1, sizeof(*h));
    h->refs = 1;
    return h;
}

void http_headers_add(struct http_headers *h, const char *name, const char *value)
{
    auto_str line;
    str_init(&line, LIMIT_CREDENTIAL_BYTES + 256);
    str_add(&line, name);
    str_add(&line, ":");
    if (*value) str_add(&line, " ");
    str_add(&line, value);
    /* A line break would begin a header of somebody else's making. */
    for (char *p = line.at; *p; p++) {
        if (*p == '\n' || *p == '\r') *p = ' ';
    }
    struct curl_slist *list = curl_slist_append(h->list, line.at);
    explicit_bzero(line.at, line.len);
    if (!list) abort();
    h->list = list;
}

void http_headers_ref(struct http_headers *h)
{
    h->refs++;
}

void http_headers_unref(struct http_headers *h)
{
    if (!h || --h->refs > 0) return;
    for (struct curl_slist *i = h->list; i; i = i->next) explicit_bzero(i->data, strlen(i->data));
    curl_slist_free_all(h->list);
    free(h);
}
