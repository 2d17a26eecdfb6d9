#include "controller/session_report.h"

#include <string.h>

#include "controller/session_trouble.h"
#include "lib/clock.h"

static bool times_differ(int64_t a, int64_t b)
{
    return a / 1000 != b / 1000; /* the API keeps whole seconds */
}

static bool texts_differ(const char *a, const char *b)
{
    return !str_equal(a && *a ? a : NULL, b && *b ? b : NULL);
}

static bool conditions_differ(const struct session_status *a, const struct session_status *b)
{
    for (int i = 0; i < SESSION_CONDITION_COUNT; i++) {
        const struct condition *x = &a->conditions[i], *y = &b->conditions[i];
        if (x->status != y->status || texts_differ(x->reason, y->reason) ||
            texts_differ(x->message, y->message)) {
            return true;
        }
    }
    return false;
}

bool session_status_differs(const struct session_status *a, const struct session_status *b)
{
    return texts_differ(a->phase, b->phase) || texts_differ(a->url, b->url) ||
           texts_differ(a->pod_name, b->pod_name) || times_differ(a->started_ms, b->started_ms) ||
           a->observed_generation != b->observed_generation ||
           texts_differ(a->template_revision, b->template_revision) ||
           a->template_behind != b->template_behind || a->has_start != b->has_start ||
           texts_differ(a->idle_by, b->idle_by) ||
           texts_differ(a->idle_blocked_by, b->idle_blocked_by) ||
           times_differ(a->idle_hibernate_ms, b->idle_hibernate_ms) || conditions_differ(a, b);
}

void session_status_events(const struct session_facts *f, const struct session_status *before,
                           const struct session_status *after, struct step_io *io)
{
    const struct condition *was = &before->conditions[SESSION_READY];
    const struct condition *is = &after->conditions[SESSION_READY];
    bool phase_changed = texts_differ(before->phase, after->phase);
    io->about = &f->session->object;
    if (is->status == CONDITION_TRUE && was->status != CONDITION_TRUE) {
        step_event(io, false, "Ready", after->started_ms,
                   arena_printf(io->arena, "ready after %lld ms at %s", (long long)after->ready_ms,
                                after->url ? after->url : ""));
    } else if (trouble_is_one(is->reason) && texts_differ(was->reason, is->reason)) {
        step_event(io, true, is->reason, after->started_ms, is->message);
    } else if (phase_changed && strcmp(after->phase, "Hibernated") == 0) {
        step_event(io, false, "Hibernated", f->session->object.meta.generation,
                   "stopped; home and address stay");
    } else if (phase_changed && strcmp(after->phase, "Terminated") == 0) {
        step_event(io, false, "Terminated", 0, "everything but the home is removed");
    }
}

static void add_text(struct str *out, const char *name, const char *text)
{
    if (!text) return;
    str_add_f(out, ",\"%s\":", name);
    str_add_json(out, text);
}

static void add_time(struct str *out, const char *name, int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];
    if (!wall_ms) return;
    time_format(text, wall_ms);
    add_text(out, name, text);
}

static void add_conditions(struct str *out, const struct session_status *st)
{
    str_add(out, ",\"conditions\":[");
    for (int i = 0; i < SESSION_CONDITION_COUNT; i++) {
        const struct condition *c = &st->conditions[i];
        char since[TIME_TEXT_SIZE];
        time_format(since, c->since_ms);
        str_add_f(out, "%s{\"type\":\"%s\",\"status\":\"%s\",\"observedGeneration\":%lld,",
                  i ? "," : "", session_condition_names[i], condition_status_name(c->status),
                  (long long)st->observed_generation);
        str_add_f(out, "\"lastTransitionTime\":\"%s\",\"reason\":\"%s\",\"message\":", since,
                  c->reason);
        str_add_json(out, c->message ? c->message : "");
        str_add_c(out, '}');
    }
    str_add_c(out, ']');
}

static void add_idle(struct str *out, const struct session_status *st)
{
    if (!st->idle_by && !st->idle_blocked_by) return;
    auto_str inner;
    str_init(&inner, 4096);
    add_text(&inner, "by", st->idle_by);
    add_time(&inner, "hibernateAt", st->idle_hibernate_ms);
    add_text(&inner, "blockedBy", st->idle_blocked_by);
    str_add_f(out, ",\"idle\":{%s}", inner.at + 1); /* without the leading comma */
}

char *session_status_body(struct arena *a, const struct session *s,
                          const struct session_status *st)
{
    auto_str body;
    str_init(&body, 256 * 1024);
    str_add_f(&body,
              "{\"apiVersion\":\"" CARREL_API_VERSION "\",\"kind\":\"Session\",\"metadata\":{"
              "\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"%s\",\"resourceVersion\":\"%s\"},"
              "\"status\":{\"observedGeneration\":%lld,\"templateBehind\":%s",
              s->object.meta.name, s->object.meta.ns, s->object.meta.uid, s->object.meta.rv,
              (long long)st->observed_generation, st->template_behind ? "true" : "false");
    add_text(&body, "phase", st->phase);
    add_text(&body, "url", st->url);
    add_text(&body, "podName", st->pod_name);
    add_time(&body, "startedAt", st->started_ms);
    add_time(&body, "lastActivity", st->last_activity_ms);
    add_text(&body, "templateRevision", st->template_revision);
    add_idle(&body, st);
    if (st->has_start) {
        str_add_f(&body,
                  ",\"start\":{\"queuedMs\":%lld,\"scheduledMs\":%lld,\"pulledMs\":%lld,"
                  "\"readyMs\":%lld}",
                  (long long)st->queued_ms, (long long)st->scheduled_ms,
                  (long long)st->pulled_ms, (long long)st->ready_ms);
    }
    add_conditions(&body, st);
    str_add(&body, "}}");
    return arena_strndup(a, body.at, body.len);
}
