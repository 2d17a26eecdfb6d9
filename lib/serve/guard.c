#include "lib/serve/guard.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/str.h"

/* RFC 9110 5.6.2: what a header's name is made of. A space before the colon or at the beginning
 * (a folded line) is not among it. */
static bool is_token(const char *name)
{
    for (const char *p = name; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("!#$%&'*+-.^_`|~", *p)) return false;
    }
    return *name;
}

static bool is_length(const char *value)
{
    size_t digits = strspn(value, "0123456789");
    return digits > 0 && digits <= 18 && value[digits] == '\0';
}

int guard_headers(const struct guard_header *headers, size_t count, size_t count_max, bool http11)
{
    if (count >= count_max) return 431;
    int lengths = 0, codings = 0, hosts = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = headers[i].name, *value = headers[i].value;
        if (!is_token(name)) return 400;
        if (strcasecmp(name, "Content-Length") == 0) {
            lengths++;
            if (!is_length(value)) return 400;
        } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
            codings++;
            if (strcasecmp(value, "chunked") != 0) return 501;
        } else if (strcasecmp(name, "Host") == 0) {
            hosts++;
        }
    }
    if (lengths + codings > 1 || hosts > 1) return 400;
    if (codings && !http11) return 400;
    return http11 && hosts == 0 ? 400 : 0;
}

static bool has_dot_segment(const char *path)
{
    for (const char *p = path; *p; p += strcspn(p, "/")) {
        p++;
        size_t n = strcspn(p, "/");
        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.')) return true;
    }
    return false;
}

bool guard_path(char *path)
{
    if (*path != '/') return false;
    char *to = path;
    for (const char *p = path; *p; p++) {
        int c = (unsigned char)*p;
        if (c == '%') {
            int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);
            if (low < 0) return false;
            c = high * 16 + low;
            if (c == '/') return false; /* it would look like a segment's end from here on */
            p += 2;
        }
        if (c < 0x20 || c == 0x7f) return false;
        *to++ = (char)c;
    }
    *to = '\0';
    return !has_dot_segment(path);
}
