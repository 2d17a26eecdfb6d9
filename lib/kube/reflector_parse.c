#include "lib/kube/reflector_parse.h"

#include <stdalign.h>
#include <string.h>

#include "lib/str.h"

struct event_head { /* the type's struct follows, aligned */
    char *type;
    alignas(max_align_t) char object[];
};

struct list_head {
    char *kind;
    char *rv;
    char *next;
    struct json_list items;
};

static const struct json_field list_meta_fields[] = {
    JSON_ROW("resourceVersion", JSON_TEXT, struct list_head, rv),
    JSON_ROW("continue", JSON_TEXT, struct list_head, next),
};
static const struct json_table list_meta_table = {list_meta_fields, 2, 0, false};

struct error_head {
    char *type;
    char *object;
};
static JSON_TABLE(error_table, struct error_head,
                  JSON_ROW("type", JSON_TEXT, struct error_head, type),
                  JSON_ROW("object", JSON_RAW, struct error_head, object));

void kube_parser_init(struct kube_parser *p, const struct kube_type *type)
{
    p->type = type;
    p->event_fields[0] = (struct json_field)JSON_ROW("type", JSON_TEXT, struct event_head, type);
    p->event_fields[1] = (struct json_field){"object", JSON_OBJECT, 0,
                                             offsetof(struct event_head, object), type->table};
    p->event = (struct json_table){p->event_fields, 2,
                                   sizeof(struct event_head) + type->table->size, false};
    p->list_fields[0] = (struct json_field)JSON_ROW("kind", JSON_TEXT, struct list_head, kind);
    p->list_fields[1] =
        (struct json_field){"metadata", JSON_OBJECT, 0, 0, &list_meta_table};
    p->list_fields[2] = (struct json_field){"items", JSON_LIST, 0,
                                            offsetof(struct list_head, items), type->table};
    p->list = (struct json_table){p->list_fields, 3, sizeof(struct list_head), false};
}

static int event_type(const char *name, enum kube_event_type *out)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
    for (int i = 0; name && i < 5; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *out = (enum kube_event_type)i;
        return 0;
    }
    return -1;
}

static int parse_error(const char *text, size_t len, struct arena *a, struct kube_event *out,
                       struct err *err)
{
    struct error_head head = {0};
    if (json_decode(a, text, len, &error_table, &head, err) < 0) return -1;
    if (!str_equal(head.type, "ERROR")) return err_set(err, ERR_INVALID, "no ERROR event");
    out->type = KUBE_ERROR;
    out->object_text = head.object ? head.object : "";
    out->object_len = strlen(out->object_text);
    return 0;
}

static int parse_bookmark(const struct kube_object *o, const struct kube_type *type,
                          struct kube_event *out, struct err *err)
{
    if (!o->meta.rv || !kube_rv_valid(o->meta.rv)) {
        return err_set(err, ERR_INVALID, "bookmark without a resourceVersion");
    }
    out->rv = o->meta.rv;
    const char *end = kube_object_reading(o, type)->initial_end;
    out->ends_list = end && strcmp(end, "true") == 0;
    return 0;
}

int kube_parse_event(const struct kube_parser *p, const char *text, size_t len, struct arena *a,
                     struct kube_event *out, struct err *err)
{
    *out = (struct kube_event){0};
    struct event_head *head = arena_zalloc(a, p->event.size);
    if (json_decode(a, text, len, &p->event, head, err) < 0) {
        /* An ERROR's object is a Status, whose fields need not fit the type's table. */
        if (parse_error(text, len, a, out, NULL) == 0) return 0;
        return err_wrap(err, "%s event", p->type->name);
    }
    if (event_type(head->type, &out->type) < 0) {
        return err_set(err, ERR_INVALID, "%s event of unknown type '%.20s'", p->type->name,
                       head->type ? head->type : "");
    }
    struct kube_object *o = (struct kube_object *)(void *)head->object;
    if (out->type == KUBE_ERROR) return parse_error(text, len, a, out, err);
    if (out->type == KUBE_BOOKMARK) return parse_bookmark(o, p->type, out, err);
    if (kube_object_finish(o, p->type, a, err) < 0) return -1;
    out->object = o;
    out->rv = o->meta.rv;
    return 0;
}

int kube_parse_page(const struct kube_parser *p, const char *text, size_t len, struct arena *a,
                    struct kube_page *out, struct err *err)
{
    struct list_head head = {0};
    if (json_decode(a, text, len, &p->list, &head, err) < 0) {
        return err_wrap(err, "%s list", p->type->name);
    }
    size_t n = head.kind ? strlen(head.kind) : 0;
    if (n < 4 || strcmp(head.kind + n - 4, "List") != 0) {
        return err_set(err, ERR_INVALID, "%s list is a '%.40s'", p->type->name,
                       head.kind ? head.kind : "");
    }
    if (!head.rv || !kube_rv_valid(head.rv)) {
        return err_set(err, ERR_INVALID, "%s list without a resourceVersion", p->type->name);
    }
    *out = (struct kube_page){.rv = head.rv, .count = head.items.count};
    out->next = head.next && *head.next ? head.next : NULL;
    out->objects = arena_alloc(a, (head.items.count + 1) * sizeof(struct kube_object *));
    for (size_t i = 0; i < head.items.count; i++) {
        char *at = (char *)head.items.items + i * p->type->table->size;
        out->objects[i] = (struct kube_object *)(void *)at;
        if (kube_object_finish(out->objects[i], p->type, a, err) < 0) return -1;
    }
    return 0;
}
