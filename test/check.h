/* test/check.h: tests as sentences.
 *
 *     TEST(workq, key_added_while_it_runs_runs_again)
 *     {
 *         CHECK_STR(workq_take(q, 0), "ns/a");
 *     }
 *
 * A test registers itself: a new file under test/unit/ is all there is to do. The tests of a file
 * run in its order, in one process. The first failed check says what it saw and leaves the test
 * (by longjmp: what the test had allocated stays behind), the other tests go on. So a check stands
 * on the test's own thread, never on another.
 *
 * Every macro evaluates its arguments once; a text may be NULL. `build/unit -h` tells how to run
 * one test.
 */
#pragma once

#include <stddef.h>

#include "lib/err.h"

#define TEST(area, sentence)                                                                       \
    static void test_##area##_##sentence(void);                                                    \
    __attribute__((constructor)) static void add_##area##_##sentence(void)                         \
    {                                                                                              \
        static struct test test = {#area, #sentence, test_##area##_##sentence, NULL};              \
        test_add(&test);                                                                           \
    }                                                                                              \
    static void test_##area##_##sentence(void)

#define CHECK(that) check_true(CHECK_HERE, #that, (that) ? 1 : 0)
#define CHECK_INT(got, want) /* any whole numbers, enums and bools included */                     \
    check_int(CHECK_HERE, #got, (long long)(got), #want, (long long)(want))
#define CHECK_STR(got, want) check_str(CHECK_HERE, #got, (got), #want, (want))
#define CHECK_HAS(text, part) check_has(CHECK_HERE, #text, (text), #part, (part))
#define CHECK_MEM(got, want, size) check_mem(CHECK_HERE, #got, (got), #want, (want), (size))

/* Of `int f(..., struct err *err)`, with `struct err err` a variable:
 * CHECK_OK(f(&err), err) passes on 0 and says err's text otherwise;
 * CHECK_ERR(f(&err), err, ERR_GONE) passes on -1 with that code. */
#define CHECK_OK(call, err) check_err(CHECK_HERE, #call, (call), &(err), ERR_NONE)
#define CHECK_ERR(call, err, want) check_err(CHECK_HERE, #call, (call), &(err), (want))

/* --- What the macros stand on --- */

struct test {
    const char *area, *sentence;
    void (*run)(void);
    struct test *next;
};

struct check_at {
    const char *file;
    int line;
};
#define CHECK_HERE ((struct check_at){__FILE__, __LINE__})

void test_add(struct test *test);
void check_true(struct check_at at, const char *expr, int that);
void check_int(struct check_at at, const char *expr, long long got, const char *want_expr,
               long long want);
void check_str(struct check_at at, const char *expr, const char *got, const char *want_expr,
               const char *want);
void check_has(struct check_at at, const char *expr, const char *text, const char *part_expr,
               const char *part);
void check_mem(struct check_at at, const char *expr, const void *got, const char *want_expr,
               const void *want, size_t size);
void check_err(struct check_at at, const char *expr, int rc, const struct err *err,
               enum err_code want);
