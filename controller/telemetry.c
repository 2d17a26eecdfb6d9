#include "controller/telemetry.h"

#include <stdio.h>
#include <stdlib.h>

#include "controller/operator.h"
#include "lib/metrics.h"
#include "lib/xalloc.h"

enum { REFRESH_MS = 2000, CODES = 600 };

struct telemetry {
    const struct operator *op;
    struct timers *timers;
    struct timer refresh;
    struct metric *in_flight, *cap, *queued, *unknown, *conflicts, *events_dropped;
};

static struct metric *requests[KUBE_VERB_COUNT][CODES];
static struct metric *durations[KUBE_VERB_COUNT];

void telemetry_request(void *user, enum kube_verb verb, int code, double seconds)
{
    (void)user;
    char labels[96];
    int slot = code > 0 && code < CODES ? code : 0;
    struct metric **m = &requests[verb][slot];
    const char *method = kube_verb_method(verb);
    if (!*m) {
        if (slot) snprintf(labels, sizeof(labels), "code=\"%d\",method=\"%s\"", slot, method);
        else snprintf(labels, sizeof(labels), "code=\"<error>\",method=\"%s\"", method);
        *m = metric_get(METRIC_COUNTER, "rest_client_requests_total",
                        "Requests to the API server by status code and method.", labels, NULL);
    }
    metric_add(*m, 1);
    if (!durations[verb]) {
        snprintf(labels, sizeof(labels), "verb=\"%s\"", method);
        durations[verb] = metric_get(METRIC_HISTOGRAM, "rest_client_request_duration_seconds",
                                     "How long requests to the API server took.", labels,
                                     &METRIC_BUCKETS_REQUEST);
    }
    metric_observe(durations[verb], seconds);
}

static struct metric *gauge(const char *name, const char *help, const char *kind)
{
    char labels[64] = "";
    if (kind) snprintf(labels, sizeof(labels), "kind=\"%s\"", kind);
    return metric_get(METRIC_GAUGE, name, help, labels, NULL);
}

static void show_informer(void *user, const struct operator_informer *i)
{
    const struct telemetry *t = user;
    double age_s = (double)(t->timers->now_ms - i->stats.last_event_ms) / 1000.0;
    metric_set(gauge("carrel_cache_objects", "Objects in the cache.", i->name),
               (double)i->objects);
    metric_set(gauge("carrel_unreadable_objects",
                     "Objects in the cache that cannot be read in full and are left alone.",
                     i->name),
               (double)i->unreadable);
    metric_set(gauge("carrel_cache_synced", "1 once the first list is in.", i->name), i->synced);
    metric_set(gauge("carrel_watch_last_event_age_seconds",
                     "Time since the server last said anything on the watch.", i->name),
               age_s);
    metric_set(gauge("carrel_watch_relists", "Lists after the first since the start.", i->name),
               (double)i->stats.relists);
    metric_set(gauge("carrel_watch_regressions", "Lists refused because they were too old.",
                     i->name),
               (double)i->stats.regressions);
}

static void refresh(void *user)
{
    struct telemetry *t = user;
    struct operator_counts c = operator_counts(t->op);
    operator_walk(t->op, show_informer, t);
    operator_show_gauges(t->op);
    metric_set(t->in_flight, c.in_flight);
    metric_set(t->cap, c.cap);
    metric_set(t->queued, (double)c.queued);
    metric_set(t->unknown, (double)c.unknown);
    metric_set(t->conflicts, (double)c.conflicts);
    metric_set(t->events_dropped, (double)c.events_dropped);
    timer_set(t->timers, &t->refresh, t->timers->now_ms + REFRESH_MS);
}

struct telemetry *telemetry_new(const struct operator *op, struct timers *timers)
{
    struct telemetry *t = xcalloc(1, sizeof(*t));
    t->op = op;
    t->timers = timers;
    t->refresh = (struct timer){.fire = refresh, .user = t};
    t->in_flight = gauge("carrel_requests_in_flight", "Requests on the wire.", NULL);
    t->cap = gauge("carrel_requests_cap", "How many writes may be on the wire at once.", NULL);
    t->queued = gauge("carrel_keys", "Keys that wait, are due or run.", NULL);
    t->unknown = gauge("carrel_unknown_outcomes",
                       "Writes since leading of which nobody knows whether they happened.", NULL);
    t->conflicts = gauge("carrel_conflicts", "Writes since leading that met a newer object.", NULL);
    t->events_dropped = gauge("carrel_events_dropped", "Kubernetes events given up.", NULL);
    refresh(t);
    return t;
}

void telemetry_free(struct telemetry *t)
{
    if (!t) return;
    timer_stop(t->timers, &t->refresh);
    free(t);
}
