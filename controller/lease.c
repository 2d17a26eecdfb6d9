#include "controller/lease.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/json_table.h"
#include "lib/kube/rv.h"
#include "lib/map.h"
#include "lib/str.h"
#include "lib/xalloc.h"

enum { BODY_MAX = 64 * 1024, NAME_MAX_BYTES = 256 };
static const double JITTER = 1.2; /* client-go's: up to so many retry periods more between tries */

enum phase {
    PHASE_LOOK,    /* GET what is there */
    PHASE_CREATE,  /* there is nothing: POST */
    PHASE_TAKE,    /* free, expired, or ours from before: PUT with the version that we saw */
    PHASE_RENEW,   /* held: PUT with the version of our last success */
    PHASE_RELEASE, /* PUT without a holder */
    PHASE_OVER     /* released: nothing more to do */
};

struct lease {
    struct lease_config config;
    struct rng *rng;
    enum phase phase;
    bool waiting;       /* a request is out */
    bool releasing;
    char *raw;          /* the object as last read, to be echoed with our fields replaced */
    size_t raw_len;
    char high_rv[KUBE_RV_SIZE]; /* the greatest that was seen */
    unsigned set_backs;
    int64_t set_back_ms;        /* the last; -1: none */
    uint64_t seen_hash; /* of holder, renewTime and version: did anybody renew? */
    int64_t seen_ms;    /* when that hash was first seen, by our clock */
    int64_t gone_ms;    /* since when we have found no Lease at all; -1: there was one */
    char holder[NAME_MAX_BYTES];
    int64_t duration_ms;
    int64_t held_from_ms; /* sent time of our last success; -1: not held */
    int64_t due_ms;
    struct arena arena;
    char *path, *collection;
};

int lease_config_check(const struct lease_config *c, struct err *err)
{
    if (c->lease_ms < 1000) {
        return err_set(err, ERR_INVALID, "lease-duration %lld ms: it must be at least 1s",
                       (long long)c->lease_ms);
    }
    if (c->lease_ms <= c->renew_ms) {
        return err_set(err, ERR_INVALID,
                       "lease-duration %lld ms must be longer than renew-deadline %lld ms",
                       (long long)c->lease_ms, (long long)c->renew_ms);
    }
    if ((double)c->renew_ms <= JITTER * (double)c->retry_ms) {
        return err_set(err, ERR_INVALID,
                       "renew-deadline %lld ms must be longer than 1.2 times retry-period %lld ms",
                       (long long)c->renew_ms, (long long)c->retry_ms);
    }
    if (c->retry_ms < 1) return err_set(err, ERR_INVALID, "retry-period must be longer than 0");
    return 0;
}

struct lease *lease_new(const struct lease_config *config, struct rng *rng)
{
    struct lease *l = xcalloc(1, sizeof(*l));
    l->config = *config;
    l->rng = rng;
    l->held_from_ms = l->gone_ms = l->set_back_ms = -1;
    arena_init(&l->arena);
    auto_str path;
    str_init(&path, 1024);
    str_add_f(&path, "/apis/coordination.k8s.io/v1/namespaces/%s/leases", config->ns);
    l->collection = xstrdup(path.at);
    str_add_f(&path, "/%s", config->name);
    l->path = str_take(&path);
    return l;
}

void lease_free(struct lease *l)
{
    if (!l) return;
    arena_release(&l->arena);
    free(l->raw);
    free(l->path);
    free(l->collection);
    free(l);
}

/* --- the record ----------------------------------------------------------------------------- */

struct seen {
    char *name, *rv, *holder, *renewed, *acquired;
    int64_t duration_s, transitions;
};
static const struct json_field meta_rows[] = {
    JSON_ROW("name", JSON_TEXT, struct seen, name),
    JSON_ROW("resourceVersion", JSON_TEXT, struct seen, rv)};
static const struct json_field spec_rows[] = {
    JSON_ROW("holderIdentity", JSON_TEXT, struct seen, holder),
    JSON_ROW("renewTime", JSON_TEXT, struct seen, renewed),
    JSON_ROW("acquireTime", JSON_TEXT, struct seen, acquired),
    JSON_ROW("leaseDurationSeconds", JSON_INT, struct seen, duration_s),
    JSON_ROW("leaseTransitions", JSON_INT, struct seen, transitions)};
static const struct json_table meta_table = {meta_rows, 2, 0, false};
static const struct json_table spec_table = {spec_rows, 5, 0, false};
static JSON_TABLE(seen_table, struct seen, {"metadata", JSON_OBJECT, 0, 0, &meta_table},
                  {"spec", JSON_OBJECT, 0, 0, &spec_table});

static uint64_t hash_of(const struct seen *s)
{
    uint64_t h = 1;
    const char *texts[] = {s->holder, s->renewed, s->rv};
    for (int i = 0; i < 3; i++) {
        if (texts[i]) h = hash_bytes(texts[i], strlen(texts[i]), h);
    }
    return h;
}

/* Versions only grow, so etcd was restored. Whoever held the lease in the time that is gone, we
 * ourselves included, may think that it still does; a record of the past says nothing of that. */
static bool went_back(struct lease *l, const char *rv, int64_t now_ms)
{
    bool back = kube_rv_cmp(rv, l->high_rv) < 0;
    str_copy(l->high_rv, sizeof(l->high_rv), rv);
    if (!back) return false;
    l->set_backs++;
    l->set_back_ms = now_ms;
    l->held_from_ms = -1;
    return true;
}

/* Keeps what was answered; false: it is not our Lease, or one of the past. */
static bool keep(struct lease *l, const char *body, size_t len, int64_t now_ms)
{
    struct seen seen = {0};
    arena_reset(&l->arena, 64 * 1024);
    if (len == 0 || len > BODY_MAX) return false;
    if (json_decode(&l->arena, body, len, &seen_table, &seen, NULL) < 0) return false;
    if (!str_equal(seen.name, l->config.name) || !seen.rv || !kube_rv_valid(seen.rv)) return false;
    if (went_back(l, seen.rv, now_ms)) return false;
    free(l->raw);
    l->raw = xstrndup(body, len);
    l->raw_len = len;
    str_copy(l->holder, sizeof(l->holder), seen.holder ? seen.holder : "");
    l->duration_ms = seen.duration_s * 1000;
    uint64_t hash = hash_of(&seen);
    if (hash != l->seen_hash) {
        l->seen_hash = hash;
        l->seen_ms = now_ms;
    }
    return true;
}

static bool is_ours(const struct lease *l)
{
    return strcmp(l->holder, l->config.identity) == 0;
}

/* The times in the record are another machine's: only how long we have seen no change counts. */
static bool is_free(const struct lease *l, int64_t now_ms)
{
    if (l->set_back_ms >= 0 && l->set_back_ms + l->config.lease_ms > now_ms) return false;
    return !*l->holder || is_ours(l) || l->seen_ms + l->duration_ms <= now_ms;
}

/* --- bodies --------------------------------------------------------------------------------- */

static char *new_body(struct lease *l, int64_t wall_us)
{
    char now[TIME_TEXT_SIZE];
    time_format_us(now, wall_us);
    auto_str body;
    str_init(&body, BODY_MAX);
    str_add_f(&body,
              "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{"
              "\"name\":\"%s\",\"namespace\":\"%s\"},\"spec\":{\"holderIdentity\":",
              l->config.name, l->config.ns);
    str_add_json(&body, l->config.identity);
    str_add_f(&body,
              ",\"leaseDurationSeconds\":%lld,\"acquireTime\":\"%s\",\"renewTime\":\"%s\","
              "\"leaseTransitions\":0}}",
              (long long)(l->config.lease_ms + 999) / 1000, now, now);
    return arena_strdup(&l->arena, body.at);
}

/* The object as we read it, with our fields replaced: what a newer server added goes back as it
 * came. */
static char *changed_body(struct lease *l, bool release, int64_t wall_us)
{
    struct arena *a = &l->arena;
    struct json *lease = NULL;
    char now[TIME_TEXT_SIZE];
    int64_t transitions = 0;
    time_format_us(now, wall_us);
    if (json_parse(a, l->raw, l->raw_len, &lease, NULL) < 0) return NULL;
    struct json *spec = json_ensure_object(a, lease, "spec");
    json_int(json_get(spec, "leaseTransitions"), &transitions);
    bool renewal = is_ours(l) && !release;
    json_set_text(a, spec, "holderIdentity", release ? "" : l->config.identity);
    json_set_int(a, spec, "leaseDurationSeconds",
                 release ? 1 : (l->config.lease_ms + 999) / 1000);
    json_set_text(a, spec, "renewTime", now);
    if (!renewal) json_set_text(a, spec, "acquireTime", now);
    if (!renewal && !release) json_set_int(a, spec, "leaseTransitions", transitions + 1);
    return json_to_text(a, lease);
}

/* --- what to do ----------------------------------------------------------------------------- */

bool lease_held(const struct lease *l, int64_t now_ms)
{
    return now_ms < lease_until_ms(l);
}

int64_t lease_until_ms(const struct lease *l)
{
    bool held = l->held_from_ms >= 0 && l->phase != PHASE_RELEASE && l->phase != PHASE_OVER;
    return held ? l->held_from_ms + l->config.renew_ms : 0;
}

unsigned lease_set_backs(const struct lease *l)
{
    return l->set_backs;
}

const char *lease_holder(const struct lease *l)
{
    return l->holder;
}

static int64_t retry_at(const struct lease *l, int64_t now_ms)
{
    double jitter = rng_unit(l->rng) * JITTER;
    return now_ms + (int64_t)((double)l->config.retry_ms * (1 + jitter));
}

static struct lease_request wait_until(int64_t at_ms)
{
    return (struct lease_request){.again_ms = at_ms};
}

static struct lease_request request(struct lease *l, const char *method, const char *path,
                                    const char *body)
{
    l->waiting = true;
    int64_t timeout_ms = l->config.renew_ms / 2;
    return (struct lease_request){.due = true,
                                  .method = method,
                                  .path = path,
                                  .body = body,
                                  .len = body ? strlen(body) : 0,
                                  .timeout_ms = timeout_ms < 1000 ? 1000 : timeout_ms};
}

static void choose_release(struct lease *l)
{
    if (!l->releasing || l->phase == PHASE_OVER) return;
    bool held = l->held_from_ms >= 0 && is_ours(l) && l->raw;
    l->phase = held ? PHASE_RELEASE : PHASE_OVER;
}

struct lease_request lease_next(struct lease *l, int64_t now_ms, int64_t wall_us)
{
    if (l->waiting) return wait_until(INT64_MAX);
    if (l->held_from_ms >= 0 && !l->releasing && !lease_held(l, now_ms)) {
        l->held_from_ms = -1; /* no success in time: whoever guards work by us has stopped it */
        if (l->phase == PHASE_RENEW) l->phase = PHASE_LOOK;
    }
    choose_release(l);
    if (l->phase == PHASE_OVER) return wait_until(INT64_MAX);
    if (l->phase != PHASE_RELEASE && now_ms < l->due_ms) {
        int64_t until = lease_until_ms(l);
        return wait_until(until && until < l->due_ms ? until : l->due_ms);
    }
    arena_reset(&l->arena, 64 * 1024);
    switch (l->phase) {
    case PHASE_CREATE: return request(l, "POST", l->collection, new_body(l, wall_us));
    case PHASE_TAKE:
    case PHASE_RENEW: return request(l, "PUT", l->path, changed_body(l, false, wall_us));
    case PHASE_RELEASE: return request(l, "PUT", l->path, changed_body(l, true, wall_us));
    default: return request(l, "GET", l->path, NULL);
    }
}

/* A Lease that somebody deleted under its holder: the holder may not know yet, and may have renewed
 * it after we saw it last. Whoever has ever seen a holder, itself included, waits that long. */
static bool another_may_hold(struct lease *l, int64_t now_ms)
{
    int64_t wait_ms = l->duration_ms > l->config.lease_ms ? l->duration_ms : l->config.lease_ms;
    if (l->gone_ms < 0) l->gone_ms = now_ms;
    return l->raw && *l->holder && l->gone_ms + wait_ms > now_ms;
}

static void look_answered(struct lease *l, int code, const char *body, size_t len, int64_t now_ms)
{
    l->due_ms = now_ms;
    if (code == 200) l->gone_ms = -1;
    if (code == 404 && another_may_hold(l, now_ms)) {
        l->due_ms = retry_at(l, now_ms);
    } else if (code == 404) {
        l->phase = PHASE_CREATE;
    } else if (code == 200 && keep(l, body, len, now_ms) && is_free(l, now_ms)) {
        l->phase = PHASE_TAKE;
    } else {
        l->due_ms = retry_at(l, now_ms);
    }
}

/* A write that nobody can tell the outcome of counts for nothing: the next GET will show it. While
 * we hold the lease the GET may find our own write, which is then simply taken over. */
static void write_answered(struct lease *l, int code, const char *body, size_t len,
                           int64_t sent_ms, int64_t now_ms)
{
    bool yes = (code == 200 || code == 201) && keep(l, body, len, now_ms) && is_ours(l);
    if (!yes) {
        bool deleted = code == 404 && l->phase == PHASE_RENEW && lease_held(l, now_ms);
        if (code == 404) l->held_from_ms = -1;
        if (deleted) { /* under us: nobody can have had it since, and a POST meets one that has */
            l->phase = PHASE_CREATE;
            l->due_ms = now_ms;
            return;
        }
        /* A refused or lost renewal is tried again soon: the deadline runs from the last success.
         */
        l->due_ms = l->phase == PHASE_RENEW ? now_ms + l->config.retry_ms / 4
                                            : retry_at(l, now_ms);
        l->phase = PHASE_LOOK;
        return;
    }
    l->held_from_ms = sent_ms;
    l->phase = PHASE_RENEW;
    l->due_ms = sent_ms + l->config.retry_ms;
    if (l->due_ms < now_ms) l->due_ms = now_ms;
}

/* Seen while looking after a failed renewal: another one has it, so it is lost at once. */
static void notice_loss(struct lease *l)
{
    if (l->held_from_ms >= 0 && !is_ours(l)) l->held_from_ms = -1;
}

static void release_answered(struct lease *l, int code, const char *body, size_t len,
                             int64_t now_ms)
{
    bool again = code == 409 && now_ms < l->held_from_ms + l->config.renew_ms;
    l->phase = again ? PHASE_LOOK : PHASE_OVER;
    if (!again) l->held_from_ms = -1;
    if (code == 200) keep(l, body, len, now_ms);
    l->due_ms = now_ms;
}

void lease_answer(struct lease *l, int code, const char *body, size_t len, int64_t sent_ms,
                  int64_t now_ms)
{
    l->waiting = false;
    switch (l->phase) {
    case PHASE_LOOK:
        look_answered(l, code, body, len, now_ms);
        if (code == 200) notice_loss(l);
        if (code == 404) l->held_from_ms = -1;
        break;
    case PHASE_CREATE:
    case PHASE_TAKE:
    case PHASE_RENEW: write_answered(l, code, body, len, sent_ms, now_ms); break;
    case PHASE_RELEASE: release_answered(l, code, body, len, now_ms); break;
    case PHASE_OVER: break;
    }
}

void lease_release(struct lease *l)
{
    l->releasing = true;
}

bool lease_released(const struct lease *l)
{
    return l->phase == PHASE_OVER;
}
