#include "lib/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}

int64_t clock_ms(void)
{
    return clock_us() / 1000;
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_wall_ms(void)
{
    return clock_wall_us() / 1000;
}

int64_t clock_cpu_us(void)
{
    return read_us(CLOCK_PROCESS_CPUTIME_ID);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days since 1970 to a civil date and back, by the 400-year cycle of the Gregorian calendar, which
 * is counted from March so that the leap day comes last. */
static void civil_from_days(int64_t days, int64_t *y, int *m, int *d)
{
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

/* Exactly n digits and what stands behind them. By hand, for a status has a time in each line. */
static void put_digits(char *out, int value, int n, char behind)
{
    out[n] = behind;
    while (n-- > 0) {
        out[n] = (char)('0' + value % 10);
        value /= 10;
    }
}

static int format_seconds(char out[TIME_TEXT_SIZE], int64_t seconds)
{
    int64_t days = floor_div(seconds, 86400), y = 0;
    int s = (int)(seconds - days * 86400), m = 0, d = 0;
    civil_from_days(days, &y, &m, &d);
    if (y < 0) y = 0;
    if (y > 9999) y = 9999;
    put_digits(out, (int)y, 4, '-');
    put_digits(out + 5, m, 2, '-');
    put_digits(out + 8, d, 2, 'T');
    put_digits(out + 11, s / 3600, 2, ':');
    put_digits(out + 14, s / 60 % 60, 2, ':');
    put_digits(out + 17, s % 60, 2, '\0');
    return 19;
}

void time_format(char out[TIME_TEXT_SIZE], int64_t wall_ms)
{
    int n = format_seconds(out, floor_div(wall_ms, 1000));
    memcpy(out + n, "Z", 2);
}

void time_format_us(char out[TIME_TEXT_SIZE], int64_t wall_us)
{
    int64_t seconds = floor_div(wall_us, 1000000);
    int n = format_seconds(out, seconds);
    out[n] = '.';
    put_digits(out + n + 1, (int)(wall_us - seconds * 1000000), 6, 'Z');
    out[n + 8] = '\0';
}

/* Reads exactly n digits; NULL if they are not there. By hand, since times are in every object that
 * a watch brings, and sscanf costs as much as the rest of the object. NULL in, NULL out. */
static const char *parse_digits(const char *p, int n, int *value)
{
    *value = 0;
    for (; p && n > 0; n--, p++) {
        if (!isdigit((unsigned char)*p)) return NULL;
        *value = *value * 10 + (*p - '0');
    }
    return p;
}

static const char *parse_mark(const char *p, char mark)
{
    return p && (*p == mark || (mark == 'T' && *p == 't')) ? p + 1 : NULL;
}

/* The digits after the point, as milliseconds: cut, not rounded. */
static const char *parse_fraction(const char *p, int *ms)
{
    *ms = 0;
    if (!p || *p != '.') return p;
    if (!isdigit((unsigned char)p[1])) return NULL;
    int scale = 100;
    for (p++; isdigit((unsigned char)*p); p++) {
        *ms += (*p - '0') * scale;
        scale /= 10;
    }
    return p;
}

static const char *parse_offset(const char *p, int *seconds)
{
    *seconds = 0;
    if (!p || *p == 'Z' || *p == 'z') return p ? p + 1 : NULL;
    int h = 0, m = 0, sign = *p == '-' ? -1 : 1;
    if (*p != '+' && *p != '-') return NULL;
    p = parse_mark(parse_digits(p + 1, 2, &h), ':');
    p = parse_digits(p, 2, &m);
    *seconds = (h * 3600 + m * 60) * sign;
    return h <= 23 && m <= 59 ? p : NULL;
}

static int days_in_month(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return days[m - 1] + (m == 2 && leap);
}

int time_parse(const char *text, int64_t *wall_ms, struct err *err)
{
    int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0, ms = 0, offset = 0;
    const char *p = parse_mark(parse_digits(text, 4, &y), '-');
    p = parse_mark(parse_digits(p, 2, &mo), '-');
    p = parse_mark(parse_digits(p, 2, &d), 'T');
    p = parse_mark(parse_digits(p, 2, &h), ':');
    p = parse_mark(parse_digits(p, 2, &mi), ':');
    p = parse_fraction(parse_digits(p, 2, &s), &ms);
    p = parse_offset(p, &offset);
    bool sane = p && !*p && mo >= 1 && mo <= 12 && d >= 1 && d <= days_in_month(y, mo) && h <= 23 &&
                mi <= 59 && s <= 60; /* 60: a leap second, which is the next minute's first */
    if (!sane) return err_set(err, ERR_INVALID, "'%.40s' is no RFC 3339 time", text);
    int64_t seconds = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - offset;
    *wall_ms = seconds * 1000 + ms;
    return 0;
}

int duration_parse(const char *text, int64_t *ms, struct err *err)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    int64_t n = 0;
    const char *p = text;
    for (; isdigit((unsigned char)*p) && n < 1000000000; p++) n = n * 10 + (*p - '0');
    if (p != text && strcmp(text, "0") == 0) {
        *ms = 0;
        return 0;
    }
    for (size_t i = 0; p != text && i < sizeof(units) / sizeof(*units); i++) {
        if (strcmp(p, units[i].name) != 0) continue;
        *ms = n * units[i].ms;
        return 0;
    }
    return err_set(err, ERR_INVALID, "'%.40s' is no duration: write 0, or a number and s, m or h",
                   text);
}
