/* lib/kube/reflector_parse.h: watch lines and list pages -> objects of one type, by its table and
 * in one pass. Everything foreign that a reflector reads comes through here, and the fuzzer drives
 * it. Pure.
 */
#pragma once

#include "lib/kube/store.h"

enum kube_event_type { KUBE_ADDED, KUBE_MODIFIED, KUBE_DELETED, KUBE_BOOKMARK, KUBE_ERROR };

struct kube_event {
    enum kube_event_type type;
    struct kube_object *object; /* in the arena; NULL for BOOKMARK and ERROR */
    const char *rv;             /* of object or bookmark */
    bool ends_list;             /* the bookmark after the initial events */
    const char *object_text;    /* ERROR: the Status */
    size_t object_len;
};

struct kube_page {
    struct kube_object **objects;
    size_t count;
    const char *rv;
    const char *next; /* continue token, or NULL */
};

struct kube_parser { /* tables around the type's own; not to be moved once made */
    const struct kube_type *type;
    struct json_field event_fields[2];
    struct json_table event;
    struct json_field list_fields[3];
    struct json_table list;
};

void kube_parser_init(struct kube_parser *p, const struct kube_type *type);

/* ERR_INVALID for anything but a well-formed event of the type. */
MUST_CHECK int kube_parse_event(const struct kube_parser *p, const char *text, size_t len,
                                struct arena *a, struct kube_event *out, struct err *err);
MUST_CHECK int kube_parse_page(const struct kube_parser *p, const char *text, size_t len,
                               struct arena *a, struct kube_page *out, struct err *err);
