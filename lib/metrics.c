#include "lib/metrics.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/xalloc.h"

enum { REFRESH_MAX = 16 };

struct metric {
    enum metric_type type;
    const char *name, *help;
    char *labels;
    const struct metric_buckets *buckets; /* of a histogram */
    _Atomic uint64_t value;               /* a double's bits: the value, or a histogram's sum */
    _Atomic(struct metric *) next;        /* by name, then labels */
    _Atomic uint64_t counts[]; /* of a histogram: what fell in each bucket, the last one is +Inf */
};

#define BUCKETS(...)                                                                               \
    {.upper = (const double[]){__VA_ARGS__}, .count = sizeof((double[]){__VA_ARGS__}) /            \
                                                     sizeof(double)}
const struct metric_buckets METRIC_BUCKETS_RECONCILE =
    BUCKETS(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7,
            0.8, 0.9, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20,
            25, 30, 40, 50, 60);
const struct metric_buckets METRIC_BUCKETS_QUEUE =
    BUCKETS(1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000);
const struct metric_buckets METRIC_BUCKETS_REQUEST =
    BUCKETS(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60);

/* Series are only ever added, and each is linked when it is whole: readers need no lock. */
static _Atomic(struct metric *) first;
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER; /* guards writing to the list */

static struct {
    void (*call)(void *user);
    void *user;
} refreshers[REFRESH_MAX];
static unsigned refresher_count;
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER; /* guards refreshers, held in them */

/* --- Values --- */

static double to_double(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

static uint64_t to_bits(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof(bits));
    return bits;
}

static void add_atomically(_Atomic uint64_t *at, double by)
{
    uint64_t old = atomic_load_explicit(at, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(at, &old, to_bits(to_double(old) + by),
                                                  memory_order_relaxed, memory_order_relaxed)) {
        continue;
    }
}

void metric_add(struct metric *m, double by)
{
    assert(m->type != METRIC_HISTOGRAM);
    assert(m->type == METRIC_GAUGE || by >= 0);
    add_atomically(&m->value, by);
}

static void put(struct metric *m, double to)
{
    atomic_store_explicit(&m->value, to_bits(to), memory_order_relaxed);
}

void metric_set(struct metric *m, double to)
{
    assert(m->type == METRIC_GAUGE);
    put(m, to);
}

void metric_observe(struct metric *m, double value)
{
    assert(m->type == METRIC_HISTOGRAM);
    unsigned i = 0;
    while (i < m->buckets->count && !(value <= m->buckets->upper[i])) i++;
    atomic_fetch_add_explicit(&m->counts[i], 1, memory_order_relaxed);
    add_atomically(&m->value, value);
}

static uint64_t total_count(const struct metric *m)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i <= m->buckets->count; i++)
        sum += atomic_load_explicit(&m->counts[i], memory_order_relaxed);
    return sum;
}

double metric_value(const struct metric *m)
{
    if (m->type == METRIC_HISTOGRAM) return (double)total_count(m);
    return to_double(atomic_load_explicit(&m->value, memory_order_relaxed));
}

/* --- Registering --- */

static bool is_name(const char *name)
{
    for (const char *p = name; *p; p++) {
        bool letter = isalpha((unsigned char)*p) || *p == '_' || *p == ':';
        if (!letter && (p == name || !isdigit((unsigned char)*p))) return false;
    }
    return *name;
}

static int compare(const struct metric *m, const char *name, const char *labels)
{
    int by_name = strcmp(m->name, name);
    return by_name ? by_name : strcmp(m->labels, labels);
}

static struct metric *metric_new(enum metric_type type, const char *name, const char *help,
                                 const char *labels, const struct metric_buckets *buckets)
{
    assert(is_name(name));
    assert((type == METRIC_HISTOGRAM) == (buckets != NULL));
    size_t counts = buckets ? buckets->count + 1 : 0;
    struct metric *m = xcalloc(1, sizeof(*m) + counts * sizeof(m->counts[0]));
    m->type = type;
    m->name = name;
    m->help = help;
    m->labels = xstrdup(labels);
    m->buckets = buckets;
    return m;
}

struct metric *metric_get(enum metric_type type, const char *name, const char *help,
                          const char *labels, const struct metric_buckets *buckets)
{
    pthread_mutex_lock(&adding);
    _Atomic(struct metric *) *at = &first;
    struct metric *m = atomic_load(at);
    while (m && compare(m, name, labels) < 0) {
        at = &m->next;
        m = atomic_load(at);
    }
    if (!m || compare(m, name, labels) != 0) {
        struct metric *fresh = metric_new(type, name, help, labels, buckets);
        atomic_store(&fresh->next, m);
        atomic_store(at, fresh);
        m = fresh;
    }
    pthread_mutex_unlock(&adding);
    assert(m->type == type);
    return m;
}

void metric_label(struct str *labels, const char *name, const char *value)
{
    if (labels->len > 0) str_add_c(labels, ',');
    str_add(labels, name);
    str_add(labels, "=\"");
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\') str_add_c(labels, '\\');
        if (*p == '\n') {
            str_add(labels, "\\n");
        } else {
            str_add_c(labels, *p);
        }
    }
    str_add_c(labels, '"');
}

void metrics_on_print(void (*refresh)(void *user), void *user)
{
    pthread_mutex_lock(&printing);
    assert(refresher_count < REFRESH_MAX);
    refreshers[refresher_count].call = refresh;
    refreshers[refresher_count++].user = user;
    pthread_mutex_unlock(&printing);
}

/* --- The process --- */

static void read_text(const char *path, char *out, size_t size)
{
    out[0] = '\0';
    FILE *f = fopen(path, "re");
    if (!f) return;
    size_t n = fread(out, 1, size - 1, f);
    out[n] = '\0';
    fclose(f);
}

static unsigned count_fds(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) return 0;
    while (readdir(dir)) count++;
    closedir(dir);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder that is being read */
}

/* Field 22 of /proc/self/stat, in ticks since the machine started. The second field is the
 * program's name and may hold anything, so fields are counted from its closing bracket. */
static double start_time_s(void)
{
    char stat[1024];
    read_text("/proc/self/stat", stat, sizeof(stat));
    const char *p = strrchr(stat, ')');
    for (int field = 2; p && field < 22; field++) p = strchr(p + 1, ' ');
    double since_boot = p ? strtod(p, NULL) / (double)sysconf(_SC_CLK_TCK) : 0;
    return (double)(clock_wall_ms() - clock_ms()) / 1000 + since_boot;
}

static void set_process(enum metric_type type, const char *name, const char *help, double to)
{
    put(metric_get(type, name, help, "", NULL), to);
}

static void refresh_process(void)
{
    char statm[128];
    unsigned long long pages = 0, resident = 0;
    read_text("/proc/self/statm", statm, sizeof(statm));
    if (sscanf(statm, "%llu %llu", &pages, &resident) != 2) pages = resident = 0;
    double page = (double)sysconf(_SC_PAGESIZE);
    struct rlimit fds = {0};
    getrlimit(RLIMIT_NOFILE, &fds);

    set_process(METRIC_COUNTER, "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.", (double)clock_cpu_us() / 1e6);
    set_process(METRIC_GAUGE, "process_resident_memory_bytes", "Resident memory size in bytes.",
                (double)resident * page);
    set_process(METRIC_GAUGE, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
                (double)pages * page);
    set_process(METRIC_GAUGE, "process_open_fds", "Number of open file descriptors.",
                count_fds());
    set_process(METRIC_GAUGE, "process_max_fds", "Maximum number of open file descriptors.",
                (double)fds.rlim_cur);

    static double started; /* asked once, so that a clock that is set does not move it */
    if (started == 0) started = start_time_s();
    set_process(METRIC_GAUGE, "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.", started);
}

/* --- Printing --- */

static void add_number(struct str *out, double d)
{
    if (isnan(d)) {
        str_add(out, "NaN");
    } else if (isinf(d)) {
        str_add(out, d > 0 ? "+Inf" : "-Inf");
    } else if (fabs(d) < 1e15 && d == (double)(int64_t)d) {
        str_add_i(out, (int64_t)d);
    } else {
        char text[32]; /* the shortest that reads back as the same number */
        for (int digits = 15; digits <= 17; digits += 2) {
            snprintf(text, sizeof(text), "%.*g", digits, d);
            if (strtod(text, NULL) == d) break;
        }
        str_add(out, text);
    }
}

static void add_series(struct str *out, const struct metric *m, const char *suffix,
                       const char *le)
{
    str_add(out, m->name);
    str_add(out, suffix);
    if (*m->labels || le) {
        str_add(out, "{");
        str_add(out, m->labels);
        if (*m->labels && le) str_add(out, ",");
        if (le) str_add_f(out, "le=\"%s\"", le);
        str_add(out, "}");
    }
    str_add(out, " ");
}

static void print_histogram(struct str *out, const struct metric *m)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i <= m->buckets->count; i++) {
        char le[32] = "+Inf";
        if (i < m->buckets->count) snprintf(le, sizeof(le), "%g", m->buckets->upper[i]);
        sum += atomic_load_explicit(&m->counts[i], memory_order_relaxed);
        add_series(out, m, "_bucket", le);
        str_add_f(out, "%" PRIu64 "\n", sum);
    }
    add_series(out, m, "_sum", NULL);
    add_number(out, to_double(atomic_load_explicit(&m->value, memory_order_relaxed)));
    str_add(out, "\n");
    add_series(out, m, "_count", NULL);
    str_add_f(out, "%" PRIu64 "\n", sum); /* what the buckets said, even if more came meanwhile */
}

static void print_head(struct str *out, const struct metric *m)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    str_add_f(out, "# HELP %s ", m->name);
    for (const char *p = m->help; *p; p++) {
        if (*p == '\\' || *p == '\n') str_add_c(out, '\\');
        str_add_c(out, *p == '\n' ? 'n' : *p);
    }
    str_add_f(out, "\n# TYPE %s %s\n", m->name, types[m->type]);
}

void metrics_print(struct str *out)
{
    pthread_mutex_lock(&printing);
    refresh_process();
    for (unsigned i = 0; i < refresher_count; i++) refreshers[i].call(refreshers[i].user);
    pthread_mutex_unlock(&printing);

    const char *name = "";
    for (const struct metric *m = atomic_load(&first); m; m = atomic_load(&m->next)) {
        if (strcmp(m->name, name) != 0) print_head(out, m);
        name = m->name;
        if (m->type == METRIC_HISTOGRAM) {
            print_histogram(out, m);
            continue;
        }
        add_series(out, m, "", NULL);
        add_number(out, metric_value(m));
        str_add(out, "\n");
    }
}
