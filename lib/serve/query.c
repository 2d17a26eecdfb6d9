#include "lib/serve/query.h"

#include <string.h>

#include "lib/limits.h"
#include "lib/str.h"
#include "lib/utf8.h"

static bool is_utf8(const char *text)
{
    size_t left = strlen(text);
    for (size_t n; left > 0; text += n, left -= n) {
        n = utf8_len(text, left);
        if (n == 0) return false;
    }
    return true;
}

/* NULL: not decodable. */
static char *decode(struct arena *a, const char *raw, size_t n)
{
    char *text = arena_strndup(a, raw, n), *to = text;
    for (const char *p = text; *p; p++) {
        int c = (unsigned char)*p;
        if (c == '+') c = ' ';
        if (c == '%') {
            int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);
            if (low < 0) return NULL;
            c = high * 16 + low;
            if (c == 0) return NULL;
            p += 2;
        }
        *to++ = (char)c;
    }
    *to = '\0';
    return is_utf8(text) ? text : NULL;
}

int query_parse(struct arena *a, const char *raw, struct query *out, struct err *err)
{
    size_t most = 1, count = 0;
    for (const char *p = raw; *p; p++) most += *p == '&';
    if (most > LIMIT_QUERY_PAIRS)
        return err_set(err, ERR_INVALID, "more than %d parameters", LIMIT_QUERY_PAIRS);
    struct query_pair *pairs = arena_alloc(a, most * sizeof(*pairs));
    for (const char *p = raw; *p;) {
        size_t n = strcspn(p, "&"), name = strcspn(p, "=&");
        const char *value = name < n ? p + name + 1 : p + n;
        if (n > 0) {
            struct query_pair *pair = &pairs[count++];
            pair->name = decode(a, p, name);
            pair->value = decode(a, value, (size_t)(p + n - value));
            if (!pair->name || !pair->value) {
                return err_set(err, ERR_INVALID, "%.*s is not percent-encoded UTF-8 without NUL",
                               (int)(name < 64 ? name : 64), p);
            }
        }
        p += n;
        if (*p == '&') p++;
    }
    *out = (struct query){pairs, count};
    return 0;
}

const char *query_get(const struct query *q, const char *name)
{
    for (size_t i = 0; i < q->count; i++) {
        if (strcmp(q->pairs[i].name, name) == 0) return q->pairs[i].value;
    }
    return NULL;
}
