#include "lib/json_table.h"

#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/map.h"
#include "lib/str.h"
#include "lib/xalloc.h"
#include "test/check.h"

struct port {
    char *name;
    int64_t number;
    struct json_list hosts;
};

struct thing {
    char *name;
    char *memory;
    int64_t replicas;
    bool paused;
    int64_t created;
    char *raw;
    uint64_t hash;
    bool deleted;
    struct port main_port;
    struct json_list ports; /* of struct port */
    struct json_list args;
    struct json_list labels;
    char *cache; /* transient */
    char *version;
    const char *mine; /* in no row */
};

static JSON_TABLE(port_table, struct port,
                  JSON_ROW("name", JSON_TEXT, struct port, name, .flags = JSON_REQUIRED),
                  JSON_ROW("port", JSON_INT, struct port, number),
                  JSON_ROW("hosts", JSON_TEXTS, struct port, hosts));

static JSON_TABLE(spec_table, struct thing, JSON_ROW("memory", JSON_SCALAR, struct thing, memory),
                  JSON_ROW("replicas", JSON_INT, struct thing, replicas),
                  JSON_ROW("paused", JSON_BOOL, struct thing, paused),
                  JSON_ROW("env", JSON_RAW, struct thing, raw),
                  JSON_ROW("env", JSON_HASH, struct thing, hash),
                  JSON_ROW("port", JSON_OBJECT, struct thing, main_port, .table = &port_table),
                  JSON_ROW("ports", JSON_LIST, struct thing, ports, .table = &port_table),
                  JSON_ROW("args", JSON_TEXTS, struct thing, args));

static JSON_TABLE(meta_table, struct thing, JSON_ROW("name", JSON_TEXT, struct thing, name),
                  JSON_ROW("resourceVersion", JSON_TEXT, struct thing, version,
                           .flags = JSON_NOT_SAME),
                  JSON_ROW("creationTimestamp", JSON_TIME, struct thing, created),
                  JSON_ROW("deletionTimestamp", JSON_PRESENT, struct thing, deleted),
                  JSON_ROW("labels", JSON_MAP, struct thing, labels));

JSON_TABLE(test_thing_table, struct thing, /* extern on purpose: both forms must work */
           JSON_GROUP("metadata", meta_table, .flags = JSON_REQUIRED),
           JSON_GROUP("spec", spec_table),
           JSON_ROW("cache", JSON_TEXT, struct thing, cache, .flags = JSON_TRANSIENT));

static JSON_TABLE_STRICT(strict_table, struct port, JSON_ROW("name", JSON_TEXT, struct port, name),
                         JSON_ROW("port", JSON_INT, struct port, number));

static const char FULL[] =
    "{\"kind\":\"Thing\",\"metadata\":{\"name\":\"a\\u00e9\",\"resourceVersion\":\"7\","
    "\"creationTimestamp\":\"2026-11-21T10:00:00Z\",\"deletionTimestamp\":\"x\","
    "\"labels\":{\"app\":\"web\",\"n\":1,\"yes\":true,\"gone\":null}},"
    "\"spec\":{\"memory\":\"1Gi\",\"replicas\":3,\"paused\":true,\"env\": [ {\"a\": 1} ] ,"
    "\"port\":{\"name\":\"main\",\"port\":8080},"
    "\"ports\":[{\"name\":\"p0\",\"hosts\":[\"x\",\"y\"]},null,{\"name\":\"p1\",\"port\":1e3}],"
    "\"args\":[\"-v\",null,\"\"]},\"cache\":\"warm\",\"status\":{\"deep\":[[[{}]]]}}";

static struct arena arena;

static int decode(const char *text, struct thing *out, struct err *err)
{
    size_t n = strlen(text);
    auto_free char *exact = xmalloc(n);
    memcpy(exact, text, n);
    *out = (struct thing){.replicas = -1};
    arena_release(&arena);
    return json_decode(&arena, exact, n, &test_thing_table, out, err);
}

/* The error of a spec that holds this. */
static const char *spec_error(const char *spec)
{
    static struct err err;
    struct thing t;
    auto_str text;
    str_init(&text, 100000);
    str_add_f(&text, "{\"metadata\":{},\"spec\":%s}", spec);
    err = (struct err){0};
    return decode(text.at, &t, &err) < 0 ? err.text : "accepted";
}

TEST(json_table, each_type_of_row_reads_its_member)
{
    struct thing t;
    struct err err;
    CHECK_OK(decode(FULL, &t, &err), err);
    CHECK_STR(t.name, "a\u00e9");
    CHECK_STR(t.memory, "1Gi");
    CHECK_INT(t.replicas, 3);
    CHECK(t.paused);
    CHECK_INT(t.created, 1795255200000);
    CHECK_STR(t.raw, "[ {\"a\": 1} ]");
    CHECK(t.hash == hash_bytes(t.raw, strlen(t.raw), 0));
    CHECK(t.deleted);
    CHECK_STR(t.main_port.name, "main");
    CHECK_INT(t.main_port.number, 8080);
    CHECK_STR(t.cache, "warm");
}

TEST(json_table, lists_and_maps_keep_their_order_and_leave_nulls_out)
{
    struct thing t;
    struct err err;
    CHECK_OK(decode(FULL, &t, &err), err);
    const struct port *ports = t.ports.items;
    char **args = t.args.items, **hosts = ports[0].hosts.items;
    const struct json_pair *labels = t.labels.items;
    CHECK_INT(t.ports.count, 2);
    CHECK_STR(ports[0].name, "p0");
    CHECK_INT(ports[0].hosts.count, 2);
    CHECK_STR(hosts[1], "y");
    CHECK_STR(ports[1].name, "p1");
    CHECK_INT(ports[1].number, 1000);
    CHECK_INT(t.args.count, 2);
    CHECK_STR(args[1], "");
    CHECK_INT(t.labels.count, 3);
    CHECK_STR(labels[1].key, "n");
    CHECK_STR(labels[1].value, "1");
    CHECK_STR(labels[2].value, "true");
}

TEST(json_table, absent_and_null_members_keep_the_default)
{
    struct thing t;
    struct err err;
    CHECK_OK(decode("{\"metadata\":{\"name\":null,\"deletionTimestamp\":null},\"spec\":"
                    "{\"replicas\":null,\"ports\":null,\"port\":null,\"env\":null}}",
                    &t, &err),
             err);
    CHECK_INT(t.replicas, -1);
    CHECK(!t.name && !t.deleted && !t.raw && t.hash == 0);
    CHECK_INT(t.ports.count, 0);
}

TEST(json_table, a_wrong_type_is_an_error_that_names_the_path)
{
    CHECK_STR(spec_error("{\"ports\":[{\"name\":\"a\"},{\"name\":3}]}"),
              "spec.ports[1].name: must be text");
    CHECK_STR(spec_error("{\"memory\":[1]}"), "spec.memory: must be text, a number or a bool");
    CHECK_STR(spec_error("{\"replicas\":\"3\"}"), "spec.replicas: must be a whole number");
    CHECK_STR(spec_error("{\"replicas\":1.5}"),
              "spec.replicas: must be a whole number of at most 64 bit");
    CHECK_STR(spec_error("{\"paused\":\"yes\"}"), "spec.paused: must be true or false");
    CHECK_STR(spec_error("{\"args\":{}}"), "spec.args: must be a list");
    CHECK_STR(spec_error("{\"args\":[1]}"), "spec.args[0]: must be text");
    CHECK_STR(spec_error("{\"port\":[]}"), "spec.port: must be an object");
    CHECK_STR(spec_error("[]"), "spec: must be an object");
}

TEST(json_table, a_time_or_label_of_the_wrong_form_is_refused)
{
    struct thing t;
    struct err err;
    CHECK_ERR(decode("{\"metadata\":{\"creationTimestamp\":\"today\"}}", &t, &err), err,
              ERR_INVALID);
    CHECK_HAS(err.text, "metadata.creationTimestamp: 'today'");
    CHECK_ERR(decode("{\"metadata\":{\"labels\":{\"a\":{}}}}", &t, &err), err, ERR_INVALID);
    CHECK_HAS(err.text, "metadata.labels.a: must be");
    CHECK_ERR(decode("{\"metadata\":{\"labels\":[]}}", &t, &err), err, ERR_INVALID);
}

TEST(json_table, a_required_member_that_is_absent_or_null_is_named)
{
    struct thing t;
    struct err err;
    CHECK_STR(spec_error("{\"ports\":[{\"port\":1}]}"), "spec.ports[0].name: is missing");
    CHECK_STR(spec_error("{\"port\":{\"name\":null}}"), "spec.port.name: is missing");
    CHECK_ERR(decode("{}", &t, &err), err, ERR_INVALID);
    CHECK_STR(err.text, "metadata: is missing");
    CHECK_ERR(decode("null", &t, &err), err, ERR_INVALID);
    CHECK_STR(err.text, "metadata: is missing");
}

TEST(json_table, a_member_that_comes_twice_is_refused_known_or_not_escaped_or_not)
{
    CHECK_STR(spec_error("{\"replicas\":1,\"replicas\":1}"), "spec.replicas: is there twice");
    CHECK_STR(spec_error("{\"x\":1,\"x\":1}"), "spec.x: is there twice");
    CHECK_STR(spec_error("{\"replicas\":1,\"\\u0072eplicas\":1}"), "spec.replicas: is there twice");
    CHECK_STR(spec_error("{\"port\":{\"name\":\"a\",\"name\":\"a\"}}"),
              "spec.port.name: is there twice");
}

TEST(json_table, an_escaped_name_finds_its_row)
{
    struct thing t;
    struct err err;
    CHECK_OK(decode("{\"m\\u0065tadata\":{\"n\\u0061me\":\"x\"}}", &t, &err), err);
    CHECK_STR(t.name, "x");
}

TEST(json_table, names_match_in_full_and_by_case)
{
    struct thing t;
    struct err err;
    CHECK_OK(decode("{\"metadata\":{\"nam\":\"x\",\"names\":\"x\",\"Name\":\"x\",\"\":\"x\"}}", &t,
                    &err),
             err);
    CHECK_STR(t.name, NULL);
}

TEST(json_table, an_unknown_member_is_refused_where_the_table_says_so)
{
    struct port p = {0};
    struct err err;
    auto_arena a = {0};
    static const char text[] = "{\"name\":\"a\",\"prot\":null}";
    CHECK_ERR(json_decode(&a, text, sizeof(text) - 1, &strict_table, &p, &err), err, ERR_INVALID);
    CHECK_STR(err.text, "prot: is not known here; known are name, port");
}

TEST(json_table, skipped_text_must_be_well_formed_too)
{
    CHECK_HAS(spec_error("{\"x\":[1,}"), "byte 30: no JSON value");
    CHECK_HAS(spec_error("{\"x\":\"\x80\"}"), "spec.x: byte 28: no UTF-8");
    CHECK_HAS(spec_error("{\"x\":01}"), "begins with 0");
    CHECK_STR(spec_error("{\"x\":1"), "byte 29: the text ends too early");
    CHECK_HAS(spec_error("{}} "), "text after the end");
}

TEST(json_table, nesting_over_the_limit_is_too_big_in_rows_and_in_what_is_skipped)
{
    char text[300] = "{\"metadata\":{\"x\":";
    size_t at = strlen(text), fits = LIMIT_JSON_DEPTH - 2;
    struct thing t;
    struct err err;
    memset(text + at, '[', fits);
    memset(text + at + fits, ']', fits);
    memcpy(text + at + 2 * fits, "}}", 3);
    CHECK_OK(decode(text, &t, &err), err);
    memset(text + at, '[', fits + 1);
    memset(text + at + fits + 1, ']', fits + 1);
    memcpy(text + at + 2 * fits + 2, "}}", 3);
    CHECK_ERR(decode(text, &t, &err), err, ERR_TOO_BIG);
}

TEST(json_table, small_text_that_stands_for_big_lists_is_too_big_and_no_crash)
{
    auto_str text;
    struct thing t;
    struct err err;
    str_init(&text, LIMIT_WATCH_LINE_BYTES);
    str_add(&text, "{\"metadata\":{},\"spec\":{\"args\":[\"\"");
    while (text.len < LIMIT_WATCH_LINE_BYTES - 100)
        str_add(&text, ",\"\",\"\",\"\",\"\",\"\",\"\"");
    str_add(&text, "]}}");
    CHECK_ERR(decode(text.at, &t, &err), err, ERR_TOO_BIG);
}

TEST(json_table, every_beginning_of_a_document_is_refused)
{
    struct err err;
    auto_arena a = {0};
    for (size_t n = 0; n < sizeof(FULL) - 1; n++) {
        struct thing t = {0};
        auto_free char *exact = xmalloc(n);
        memcpy(exact, FULL, n);
        CHECK_ERR(json_decode(&a, exact, n, &test_thing_table, &t, &err), err, ERR_INVALID);
    }
}

TEST(json_table, a_null_err_is_allowed)
{
    struct thing t;
    CHECK_INT(decode("{\"metadata\":3}", &t, NULL), -1);
    CHECK_INT(decode("{\"metadata\":{\"x\":\"\x80\"}}", &t, NULL), -1);
}

/* --- Flaws --- */

struct flawed {
    char *flaw;
    struct thing thing;
    int64_t last;
};
static const struct json_field flawed_fields[] = {
    JSON_ROW("\001", JSON_FLAW, struct flawed, flaw),
    {"thing", JSON_OBJECT, .offset = offsetof(struct flawed, thing), .table = &test_thing_table},
    JSON_ROW("last", JSON_INT, struct flawed, last),
};
static const struct json_table flawed_table = {flawed_fields, 3, sizeof(struct flawed), false};

static int decode_flawed(const char *text, struct flawed *out, struct err *err)
{
    *out = (struct flawed){0};
    arena_release(&arena);
    return json_decode(&arena, text, strlen(text), &flawed_table, out, err);
}

TEST(json_table, a_table_with_a_flaw_reads_on_after_what_does_not_fit)
{
    struct flawed f;
    struct err err = {0};
    CHECK_OK(decode_flawed("{\"thing\":{\"metadata\":{\"name\":\"a\"},\"spec\":{\"replicas\":"
                           "\"x\",\"paused\":true}},\"last\":7}",
                           &f, &err),
             err);
    CHECK_STR(f.flaw, "thing.spec.replicas: must be a whole number");
    CHECK_STR(f.thing.name, "a");
    CHECK_INT(f.last, 7);
    CHECK_INT(err.code, ERR_NONE);
    CHECK_OK(decode_flawed("{\"thing\":{\"metadata\":{\"name\":1}},\"last\":\"7\"}", &f, &err),
             err);
    CHECK_STR(f.flaw, "thing.metadata.name: must be text; last: must be a whole number");
    CHECK_OK(decode_flawed("{\"thing\":[],\"last\":7}", &f, NULL), err);
    CHECK_STR(f.flaw, "thing: must be an object");
    CHECK_OK(decode_flawed("{\"thing\":{\"metadata\":{}},\"last\":7}", &f, &err), err);
    CHECK_STR(f.flaw, NULL);
}

TEST(json_table, a_flaw_excuses_no_text_that_is_not_sound)
{
    static const char *const bad[] = {
        "{\"thing\":{\"metadata\":{\"name\":1},\"spec\":{\"replicas\":01}}}",
        "{\"thing\":3,\"last\":}",
        "{\"thing\":3,\"thing\":3}",
        "{\"thing\":[\"\\ud800\"]}",
        "{\"thing\":3",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct flawed f;
        struct err err = {0};
        CHECK_ERR(decode_flawed(bad[i], &f, &err), err, ERR_INVALID);
    }
}

TEST(json_table, a_flaw_is_copied_and_compared)
{
    struct flawed f;
    struct err err = {0};
    CHECK_OK(decode_flawed("{\"last\":\"7\"}", &f, &err), err);
    auto_free struct flawed *copy = json_pack(&flawed_table, &f);
    CHECK(copy->flaw != f.flaw);
    CHECK_STR(copy->flaw, "last: must be a whole number");
    CHECK(json_same(&flawed_table, copy, &f));
    f.flaw = NULL;
    CHECK(!json_same(&flawed_table, copy, &f));
}
