/* lib/metrics.h: counters, gauges and histograms, printed as Prometheus text 0.0.4.
 *
 * Series are made once at start and kept by pointer; changing one is an atomic add, any thread,
 * no lock. Labels come from enums and configuration, never from names or texts of users, so that
 * their number is bounded. Registering takes a mutex; printing reads without stopping anybody.
 */
#pragma once

#include "lib/str.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric; /* one series: a name with its labels */

struct metric_buckets {
    const double *upper; /* ascending, without +Inf */
    unsigned count;
};
extern const struct metric_buckets METRIC_BUCKETS_RECONCILE; /* controller-runtime's seconds */
extern const struct metric_buckets METRIC_BUCKETS_QUEUE;     /* 1e-8 .. 1e3, decades */
extern const struct metric_buckets METRIC_BUCKETS_REQUEST;   /* client-go's seconds */

/* The series with these labels (`controller="session",result="success"`, "" for none), made when
 * it is new. name and help must be constants. Never freed. */
struct metric *metric_get(enum metric_type type, const char *name, const char *help,
                          const char *labels, const struct metric_buckets *buckets);

void metric_add(struct metric *m, double by);   /* counters and gauges */
void metric_set(struct metric *m, double to);   /* gauges */
void metric_observe(struct metric *m, double value); /* histograms */
double metric_value(const struct metric *m);    /* counter or gauge; a histogram's count */

/* Appends one label to a set: a comma where there is one already, name="value" with the value
 * escaped. */
void metric_label(struct str *labels, const char *name, const char *value);

/* Called at each print, to bring gauges up to date. At most 16; register at start. */
void metrics_on_print(void (*refresh)(void *user), void *user);

/* All series, each name's together with its HELP and TYPE, names sorted; process_* included. */
void metrics_print(struct str *out);
