#include "lib/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/limits.h"
#include "lib/xalloc.h"
#include "test/check.h"

static int file; /* where the lines go */

static void fixed_time(char out[32])
{
    snprintf(out, 32, "2026-11-21T10:00:00Z");
}

static void begin(bool json, enum log_level level)
{
    file = memfd_create("log", MFD_CLOEXEC);
    log_setup((struct log_config){.level = level, .json = json, .fd = file, .time = fixed_time});
}

/* What was written since begin; ends the capture. */
static const char *written(void)
{
    static char text[64 << 10];
    ssize_t n = pread(file, text, sizeof(text) - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    close(file);
    log_context(NULL, NULL, 0);
    log_setup((struct log_config){.level = LOG_INFO, .fd = 2});
    return text;
}

#define TIME "2026-11-21T10:00:00Z "

TEST(log, text_line_shows_level_event_fields_and_then_the_context)
{
    begin(false, LOG_INFO);
    log_context("session", "a/b", 7);
    log_info("session ready", kv("ms", 12), kv("url", "https://a.example/"));
    CHECK_STR(written(), TIME "info  session ready ms=12 url=https://a.example/ "
                              "controller=session key=a/b pass=7\n");
}

TEST(log, json_line_is_one_object_with_typed_values)
{
    begin(true, LOG_INFO);
    log_warn("odd", kv("text", "a \"b\"\n"), kv("i", (int64_t)-3), kv("d", 0.5),
             kv("yes", (bool)true), kv("none", (const char *)NULL), kv("n", (size_t)9));
    CHECK_STR(written(), "{\"time\":\"2026-11-21T10:00:00Z\",\"level\":\"warn\",\"event\":\"odd\","
                         "\"text\":\"a \\\"b\\\"\\n\",\"i\":-3,\"d\":0.5,\"yes\":true,"
                         "\"none\":null,\"n\":9}\n");
}

TEST(log, line_without_fields_is_only_the_event)
{
    begin(false, LOG_INFO);
    log_error("stopped");
    CHECK_STR(written(), TIME "error stopped\n");
}

TEST(log, number_that_json_cannot_say_is_null)
{
    begin(true, LOG_INFO);
    log_info("x", kv("d", 1.0 / 0.0));
    CHECK_HAS(written(), "\"d\":null}");
}

TEST(log, text_with_anything_but_plain_signs_is_quoted)
{
    begin(false, LOG_INFO);
    log_info("x", kv("a", ""), kv("b", "two words"), kv("c", "k=v"), kv("d", "-"),
             kv("e", "back\\slash"), kv("f", (char *)NULL), kv("g", "plain-1.2:3/4,5"));
    CHECK_STR(written(), TIME "info  x a=\"\" b=\"two words\" c=\"k=v\" d=\"-\" "
                              "e=\"back\\\\slash\" f=- g=plain-1.2:3/4,5\n");
}

TEST(log, text_of_a_stranger_cannot_begin_a_line_or_speak_to_the_terminal)
{
    begin(false, LOG_INFO);
    log_info("x", kv("a", "1\n2026 error forged"), kv("b", "\x1b[2J\r\t\x7f\xc2\x9b"));
    CHECK_STR(written(), TIME "info  x a=\"1\\n2026 error forged\" "
                              "b=\"\\u001b[2J\\u000d\\t\\u007f\\u009b\"\n");
}

TEST(log, bytes_that_are_no_utf8_become_the_replacement_character)
{
    begin(true, LOG_INFO);
    log_info("x", kv("a", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
             kv("b", "\xff|\xc0\xaf|\xed\xa0\x80|\xe2\x82"));
    const char *line = written();
    CHECK_HAS(line, "\"a\":\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"");
    CHECK_HAS(line, "\"b\":\"\\ufffd|\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\"}");
}

static int evaluated;

static int evaluate(void)
{
    return ++evaluated;
}

TEST(log, arguments_are_not_evaluated_when_the_level_is_off)
{
    begin(false, LOG_WARN);
    log_info("quiet", kv("n", evaluate()));
    CHECK_INT(evaluated, 0);
    log_warn("loud", kv("n", evaluate()));
    CHECK_STR(written(), TIME "warn  loud n=1\n");
}

TEST(log, long_text_is_cut_and_the_line_stays_whole_json)
{
    char *big = xmalloc(6000);
    memset(big, '\n', 5999); /* twice as long when escaped */
    big[5999] = '\0';
    begin(true, LOG_INFO);
    log_info("x", kv("a", big), kv("b", 1));
    const char *line = written();
    CHECK_HAS(line, "...\",\"b\":1}\n");
    CHECK(strlen(line) <= LIMIT_LOG_LINE_BYTES);
    free(big);
}

TEST(log, fields_over_the_line_limit_are_left_out_and_the_line_says_so)
{
    char *big = xmalloc(4000);
    memset(big, 'x', 3999);
    big[3999] = '\0';
    begin(true, LOG_INFO);
    log_info("x", kv("a", big), kv("b", big), kv("c", big), kv("d", 1));
    const char *line = written();
    CHECK_HAS(line, "\"d\":1,\"cut\":true}\n");
    CHECK(strlen(line) <= LIMIT_LOG_LINE_BYTES);
    CHECK(strstr(line, "\"c\":") == NULL);
    free(big);
}

TEST(log, context_ends_when_it_is_set_to_nothing)
{
    begin(false, LOG_INFO);
    log_context("session", "a/b", 0);
    log_info("in");
    log_context(NULL, NULL, 0);
    log_info("out");
    CHECK_STR(written(), TIME "info  in controller=session key=a/b\n" TIME "info  out\n");
}
