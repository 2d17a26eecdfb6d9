#include "lib/kube/config.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/kube/config_parts.h"

/* Texts of URLs never get into an error: they may hold a password. */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_port(const char *text, size_t n)
{
    unsigned long port = 0;
    if (n == 0 || n > 5) return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    return port > 0 && port < 65536;
}

static size_t host_length(const char *text, size_t n)
{
    size_t i = 0;
    if (n > 0 && text[0] == '[') {
        for (i = 1; i < n && (isxdigit((unsigned char)text[i]) || strchr(":.", text[i])); i++) {
            continue;
        }
        return i > 2 && i < n && text[i] == ']' ? i + 1 : 0;
    }
    while (i < n && (is_alnum(text[i]) || strchr("-._", text[i]))) i++;
    return i;
}

/* host, host:port or [address]:port, without a user. */
static int check_authority(const char *text, size_t n, struct err *err)
{
    if (memchr(text, '@', n)) return err_set(err, ERR_INVALID, "must not hold a user or password");
    size_t host = host_length(text, n);
    if (host == 0) return err_set(err, ERR_INVALID, "has no host name or address");
    if (host == n) return 0;
    if (text[host] != ':') return err_set(err, ERR_INVALID, "the host name is malformed");
    if (!is_port(text + host + 1, n - host - 1)) {
        return err_set(err, ERR_INVALID, "the port is not 1 to 65535");
    }
    return 0;
}

static bool is_path(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~' || strchr("\"\\<>^`{|}", text[i])) return false;
    }
    return true;
}

int server_url(struct arena *a, const char *server, bool tls, char **out, struct err *err)
{
    const char *rest = strstr(server, "://");
    const char *scheme = tls ? "https" : "http";
    if (rest) {
        size_t n = (size_t)(rest - server);
        if (n == 5 && strncasecmp(server, "https", n) == 0) {
            scheme = "https";
        } else if (n == 4 && strncasecmp(server, "http", n) == 0) {
            scheme = "http";
        } else {
            return err_set(err, ERR_INVALID, "the scheme is neither https nor http");
        }
        rest += 3;
    } else {
        rest = server;
    }
    size_t host = strcspn(rest, "/?#");
    if (check_authority(rest, host, err) < 0) return -1;
    size_t n = strcspn(rest, "?#");
    if (!is_path(rest + host, n - host)) {
        return err_set(err, ERR_INVALID, "the path has a character that no URL holds");
    }
    while (n > host && rest[n - 1] == '/') n--;
    *out = arena_printf(a, "%s://%.*s", scheme, (int)n, rest);
    return 0;
}

int check_proxy_url(const char *url, struct err *err)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://"};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(schemes[i]);
        if (strncasecmp(url, schemes[i], n) != 0) continue;
        const char *rest = url + n;
        size_t end = strcspn(rest, "/?#");
        if (!is_path(rest, strlen(rest))) return err_set(err, ERR_INVALID, "is no URL");
        const char *user_end = memrchr(rest, '@', end);
        const char *host = user_end ? user_end + 1 : rest;
        return check_authority(host, end - (size_t)(host - rest), err);
    }
    return err_set(err, ERR_INVALID, "the scheme is not http, https or socks5");
}

bool is_header_text(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == 127) return false;
    }
    return true;
}

char *path_beside(struct arena *a, const char *holder, const char *path)
{
    const char *slash = strrchr(holder, '/');
    if (path[0] == '/' || !slash) return arena_strdup(a, path);
    return arena_printf(a, "%.*s%s", (int)(slash - holder + 1), holder, path);
}
