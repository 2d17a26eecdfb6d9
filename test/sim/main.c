/* test/sim/main.c: the simulator's command line.
 *
 *     build/sim --seconds N         fresh seeds for N seconds (10); from 10 on also the crash plan
 *     build/sim --seed N [--trace]  one seed; --trace shows each step
 *     build/sim --seeds A..B        these seeds
 *     build/sim --replay FILE       the runs of a file, one a line (replay.h), `# why` behind it
 *     build/sim --shrink N|FILE     makes a failing seed, or a file's first run, small
 *     build/sim --exhaustive        a crash at each write of one run
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/rng.h"
#include "test/sim/exhaustive.h"
#include "test/sim/plan.h"
#include "test/sim/replay.h"
#include "test/sim/run.h"
#include "test/sim/shrink.h"

enum {
    SMOKE_SEEDS = 3,
    FAILURES_MAX = 5,
    HANGS_S = 60,
    CRASH_PLAN_S = 10, /* a run shorter than this (sanitizers are slow) leaves the plan out */
};

struct total {
    unsigned passed, failed;
    uint64_t events, commits;
    int64_t virtual_ms;
};

static volatile sig_atomic_t in_seed;
static char running[64];

/* An assert of the production code is a failed seed, too: say which. */
static void on_signal(int signal_number)
{
    static const char hint[] =
        " died or hangs: run it with --seed and --trace\n0 passed, 1 failed\n";
    (void)signal_number;
    if (in_seed) {
        (void)!write(1, running, strlen(running));
        (void)!write(1, hint, sizeof(hint) - 1);
    }
    _exit(1);
}

static void print_failure(const struct replay *replay, const struct run_result *r)
{
    struct sim_plan plan = plan_of(replay);
    printf("\n");
    plan_print(replay->seed, &plan);
    run_replay(replay, true, false); /* the same again, with its trace */
    printf("not ok - seed %" PRIu64 ", %s: %s\n", replay->seed, r->invariant, r->failure);
    printf("         again: build/sim --seed %" PRIu64 " --trace\n", replay->seed);
    printf("         smaller: build/sim --shrink %" PRIu64 "\n\n", replay->seed);
}

static void one_run(struct total *t, const struct replay *replay, bool twice)
{
    snprintf(running, sizeof(running), "seed %" PRIu64, replay->seed);
    in_seed = 1;
    alarm(HANGS_S);
    struct run_result r = run_replay(replay, false, false);
    if (twice && !r.failed) {
        struct run_result again = run_replay(replay, false, false);
        if (again.hash != r.hash) {
            r.failed = true;
            snprintf(r.invariant, sizeof(r.invariant), "det");
            snprintf(r.failure, sizeof(r.failure), "two runs of one seed differ");
        }
    }
    if (r.failed) print_failure(replay, &r);
    in_seed = 0;
    alarm(0);
    t->events += r.events;
    t->commits += r.commits;
    t->virtual_ms += r.virtual_ms;
    if (r.failed) t->failed++;
    else t->passed++;
    fflush(stdout);
}

static void one_seed(struct total *t, uint64_t seed, bool twice)
{
    struct replay replay = {.seed = seed};
    one_run(t, &replay, twice);
}

static int end(const struct total *t, int64_t took_us)
{
    double seconds = (double)took_us / 1e6;
    if (seconds <= 0) seconds = 1e-6;
    printf("%.1f seeds/s, %.0f events/s, %.0f commits/s, %.1f virtual hours\n",
           (t->passed + t->failed) / seconds, (double)t->events / seconds,
           (double)t->commits / seconds, (double)t->virtual_ms / 3600000.0);
    printf("%u passed, %u failed\n", t->passed, t->failed);
    return t->failed ? 1 : 0;
}

static int run_fresh(int64_t seconds)
{
    struct total t = {0};
    int64_t began_us = clock_us(), end_us = began_us + seconds * 1000000;
    for (uint64_t seed = 1; seed <= SMOKE_SEEDS; seed++) one_seed(&t, seed, true);
    uint64_t base = rng_entropy() % 1000000000;
    printf("fresh seeds from %" PRIu64 " on\n", base);
    struct replay first = {0};
    while (clock_us() < end_us && t.failed < FAILURES_MAX) {
        one_seed(&t, base, false);
        if (t.failed && !first.seed) first.seed = base;
        base++;
    }
    int64_t took_us = clock_us() - began_us;
    if (first.seed) shrink(&first, SHRINK_S * 1000);
    if (seconds >= CRASH_PLAN_S) exhaustive_run(&t.passed, &t.failed);
    return end(&t, took_us);
}

static int run_range(uint64_t first, uint64_t last)
{
    struct total t = {0};
    int64_t began_us = clock_us();
    for (uint64_t seed = first; seed <= last && t.failed < FAILURES_MAX; seed++) {
        one_seed(&t, seed, false);
    }
    return end(&t, clock_us() - began_us);
}

static bool show_run(const struct replay *replay)
{
    log_setup((struct log_config){.level = LOG_DEBUG, .fd = 1});
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct run_result r = run_replay(replay, true, true);
    if (r.failed) printf("%s: %s\n", r.invariant, r.failure);
    printf("%" PRIu64 " events, %" PRIu64 " commits, %" PRIu64 " requests, hash %016" PRIx64 "\n",
           r.events, r.commits, r.requests, r.hash);
    return r.failed;
}

static int run_one(uint64_t seed, bool trace)
{
    struct replay replay = {.seed = seed};
    struct sim_plan plan = plan_of(&replay);
    plan_print(seed, &plan);
    if (!trace) return run_range(seed, seed);
    bool failed = show_run(&replay);
    printf("%d passed, %d failed\n", !failed, failed);
    return failed;
}

/* A seed, or the first run of a file. */
static int run_shrink(const char *what)
{
    static struct replay replay;
    struct err err = {0};
    char line[65536] = "";
    FILE *file = fopen(what, "re");
    bool read = file && fgets(line, sizeof(line), file);
    if (file) fclose(file);
    if (replay_read(&replay, read ? line : what, &err) < 0) {
        printf("%s: %s\n", what, err.text);
        return 2;
    }
    if (shrink(&replay, SHRINK_S * 1000)) return 1;
    printf("it does not fail\n");
    return 0;
}

static int run_file(const char *path, bool trace)
{
    struct total t = {0};
    static char line[65536];
    static struct replay replay;
    struct err err = {0};
    int64_t began_us = clock_us();
    FILE *file = fopen(path, "re");
    if (!file) {
        perror(path);
        return 1;
    }
    while (fgets(line, sizeof(line), file)) {
        int rc = replay_read(&replay, line, &err);
        if (rc < 0 && err.code == ERR_NOT_FOUND) continue;
        if (rc < 0) {
            printf("not ok - %s: %s\n", path, err.text);
            t.failed++;
        } else if (trace) {
            t.failed += show_run(&replay);
        } else {
            one_run(&t, &replay, false);
        }
    }
    fclose(file);
    return end(&t, clock_us() - began_us);
}

static int usage(void)
{
    fputs("build/sim [--seconds N | --seed N [--trace] | --seeds A..B | --replay FILE [--trace] | "
          "--shrink N|FILE | --exhaustive]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "--seconds", *value = argc > 2 ? argv[2] : "10";
    bool trace = argc > 3 && strcmp(argv[3], "--trace") == 0;
    log_setup((struct log_config){.level = LOG_LEVEL_COUNT, .fd = 2});
    signal(SIGABRT, on_signal);
    signal(SIGSEGV, on_signal);
    signal(SIGALRM, on_signal);
    if (strcmp(what, "--seconds") == 0) return run_fresh(strtoll(value, NULL, 10));
    if (strcmp(what, "--exhaustive") == 0) {
        struct total t = {0};
        int64_t began_us = clock_us();
        exhaustive_run(&t.passed, &t.failed);
        return end(&t, clock_us() - began_us);
    }
    if (argc < 3) return usage();
    if (strcmp(what, "--seed") == 0) return run_one(strtoull(value, NULL, 10), trace);
    if (strcmp(what, "--replay") == 0) return run_file(value, trace);
    if (strcmp(what, "--shrink") == 0) return run_shrink(value);
    if (strcmp(what, "--seeds") == 0) {
        const char *dots = strstr(value, "..");
        if (dots) return run_range(strtoull(value, NULL, 10), strtoull(dots + 2, NULL, 10));
    }
    return usage();
}
