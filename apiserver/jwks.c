#include "apiserver/jwks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/http.h"
#include "lib/log.h"
#include "lib/xalloc.h"

enum { FRESH_MS = 600000, RETRY_MS = 15000, MISSED_MS = 30000, TIMEOUT_MS = 10000 };
enum { BODY_BYTES_MAX = 256 << 10 };

struct jwks {
    char *url, *issuer, *ca; /* url NULL: not known yet, or to be discovered anew */
    bool discovers;
    struct loop *loop;
    struct http *http; /* of the request that runs; made for each, for they are rare */
    struct timer next;
    int64_t asked_ms; /* when it was fetched last, well or not */
    bool said;        /* that it cannot be fetched: once is enough */
    pthread_mutex_t lock;
    struct jwks_set *current;
    bool missed; /* a fetch has been asked for and not begun */
};

/* --- Addresses --- */

int jwks_split(struct arena *a, const char *url, const char **base, const char **path,
               struct err *err)
{
    const char *host = strstr(url, "://");
    bool known = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
    if (!host || !known)
        return err_set(err, ERR_INVALID, "%.100s: write an address with https:// or http://", url);
    host += 3;
    size_t n = strcspn(host, "/?#");
    if (n == 0 || memchr(host, '@', n))
        return err_set(err, ERR_INVALID, "%.100s: write a host, and no user before it", url);
    for (const char *p = url; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == '#' || *p == 0x7f)
            return err_set(err, ERR_INVALID, "%.100s: a blank or # has no place in it", url);
    }
    *base = arena_strndup(a, url, (size_t)(host - url) + n);
    *path = host[n] == '/' ? arena_strdup(a, host + n) : arena_printf(a, "/%s", host + n);
    return 0;
}

/* --- Sets --- */

const struct jwks_set *jwks_take(struct jwks *jwks)
{
    pthread_mutex_lock(&jwks->lock);
    struct jwks_set *set = jwks->current;
    if (set) __atomic_add_fetch(&set->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&jwks->lock);
    return set;
}

void jwks_give_back(const struct jwks_set *given)
{
    struct jwks_set *set = (struct jwks_set *)(uintptr_t)given;
    if (!set || __atomic_sub_fetch(&set->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    jwt_keys_free(set->keys);
    free(set);
}

static void put(struct jwks *jwks, struct jwt_keys *keys)
{
    struct jwks_set *set = xcalloc(1, sizeof(*set)), *last;
    *set = (struct jwks_set){.refs = 1, .keys = keys};
    pthread_mutex_lock(&jwks->lock);
    last = jwks->current;
    jwks->current = set;
    pthread_mutex_unlock(&jwks->lock);
    jwks_give_back(last);
}

/* --- Fetching, on the loop --- */

static void begin(struct jwks *jwks);

static void later(struct jwks *jwks, int64_t ms)
{
    struct timers *timers = loop_timers(jwks->loop);
    timer_set(timers, &jwks->next, timers->now_ms + ms);
}

static void fail(struct jwks *jwks, const char *why)
{
    if (!jwks->said)
        log_warn("the keys of the issuer cannot be fetched",
                 kv("from", jwks->url ? jwks->url : jwks->issuer), kv("error", why));
    jwks->said = true;
    if (jwks->discovers) { /* it may have moved */
        free(jwks->url);
        jwks->url = NULL;
    }
    later(jwks, RETRY_MS);
}

static void take_keys(struct jwks *jwks, const struct http_answer *answer)
{
    struct jwt_keys *keys;
    struct err err;
    if (jwt_keys_of_jwks(answer->body, answer->len, &keys, &err) < 0) {
        fail(jwks, err.text);
        return;
    }
    put(jwks, keys);
    if (jwks->said) log_info("the keys of the issuer are there", kv("from", jwks->url));
    jwks->said = false;
    later(jwks, FRESH_MS);
}

/* The document must be of the issuer that we asked, or another one could speak for it. */
static void take_discovery(struct jwks *jwks, const struct http_answer *answer)
{
    auto_arena a;
    arena_init(&a);
    struct json *doc;
    struct err err;
    if (json_parse(&a, answer->body, answer->len, &doc, &err) < 0) {
        fail(jwks, err.text);
        return;
    }
    const char *issuer = json_text(json_get(doc, "issuer"));
    const char *url = json_text(json_get(doc, "jwks_uri"));
    if (!issuer || strcmp(issuer, jwks->issuer) != 0 || !url) {
        fail(jwks, "its discovery document names another issuer, or no jwks_uri");
        return;
    }
    jwks->url = xstrdup(url);
    later(jwks, 0);
}

/* The http of a request cannot be freed from within its own handler. */
static void drop_http(struct jwks *jwks)
{
    http_free(jwks->http);
    jwks->http = NULL;
}

static void on_answer(void *user, const struct http_answer *answer)
{
    struct jwks *jwks = user;
    char why[200];
    if (!answer->complete || answer->code != 200) {
        str_copy(why, sizeof(why), answer->complete ? "it does not answer 200" : answer->text);
        fail(jwks, why);
    } else if (jwks->url) {
        take_keys(jwks, answer);
    } else {
        take_discovery(jwks, answer);
    }
}

static const char *discovery_of(struct arena *a, const char *issuer)
{
    size_t n = strlen(issuer);
    while (n > 0 && issuer[n - 1] == '/') n--;
    return arena_printf(a, "%.*s/.well-known/openid-configuration", (int)n, issuer);
}

static void begin(struct jwks *jwks)
{
    static const struct http_handlers handlers = {.done = on_answer};
    auto_arena a;
    arena_init(&a);
    struct err err;
    const char *base, *path;
    const char *url = jwks->url ? jwks->url : discovery_of(&a, jwks->issuer);
    jwks->asked_ms = loop_timers(jwks->loop)->now_ms;
    drop_http(jwks);
    if (jwks_split(&a, url, &base, &path, &err) < 0) {
        fail(jwks, err.text);
        return;
    }
    struct http_target target = {.base = base, .ca = jwks->ca, .http1_only = true,
                                 .connections_max = 1, .connections_max_http1 = 1,
                                 .buffer_bytes = 16 << 10};
    struct http_call call = {.method = "GET", .path = path, .timeout_ms = TIMEOUT_MS,
                             .body_bytes_max = BODY_BYTES_MAX};
    if (http_new(&target, jwks->loop, &jwks->http, &err) < 0) {
        jwks->http = NULL;
        fail(jwks, err.text);
        return;
    }
    http_start(jwks->http, &call, &handlers, jwks);
}

static void on_time(void *user)
{
    begin(user);
}

static void on_missed(void *user)
{
    struct jwks *jwks = user;
    struct timers *timers = loop_timers(jwks->loop);
    pthread_mutex_lock(&jwks->lock);
    jwks->missed = false;
    pthread_mutex_unlock(&jwks->lock);
    if (timers->now_ms - jwks->asked_ms >= MISSED_MS) later(jwks, 0);
}

void jwks_missed(struct jwks *jwks)
{
    pthread_mutex_lock(&jwks->lock);
    bool first = !jwks->missed;
    jwks->missed = true;
    pthread_mutex_unlock(&jwks->lock);
    if (first) loop_post(jwks->loop, on_missed, jwks);
}

/* --- Birth and death --- */

static char *copy(const char *text)
{
    return text && *text ? xstrdup(text) : NULL;
}

int jwks_new(const struct jwks_config *config, struct loop *loop, struct jwks **out,
             struct err *err)
{
    auto_arena a;
    arena_init(&a);
    const char *base, *path, *url = config->url && *config->url ? config->url : config->issuer;
    if (jwks_split(&a, url, &base, &path, err) < 0) return -1;
    struct jwks *jwks = xcalloc(1, sizeof(*jwks));
    *jwks = (struct jwks){.url = copy(config->url), .issuer = copy(config->issuer),
                          .ca = copy(config->ca), .loop = loop};
    jwks->discovers = !jwks->url;
    jwks->next = (struct timer){.fire = on_time, .user = jwks};
    pthread_mutex_init(&jwks->lock, NULL);
    timer_set(loop_timers(loop), &jwks->next, clock_ms());
    *out = jwks;
    return 0;
}

void jwks_free(struct jwks *jwks)
{
    if (!jwks) return;
    timer_stop(loop_timers(jwks->loop), &jwks->next);
    drop_http(jwks);
    jwks_give_back(jwks->current);
    pthread_mutex_destroy(&jwks->lock);
    free(jwks->url);
    free(jwks->issuer);
    free(jwks->ca);
    free(jwks);
}
