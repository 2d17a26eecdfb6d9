#include "lib/kube/reflector_parts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/kube/retry.h"
#include "lib/kube/status.h"
#include "lib/xalloc.h"

enum {
    PAGE_SIZE = 500,
    PAGE_TIMEOUT_MS = 60000,
};

/* --- pages ---------------------------------------------------------------------------------- */

static void refused_page(struct kube_reflector *r, const struct kube_answer *answer)
{
    struct err err = {0};
    if (answer->outcome != KUBE_ANSWERED) {
        err_set(&err, ERR_UNAVAILABLE, "%s", answer->text);
        reflector_back_off(r, "list failed", &err);
        return;
    }
    struct kube_status status;
    r->told_ms = kube_told_ms(answer);
    kube_status_read(&r->arena, answer->code, answer->body, answer->len, &status);
    kube_status_err(answer->code, &status, &err);
    reflector_rejected(r, answer);
    bool too_large = kube_status_has_cause(&status, "ResourceVersionTooLarge");
    if (answer->code == 410 && r->page_token) {
        r->unlimited = true; /* the pages' snapshot is gone: all at once, then */
        reflector_drop_list(r);
        reflector_go(r);
        return;
    }
    if (answer->code == 410 || too_large) reflector_need_sync(r, true);
    reflector_back_off(r, "list refused", &err);
}

static void on_page(void *user, const struct kube_answer *answer)
{
    struct kube_reflector *r = user;
    struct kube_page page;
    struct err err = {0};
    r->transfer = NULL;
    r->byte_ms = r->stats.last_event_ms = reflector_now(r);
    arena_reset(&r->arena, ARENA_KEEP);
    if (answer->outcome != KUBE_ANSWERED || answer->code != 200) {
        refused_page(r, answer);
        return;
    }
    if (kube_parse_page(&r->parser, answer->body, answer->len, &r->arena, &page, &err) < 0) {
        r->stats.protocol_errors++;
        reflector_back_off(r, "list is malformed", &err);
        return;
    }
    for (size_t i = 0; i < page.count; i++) kube_store_list_add(r->config.store, page.objects[i]);
    free(r->page_token);
    r->page_token = page.next ? xstrdup(page.next) : NULL;
    if (r->page_token) {
        reflector_next_page(r);
    } else if (reflector_accept_list(r, page.rv, &err) < 0) {
        reflector_back_off(r, "list refused", &err);
    } else {
        reflector_wait(r, 0);
    }
}

void reflector_next_page(struct kube_reflector *r)
{
    static const struct kube_handlers handlers = {.done = on_page};
    auto_str query;
    str_init(&query, 4096);
    int size = r->config.page_size ? r->config.page_size : PAGE_SIZE;
    if (!r->unlimited) str_add_f(&query, "limit=%d", size);
    r->unlimited = false; /* once: a list that is too big in one piece must get pages again */
    if (r->page_token) {
        str_add(&query, "&continue=");
        str_add_url(&query, r->page_token);
    } else if (*reflector_sync_version(r)) {
        str_add_f(&query, "&resourceVersion=%s&resourceVersionMatch=NotOlderThan",
                  reflector_sync_version(r));
    }
    reflector_call(r, query.at, PAGE_TIMEOUT_MS, &handlers);
}

/* --- doubt ---------------------------------------------------------------------------------- */

static void on_version(void *user, const struct kube_answer *answer)
{
    struct kube_reflector *r = user;
    struct kube_page page;
    auto_arena arena;
    arena_init(&arena);
    r->question = NULL;
    if (answer->outcome != KUBE_ANSWERED || answer->code != 200) { /* another doubt will do */
        r->question_from_ms = reflector_now(r) + kube_told_ms(answer);
        return;
    }
    if (kube_parse_page(&r->parser, answer->body, answer->len, &arena, &page, NULL) < 0) return;
    if (kube_rv_cmp(page.rv, r->doubted_rv) < 0 && r->config.undone)
        r->config.undone(r->config.user);
}

/* A list that names no version is of etcd's own, now. */
void kube_reflector_doubt(struct kube_reflector *r)
{
    static const struct kube_handlers handlers = {.done = on_version};
    if (r->question || reflector_now(r) < r->question_from_ms) return;
    auto_free char *path = reflector_list_path(r, "limit=1");
    struct kube_call call = {.lane = KUBE_LANE_REQUESTS,
                             .method = "GET",
                             .path = path,
                             .timeout_ms = PAGE_TIMEOUT_MS};
    str_copy(r->doubted_rv, sizeof(r->doubted_rv), kube_store_rv(r->config.store));
    r->question = r->config.transport->start(r->config.transport, &call, &handlers, r);
}
