/* lib/kube/reflector_parts.h: what the files of the reflector share. reflector.c has its states,
 * how long it waits between them and when a list is taken; reflector_stream.c the watch and the
 * watch-list, line by line, and their silence; reflector_pages.c lists in pages, and the question
 * at what version etcd is. Nobody else includes it.
 */
#pragma once

#include "lib/kube/lines.h"
#include "lib/kube/reflector.h"
#include "lib/kube/reflector_parse.h"

enum {
    ARENA_KEEP = 16 * 1024, /* between lines: ten reflectors wait most of the time */
};

struct kube_reflector {
    struct kube_reflector_config config;
    struct kube_reflector_stats stats;
    struct kube_transfer *transfer;
    struct kube_transfer *canary;
    struct kube_transfer *question; /* at what version etcd is */
    int64_t question_from_ms;       /* a server that is busy said when */
    char doubted_rv[KUBE_RV_SIZE];  /* what had been seen when it was asked */
    struct timer retry; /* end of BACKOFF */
    struct timer idle;  /* silence on a stream */
    struct kube_lines lines;
    struct arena arena;
    struct kube_parser parser;
    char rv[KUBE_RV_SIZE];      /* to resume the watch from */
    bool rv_unavailable;        /* the server does not have rv any more: ask without */
    bool stream_refused;        /* no watch-list here, for ever */
    bool unlimited;             /* a later page expired: list once without pages */
    bool bookmarked;            /* the server has sent a bookmark */
    unsigned deaths;            /* watches that ended by silence, since the last byte */
    bool gated;                 /* counted in the shared gate */
    bool resync;                /* next: SYNC, not WATCH */
    char *page_token;
    unsigned failures;
    unsigned malformed; /* in a row */
    unsigned regressions;
    int64_t regressed_ms, failed_ms, started_ms, byte_ms;
    int64_t told_ms;        /* how long the server asked us to wait, beside our own back-off */
    uint64_t stream_events; /* in this stream */
    struct err stop;        /* why a data callback ended the stream */
    bool stop_resync;
};

int64_t reflector_now(const struct kube_reflector *r);

/* What comes next: a list where one is needed, else the watch from the last version. */
void reflector_go(struct kube_reflector *r);
void reflector_wait(struct kube_reflector *r, int64_t delay_ms); /* then that */
/* Something failed: ends what runs, tells it for the log, and waits ever longer. */
void reflector_back_off(struct kube_reflector *r, const char *what, const struct err *err);
void reflector_need_sync(struct kube_reflector *r, bool version_is_lost);
void reflector_end_streams(struct kube_reflector *r);
void reflector_drop_list(struct kube_reflector *r);
/* A list has ended at that version. -1: it is older than what was seen, and not taken. */
int reflector_accept_list(struct kube_reflector *r, const char *rv, struct err *err);

char *reflector_list_path(struct kube_reflector *r, const char *query); /* to be freed */
const char *reflector_sync_version(const struct kube_reflector *r);     /* "": ask without */
/* Sends what r->transfer is from then on. */
void reflector_call(struct kube_reflector *r, const char *query, int64_t timeout_ms,
                    const struct kube_handlers *handlers);
/* A 401 is about the credential. */
void reflector_rejected(struct kube_reflector *r, const struct kube_answer *answer);

/* A watch from rv, or with more a watch-list. */
void reflector_stream(struct kube_reflector *r, const char *more, const char *rv);
void reflector_on_idle(void *user); /* of r->idle: nothing was heard on the stream */
void reflector_next_page(struct kube_reflector *r);
