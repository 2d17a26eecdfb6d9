#include "lib/kube/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/arena.h"
#include "lib/kube/config_parts.h"
#include "lib/xalloc.h"
#include "test/check.h"

/* --- The pure part: one cluster c, one user u, one context x, written in flow style --- */

static struct kube_config *config;
static struct err err;

static int parse_files(const char *const *texts, size_t count, const char *context)
{
    static char paths[8][40];
    struct kube_config_file files[8];
    for (size_t i = 0; i < count; i++) {
        snprintf(paths[i], sizeof(paths[i]), "/etc/kube%zu/config", i);
        files[i] = (struct kube_config_file){paths[i], texts[i], strlen(texts[i])};
    }
    kube_config_free(config);
    config = NULL;
    err = (struct err){0};
    return kube_config_parse(files, count, context, &config, &err);
}

static int parse(const char *text)
{
    return parse_files(&text, 1, NULL);
}

static int parse_entry(const char *cluster, const char *user, const char *context)
{
    auto_arena a = {0};
    return parse(arena_printf(&a,
                              "current-context: x\n"
                              "contexts: [{name: x, context: {%s}}]\n"
                              "clusters: [{name: c, cluster: {%s}}]\n"
                              "users: [{name: u, user: {%s}}]\n",
                              context, cluster, user));
}

static const char CONTEXT[] = "cluster: c, user: u";

static int parse_user(const char *user)
{
    return parse_entry("server: 'https://h'", user, CONTEXT);
}

static int parse_cluster(const char *cluster)
{
    return parse_entry(cluster, "", CONTEXT);
}

static void done(void)
{
    kube_config_free(config);
    config = NULL;
}

/* "PEM!" in base64: what it says is nobody's business before it is used. */
#define DATA "UEVNIQ=="

struct refused {
    const char *text; /* of the entry */
    const char *want; /* in the error */
};

static void check_refused(int (*parse_it)(const char *), const char *entry,
                          const struct refused *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_ERR(parse_it(cases[i].text), err, ERR_INVALID);
        CHECK_HAS(err.text, cases[i].want);
        CHECK_HAS(err.text, entry);
        CHECK_HAS(err.text, "/etc/kube0/config");
        CHECK(!config);
    }
}
#define CHECK_REFUSED(parse_it, entry, cases)                                                      \
    check_refused(parse_it, entry, cases, sizeof(cases) / sizeof(cases[0]))

TEST(kube_config, cluster_that_breaks_a_rule_is_refused_by_name)
{
    static const struct refused cases[] = {
        {"", "has no server"},
        {"server: ''", "has no server"},
        {"server: 'https://h', certificate-authority: a, certificate-authority-data: " DATA,
         "exclude each other"},
        {"server: 'https://h', insecure-skip-tls-verify: true, certificate-authority: a",
         "insecure-skip-tls-verify and a certificate-authority"},
        {"server: 'https://h', insecure-skip-tls-verify: true, certificate-authority-data: " DATA,
         "insecure-skip-tls-verify and a certificate-authority"},
        {"server: 'https://h', certificate-authority-data: '###'", "data: not base64"},
        {"server: 'https://h', certificate-authority-data: AAAA", "is no PEM text"},
        {"server: 'https://h', proxy-url: 'ftp://p'", "proxy-url: the scheme"},
        {"server: 'https://h', proxy-url: 'p:3128'", "proxy-url: the scheme"},
        {"server: 'https://h', proxy-url: 'http://'", "proxy-url: has no host"},
        {"server: 'https://h', proxy-url: 'http://u:secret@p:99999'", "proxy-url: the port"},
        {"server: 'https://h', proxy-url: 'http://p:1/a b'", "proxy-url: is no URL"},
        {"server: 'https://h', tls-server-name: 'a/b'", "tls-server-name"},
        {"server: 'https://h', tls-server-name: 'a b'", "tls-server-name"},
        {"server: 'https://h', tls-server-name: 'a:443'", "tls-server-name is no host name"},
        {"server: 'ftp://h'", "server: the scheme"},
        {"server: 'unix:///run/x'", "server: the scheme"},
        {"server: 'https://'", "server: has no host"},
        {"server: 'https://:6443'", "server: has no host"},
        {"server: 'https:///path'", "server: has no host"},
        {"server: 'https://h:0'", "server: the port"},
        {"server: 'https://h:65536'", "server: the port"},
        {"server: 'https://h:12a'", "server: the port"},
        {"server: 'https://h:'", "server: the port"},
        {"server: 'https://a:secret@h'", "must not hold a user"},
        {"server: 'https://h h'", "the host name is malformed"},
        {"server: 'https://h%2f'", "the host name is malformed"},
        {"server: 'https://[::1'", "has no host"},
        {"server: 'https://[::1]x'", "the host name is malformed"},
        {"server: 'https://h/a b'", "server: the path"},
        {"server: \"https://h/a\\nb\"", "server: the path"},
    };
    CHECK_REFUSED(parse_cluster, "cluster 'c'", cases);
    CHECK(!strstr(err.text, "secret"));
}

TEST(kube_config, user_that_breaks_a_rule_is_refused_by_name)
{
    static const struct refused cases[] = {
        {"client-certificate: a, client-certificate-data: " DATA ", client-key: k",
         "client-certificate and client-certificate-data exclude"},
        {"client-certificate: a, client-key: k, client-key-data: " DATA,
         "client-key and client-key-data exclude"},
        {"client-certificate: a", "client-certificate without client-key"},
        {"client-certificate-data: " DATA, "client-certificate without client-key"},
        {"client-key: a", "client-key without client-certificate"},
        {"client-key-data: " DATA, "client-key without client-certificate"},
        {"client-key-data: 'a', client-certificate: a", "client-key-data: not base64"},
        {"client-key: k, client-certificate-data: 'a-b='", "client-certificate-data: not base64"},
        {"token: t, username: me, password: p", "token and username"},
        {"tokenFile: t, username: me, password: p", "token and username"},
        {"token: t, password: p", "token and username"},
        {"password: p", "password without username"},
        {"username: 'a:b', password: p", "username has a colon"},
        {"username: \"a\\nb\", password: p", "username has a colon or a control"},
        {"act-as-uid: '7'", "need act-as"},
        {"act-as-groups: [g]", "need act-as"},
        {"act-as-user-extra: {a: [b]}", "need act-as"},
        {"act-as: \"a\\r\\nEvil: b\"", "act-as has a control"},
        {"act-as: a, act-as-uid: \"a\\nb\"", "act-as has a control"},
        {"act-as: a, act-as-groups: [g, \"a\\nb\"]", "act-as has a control"},
        {"act-as: a, act-as-user-extra: {k: v}", "act-as-user-extra: must hold lists"},
        {"act-as: a, act-as-user-extra: [k]", "act-as-user-extra: must be an object"},
        {"act-as: a, act-as-user-extra: {k: [7]}", "act-as-user-extra: must hold lists"},
        {"act-as: a, act-as-user-extra: {'': [v]}", "act-as-user-extra: has an empty key"},
        {"act-as: a, act-as-user-extra: {k: [\"a\\nb\"]}", "act-as-user-extra: has a control"},
        {"auth-provider: {name: gcp}", "auth-provider is gone"},
        {"auth-provider: {}", "auth-provider is gone"},
        {"auth-provider: {name: gcp}, exec: {command: c}", "exec and auth-provider exclude"},
    };
    CHECK_REFUSED(parse_user, "user 'u'", cases);
}

#define V1 "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never"

TEST(kube_config, exec_that_breaks_a_rule_is_refused_by_name)
{
    static const struct refused cases[] = {
        {"exec: {}", "exec without command"},
        {"exec: {command: '', " V1 "}", "exec without command"},
        {"exec: {command: c}", "exec without apiVersion"},
        {"exec: {command: c, apiVersion: v1}", "apiVersion 'v1' is neither"},
        {"exec: {command: c, apiVersion: client.authentication.k8s.io/v1alpha1}", "is neither"},
        {"exec: {command: c, apiVersion: client.authentication.k8s.io/v1}", "needs interactive"},
        {"exec: {command: c, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Maybe}",
         "interactiveMode is not"},
        {"exec: {command: c, " V1 ", env: [{value: v}]}", "env entry without a name"},
        {"exec: {command: c, " V1 ", env: [{name: '', value: v}]}", "env entry without a name"},
        {"exec: {command: c, " V1 ", env: [{name: 'A=B', value: v}]}", "env name with a '='"},
    };
    CHECK_REFUSED(parse_user, "user 'u'", cases);
}

static int parse_context(const char *context)
{
    return parse_entry("server: 'https://h'", "", context);
}

TEST(kube_config, context_that_breaks_a_rule_is_refused_by_name)
{
    static const struct refused cases[] = {
        {"cluster: c", "names no user"},
        {"user: u", "names no cluster"},
        {"cluster: '', user: u", "names no cluster"},
        {"cluster: no, user: u", "must be text"}, /* YAML's no is a bool */
        {"cluster: d, user: u", "there is no cluster 'd'"},
        {"cluster: c, user: w", "there is no user 'w'"},
        {"cluster: c, user: u, namespace: Big", "namespace is not"},
        {"cluster: c, user: u, namespace: -a", "namespace is not"},
        {"cluster: c, user: u, namespace: a/b", "namespace is not"},
        {"cluster: c, user: u, namespace: "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "namespace is not"},
    };
    CHECK_REFUSED(parse_context, "context", cases);
}

TEST(kube_config, file_that_is_no_kubeconfig_is_refused)
{
    static const struct refused cases[] = {
        {"", "current-context is not set"},
        {"# nothing\n", "current-context is not set"},
        {"null", "current-context is not set"},
        {"{}", "current-context is not set"},
        {"current-context: ''", "current-context is not set"},
        {"current-context: x", "there is no context 'x'"},
        {"apiVersion: v2\ncurrent-context: x", "apiVersion is 'v2'"},
        {"kind: Pod\ncurrent-context: x", "kind is 'Pod'"},
        {"current-context: 7", "current-context: must be text"},
        {"clusters: {}", "clusters: must be a list"},
        {"clusters: [{cluster: {}}]", "clusters[0].name: is missing"},
        {"clusters: [{name: a}, {name: a}]", "cluster 'a' is there twice"},
        {"users: [{name: a}, {name: b}, {name: a}]", "user 'a' is there twice"},
        {"contexts: [{name: a}, {name: a}]", "context 'a' is there twice"},
        {"users: [{name: a, user: {token: 7}}]", "users[0].user.token: must be text"},
        {"just text", "must be an object"},
        {"[1]", "must be an object"},
        {"a: [", "config"},
        {"a: 1\n---\nb: 2\n", "config"},
        {"{\"a\": 1", "config"},
    };
    CHECK_REFUSED(parse, "/etc/kube0/config", cases);
}

TEST(kube_config, errors_read_from_the_file_over_the_entry_to_the_rule)
{
    CHECK_ERR(parse_user("client-certificate: a"), err, ERR_INVALID);
    CHECK_STR(err.text, "/etc/kube0/config: user 'u': client-certificate without client-key");
}

TEST(kube_config, file_over_the_limit_is_too_big)
{
    size_t n = (1u << 20) + 1;
    auto_free char *text = xmalloc(n);
    memset(text, ' ', n);
    struct kube_config_file file = {"/f", text, n};
    CHECK_ERR(kube_config_parse(&file, 1, NULL, &config, &err), err, ERR_TOO_BIG);
    CHECK_ERR(kube_config_parse(NULL, 0, NULL, &config, &err), err, ERR_INVALID);
}

static char *repeated(const char *begin, const char *item, size_t count, const char *end)
{
    size_t n = strlen(item), at = strlen(begin);
    char *text = xmalloc(at + count * n + strlen(end) + 1);
    memcpy(text, begin, at);
    for (size_t i = 0; i < count; i++, at += n) memcpy(text + at, item, n);
    memcpy(text + at, end, strlen(end) + 1);
    return text;
}

TEST(kube_config, file_that_would_be_huge_in_memory_is_too_big)
{
    auto_free char *json =
        repeated("{\"users\":[{\"name\":\"a\"}", ",{\"name\":\"b\"}", 60000, "]}");
    CHECK_ERR(parse(json), err, ERR_TOO_BIG);
    CHECK_HAS(err.text, "/etc/kube0/config: over 20000 entries");
    auto_free char *yaml = repeated("users: [{name: a}", ", {name: b}", 25000, "]\n");
    CHECK_ERR(parse(yaml), err, ERR_TOO_BIG);
    auto_free char *args =
        repeated("{\"users\":[{\"name\":\"a\",\"user\":{\"exec\":{\"args\":[\"\"", ",\"\"", 300000,
                 "]}}}]}");
    CHECK_ERR(parse(args), err, ERR_INVALID);
    CHECK_HAS(err.text, "current-context");
    auto_free char *extra = repeated("act-as: a, act-as-user-extra: {k: [v", ",v", 40000, "]}");
    CHECK_ERR(parse_user(extra), err, ERR_TOO_BIG);
}

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
