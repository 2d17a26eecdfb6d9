#include "controller/template_spec.h"

#include <stdio.h>
#include <string.h>

#include "test/check.h"

#define NAMED "\"displayName\":\"A\",\"baseImage\":\"i\""

static struct arena arena;

/* The error's text, "" where the spec is fine. */
static const char *check(const char *json)
{
    static struct err err;
    struct template_spec spec;
    err = (struct err){0};
    arena_reset(&arena, 0);
    bool fine = template_spec_read(&arena, json, &spec, &err) == 0 &&
                template_spec_check(&spec, &err) == 0;
    if (fine) return "";
    CHECK_INT(err.code, ERR_INVALID);
    return err.text;
}

static struct template_spec read_spec(const char *json)
{
    struct template_spec spec;
    struct err err = {0};
    arena_reset(&arena, 0);
    CHECK_OK(template_spec_read(&arena, json, &spec, &err), err);
    return spec;
}

TEST(template_spec, the_least_template_is_fine_and_has_defaults)
{
    CHECK_STR(check("{" NAMED "}"), "");
    struct template_spec spec = read_spec("{" NAMED "}");
    CHECK_INT(template_port_of(&spec), 3000);
    CHECK_STR(template_home_path(&spec), "/config");
    CHECK_INT(spec.run_as_user, -1);
}

TEST(template_spec, the_port_is_of_the_webapp_then_the_screen_then_the_first_tcp)
{
#define PORTS "\"ports\":[{\"containerPort\":9,\"protocol\":\"UDP\"},{\"containerPort\":80}]"
    struct template_spec spec = read_spec("{" NAMED "," PORTS "}");
    CHECK_INT(template_port_of(&spec), 80);
    spec = read_spec("{" NAMED "," PORTS ",\"vnc\":{\"port\":5900}}");
    CHECK_INT(template_port_of(&spec), 5900);
    spec = read_spec("{" NAMED "," PORTS ",\"vnc\":{\"port\":5900,\"enabled\":false}}");
    CHECK_INT(template_port_of(&spec), 80);
    spec = read_spec("{" NAMED "," PORTS ",\"webapp\":{\"port\":81},\"vnc\":{\"port\":5900}}");
    CHECK_INT(template_port_of(&spec), 81);
}

TEST(template_spec, an_error_names_the_field_and_what_to_write)
{
    CHECK_HAS(check("{\"displayName\":\"A\"}"), "spec.baseImage is empty: write the image");
    CHECK_HAS(check("{\"baseImage\":\"i\"}"), "spec.displayName is empty: write");
    CHECK_HAS(check("{" NAMED ",\"ports\":[{\"containerPort\":80}],\"webapp\":{\"port\":81}}"),
              "spec.webapp.port 81 is not among spec.ports: add it");
    CHECK_HAS(check("{" NAMED ",\"webapp\":{\"port\":81},\"vnc\":{\"port\":82}}"),
              "set enabled: false on one of them");
    CHECK_HAS(check("{" NAMED ",\"env\":[{\"value\":\"x\"}]}"), "spec: env[0]");
    CHECK_HAS(check("nonsense"), "spec");
}

TEST(template_spec, a_mount_needs_a_volume_and_the_home_is_one_without_being_declared)
{
    CHECK_STR(check("{" NAMED ",\"volumeMounts\":[{\"name\":\"user-home\","
                    "\"mountPath\":\"/config\"}]}"), "");
    CHECK_STR(check("{" NAMED ",\"volumeMounts\":[{\"name\":\"d\",\"mountPath\":\"/d\"}],"
                    "\"pod\":{\"volumes\":[{\"name\":\"d\",\"emptyDir\":{}}]}}"), "");
    CHECK_HAS(check("{" NAMED ",\"volumeMounts\":[{\"name\":\"d\",\"mountPath\":\"/d\"}]}"),
              "no volume 'd' is in spec.pod.volumes: declare it there, such as "
              "{name: d, emptyDir: {}}");
    CHECK_HAS(check("{" NAMED ",\"pod\":{\"volumes\":[{\"name\":\"user-home\"}]}}"),
              "without being declared");
    CHECK_HAS(check("{" NAMED ",\"homePath\":\"/h\",\"volumeMounts\":[{\"name\":\"d\","
                    "\"mountPath\":\"/h\"}],\"pod\":{\"volumes\":[{\"name\":\"d\"}]}}"),
              "mount 'd' elsewhere");
}

/* --- what a session adds -------------------------------------------------------------------- */

static const char *parameters(const char *template, const char *given)
{
    static struct err err;
    struct session_extra extra;
    err = (struct err){0};
    char json[2048];
    snprintf(json, sizeof(json), "{" NAMED ",\"parameters\":%s}", template);
    struct template_spec spec = read_spec(json);
    CHECK_OK(session_extra_read(&arena, NULL, NULL, given, &extra, &err), err);
    return session_parameters_check(&spec, &extra, &err) < 0 ? err.text : "";
}

TEST(template_spec, parameters_are_held_to_what_the_template_offers)
{
    static const char offer[] =
        "[{\"name\":\"v\",\"type\":\"choice\",\"allowed\":[\"3.11\",\"3.12\"]},"
        "{\"name\":\"n\",\"type\":\"number\"},{\"name\":\"b\",\"type\":\"boolean\"}]";
    CHECK_STR(parameters(offer, "{\"v\":\"3.12\",\"n\":\"-0.5\",\"b\":\"true\"}"), "");
    CHECK_STR(parameters(offer, NULL), "");
    CHECK_HAS(parameters(offer, "{\"v\":\"2\"}"), "spec.parameters.v: '2' is not allowed");
    CHECK_HAS(parameters(offer, "{\"n\":\"four\"}"), "'four' is no number");
    CHECK_HAS(parameters(offer, "{\"n\":\"-\"}"), "is no number");
    CHECK_HAS(parameters(offer, "{\"n\":\".\"}"), "is no number");
    CHECK_HAS(parameters(offer, "{\"n\":\"1.2.3\"}"), "is no number");
    CHECK_HAS(parameters(offer, "{\"b\":\"yes\"}"), "write \"true\" or \"false\"");
    CHECK_HAS(parameters(offer, "{\"w\":\"1\"}"), "no parameter of that name");
}

TEST(template_spec, a_required_parameter_is_missed_unless_it_has_a_default)
{
    CHECK_HAS(parameters("[{\"name\":\"p\",\"required\":true}]", "{}"), "requires a value");
    CHECK_STR(parameters("[{\"name\":\"p\",\"required\":true,\"default\":\"x\"}]", "{}"), "");
    CHECK_STR(parameters("[{\"name\":\"p\",\"required\":true}]", "{\"p\":\"\"}"), "");
}

TEST(template_spec, what_is_no_json_of_the_right_kind_is_an_error_that_names_the_member)
{
    struct session_extra extra;
    struct err err = {0};
    CHECK_ERR(session_extra_read(&arena, NULL, "{}", NULL, &extra, &err), err, ERR_INVALID);
    CHECK_HAS(err.text, "spec.env");
    CHECK_ERR(session_extra_read(&arena, "[]", NULL, NULL, &extra, &err), err, ERR_INVALID);
    CHECK_HAS(err.text, "spec.resources");
}
