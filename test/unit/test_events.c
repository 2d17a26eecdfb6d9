#include "controller/events.h"

#include "lib/json.h"
#include "test/unit/fixture_wire.h"

struct rig {
    struct wire wire;
    struct timers timers;
    struct rng rng;
    struct arena a;
    struct kube_client *client;
    struct events *events;
};

static void open(struct rig *r)
{
    wire_open(&r->wire);
    timers_init(&r->timers);
    r->timers.now_ms = 1000;
    r->timers.wall_ms = 1795255200000;
    rng_seed(&r->rng, 3);
    r->a = (struct arena){0};
    struct kube_client_config client = {
        .transport = &r->wire.transport, .timers = &r->timers, .rng = &r->rng};
    r->client = kube_client_new(&client);
    struct events_config config = {
        .client = r->client, .timers = &r->timers, .instance = "carrel-0"};
    r->events = events_new(&config);
}

static void close(struct rig *r)
{
    events_free(r->events);
    kube_client_free(r->client);
    timers_release(&r->timers);
    arena_release(&r->a);
}

#define TEXT(text) ((char *)(uintptr_t)(text))
static const struct kube_object about = {
    .type = &session_type,
    .meta = {.key = TEXT("n/a"), .ns = TEXT("n"), .name = TEXT("a"), .uid = TEXT("u-1")}};

static void tell(struct rig *r, const char *reason, int64_t once, const char *note)
{
    const struct step_event event = {true, reason, note, once};
    events_tell(r->events, &about, &event);
}

static struct json *body(struct rig *r, size_t i)
{
    struct json *tree = NULL;
    struct err err = {0};
    CHECK(i < r->wire.count && r->wire.calls[i].live);
    CHECK_OK(json_parse(&r->a, r->wire.calls[i].body, strlen(r->wire.calls[i].body), &tree, &err),
             err);
    return tree;
}

static const char *at(struct rig *r, size_t i, const char *path)
{
    return json_text(json_path(body(r, i), path));
}

TEST(events, an_event_has_what_the_api_asks_for)
{
    static struct rig r;
    open(&r);
    tell(&r, "Ready", 7, "all \"well\"\n");
    CHECK_STR(r.wire.calls[0].method, "POST");
    CHECK_STR(r.wire.calls[0].path, "/apis/events.k8s.io/v1/namespaces/n/events");
    CHECK_STR(at(&r, 0, "reason"), "Ready");
    CHECK_STR(at(&r, 0, "type"), "Warning");
    CHECK_STR(at(&r, 0, "note"), "all \"well\"\n");
    CHECK_STR(at(&r, 0, "eventTime"), "2026-11-21T10:00:00.000000Z");
    CHECK_STR(at(&r, 0, "reportingInstance"), "carrel-0");
    CHECK_STR(at(&r, 0, "regarding.kind"), "Session");
    CHECK_STR(at(&r, 0, "regarding.uid"), "u-1");
    CHECK_HAS(at(&r, 0, "metadata.name"), "a.");
    CHECK(at(&r, 0, "action") && at(&r, 0, "reportingController"));
    close(&r);
}

TEST(events, the_same_is_told_once_and_has_the_same_name_in_every_replica)
{
    static struct rig r, other;
    open(&r);
    open(&other);
    tell(&r, "Ready", 7, "x");
    tell(&r, "Ready", 7, "other words");
    wire_answer(&r.wire, 0, 201, "{}");
    CHECK_INT(r.wire.count, 1);
    CHECK(events_idle(r.events));
    tell(&r, "Ready", 8, "x");
    tell(&other, "Ready", 8, "x");
    CHECK_INT(r.wire.count, 2);
    CHECK_STR(at(&r, 1, "metadata.name"), at(&other, 0, "metadata.name"));
    close(&r);
    close(&other);
}

TEST(events, a_long_note_is_cut_to_what_the_api_takes)
{
    static struct rig r;
    char note[3000];
    open(&r);
    for (size_t i = 0; i < 1500; i++) memcpy(note + 2 * i, "\xc3\xa9", 2);
    note[2999] = '\0';
    tell(&r, "Ready", 1, note);
    CHECK(strlen(at(&r, 0, "note")) <= 1024);
    close(&r);
}

TEST(events, one_goes_at_a_time_and_a_failure_is_tried_once_more)
{
    static struct rig r;
    open(&r);
    tell(&r, "A", 1, "");
    tell(&r, "B", 1, "");
    CHECK_INT(r.wire.count, 1);
    wire_answer(&r.wire, 0, 0, ""); /* lost: the name makes a second time harmless */
    CHECK_STR(at(&r, 1, "reason"), "A");
    wire_answer(&r.wire, 1, 409, "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\"}");
    CHECK_STR(at(&r, 2, "reason"), "B");
    CHECK_INT(events_dropped(r.events), 0);
    wire_answer(&r.wire, 2, 0, "");
    wire_answer(&r.wire, 3, 0, "");
    CHECK_INT(r.wire.count, 4);
    CHECK_INT(events_dropped(r.events), 1);
    CHECK(events_idle(r.events));
    close(&r);
}

TEST(events, the_second_try_waits_as_long_as_the_server_said)
{
    static struct rig r;
    open(&r);
    tell(&r, "A", 1, "");
    for (size_t i = 0; i < 3; i++) {
        wire_answer_later(&r.wire, i, 429, 1, "");
        wire_pass_time(&r.timers, 2000);
    }
    wire_answer_later(&r.wire, 3, 429, 30, "");
    wire_pass_time(&r.timers, 29999);
    CHECK_INT(r.wire.count, 4);
    wire_pass_time(&r.timers, 101);
    CHECK_STR(at(&r, 4, "reason"), "A");
    wire_answer(&r.wire, 4, 201, "{}");
    CHECK_INT(events_dropped(r.events), 0);
    close(&r);
}

TEST(events, a_refusal_is_not_tried_again)
{
    static struct rig r;
    open(&r);
    tell(&r, "A", 1, "");
    wire_answer(&r.wire, 0, 403, "{}");
    CHECK_INT(r.wire.count, 1);
    CHECK_INT(events_dropped(r.events), 1);
    close(&r);
}

static void tell_in(struct rig *r, const char *ns, int64_t once)
{
    struct kube_object elsewhere = about;
    elsewhere.meta.ns = TEXT(ns);
    const struct step_event event = {true, "Reason", "note", once};
    events_tell(r->events, &elsewhere, &event);
}

TEST(events, what_waits_for_a_namespace_that_is_gone_is_dropped_with_it)
{
    static const struct {
        int code;
        const char *body;
    } ends[] = {{404, "{\"kind\":\"Status\",\"reason\":\"NotFound\"}"},
                {403, "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"details\":{\"causes\":["
                      "{\"reason\":\"NamespaceTerminating\"}]}}"}};
    for (int i = 0; i < 2; i++) {
        static struct rig r;
        open(&r);
        tell_in(&r, "gone", 1);
        tell_in(&r, "gone", 2);
        tell_in(&r, "here", 3);
        tell_in(&r, "gone", 4);
        wire_answer(&r.wire, 0, ends[i].code, ends[i].body);
        CHECK_INT(r.wire.count, 2);
        CHECK_STR(at(&r, 1, "metadata.namespace"), "here");
        CHECK_INT(events_dropped(r.events), 3);
        tell_in(&r, "here", 5); /* the queue's end is where it was */
        wire_answer(&r.wire, 1, 201, "{}");
        CHECK_INT(r.wire.count, 3);
        close(&r);
    }
}

TEST(events, after_a_burst_ten_go_in_a_second)
{
    static struct rig r;
    open(&r);
    for (int i = 0; i < 70; i++) tell(&r, "A", i, "");
    while (r.wire.count < 50) wire_answer(&r.wire, r.wire.count - 1, 201, "{}");
    wire_answer(&r.wire, 49, 201, "{}");
    CHECK_INT(wire_live(&r.wire), 0);
    CHECK(!events_idle(r.events));
    wire_pass_time(&r.timers, 99);
    CHECK_INT(r.wire.count, 50);
    for (int i = 0; i < 10; i++) {
        wire_pass_time(&r.timers, 100);
        CHECK(r.wire.count <= 51 + (size_t)i);
        if (wire_live(&r.wire)) wire_answer(&r.wire, r.wire.count - 1, 201, "{}");
    }
    CHECK(r.wire.count >= 59);
    close(&r);
}

TEST(events, too_many_that_wait_are_dropped_and_counted)
{
    static struct rig r;
    open(&r);
    for (int i = 0; i < 1100; i++) tell(&r, "A", i, "");
    CHECK(events_dropped(r.events) >= 70 && events_dropped(r.events) <= 80);
    events_clear(r.events);
    CHECK(events_idle(r.events));
    CHECK_INT(wire_live(&r.wire), 0);
    close(&r);
}
