#include "lib/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "test/check.h"

static struct str page;

static const char *print(void)
{
    str_release(&page);
    str_init(&page, LIMIT_METRICS_BYTES);
    metrics_print(&page);
    return page.at;
}

TEST(metrics, counter_prints_with_help_type_and_labels)
{
    struct metric *m = metric_get(METRIC_COUNTER, "test_a_total", "What a\ndoes \\ not.",
                                  "result=\"ok\"", NULL);
    metric_add(m, 1);
    metric_add(m, 2.5);
    CHECK(metric_value(m) == 3.5);
    CHECK_HAS(print(), "# HELP test_a_total What a\\ndoes \\\\ not.\n"
                       "# TYPE test_a_total counter\n"
                       "test_a_total{result=\"ok\"} 3.5\n");
}

TEST(metrics, same_name_and_labels_are_the_same_series)
{
    struct metric *a = metric_get(METRIC_GAUGE, "test_same", "Same.", "x=\"1\"", NULL);
    struct metric *b = metric_get(METRIC_GAUGE, "test_same", "Same.", "x=\"1\"", NULL);
    struct metric *c = metric_get(METRIC_GAUGE, "test_same", "Same.", "x=\"2\"", NULL);
    CHECK(a == b);
    CHECK(a != c);
}

TEST(metrics, series_of_a_name_stand_together_in_order_under_one_head)
{
    metric_set(metric_get(METRIC_GAUGE, "test_order_b", "B.", "", NULL), 9);
    metric_set(metric_get(METRIC_GAUGE, "test_order_a", "A.", "x=\"2\"", NULL), 2);
    metric_set(metric_get(METRIC_GAUGE, "test_order_a", "A.", "x=\"1\"", NULL), 1);
    CHECK_HAS(print(), "# HELP test_order_a A.\n# TYPE test_order_a gauge\n"
                       "test_order_a{x=\"1\"} 1\ntest_order_a{x=\"2\"} 2\n"
                       "# HELP test_order_b B.\n# TYPE test_order_b gauge\ntest_order_b 9\n");
}

TEST(metrics, histogram_counts_each_value_in_its_bucket_and_all_above)
{
    static const double upper[] = {0.1, 1};
    static const struct metric_buckets buckets = {upper, 2};
    struct metric *m =
        metric_get(METRIC_HISTOGRAM, "test_h_seconds", "H.", "c=\"s\"", &buckets);
    metric_observe(m, 0.1); /* a bound belongs to its bucket */
    metric_observe(m, 0.5);
    metric_observe(m, 1.5);
    CHECK(metric_value(m) == 3);
    CHECK_HAS(print(), "# TYPE test_h_seconds histogram\n"
                       "test_h_seconds_bucket{c=\"s\",le=\"0.1\"} 1\n"
                       "test_h_seconds_bucket{c=\"s\",le=\"1\"} 2\n"
                       "test_h_seconds_bucket{c=\"s\",le=\"+Inf\"} 3\n"
                       "test_h_seconds_sum{c=\"s\"} 2.1\n"
                       "test_h_seconds_count{c=\"s\"} 3\n");
}

TEST(metrics, bounds_are_written_as_dashboards_know_them)
{
    metric_get(METRIC_HISTOGRAM, "test_q_seconds", "Q.", "", &METRIC_BUCKETS_QUEUE);
    const char *text = print();
    CHECK_HAS(text, "test_q_seconds_bucket{le=\"1e-08\"} 0\n");
    CHECK_HAS(text, "test_q_seconds_bucket{le=\"0.001\"} 0\n");
    CHECK_HAS(text, "test_q_seconds_bucket{le=\"1000\"} 0\n");
    CHECK_HAS(text, "test_q_seconds_sum 0\ntest_q_seconds_count 0\n");
    CHECK_INT(METRIC_BUCKETS_RECONCILE.count, 40);
    CHECK_INT(METRIC_BUCKETS_REQUEST.count, 12);
}

TEST(metrics, numbers_read_back_as_what_they_were)
{
    static const double values[] = {0, -3, 1e14, 1e300, 0.1, 1.0 / 3, 123456789.123456789};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        metric_set(metric_get(METRIC_GAUGE, "test_number", "N.", "", NULL), values[i]);
        const char *at = strstr(print(), "\ntest_number ");
        CHECK(at && strtod(at + 13, NULL) == values[i]);
    }
    metric_set(metric_get(METRIC_GAUGE, "test_number", "N.", "", NULL), 1.0 / 0.0);
    CHECK_HAS(print(), "\ntest_number +Inf\n");
}

TEST(metrics, label_values_are_escaped)
{
    auto_str labels;
    str_init(&labels, 100);
    metric_label(&labels, "a", "x\"y\\z\n");
    metric_label(&labels, "b", "");
    CHECK_STR(labels.at, "a=\"x\\\"y\\\\z\\n\",b=\"\"");
}

TEST(metrics, process_series_are_there)
{
    static const char *const names[] = {
        "process_cpu_seconds_total",  "process_max_fds",
        "process_open_fds",           "process_resident_memory_bytes",
        "process_start_time_seconds", "process_virtual_memory_bytes",
    };
    const char *text = print();
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char start[64];
        snprintf(start, sizeof(start), "\n%s ", names[i]);
        const char *at = strstr(text, start);
        CHECK(at && strtod(at + strlen(start), NULL) > 0);
    }
}

static struct metric *refreshed;

static void refresh(void *user)
{
    metric_set(refreshed, *(int *)user);
}

TEST(metrics, gauges_are_brought_up_to_date_at_each_print)
{
    static int value = 5;
    refreshed = metric_get(METRIC_GAUGE, "test_refreshed", "R.", "", NULL);
    metrics_on_print(refresh, &value);
    CHECK_HAS(print(), "\ntest_refreshed 5\n");
    value = 6;
    CHECK_HAS(print(), "\ntest_refreshed 6\n");
}

enum { THREADS = 4, EACH = 5000 };

static void *count_many(void *user)
{
    struct metric *m = user;
    for (int i = 0; i < EACH; i++) {
        metric_add(m, 1);
        metric_get(METRIC_GAUGE, "test_while_printing", "W.", i % 2 ? "" : "x=\"1\"", NULL);
    }
    return NULL;
}

TEST(metrics, no_addition_of_several_threads_is_lost)
{
    struct metric *m = metric_get(METRIC_COUNTER, "test_threads_total", "T.", "", NULL);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, count_many, m);
    print();
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(metric_value(m) == THREADS * EACH);
}
