/* Where a configuration comes from: files, a list of them, a pod. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/test_kube_config.h"

/* --- Files --- */

static char dir[64];

static void make_dir(void)
{
    snprintf(dir, sizeof(dir), "/tmp/carrel-config-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
}

static const char *in_dir(const char *name)
{
    static char paths[8][128];
    static size_t turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const char *text)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), (long long)strlen(text));
    close(fd);
}

static void remove_dir(void)
{
    static const char *const names[] = {"config", "more",      "token",
                                        "ca.crt", "namespace", ".kube/config"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) unlink(in_dir(names[i]));
    rmdir(in_dir(".kube"));
    rmdir(in_dir("folder"));
    rmdir(dir);
    done();
}

static int load(struct kube_config_source from)
{
    done();
    err = (struct err){0};
    return kube_config_load(&from, &config, &err);
}

#define FILE_OF(server, user)                                                                      \
    "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"                  \
    "clusters: [{name: c, cluster: {" server "}}]\nusers: [{name: u, user: {" user "}}]\n"

TEST(kube_config, explicit_path_beats_all_others_and_must_exist)
{
    make_dir();
    put("config", FILE_OF("server: 'https://explicit'", ""));
    put("more", FILE_OF("server: 'https://listed'", ""));
    CHECK_OK(load((struct kube_config_source){.path = in_dir("config"),
                                              .kubeconfig_env = in_dir("more")}),
             err);
    CHECK_STR(config->server, "https://explicit");
    CHECK_STR(config->source, in_dir("config"));
    CHECK_ERR(
        load((struct kube_config_source){.path = in_dir("none"), .kubeconfig_env = in_dir("more")}),
        err, ERR_NOT_FOUND);
    CHECK_HAS(err.text, "/none: No such file");
    CHECK_ERR(load((struct kube_config_source){.path = in_dir("config"), .context = "y"}), err,
              ERR_INVALID);
    remove_dir();
}

TEST(kube_config, list_skips_empty_missing_and_repeated_entries)
{
    make_dir();
    put("config", "clusters: [{name: c, cluster: {server: 'https://one'}}]");
    put("more", FILE_OF("server: 'https://two'", "token: t"));
    auto_arena a = {0};
    const char *list = arena_printf(&a, "::%s:%s:%s::%s:%s:", in_dir("none"), in_dir("config"),
                                    in_dir("config"), in_dir("more"), in_dir("none"));
    CHECK_OK(load((struct kube_config_source){.kubeconfig_env = list}), err);
    CHECK_STR(config->server, "https://one");
    CHECK_STR(config->token, "t");
    remove_dir();
}

TEST(kube_config, list_without_any_file_is_an_error_and_leads_nowhere_else)
{
    make_dir();
    mkdir(in_dir(".kube"), 0700);
    put(".kube/config", FILE_OF("server: 'https://home'", ""));
    CHECK_ERR(load((struct kube_config_source){.kubeconfig_env = in_dir("none"), .home = dir}), err,
              ERR_NOT_FOUND);
    CHECK_HAS(err.text, "KUBECONFIG: there is no file of");
    CHECK_ERR(load((struct kube_config_source){.kubeconfig_env = ":::", .home = dir}), err,
              ERR_NOT_FOUND);
    CHECK_OK(load((struct kube_config_source){.kubeconfig_env = "", .home = dir}), err);
    CHECK_STR(config->server, "https://home");
    remove_dir();
}

TEST(kube_config, unreadable_entry_of_a_list_is_an_error)
{
    make_dir();
    mkdir(in_dir("folder"), 0700);
    CHECK_ERR(load((struct kube_config_source){.kubeconfig_env = in_dir("folder")}), err,
              ERR_INVALID);
    CHECK_HAS(err.text, "Is a directory");
    remove_dir();
}

TEST(kube_config, nothing_to_load_says_where_it_looked)
{
    make_dir();
    CHECK_ERR(load((struct kube_config_source){0}), err, ERR_NOT_FOUND);
    CHECK_HAS(err.text, "not in a pod");
    CHECK_ERR(load((struct kube_config_source){.home = dir}), err, ERR_NOT_FOUND);
    CHECK_HAS(err.text, "/.kube/config: No such file");
    remove_dir();
}

TEST(kube_config, named_file_that_cannot_be_opened_is_refused)
{
    static const struct refused cases[] = {
        {FILE_OF("server: h, certificate-authority: ca.pem", ""),
         "cluster 'c': certificate-authority: "},
        {FILE_OF("server: h", "client-certificate: a.pem, client-key: config"),
         "user 'u': client-certificate: "},
        {FILE_OF("server: h", "client-certificate: config, client-key: k.pem"),
         "user 'u': client-key: "},
        {FILE_OF("server: h", "tokenFile: t"), "user 'u': tokenFile: "},
    };
    make_dir();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put("config", cases[i].text);
        CHECK_ERR(load((struct kube_config_source){.path = in_dir("config")}), err, ERR_NOT_FOUND);
        CHECK_HAS(err.text, cases[i].want);
    }
    put("config", FILE_OF("server: h", "tokenFile: t, token: meanwhile"));
    CHECK_OK(load((struct kube_config_source){.path = in_dir("config")}), err);
    remove_dir();
}

/* --- In a pod --- */

static struct kube_config_source pod(const char *host, const char *port)
{
    return (struct kube_config_source){
        .service_host = host,
        .service_port = port,
        .account_dir = dir,
        .home = dir,
    };
}

TEST(kube_config, pod_uses_its_service_account)
{
    make_dir();
    put("token", "t");
    put("ca.crt", "pem");
    put("namespace", " team-b\n");
    CHECK_OK(load(pod("10.96.0.1", "443")), err);
    CHECK_STR(config->server, "https://10.96.0.1:443");
    CHECK_STR(config->source, "in-cluster");
    CHECK_STR(config->token_file, in_dir("token"));
    CHECK_STR(config->ca_file, in_dir("ca.crt"));
    CHECK_STR(config->ns, "team-b");
    CHECK(!config->context);
    CHECK(!config->insecure);

    struct kube_config_source from = pod("fd00::1", "6443");
    from.pod_namespace = "from-env";
    CHECK_OK(load(from), err);
    CHECK_STR(config->server, "https://[fd00::1]:6443");
    CHECK_STR(config->ns, "from-env");

    unlink(in_dir("namespace"));
    CHECK_OK(load(pod("[fd00::1]", "6443")), err);
    CHECK_STR(config->server, "https://[fd00::1]:6443");
    CHECK_STR(config->ns, "default");
    put("namespace", "\n");
    CHECK_OK(load(pod("kubernetes.default.svc", "443")), err);
    CHECK_STR(config->ns, "default");
    remove_dir();
}

TEST(kube_config, pod_without_ca_fails_closed)
{
    make_dir();
    put("token", "t");
    CHECK_ERR(load(pod("10.96.0.1", "443")), err, ERR_NOT_FOUND);
    CHECK_HAS(err.text, "in-cluster: ");
    CHECK_HAS(err.text, "ca.crt");
    remove_dir();
}

TEST(kube_config, pod_with_a_broken_environment_is_refused)
{
    make_dir();
    put("token", "t");
    put("ca.crt", "pem");
    CHECK_ERR(load(pod("10.96.0.1", "tcp")), err, ERR_INVALID);
    CHECK_HAS(err.text, "KUBERNETES_SERVICE_HOST and _PORT: the port");
    CHECK_ERR(load(pod("a b", "1")), err, ERR_INVALID);
    struct kube_config_source from = pod("10.96.0.1", "443");
    from.context = "x";
    CHECK_ERR(load(from), err, ERR_INVALID);
    CHECK_HAS(err.text, "in-cluster: there is no context 'x'");
    remove_dir();
}

TEST(kube_config, pod_without_token_or_environment_goes_on_to_the_home_folder)
{
    make_dir();
    mkdir(in_dir(".kube"), 0700);
    put(".kube/config", FILE_OF("server: 'https://home'", ""));
    CHECK_OK(load(pod("10.96.0.1", "443")), err);
    CHECK_STR(config->server, "https://home");
    put("token", "t");
    put("ca.crt", "pem");
    CHECK_OK(load(pod("10.96.0.1", NULL)), err);
    CHECK_STR(config->server, "https://home");
    CHECK_OK(load(pod("", "443")), err);
    CHECK_STR(config->server, "https://home");
    CHECK_OK(load(pod("10.96.0.1", "443")), err);
    CHECK_STR(config->server, "https://10.96.0.1:443");
    struct kube_config_source from = pod("10.96.0.1", "443");
    from.kubeconfig_env = in_dir(".kube/config");
    CHECK_OK(load(from), err);
    CHECK_STR(config->server, "https://home");
    remove_dir();
}

TEST(kube_config, plugins_are_denied_in_a_pod)
{
    make_dir();
    put("config", FILE_OF("server: 'https://h'", "exec: {command: c, " V1 "}"));
    struct kube_config_source from = {.path = in_dir("config")};
    CHECK_OK(load(from), err);
    from.service_host = "10.96.0.1";
    from.service_port = "443";
    CHECK_ERR(load(from), err, ERR_DENIED);
    CHECK_HAS(err.text, "inside a cluster");
    remove_dir();
}
