#include "lib/log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/str.h"
#include "lib/utf8.h"

/* Room kept for the line's end: the mark that something was left out, the bracket, the newline. */
enum { VALUE_BYTES_MAX = 4096, END_BYTES = 32 };

static struct log_config config = {.level = LOG_INFO, .fd = 2};

static _Thread_local struct {
    bool on;
    char controller[64];
    char key[320]; /* a namespace, a slash and a name are at most 317 */
    uint64_t pass;
} context;

static const char *const level_names[LOG_LEVEL_COUNT] = {"debug", "info", "warn", "error"};

void log_setup(struct log_config c)
{
    config = c;
}

bool log_is_on(enum log_level level)
{
    return level >= config.level;
}

void log_context(const char *controller, const char *key, uint64_t pass)
{
    context.on = controller;
    if (!controller) return;
    str_copy(context.controller, sizeof(context.controller), controller);
    str_copy(context.key, sizeof(context.key), key ? key : "");
    context.pass = pass;
}

/* --- Text that somebody else chose --- */

static bool is_plain(const char *text)
{
    if (!*text || strcmp(text, "-") == 0) return false; /* - stands for no text */
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '=' || *p == '\\') return false;
    }
    return true;
}

static void add_escaped_char(struct str *line, const char *at, size_t n)
{
    const unsigned char *p = (const unsigned char *)at;
    bool c1 = n == 2 && p[0] == 0xc2 && p[1] < 0xa0; /* some terminals obey these as commands */
    if (n == 0) {
        str_add(line, "\\ufffd");
    } else if (*p == '"' || *p == '\\') {
        str_add_c(line, '\\');
        str_add_c(line, *at);
    } else if (*p == '\n') {
        str_add(line, "\\n");
    } else if (*p == '\t') {
        str_add(line, "\\t");
    } else if (*p < ' ' || *p == 0x7f || c1) {
        str_add_f(line, "\\u%04x", c1 ? p[1] : *p);
    } else {
        str_add_n(line, at, n);
    }
}

/* In quotes, as JSON has it; what is no UTF-8 becomes U+FFFD, and a long text is cut. */
static void add_quoted(struct str *line, const char *text)
{
    size_t end = line->len + VALUE_BYTES_MAX;
    str_add_c(line, '"');
    for (const char *p = text, *last = text + strlen(text); p < last;) {
        size_t n = utf8_len(p, (size_t)(last - p));
        if (line->len + 8 > end) {
            str_add(line, "...");
            break;
        }
        add_escaped_char(line, p, n);
        p += n ? n : 1;
    }
    str_add_c(line, '"');
}

static void add_text(struct str *line, const char *text)
{
    if (!text) {
        str_add(line, config.json ? "null" : "-");
    } else if (!config.json && strlen(text) < VALUE_BYTES_MAX && is_plain(text)) {
        str_add(line, text);
    } else {
        add_quoted(line, text);
    }
}

/* --- Lines --- */

static void add_number(struct str *line, double d)
{
    if (isfinite(d)) {
        str_add_f(line, "%.9g", d);
    } else {
        add_text(line, NULL); /* JSON has no word for it */
    }
}

static void add_value(struct str *line, const struct log_field *f)
{
    switch (f->type) {
    case LOG_TEXT: add_text(line, f->text); break;
    case LOG_INT: str_add_i(line, f->i); break;
    case LOG_NUMBER: add_number(line, f->d); break;
    case LOG_BOOL: str_add(line, f->b ? "true" : "false"); break;
    }
}

/* False if it does not fit; the line is then as it was. */
static bool add_field(struct str *line, const struct log_field *f)
{
    size_t before = line->len;
    str_add(line, config.json ? ",\"" : " ");
    str_add(line, f->name);
    str_add(line, config.json ? "\":" : "=");
    add_value(line, f);
    if (!line->over && line->len + END_BYTES <= line->max) return true;
    line->len = before;
    line->at[before] = '\0';
    line->over = false;
    return false;
}

static void add_context(struct str *line, bool *all)
{
    if (!context.on) return;
    struct log_field controller = log_field_text("controller", context.controller);
    struct log_field key = log_field_text("key", context.key);
    struct log_field pass = log_field_int("pass", (int64_t)context.pass);
    *all &= add_field(line, &controller);
    if (*context.key) *all &= add_field(line, &key);
    if (context.pass) *all &= add_field(line, &pass);
}

static void add_head(struct str *line, enum log_level level, const char *event)
{
    char time[TIME_TEXT_SIZE];
    if (config.time) {
        config.time(time);
    } else {
        time_format(time, clock_wall_ms());
    }
    if (config.json) {
        str_add_f(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", time, level_names[level]);
        add_quoted(line, event);
    } else {
        str_add_f(line, "%s %-5s %s", time, level_names[level], event);
    }
}

static void write_line(const struct str *line)
{
    ssize_t n;
    do {
        n = write(config.fd, line->at, line->len);
    } while (n < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    int saved = errno; /* whoever logs an error may look at errno afterwards */
    auto_str line;
    str_init(&line, LIMIT_LOG_LINE_BYTES);
    bool all = true;
    add_head(&line, level, event);
    for (const struct log_field *f = fields; f && f->name; f++) all &= add_field(&line, f);
    add_context(&line, &all);
    if (!all) str_add(&line, config.json ? ",\"cut\":true" : " cut=true");
    str_add(&line, config.json ? "}\n" : "\n");
    write_line(&line);
    errno = saved;
}
