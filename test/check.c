/* The runner of the unit tests: build/unit [-v] [--list] [part of "area: sentence"]... */
#include "test/check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct test *first, **last = &first;
static char running_name[512]; /* "area: sentence with spaces" */
static jmp_buf leave_test;

void test_add(struct test *test)
{
    *last = test;
    last = &test->next;
}

/* --- Checks --- */

static void say_failed(struct check_at at)
{
    printf("not ok - %s\n    %s:%d: ", running_name, at.file, at.line);
}

static void quote(const char *name, const char *text)
{
    if (text) {
        printf("\n    %s: \"%s\"", name, text);
    } else {
        printf("\n    %s: NULL", name);
    }
}

__attribute__((noreturn)) static void end_test(void)
{
    putchar('\n');
    longjmp(leave_test, 1);
}

void check_true(struct check_at at, const char *expr, int that)
{
    if (that) return;
    say_failed(at);
    printf("not true: %s", expr);
    end_test();
}

void check_int(struct check_at at, const char *expr, long long got, const char *want_expr,
               long long want)
{
    if (got == want) return;
    say_failed(at);
    printf("%s is %lld, want %s", expr, got, want_expr);
    char digits[32];
    snprintf(digits, sizeof(digits), "%lld", want);
    if (strcmp(digits, want_expr) != 0) printf(" = %s", digits);
    end_test();
}

void check_str(struct check_at at, const char *expr, const char *got, const char *want_expr,
               const char *want)
{
    if (got == want || (got && want && strcmp(got, want) == 0)) return;
    say_failed(at);
    printf("%s is not %s", expr, want_expr);
    quote("got", got);
    quote("want", want);
    end_test();
}

void check_has(struct check_at at, const char *expr, const char *text, const char *part_expr,
               const char *part)
{
    if (text && part && strstr(text, part)) return;
    say_failed(at);
    printf("%s does not contain %s", expr, part_expr);
    quote("text", text);
    quote("part", part);
    end_test();
}

void check_mem(struct check_at at, const char *expr, const void *got, const char *want_expr,
               const void *want, size_t size)
{
    const unsigned char *g = got, *w = want;
    for (size_t i = 0; i < size; i++) {
        if (g[i] == w[i]) continue;
        say_failed(at);
        printf("%s is not %s: byte %zu of %zu is %02x, want %02x", expr, want_expr, i, size, g[i],
               w[i]);
        end_test();
    }
}

static const char *code_name(enum err_code code)
{
    return code == ERR_NONE ? "no error" : err_code_name(code);
}

void check_err(struct check_at at, const char *expr, int rc, const struct err *err,
               enum err_code want)
{
    if (want == ERR_NONE && rc == 0) return;
    if (want != ERR_NONE && rc == -1 && err->code == want) return;
    say_failed(at);
    printf("%s returned %d, want %s", expr, rc, code_name(want));
    if (rc != 0) printf("\n    got %s: %s", code_name(err->code), err->text);
    end_test();
}

/* --- Runner --- */

static void name_test(const struct test *test)
{
    snprintf(running_name, sizeof(running_name), "%s: %s", test->area, test->sentence);
    for (char *c = running_name + strlen(test->area); *c; c++) {
        if (*c == '_') *c = ' ';
    }
}

static bool passes(const struct test *test)
{
    if (setjmp(leave_test)) return false;
    test->run();
    return true;
}

static bool is_wanted(char *const *parts)
{
    if (!*parts) return true;
    for (; *parts; parts++) {
        if (strstr(running_name, *parts)) return true;
    }
    return false;
}

/* A crash ends every test. What it cannot hide is whose it was. */
static void on_crash(int sig)
{
    char text[sizeof(running_name) + 64];
    int len = snprintf(text, sizeof(text), "not ok - %s\n    crashed\n", running_name);
    (void)!write(STDOUT_FILENO, text, (size_t)len);
    raise(sig); /* SA_RESETHAND: this time it kills */
}

static void watch_for_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction now;
        sigaction(signals[i], NULL, &now);
        if (now.sa_handler != SIG_DFL) continue; /* a sanitizer's own report says more */
        struct sigaction ours = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
        sigaction(signals[i], &ours, NULL);
    }
}

static int run_all(char *const *parts, bool verbose)
{
    size_t passed = 0, failed = 0;
    for (const struct test *t = first; t; t = t->next) {
        name_test(t);
        if (!is_wanted(parts)) continue;
        bool ok = passes(t);
        if (ok && verbose) printf("ok - %s\n", running_name);
        passed += ok;
        failed += !ok;
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed > 0 || passed == 0;
}

static int list(char *const *parts)
{
    for (const struct test *t = first; t; t = t->next) {
        name_test(t);
        if (is_wanted(parts)) puts(running_name);
    }
    return 0;
}

int main(int argc, char **argv)
{
    bool verbose = false, only_list = false;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "-v") == 0) {
            verbose = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            only_list = true;
        } else {
            puts("usage: unit [-v] [--list] [part of \"area: sentence\"]...");
            return strcmp(argv[i], "-h") == 0 ? 0 : 2;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (only_list) return list(argv + i);
    watch_for_crashes();
    return run_all(argv + i, verbose);
}
