#include "apiserver/origin.h"

#include <string.h>
#include <strings.h>

bool origin_is_own(const char *origin, const char *host)
{
    const char *at = strstr(origin, "://");
    return at && *host && strcasecmp(at + 3, host) == 0;
}

bool origin_is_listed(const char *origin, const char *list)
{
    size_t length = strlen(origin);
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        if (n == 1 && *p == '*') return true;
        if (n == length && strncasecmp(p, origin, n) == 0) return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static bool is_port(const char *text)
{
    if (!*text) return true;
    return *text == ':' && text[1] && !text[1 + strspn(text + 1, "0123456789")];
}

bool host_is_loopback(const char *host)
{
    if (strncasecmp(host, "localhost", 9) == 0) return is_port(host + 9);
    if (strncmp(host, "[::1]", 5) == 0) return is_port(host + 5);
    if (strncmp(host, "127.", 4) != 0) return false;
    return is_port(host + strspn(host, "0123456789."));
}
