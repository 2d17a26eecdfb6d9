#include "test/unit/test_kube_config.h"

#include <stdio.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/xalloc.h"

TEST(kube_config, server_gets_a_scheme_and_loses_what_is_no_prefix)
{
    static const struct {
        const char *cluster, *user, *want;
    } cases[] = {
        {"server: 'https://h:6443'", "", "https://h:6443"},
        {"server: 'HTTPS://h:6443/'", "", "https://h:6443"},
        {"server: 'http://127.0.0.1:8080'", "", "http://127.0.0.1:8080"},
        {"server: 'https://lb/k8s/clusters/c1'", "", "https://lb/k8s/clusters/c1"},
        {"server: 'https://lb/k8s//'", "", "https://lb/k8s"},
        {"server: 'https://h?a=b'", "", "https://h"},
        {"server: 'https://h/p/?a=b#c'", "", "https://h/p"},
        {"server: 'https://h#c'", "", "https://h"},
        {"server: 'https://[fd00::1]:6443'", "", "https://[fd00::1]:6443"},
        {"server: 'https://[::ffff:10.0.0.1]/p'", "", "https://[::ffff:10.0.0.1]/p"},
        {"server: 'h:8080'", "", "http://h:8080"},
        {"server: h", "", "http://h"},
        {"server: h, insecure-skip-tls-verify: true", "", "https://h"},
        {"server: h, certificate-authority: a", "", "https://h"},
        {"server: h, certificate-authority-data: " DATA, "", "https://h"},
        {"server: h", "client-certificate: a, client-key: b", "https://h"},
        {"server: h", "client-certificate-data: " DATA ", client-key: b", "https://h"},
        {"server: h", "token: t", "http://h"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_OK(parse_entry(cases[i].cluster, cases[i].user, CONTEXT), err);
        CHECK_STR(config->server, cases[i].want);
    }
    done();
}

TEST(kube_config, proxy_may_be_http_https_or_socks5)
{
    static const char *const urls[] = {"http://p:3128", "https://u:w@p", "socks5://[::1]:1080",
                                       "SOCKS5://p/"};
    for (size_t i = 0; i < 4; i++) {
        auto_arena a = {0};
        CHECK_OK(parse_cluster(arena_printf(&a, "server: h, proxy-url: '%s'", urls[i])), err);
        CHECK_STR(config->proxy_url, urls[i]);
    }
    done();
}

TEST(kube_config, plain_members_arrive_and_empty_ones_are_absent)
{
    CHECK_OK(parse_entry("server: 'https://h', tls-server-name: name, disable-compression: true, "
                         "insecure-skip-tls-verify: true, certificate-authority: ''",
                         "token: t, tokenFile: '', username: ''",
                         "cluster: c, user: u, "
                         "namespace: team-a"),
             err);
    CHECK_STR(config->source, "/etc/kube0/config");
    CHECK_STR(config->context, "x");
    CHECK_STR(config->ns, "team-a");
    CHECK_STR(config->tls_server_name, "name");
    CHECK(config->disable_compression);
    CHECK(config->insecure);
    CHECK_STR(config->token, "t");
    CHECK(!config->token_file);
    CHECK(!config->username);
    CHECK(!config->ca_file);
    CHECK(!config->exec.command);
    CHECK_OK(parse_user("username: me, password: 'p:w'"), err);
    CHECK_STR(config->username, "me");
    CHECK_STR(config->password, "p:w");
    CHECK_STR(config->ns, "default");
    done();
}

TEST(kube_config, data_is_decoded_and_may_go_with_a_file_of_the_other_half)
{
    CHECK_OK(parse_user("client-certificate-data: \"UEVN\\nIQ==\", client-key: key.pem"), err);
    CHECK_STR(config->cert_data, "PEM!");
    CHECK_STR(config->key_file, "/etc/kube0/key.pem");
    CHECK_OK(parse_user("client-certificate: crt.pem, client-key-data: " DATA), err);
    CHECK_STR(config->cert_file, "/etc/kube0/crt.pem");
    CHECK_STR(config->key_data, "PEM!");
    CHECK_OK(parse_cluster("server: h, certificate-authority-data: " DATA), err);
    CHECK_STR(config->ca_data, "PEM!");
    done();
}

TEST(kube_config, impersonation_keys_are_made_fit_for_headers)
{
    CHECK_OK(
        parse_user("act-as: 'system:serviceaccount:a:b', act-as-uid: '7', "
                   "act-as-groups: [g1, 'g 2'], "
                   "act-as-user-extra: {Scopes: [view, edit], 'example.com/A%': [x], none: []}"),
        err);
    CHECK_STR(config->as_user, "system:serviceaccount:a:b");
    CHECK_STR(config->as_uid, "7");
    CHECK_INT(config->as_group_count, 2);
    CHECK_STR(config->as_groups[1], "g 2");
    CHECK_INT(config->as_extra_count, 3);
    CHECK_STR(config->as_extra[0].name, "scopes");
    CHECK_STR(config->as_extra[0].value, "view");
    CHECK_STR(config->as_extra[1].value, "edit");
    CHECK_STR(config->as_extra[2].name, "example.com%2fa%25");
    done();
}

TEST(kube_config, exec_arrives_with_its_arguments_and_environment)
{
    CHECK_OK(parse_user("exec: {command: aws, args: [eks, get-token], installHint: 'get it', "
                        "env: [{name: A, value: b}, {name: E}], "
                        "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Always}"),
             err);
    CHECK_STR(config->exec.command, "aws");
    CHECK_INT(config->exec.arg_count, 2);
    CHECK_STR(config->exec.args[1], "get-token");
    CHECK_INT(config->exec.env_count, 2);
    CHECK_STR(config->exec.env[0].value, "b");
    CHECK_STR(config->exec.env[1].value, "");
    CHECK_STR(config->exec.api_version, "client.authentication.k8s.io/v1");
    CHECK_STR(config->exec.install_hint, "get it");
    CHECK(config->exec.interactive_always);
    CHECK(!config->exec.cluster_info);
    CHECK_OK(parse_user("exec: {command: c, apiVersion: client.authentication.k8s.io/v1beta1}"),
             err);
    CHECK(!config->exec.interactive_always);
    done();
}

TEST(kube_config, exec_command_is_relative_to_the_file_only_with_a_slash)
{
    CHECK_OK(parse_user("exec: {command: bin/x, " V1 "}"), err);
    CHECK_STR(config->exec.command, "/etc/kube0/bin/x");
    CHECK_OK(parse_user("exec: {command: ./x, " V1 "}"), err);
    CHECK_STR(config->exec.command, "/etc/kube0/./x");
    CHECK_OK(parse_user("exec: {command: /bin/x, " V1 "}"), err);
    CHECK_STR(config->exec.command, "/bin/x");
    CHECK_OK(parse_user("exec: {command: x, " V1 "}"), err);
    CHECK_STR(config->exec.command, "x");
    done();
}

TEST(kube_config, cluster_info_tells_the_plugin_about_the_cluster_when_asked)
{
    CHECK_OK(parse_entry("server: 'https://h/p/', tls-server-name: name, proxy-url: 'http://p', "
                         "disable-compression: true, certificate-authority-data: " DATA ", "
                         "extensions: [{name: other, extension: 1}, "
                         "{name: client.authentication.k8s.io/exec, extension: {audience: me}}]",
                         "exec: {command: c, provideClusterInfo: true, " V1 "}", CONTEXT),
             err);
    CHECK_STR(config->exec.cluster_info,
              "{\"server\":\"https://h/p\",\"tls-server-name\":\"name\",\"proxy-url\":\"http://p\","
              "\"disable-compression\":true,\"config\":{\"audience\":\"me\"}}");
    CHECK_OK(parse_entry("server: 'https://h', insecure-skip-tls-verify: true",
                         "exec: {command: c, provideClusterInfo: true, " V1 "}", CONTEXT),
             err);
    CHECK_STR(config->exec.cluster_info,
              "{\"server\":\"https://h\",\"insecure-skip-tls-verify\":true}");
    done();
}

TEST(kube_config, relative_paths_count_from_the_file_that_holds_them)
{
    static const char *const texts[] = {
        "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority: pki/ca.crt}}]",
        "current-context: x\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
        "users: [{name: u, user: {tokenFile: ../token}}]\n",
    };
    CHECK_OK(parse_files(texts, 2, NULL), err);
    CHECK_STR(config->ca_file, "/etc/kube0/pki/ca.crt");
    CHECK_STR(config->token_file, "/etc/kube1/../token");
    CHECK_STR(config->source, "/etc/kube1/config");

    struct kube_config_file file = {"config", texts[1], strlen(texts[1])};
    CHECK_ERR(kube_config_parse(&file, 1, NULL, &config, &err), err, ERR_INVALID);
    CHECK_STR(err.text, "config: context 'x': there is no cluster 'c'");
    auto_arena a = {0};
    CHECK_STR(path_beside(&a, "config", "pki/ca.crt"), "pki/ca.crt");
    CHECK_STR(path_beside(&a, "dir/config", "pki/ca.crt"), "dir/pki/ca.crt");
    CHECK_STR(path_beside(&a, "/config", "ca.crt"), "/ca.crt");
    CHECK_STR(path_beside(&a, "dir/config", "/ca.crt"), "/ca.crt");
    done();
}

TEST(kube_config, first_file_with_a_name_gives_the_whole_entry)
{
    static const char *const texts[] = {
        "clusters: [{name: c, cluster: {server: 'https://first'}}]\n"
        "users: [{name: u, user: {token: one}}]\n",
        "",
        "current-context: x\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}, "
        "{name: z, context: {cluster: d, user: v}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://second', disable-compression: true}}, "
        "{name: d, cluster: {server: 'https://d'}}]\n"
        "users: [{name: u, user: {username: me, password: p}}, {name: v, user: {token: two}}]\n",
        "current-context: z\n"
        "contexts: [{name: z, context: {cluster: c, user: u}}]\n",
    };
    CHECK_OK(parse_files(texts, 4, NULL), err);
    CHECK_STR(config->context, "x");
    CHECK_STR(config->server, "https://first");
    CHECK(!config->disable_compression);
    CHECK_STR(config->token, "one");
    CHECK(!config->username);

    CHECK_OK(parse_files(texts, 4, "z"), err);
    CHECK_STR(config->server, "https://d");
    CHECK_STR(config->token, "two");

    CHECK_ERR(parse_files(texts, 4, "w"), err, ERR_INVALID);
    CHECK_HAS(err.text, "there is no context 'w'");
    done();
}

TEST(kube_config, entries_of_other_contexts_may_be_broken)
{
    CHECK_OK(parse("current-context: x\n"
                   "contexts: [{name: x, context: {cluster: c, user: u}}, {name: q}]\n"
                   "clusters: [{name: c, cluster: {server: h}}, {name: bad}]\n"
                   "users: [{name: u}, {name: bad, user: {auth-provider: {name: gcp}}}]\n"),
             err);
    CHECK_STR(config->server, "http://h");
    done();
}

TEST(kube_config, unknown_members_are_skipped)
{
    CHECK_OK(
        parse("preferences: {colors: true}\nfuture: [1]\ncurrent-context: x\n"
              "contexts: [{name: x, more: 1, context: {cluster: c, user: u, extensions: []}}]\n"
              "clusters: [{name: c, cluster: {server: h, later: {a: b}}}]\n"
              "users: [{name: u, user: {new: 1}}]\n"),
        err);
    done();
}

TEST(kube_config, block_style_with_anchors_is_read)
{
    CHECK_OK(parse("apiVersion: v1\n"
                   "kind: Config\n"
                   "current-context: dev\n"
                   "clusters:\n"
                   "- name: one\n"
                   "  cluster: &shared\n"
                   "    server: https://h:6443 # the load balancer\n"
                   "    tls-server-name: \"kubernetes\"\n"
                   "- name: two\n"
                   "  cluster: *shared\n"
                   "users:\n"
                   "- name: me\n"
                   "  user:\n"
                   "    token: >-\n"
                   "      abc\n"
                   "contexts:\n"
                   "- context:\n"
                   "    cluster: two\n"
                   "    user: me\n"
                   "  name: dev\n"),
             err);
    CHECK_STR(config->server, "https://h:6443");
    CHECK_STR(config->tls_server_name, "kubernetes");
    CHECK_STR(config->token, "abc");
    done();
}

TEST(kube_config, json_is_read_with_all_its_escapes)
{
    CHECK_OK(parse("\t{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"x\",\n"
                   "\t\"contexts\":[{\"name\":\"x\",\"context\":{\"cluster\":\"c\",\"user\":"
                   "\"u \\ud83d\\ude00\"}}],"
                   "\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"https:\\/\\/h\"}}],"
                   "\"users\":[{\"name\":\"u \\ud83d\\ude00\",\"user\":{\"token\":\"t\"}}]}"),
             err);
    CHECK_STR(config->server, "https://h");
    CHECK_STR(config->token, "t");
    done();
}
