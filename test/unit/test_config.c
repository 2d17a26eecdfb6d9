/* Options from flags, environment and file, into one checked struct. */
#include "controller/config.h"

#include <string.h>

#include "controller/config_options.h"
#include "test/check.h"

struct world { /* what the program would find around it */
    const char *env_name, *env_value;
    const char *file;
};

static const char *env(void *user, const char *name)
{
    const struct world *w = user;
    return w->env_name && strcmp(w->env_name, name) == 0 ? w->env_value : NULL;
}

static int file(void *user, const char *path, struct arena *a, char **text, size_t *len,
                struct err *err)
{
    const struct world *w = user;
    if (!w->file) return err_set(err, ERR_NOT_FOUND, "%s: there is no such file", path);
    *text = arena_strdup(a, w->file);
    *len = strlen(*text);
    return 0;
}

#define ARGS(...) ((char *const[]){__VA_ARGS__, NULL})

static int load(struct world *w, char *const *argv, struct config **out, struct err *err)
{
    int argc = 0;
    while (argv[argc]) argc++;
    struct config_source from = {
        .argc = argc, .argv = argv, .env = env, .user = w, .read_file = file};
    return config_load(&from, out, err);
}

static char config_flag[] = "--config", config_path[] = "carrel.yaml";
static char domain_flag[] = "--domain", domain_value[] = "flag.example";

TEST(config, without_a_word_everything_has_its_default)
{
    struct config *c = NULL;
    struct err err = {0};
    CHECK_OK(load(&(struct world){0}, ARGS(NULL), &c, &err), err);
    CHECK_STR(c->settings.domain, "carrel.local");
    CHECK_STR(c->settings.host_template, "{session}.{domain}");
    CHECK_STR(c->settings.scheme, "https");
    CHECK_INT(c->settings.port, 0);
    CHECK(c->settings.headless);
    CHECK(c->leader_elect);
    CHECK_INT(c->lease_ms, 15000);
    CHECK_INT(c->renew_ms, 10000);
    CHECK_INT(c->retry_ms, 2000);
    CHECK_INT(c->settings.connection_stale_ms, 360000);
    CHECK(!c->kubeconfig);
    config_free(c);
}

TEST(config, every_default_is_a_value_that_is_allowed)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        CHECK(option_accepts(&options[i], options[i].fallback));
    }
}

TEST(config, a_flag_beats_the_environment_and_the_environment_the_file)
{
    struct world w = {"CARREL_DOMAIN", "env.example", "domain: file.example\n"};
    struct config *c = NULL;
    struct err err = {0};
    CHECK_OK(load(&w, ARGS(config_flag, config_path, domain_flag, domain_value), &c, &err), err);
    CHECK_STR(c->settings.domain, "flag.example");
    config_free(c);
    CHECK_OK(load(&w, ARGS(config_flag, config_path), &c, &err), err);
    CHECK_STR(c->settings.domain, "env.example");
    config_free(c);
    w.env_name = NULL;
    CHECK_OK(load(&w, ARGS(config_flag, config_path), &c, &err), err);
    CHECK_STR(c->settings.domain, "file.example");
    config_free(c);
}

TEST(config, streamspaces_names_of_the_environment_work_too)
{
    struct world w = {"INGRESS_DOMAIN", "old.example", NULL};
    struct config *c = NULL;
    struct err err = {0};
    CHECK_OK(load(&w, ARGS(NULL), &c, &err), err);
    CHECK_STR(c->settings.domain, "old.example");
    config_free(c);
}

TEST(config, the_file_takes_maps_bools_and_numbers_as_yaml_has_them)
{
    struct world w = {.file = "ingress-annotation:\n"
                              "  projectcontour.io/response-timeout: infinity\n"
                              "  a.b/c: 'd=e'\n"
                              "leader-elect: no\n"
                              "concurrency: 8\n"
                              "external-url: http://localhost:8080\n"};
    struct config *c = NULL;
    struct err err = {0};
    CHECK_OK(load(&w, ARGS(config_flag, config_path), &c, &err), err);
    CHECK_INT(c->settings.ingress_annotation_count, 2);
    CHECK_STR(c->settings.ingress_annotations[0].name, "projectcontour.io/response-timeout");
    CHECK_STR(c->settings.ingress_annotations[0].value, "infinity");
    CHECK_STR(c->settings.ingress_annotations[1].value, "d=e");
    CHECK(!c->leader_elect);
    CHECK_INT(c->settings.concurrency, 8);
    CHECK_STR(c->settings.scheme, "http");
    CHECK_INT(c->settings.port, 8080);
    config_free(c);
}

TEST(config, the_usual_port_of_a_scheme_is_left_out_of_urls)
{
    char flag[] = "--external-url=https://example.com:443";
    struct config *c = NULL;
    struct err err = {0};
    CHECK_OK(load(&(struct world){0}, ARGS(flag), &c, &err), err);
    CHECK_INT(c->settings.port, 0);
    config_free(c);
}

TEST(config, a_bool_needs_no_value_and_annotations_add_up)
{
    char bare[] = "--leader-elect", a[] = "--ingress-annotation=a=1",
         b[] = "--ingress-annotation=b=2";
    struct config *c = NULL;
    struct err err = {0};
    CHECK_OK(load(&(struct world){0}, ARGS(bare, a, b), &c, &err), err);
    CHECK(c->leader_elect);
    CHECK_INT(c->settings.ingress_annotation_count, 2);
    config_free(c);
}

static void refused(struct world *w, const char *argument, const char *part, const char *also)
{
    char text[128];
    str_copy(text, sizeof(text), argument);
    struct config *c = NULL;
    struct err err = {0};
    CHECK_ERR(load(w, argument[0] ? ARGS(text) : ARGS(config_flag, config_path), &c, &err), err,
              ERR_INVALID);
    CHECK_HAS(err.text, part);
    CHECK_HAS(err.text, also);
    CHECK(!c);
}

TEST(config, a_bad_value_names_the_key_the_value_and_what_is_allowed)
{
    struct world w = {0};
    refused(&w, "--home-size=ten", "--home-size: 'ten' is not allowed", "10Gi");
    refused(&w, "--service-type=NodePort", "--service-type: 'NodePort'", "headless or ClusterIP");
    refused(&w, "--lease-duration=15", "--lease-duration: '15'", "such as 15s");
    refused(&w, "--leader-elect=maybe", "--leader-elect: 'maybe'", "true or false");
    refused(&w, "--concurrency=0", "--concurrency: '0'", "from 1 to 1000");
    refused(&w, "--metrics-listen=8081", "--metrics-listen: '8081'", "127.0.0.1:8081");
    refused(&w, "--metrics-listen=1.2.3.4:70000", "70000", "a port");
    refused(&w, "--domain=Example.com", "--domain: 'Example.com'", "lower-case");
    refused(&w, "--domain=a..b", "--domain", "DNS name");
    refused(&w, "--host-template=all.{domain}", "--host-template", "{session}");
    refused(&w, "--host-template={session}.{zone}", "--host-template", "{session}");
    refused(&w, "--external-url=example.com", "--external-url", "https://");
    refused(&w, "--ingress-annotation=novalue", "--ingress-annotation", "key=value");
    refused(&w, "--listen=8080", "--listen: '8080'", "127.0.0.1:8080");
    refused(&w, "--auth-mode=none", "--auth-mode: 'none'", "open or token");
    refused(&w, "--cors-origins=example.com", "--cors-origins", "https://app.example.com");
    refused(&w, "--cors-origins=https://a.example,", "--cors-origins", "commas");
    refused(&w, "--log-level=loud", "--log-level", "debug, info");
    refused(&w, "--nonsense=1", "no option --nonsense", "carrel help serve");
    refused(&w, "--domain", "--domain needs a value", "");
    refused(&w, "domain", "'domain' is no option", "--");
}

TEST(config, an_api_that_asks_nobody_is_for_this_machine_alone)
{
    struct world w = {0};
    refused(&w, "--listen=0.0.0.0:8080", "--listen: '0.0.0.0:8080' with --auth-mode open",
            "--open-anywhere true");
    struct world in_file = {.file = "listen: 10.0.0.1:8080\n"};
    refused(&in_file, "", "carrel.yaml: listen", "run code on the cluster");
    struct world keyless = {.file = "listen: 0.0.0.0:8080\nauth-mode: token\n"};
    refused(&keyless, "", "carrel.yaml: auth-mode", "--auth-issuer");
}

TEST(config, an_api_listens_where_it_may)
{
    static const char *const good[] = {
        "listen: 127.0.0.1:8080\n", "listen: 0.0.0.0:80\nopen-anywhere: true\n",
        "listen: 0.0.0.0:80\nauth-mode: token\nauth-secret-file: x\n",
        "listen: 0.0.0.0:80\nauth-mode: token\nauth-issuer: https://id.example\n",
        "cors-origins: https://a.example,http://localhost:3000\n", "cors-origins: '*'\n"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct world w = {.file = good[i]};
        struct config *c = NULL;
        struct err err = {0};
        CHECK_OK(load(&w, ARGS(config_flag, config_path), &c, &err), err);
        config_free(c);
    }
}

TEST(config, the_environment_and_the_file_are_named_in_their_errors)
{
    struct world in_env = {"CARREL_CONCURRENCY", "many", NULL};
    char flag[] = "--log-level=info";
    refused(&in_env, flag, "CARREL_CONCURRENCY: 'many'", "whole number");
    struct world in_file = {.file = "retry-period: soon\n"};
    refused(&in_file, "", "carrel.yaml: retry-period: 'soon'", "such as 15s");
    struct world unknown = {.file = "domian: a\n"};
    refused(&unknown, "", "carrel.yaml: there is no option 'domian'", "");
    struct world list = {.file = "- a\n"};
    refused(&list, "", "carrel.yaml: must be a map", "");
    struct world broken = {.file = "a: [\n"};
    refused(&broken, "", "carrel.yaml", "");
}

TEST(config, a_file_that_is_not_there_is_named)
{
    struct config *c = NULL;
    struct err err = {0};
    CHECK_ERR(load(&(struct world){0}, ARGS(config_flag, config_path), &c, &err), err,
              ERR_NOT_FOUND);
    CHECK_HAS(err.text, "carrel.yaml");
}

TEST(config, help_has_a_line_for_every_option)
{
    struct str help;
    str_init(&help, 64 * 1024);
    config_help(&help);
    for (int i = 0; i < OPTION_COUNT; i++) CHECK_HAS(help.at, options[i].name);
    str_release(&help);
}
