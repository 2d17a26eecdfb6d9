#include "apiserver/user_name.h"

#include <string.h>

#include "lib/crypto.h"
#include "lib/format.h"
#include "lib/str.h"

enum { SLUG_MAX = USER_NAME_SIZE - 1 - 9 };

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool user_name_fits(const char *id)
{
    size_t n = strlen(id);
    if (n == 0 || n >= USER_NAME_SIZE || !is_plain(id[0]) || !is_plain(id[n - 1])) return false;
    for (const char *p = id; *p; p++) {
        if (!is_plain(*p) && *p != '-') return false;
    }
    return true;
}

/* Lower case, and one '-' for whatever else there is between letters and digits. */
static size_t make_slug(const char *id, char slug[SLUG_MAX + 1])
{
    size_t n = 0;
    for (const char *p = id; *p && n < SLUG_MAX; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        if (is_plain(c)) {
            slug[n++] = c;
        } else if (n > 0 && slug[n - 1] != '-') {
            slug[n++] = '-';
        }
    }
    while (n > 0 && slug[n - 1] == '-') n--;
    slug[n] = '\0';
    return n;
}

void user_name(const char *id, char out[USER_NAME_SIZE])
{
    if (!*id || user_name_fits(id)) {
        str_copy(out, USER_NAME_SIZE, id);
        return;
    }
    char slug[SLUG_MAX + 1];
    unsigned char sum[SHA256_BYTES];
    size_t n = make_slug(id, slug);
    sha256(id, strlen(id), sum);
    format(out, USER_NAME_SIZE, "%s%s%02x%02x%02x%02x", slug, n > 0 ? "-" : "u-", sum[0], sum[1],
           sum[2], sum[3]);
}
