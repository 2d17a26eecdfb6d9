#include "controller/events.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/map.h"
#include "lib/xalloc.h"

enum {
    WAITING_MAX = 1024,
    TOLD_MAX = 1024,  /* names remembered, so that a repeated look tells nothing twice */
    PACE_MS = 100,    /* ten a second at the most, in the long run */
    BURST = 50,
    NOTE_MAX = 1000,  /* of the API: 1 kB */
};

struct event { /* waits, or is on its way */
    struct event *next;
    char *ns;
    char *body;
    unsigned tries;
};

struct events {
    struct events_config config;
    struct event *first, **last;
    size_t waiting;
    struct event *sending;
    struct kube_pending *pending;
    struct timer pace;
    double tokens;
    int64_t filled_ms;
    struct map told; /* name -> itself */
    char *told_ring[TOLD_MAX];
    size_t told_at;
    uint64_t dropped;
};

static void send_next(struct events *e);

static void event_free(struct event *ev)
{
    if (!ev) return;
    free(ev->ns);
    free(ev->body);
    free(ev);
}

static void on_pace(void *user)
{
    send_next(user);
}

struct events *events_new(const struct events_config *config)
{
    struct events *e = xcalloc(1, sizeof(*e));
    e->config = *config;
    e->last = &e->first;
    e->tokens = BURST;
    e->filled_ms = config->timers->now_ms;
    e->pace = (struct timer){.fire = on_pace, .user = e};
    return e;
}

void events_clear(struct events *e)
{
    if (e->pending) kube_cancel(e->pending);
    e->pending = NULL;
    event_free(e->sending);
    e->sending = NULL;
    for (struct event *ev = e->first, *next; ev; ev = next) {
        next = ev->next;
        event_free(ev);
    }
    e->first = NULL;
    e->last = &e->first;
    e->waiting = 0;
    timer_stop(e->config.timers, &e->pace);
}

void events_free(struct events *e)
{
    if (!e) return;
    events_clear(e);
    map_release(&e->told, NULL);
    for (size_t i = 0; i < TOLD_MAX; i++) free(e->told_ring[i]);
    free(e);
}

static bool take_token(struct events *e)
{
    int64_t now_ms = e->config.timers->now_ms;
    e->tokens += (double)(now_ms - e->filled_ms) / PACE_MS;
    if (e->tokens > BURST) e->tokens = BURST;
    e->filled_ms = now_ms;
    if (e->tokens < 1) return false;
    e->tokens -= 1;
    return true;
}

/* Nothing can be told in a namespace that goes away, or is gone. */
static void drop_namespace(struct events *e, const char *ns)
{
    struct event **link = &e->first;
    while (*link) {
        struct event *ev = *link;
        if (strcmp(ev->ns, ns) != 0) {
            link = &ev->next;
            continue;
        }
        *link = ev->next;
        event_free(ev);
        e->waiting--;
        e->dropped++;
    }
    e->last = link;
}

static void put_back(struct events *e, struct event *ev)
{
    ev->next = e->first;
    if (!e->first) e->last = &ev->next;
    e->first = ev;
    e->waiting++;
}

static void on_done(void *user, const struct kube_result *result)
{
    struct events *e = user;
    struct event *ev = e->sending;
    e->pending = NULL;
    e->sending = NULL;
    bool told = result->err.code == ERR_NONE || result->err.code == ERR_EXISTS;
    bool refused = result->code == 403 || result->code == 404 || result->code == 422;
    bool ns_gone = result->code == 404 || (result->code == 403 &&
                                           kube_status_has_cause(&result->status,
                                                                 "NamespaceTerminating"));
    if (!told && !refused && ev->tries++ == 0) {
        put_back(e, ev);
    } else {
        if (!told) e->dropped++;
        if (ns_gone) drop_namespace(e, ev->ns);
        event_free(ev);
    }
    send_next(e);
}

static void send_next(struct events *e)
{
    if (e->sending || !e->first) return;
    if (!take_token(e)) {
        if (!timer_is_set(&e->pace)) {
            timer_set(e->config.timers, &e->pace, e->config.timers->now_ms + PACE_MS);
        }
        return;
    }
    struct event *ev = e->first;
    e->first = ev->next;
    if (!e->first) e->last = &e->first;
    e->waiting--;
    e->sending = ev;
    struct kube_op op = {.verb = KUBE_CREATE,
                         .resource = &event_resource,
                         .ns = ev->ns,
                         .body = ev->body,
                         .body_len = strlen(ev->body),
                         .agent_suffix = "events"};
    e->pending = kube_send(e->config.client, &op, on_done, e);
}

/* True the first time. */
static bool remember(struct events *e, const char *name)
{
    if (map_get(&e->told, name)) return false;
    char **slot = &e->told_ring[e->told_at++ % TOLD_MAX];
    if (*slot) map_remove(&e->told, *slot);
    free(*slot);
    *slot = xstrdup(name);
    map_put(&e->told, *slot, *slot);
    return true;
}

static char *name_of(const struct kube_object *about, const struct step_event *event)
{
    uint64_t h = hash_bytes(about->meta.uid, strlen(about->meta.uid), (uint64_t)event->once);
    h = hash_bytes(event->reason, strlen(event->reason), h);
    auto_str name;
    str_init(&name, 300);
    str_add_f(&name, "%.230s.%016llx", about->meta.name, (unsigned long long)h);
    return str_take(&name);
}

static char *body_of(const struct events *e, const struct kube_object *about,
                     const struct step_event *event, const char *name)
{
    const struct kube_resource *r = about->type->resource;
    char time[TIME_TEXT_SIZE], note[NOTE_MAX];
    time_format_us(time, e->config.timers->wall_ms * 1000);
    str_copy(note, sizeof(note), event->note ? event->note : "");
    auto_str body;
    str_init(&body, 16 * 1024);
    str_add(&body,
            "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{\"name\":");
    str_add_json(&body, name);
    str_add_f(&body, ",\"namespace\":\"%s\"},\"eventTime\":\"%s\",\"type\":\"%s\",",
              about->meta.ns, time, event->warning ? "Warning" : "Normal");
    str_add_f(&body, "\"reason\":\"%s\",\"action\":\"Reconcile\",", event->reason);
    str_add(&body, "\"reportingController\":\"carrel.dev/carrel\",\"reportingInstance\":");
    str_add_json(&body, e->config.instance);
    str_add_f(&body,
              ",\"regarding\":{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"namespace\":\"%s\","
              "\"name\":\"%s\",\"uid\":\"%s\"},\"note\":",
              r->api_version, r->kind, about->meta.ns, about->meta.name, about->meta.uid);
    str_add_json(&body, note);
    str_add_c(&body, '}');
    return str_take(&body);
}

void events_tell(struct events *e, const struct kube_object *about,
                 const struct step_event *event)
{
    auto_free char *name = name_of(about, event);
    if (!remember(e, name)) return;
    if (e->waiting >= WAITING_MAX) {
        e->dropped++;
        return;
    }
    struct event *ev = xcalloc(1, sizeof(*ev));
    ev->ns = xstrdup(about->meta.ns);
    ev->body = body_of(e, about, event, name);
    *e->last = ev;
    e->last = &ev->next;
    e->waiting++;
    send_next(e);
}

uint64_t events_dropped(const struct events *e)
{
    return e->dropped;
}

bool events_idle(const struct events *e)
{
    return !e->sending && !e->first;
}
