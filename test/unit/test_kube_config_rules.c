/* What in a kubeconfig is refused, and in which words. */
#include "test/unit/test_kube_config.h"

#include <string.h>

#include "lib/xalloc.h"

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
