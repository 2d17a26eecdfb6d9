/* apiserver/api_parts.h: what the API's handlers share. Only for apiserver/. */
#pragma once

#include "apiserver/api.h"
#include "apiserver/ask.h"
#include "apiserver/problem.h"
#include "apiserver/rate.h"
#include "apiserver/route.h"
#include "apiserver/select.h"
#include "apiserver/snapshot.h"

struct api {
    struct api_config config;
    struct kube_client *client;
    struct asks *asks;
    struct snapshots *sessions, *templates;
    struct rates *rates;
    const struct view *view; /* the loop's */
    struct arena arena;      /* the loop's, for rendering */
    uint64_t boot;           /* another one in each process */
};

/* --- api_sessions.c --- */
void sessions_list(struct api_request *r);
void sessions_get(struct api_request *r);
void sessions_create(struct api_request *r);
void sessions_change(struct api_request *r);
void sessions_delete(struct api_request *r);
void sessions_start(struct api_request *r);
void sessions_hibernate(struct api_request *r);
void sessions_restart(struct api_request *r);
void session_snap(void *user, const struct kube_object *o, struct snap_text *out);
void session_connections_changed(void *user, const struct kube_object *before,
                                 const struct kube_object *after);

/* The session of the path, if the caller may see it; NULL with the reply filled. */
const struct snap_item *session_find(struct api_request *r, const struct snapshot *from);
const char *session_namespace(const struct api_request *r); /* ?namespace=, or the API's own */

/* --- api_session_about.c --- */
void session_events(struct api_request *r);
void session_logs(struct api_request *r);
void session_why(struct api_request *r);
void pod_logs(struct api_request *r);

/* --- api_templates.c --- */
void templates_list(struct api_request *r);
void templates_get(struct api_request *r);
void templates_create(struct api_request *r);
void templates_delete(struct api_request *r);
void template_snap(void *user, const struct kube_object *o, struct snap_text *out);

/* --- api_about.c --- */
void about_health(struct api_request *r);
void about_version(struct api_request *r);

/* --- api_list.c: what lists have in common --- */

struct list { /* of what, and how it is answered */
    const char *name; /* "sessions": the member of the reply */
    const struct select_kind *kind;
    int user_field; /* whose an item is; -1: everybody's */
};
void list_reply(struct api_request *r, const struct list *list, struct snapshots *from);
void item_reply(struct api_request *r, const struct snap_item *item);
void deleted_reply(struct api_request *r, const char *message); /* of the name in the path */
/* What Kubernetes answered a write with (text, n), as an object of that type in the request's
 * arena. NULL with the reply filled: it was done, and cannot be shown. */
struct kube_object *stored_read(struct api_request *r, const struct kube_type *type,
                                const char *text, size_t n);
/* A snapshot, or NULL with the reply filled. */
const struct snapshot *list_take(struct api_request *r, struct snapshots *from);
