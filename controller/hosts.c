#include "controller/hosts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/map.h"
#include "lib/shared.h"
#include "lib/xalloc.h"

struct claimant { /* there is one for each session */
    struct claimant *next; /* older first */
    int64_t created_ms;
    char *uid; /* shared with the session */
    char key[];
};

struct place { /* one host and path, and who claims it */
    struct claimant *first;
    char at[];
};

struct hosts {
    const struct settings *settings;
    struct map places; /* "host/path" -> place */
};

struct hosts *hosts_new(const struct settings *settings)
{
    struct hosts *h = xcalloc(1, sizeof(*h));
    h->settings = settings;
    return h;
}

static struct claimant *claimant_new(const struct kube_meta *m)
{
    size_t size = strlen(m->key) + 1;
    struct claimant *c = xmalloc(sizeof(*c) + size);
    c->created_ms = m->created_ms;
    c->uid = shared_ref(m->uid);
    memcpy(c->key, m->key, size);
    return c;
}

static void claimant_free(struct claimant *c)
{
    shared_unref(c->uid);
    free(c);
}

static void place_free(void *at)
{
    struct place *p = at;
    for (struct claimant *c = p->first, *next; c; c = next) {
        next = c->next;
        claimant_free(c);
    }
    free(p);
}

void hosts_free(struct hosts *h)
{
    if (!h) return;
    map_release(&h->places, place_free);
    free(h);
}

/* Writes the template with its placeholders filled; what does not fit is cut, and then claims a
 * host that no Ingress accepts, which the status will say. */
static void fill_template(const struct settings *settings, const struct session *s, char *out,
                          size_t size)
{
    const struct {
        const char *mark, *value;
    } marks[] = {{"{session}", s->object.meta.name},
                 {"{namespace}", s->object.meta.ns},
                 {"{user}", s->user},
                 {"{domain}", settings->domain}};
    auto_str text;
    str_init(&text, size - 1);
    for (const char *p = settings->host_template; *p;) {
        size_t i = 0;
        while (i < 4 && strncmp(p, marks[i].mark, strlen(marks[i].mark)) != 0) i++;
        if (i == 4) {
            str_add_c(&text, *p++);
        } else {
            str_add(&text, marks[i].value);
            p += strlen(marks[i].mark);
        }
    }
    str_copy(out, size, text.at);
}

bool hosts_claim(const struct settings *settings, const struct session *s, char host[256],
                 char path[80])
{
    if (s->object.meta.deleted_ms || !s->user) return false;
    if (s->state && strcmp(s->state, "terminated") == 0) return false;
    path[0] = '\0';
    if (s->route_mode && strcmp(s->route_mode, "path") == 0) {
        str_copy(host, 256, settings->domain);
        path[0] = '/';
        str_copy(path + 1, 79, s->object.meta.name);
        return true;
    }
    fill_template(settings, s, host, 256);
    return true;
}

static bool claim_key(const struct hosts *h, const struct session *s, char key[340])
{
    char host[256], path[80];
    if (!hosts_claim(h->settings, s, host, path)) return false;
    size_t n = strlen(host);
    memcpy(key, host, n);
    str_copy(key + n, 340 - n, *path ? path : "/");
    return true;
}

static bool is_older(const struct claimant *a, const struct claimant *b)
{
    if (a->created_ms != b->created_ms) return a->created_ms < b->created_ms;
    return strcmp(a->uid, b->uid) < 0;
}

static void add(struct hosts *h, const char *at, const struct session *s)
{
    struct place *p = map_get(&h->places, at);
    if (!p) {
        size_t size = strlen(at) + 1;
        p = xcalloc(1, sizeof(*p) + size);
        memcpy(p->at, at, size);
        map_put(&h->places, p->at, p);
    }
    struct claimant *c = claimant_new(&s->object.meta);
    struct claimant **link = &p->first;
    while (*link && is_older(*link, c)) link = &(*link)->next;
    c->next = *link;
    *link = c;
}

static void drop(struct hosts *h, const char *at, const char *uid)
{
    struct place *p = map_get(&h->places, at);
    if (!p) return;
    for (struct claimant **link = &p->first; *link; link = &(*link)->next) {
        struct claimant *c = *link;
        if (strcmp(c->uid, uid) != 0) continue;
        *link = c->next;
        claimant_free(c);
        break;
    }
    if (p->first) return;
    map_remove(&h->places, at);
    free(p);
}

static void wake_others(struct hosts *h, const char *at, const char *uid,
                        void (*wake)(void *, const char *), void *user)
{
    struct place *p = map_get(&h->places, at);
    for (struct claimant *c = p ? p->first : NULL; c; c = c->next) {
        if (strcmp(c->uid, uid) != 0) wake(user, c->key);
    }
}

void hosts_change(struct hosts *h, const struct session *before, const struct session *after,
                  void (*wake)(void *user, const char *key), void *user)
{
    char old[340], new[340];
    bool had = before && claim_key(h, before, old);
    bool has = after && claim_key(h, after, new);
    bool same = before && after &&
                strcmp(before->object.meta.uid, after->object.meta.uid) == 0 && had == has &&
                (!has || strcmp(old, new) == 0);
    if (same) return;
    if (had) {
        drop(h, old, before->object.meta.uid);
        wake_others(h, old, before->object.meta.uid, wake, user);
    }
    if (has) {
        add(h, new, after);
        wake_others(h, new, after->object.meta.uid, wake, user);
    }
}

const char *hosts_holder(const struct hosts *h, const struct session *s)
{
    char at[340];
    if (!claim_key(h, s, at)) return s->object.meta.key;
    const struct place *p = map_get(&h->places, at);
    return p && p->first ? p->first->key : s->object.meta.key;
}
