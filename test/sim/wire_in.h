/* test/sim/wire_in.h: a transfer as wire.c (requests) and stream.c (watches) share it. */
#pragma once

#include "test/sim/wire.h"

enum fate {
    FATE_OK,
    FATE_NEVER,      /* lost on the way there */
    FATE_NOT_SENT,   /* no connection */
    FATE_LOST_AFTER, /* done; the answer is lost */
    FATE_500_AFTER,
    FATE_504_AFTER,
    FATE_500_BEFORE,
    FATE_429,
    FATE_503,
    FATE_MALFORMED, /* done, and answered with nonsense */
    FATE_COUNT
};

struct kube_transfer {
    struct kube_transfer *next, *prev; /* in net.all */
    struct sim *sim;
    struct wire *wire; /* NULL: nobody waits for it any more */
    const char *name;  /* of who sent it */
    bool election, write, arrived;
    bool restored; /* sent after etcd was, as world.h says */
    bool admitted; /* by a slow webhook */
    bool busy, cancelled; /* cancelled while its own callback runs */
    bool kill_applied, kill_after; /* a planned crash */
    const char *method, *path, *content_type, *body;
    size_t body_len;
    struct kube_handlers handlers;
    void *user;
    enum kube_lane lane;
    int replica;
    int64_t timeout_ms, sent_ms, back_ms;
    uint64_t credential;
    enum fate fate;
    struct sim_event event;    /* arrival, then the answer; of a stream the next delivery */
    struct sim_event deadline; /* of a stream also its regular end */
    int code, retry_after_s;
    char *answer;
    size_t answer_len;

    /* Streams. */
    struct sim_event bookmark;
    struct store_watch *watch;
    const struct resource *type;
    bool silent, dead; /* says nothing more; the connection under it is gone, too */
};

struct net {
    struct kube_transfer all; /* ring head */
};

/* Its operator's machine sleeps: the event comes when it wakes. */
bool transfer_waits(struct kube_transfer *t, struct sim_event *event);
void stream_launch(struct kube_transfer *t);
void transfer_end(struct kube_transfer *t, enum kube_outcome outcome, int code, const char *text);
