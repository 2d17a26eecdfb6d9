/* lib/log.h: structured log lines on standard error, as text or as JSON.
 *
 *     log_info("session ready", kv("session", key), kv("ms", took_ms));
 *
 * The event is a constant sentence, what varies is in the fields; there are no format strings.
 * Arguments are not evaluated when the level is off. A thread has a context (the pass: controller,
 * key, pass id) that each of its lines carries. Lines are written with one write(2) each and are at
 * most LIMIT_LOG_LINE_BYTES. Any thread. Never pass a secret.
 *
 * info: something changed. debug: we looked. warn: it goes on, but someone should know. error: it
 * does not go on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_COUNT };

struct log_field {
    const char *name; /* NULL ends a list */
    enum { LOG_TEXT, LOG_INT, LOG_NUMBER, LOG_BOOL } type;
    union {
        const char *text; /* NULL prints as null or - */
        int64_t i;
        double d;
        bool b;
    };
};

struct log_config {
    enum log_level level;
    bool json;
    int fd; /* 2 */
    /* The line's time, RFC 3339 in out; NULL: the wall clock. For tests and the simulator. */
    void (*time)(char out[32]);
};

void log_setup(struct log_config config); /* before threads start */
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* The calling thread's context; the strings are copied. NULL ends it. */
void log_context(const char *controller, const char *key, uint64_t pass);

static inline struct log_field log_field_text(const char *name, const char *v)
{
    return (struct log_field){.name = name, .type = LOG_TEXT, .text = v};
}
static inline struct log_field log_field_int(const char *name, int64_t v)
{
    return (struct log_field){.name = name, .type = LOG_INT, .i = v};
}
static inline struct log_field log_field_unsigned(const char *name, uint64_t v)
{
    return log_field_int(name, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}
static inline struct log_field log_field_number(const char *name, double v)
{
    return (struct log_field){.name = name, .type = LOG_NUMBER, .d = v};
}
static inline struct log_field log_field_bool(const char *name, bool v)
{
    return (struct log_field){.name = name, .type = LOG_BOOL, .b = v};
}

#define kv(name, value)                                                                            \
    _Generic((value),                                                                              \
        char *: log_field_text,                                                                    \
        const char *: log_field_text,                                                              \
        bool: log_field_bool,                                                                      \
        float: log_field_number,                                                                   \
        double: log_field_number,                                                                  \
        unsigned long: log_field_unsigned,                                                         \
        unsigned long long: log_field_unsigned,                                                    \
        default: log_field_int)(name, value)

#define LOG_AT(level, event, ...)                                                                  \
    do {                                                                                           \
        if (log_is_on(level))                                                                      \
            log_write(level, event, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}});    \
    } while (0)
#define log_debug(event, ...) LOG_AT(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_AT(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_ERROR, event, __VA_ARGS__)
