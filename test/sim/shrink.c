#include "test/sim/shrink.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "test/sim/plan.h"
#include "test/sim/run.h"

enum { TRIAL_S = 20 };

struct shrinking {
    struct replay best;
    struct run_result result; /* of best */
    char invariant[8];
    int64_t until_ms;
    unsigned trials;
};

/* The run in a process of its own. An assert or a hang has no invariant: "died". */
static struct run_result try_run(const struct replay *replay)
{
    struct run_result r = {.failed = true, .invariant = "died"};
    int ends[2], status;
    fflush(stdout);
    if (pipe(ends) < 0) return r;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        signal(SIGSEGV, SIG_DFL);
        signal(SIGALRM, SIG_DFL);
        alarm(TRIAL_S);
        r = run_replay(replay, false, false);
        ssize_t n = write(ends[1], &r, sizeof(r));
        _exit(n == (ssize_t)sizeof(r) ? 0 : 1);
    }
    close(ends[1]);
    struct run_result got;
    bool whole = child > 0 && read(ends[0], &got, sizeof(got)) == (ssize_t)sizeof(got);
    close(ends[0]);
    if (child > 0) waitpid(child, &status, 0);
    return whole ? got : r;
}

static bool is_over(const struct shrinking *s)
{
    return clock_ms() >= s->until_ms;
}

/* Takes the smaller run if it breaks the same. */
static bool take(struct shrinking *s, const struct replay *smaller)
{
    if (is_over(s)) return false;
    s->trials++;
    struct run_result r = try_run(smaller);
    if (!r.failed || strcmp(r.invariant, s->invariant) != 0) return false;
    s->best = *smaller;
    s->result = r;
    return true;
}

static bool shrink_knobs(struct shrinking *s)
{
    bool better = false;
    for (int i = 0; i < sim_knob_count && !is_over(s); i++) {
        struct sim_plan plan = plan_of(&s->best);
        struct replay smaller = s->best;
        if (strcmp(sim_knobs[i].name, "user_ops") == 0) continue; /* they are left out by number */
        if (sim_knob_get(&plan, i) == sim_knobs[i].simplest) continue;
        if (!replay_set(&smaller, i, sim_knobs[i].simplest)) continue;
        better |= take(s, &smaller);
    }
    return better;
}

static bool shrink_list(struct shrinking *s, int what, unsigned count)
{
    bool better = false;
    for (unsigned step = count; step > 0 && !is_over(s); step /= 2) {
        for (unsigned at = 0; at < count && !is_over(s); at += step) {
            unsigned last = at + step - 1 < count - 1 ? at + step - 1 : count - 1, out = 0;
            struct replay smaller = s->best;
            for (unsigned n = at; n <= last; n++) out += replay_leaves_out(&s->best, what, n);
            if (out == last - at + 1) continue;
            if (replay_leave_out(&smaller, what, at, last)) better |= take(s, &smaller);
        }
    }
    return better;
}

static bool shrink_once(struct shrinking *s)
{
    bool better = shrink_knobs(s);
    better |= shrink_list(s, REPLAY_USERS, s->result.users_did);
    better |= shrink_list(s, REPLAY_ROGUE, s->result.rogue_did);
    for (int f = 1; f < FAULT_COUNT; f++) better |= shrink_list(s, f, s->result.happened[f]);
    return better;
}

static unsigned left(const struct shrinking *s, int what, unsigned count)
{
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++) n += !replay_leaves_out(&s->best, what, i);
    return n;
}

static void show(const struct shrinking *s)
{
    unsigned faults = 0;
    for (int f = 1; f < FAULT_COUNT; f++) faults += left(s, f, s->result.happened[f]);
    printf("after %u trials: %u things that users do, %u of the rogue's, %u faults\n", s->trials,
           left(s, REPLAY_USERS, s->result.users_did), left(s, REPLAY_ROGUE, s->result.rogue_did),
           faults);
    auto_str line;
    str_init(&line, 1 << 16);
    replay_print(&line, &s->best);
    printf("%s # %s: %s\n", line.at, s->invariant, s->result.failure);
}

static void write_file(const struct shrinking *s)
{
    char path[80];
    snprintf(path, sizeof(path), "build/sim-%" PRIu64 ".replay", s->best.seed);
    mkdir("build", 0777); /* it may be there, or cannot be: then the file says so */
    FILE *file = fopen(path, "we");
    if (!file) {
        perror(path);
        return;
    }
    auto_str line;
    str_init(&line, 1 << 16);
    replay_print(&line, &s->best);
    fprintf(file, "%s # %s: %s\n", line.at, s->invariant, s->result.failure);
    fclose(file);
    printf("written to %s: build/sim --replay %s --trace\n", path, path);
}

bool shrink(struct replay *replay, int64_t budget_ms)
{
    struct shrinking s = {.best = *replay, .until_ms = clock_ms() + budget_ms};
    s.result = try_run(replay);
    if (!s.result.failed) return false;
    str_copy(s.invariant, sizeof(s.invariant), s.result.invariant);
    while (shrink_once(&s) && !is_over(&s)) continue;
    *replay = s.best;
    if (strcmp(s.invariant, "died") != 0) run_replay(&s.best, true, false); /* its end in words */
    show(&s);
    write_file(&s);
    return true;
}
