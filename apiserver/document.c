#include "apiserver/document.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "lib/xalloc.h"
#include "lib/yaml.h"

/* The file's bytes with a '\0' behind them. The Makefile knows that this object is made of them. */
#define EMBED(name, path)                                                                          \
    __asm__(".section .rodata\n" #name ":\n.incbin \"" path "\"\n.byte 0\n.previous\n");           \
    extern const char name[] __attribute__((visibility("hidden")))
EMBED(embedded_openapi, "docs/openapi.yaml");
EMBED(embedded_page, "web/docs.html");
EMBED(embedded_script, "web/docs.js");

static char *openapi_json;

static void make_json(void)
{
    auto_arena a;
    arena_init(&a);
    char *json = NULL;
    size_t len = 0;
    struct err err;
    int rc = yaml_to_json_one(&a, embedded_openapi, strlen(embedded_openapi), &json, &len, &err);
    assert(rc == 0); /* a test reads it */
    openapi_json = rc == 0 ? xstrdup(json) : xstrdup("{}");
}

const char *document_json(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_json);
    return openapi_json;
}

static void reply(struct api_request *r, const char *type, const char *text)
{
    r->reply->content_type = type;
    r->reply->cache = "no-cache";
    str_add(&r->reply->body, text);
}

void document_openapi(struct api_request *r)
{
    reply(r, "application/json", document_json());
}

void document_page(struct api_request *r)
{
    reply(r, "text/html; charset=utf-8", embedded_page);
}

void document_script(struct api_request *r)
{
    reply(r, "text/javascript; charset=utf-8", embedded_script);
}
