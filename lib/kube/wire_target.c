#include "lib/kube/wire_target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/str.h"

struct server_url {
    bool plain;
    const char *host; /* with the brackets of an IPv6 address */
    const char *port;
    const char *prefix; /* "" or "/..." */
};

static int split_server(const char *server, struct arena *arena, struct server_url *u,
                        struct err *err)
{
    u->plain = strncasecmp(server, "http://", 7) == 0;
    if (!u->plain && strncasecmp(server, "https://", 8) != 0)
        return err_set(err, ERR_INVALID, "server '%.100s': neither https nor http", server);
    const char *host = server + (u->plain ? 7 : 8);
    size_t authority = strcspn(host, "/?#");
    size_t host_len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    if (host_len == 0 || host_len > authority || memchr(host, '@', authority))
        return err_set(err, ERR_INVALID, "server '%.100s': no host", server);
    u->host = arena_strndup(arena, host, host_len);
    u->port = u->plain ? "80" : "443";
    if (host[host_len] == ':')
        u->port = arena_strndup(arena, host + host_len + 1, authority - host_len - 1);
    u->prefix = host + authority;
    return 0;
}

static const char *from_env(const char *upper, const char *lower)
{
    const char *value = getenv(upper);
    if (!value || !*value) value = getenv(lower);
    return value && *value ? value : NULL;
}

/* As Go does it: proxy-url is for everything; the environment's is not for this machine. */
static void set_proxy(const struct kube_config *config, bool plain, struct arena *arena,
                      struct http_target *t)
{
    t->proxy = config->proxy_url;
    if (t->proxy) return;
    t->proxy = plain ? from_env("HTTP_PROXY", "http_proxy")
                     : from_env("HTTPS_PROXY", "https_proxy");
    const char *hosts = from_env("NO_PROXY", "no_proxy");
    t->no_proxy = arena_printf(arena, "localhost,127.0.0.0/8,::1%s%s", hosts ? "," : "",
                               hosts ? hosts : "");
}

int wire_target_make(const struct kube_config *config, const struct kube_credential *credential,
                     struct arena *arena, struct wire_target *out, struct err *err)
{
    struct server_url u = {0};
    if (split_server(config->server, arena, &u, err) < 0) return -1;
    *out = (struct wire_target){0};
    struct http_target *t = &out->http;
    t->base = config->server;
    if (config->tls_server_name && !u.plain) {
        const char *name = config->tls_server_name;
        t->base = arena_printf(arena, "https://%s:%s%s", name, u.port, u.prefix);
        t->connect_to = arena_printf(arena, "%s:%s:%s:%s", name, u.port, u.host, u.port);
        out->host_header = arena_printf(arena, "%s:%s", u.host, u.port);
    }
    set_proxy(config, u.plain, arena, t);
    t->ca = credential->ca;
    t->cert = credential->cert;
    t->key = credential->key;
    t->insecure = config->insecure;
    return 0;
}

static void add_impersonation(struct http_headers *h, const struct kube_config *config)
{
    if (config->as_user) http_headers_add(h, "Impersonate-User", config->as_user);
    if (config->as_uid) http_headers_add(h, "Impersonate-Uid", config->as_uid);
    for (size_t i = 0; i < config->as_group_count; i++)
        http_headers_add(h, "Impersonate-Group", config->as_groups[i]);
    for (size_t i = 0; i < config->as_extra_count; i++) {
        auto_str name;
        str_init(&name, 1024);
        str_add_f(&name, "Impersonate-Extra-%s", config->as_extra[i].name);
        http_headers_add(h, name.at, config->as_extra[i].value);
    }
}

/* No Accept-Encoding, ever: a watch that the server compresses comes as several gzip members, which
 * libcurl refuses. And a User-Agent that begins with "curl" would get its JSON indented. */
bool wire_may_carry_secrets(const char *server)
{
    static const char *const fronts[] = {"https://", "http://127.0.0.1:", "http://localhost:",
                                         "http://[::1]:"};
    for (size_t i = 0; i < sizeof(fronts) / sizeof(*fronts); i++) {
        if (strncasecmp(server, fronts[i], strlen(fronts[i])) == 0) return true;
    }
    return false;
}

struct http_headers *wire_headers_make(const struct kube_config *config,
                                       const struct kube_credential *credential,
                                       const char *user_agent, const struct kube_call *call)
{
    auto_arena arena;
    arena_init(&arena);
    struct http_headers *h = http_headers_new();
    struct wire_target target;
    if (config->tls_server_name &&
        wire_target_make(config, credential, &arena, &target, NULL) == 0 && target.host_header)
        http_headers_add(h, "Host", target.host_header);
    const char *agent = user_agent;
    if (call->agent_suffix) agent = arena_printf(&arena, "%s %s", user_agent, call->agent_suffix);
    http_headers_add(h, "User-Agent", agent);
    http_headers_add(h, "Accept", "application/json");
    if (call->content_type) http_headers_add(h, "Content-Type", call->content_type);
    http_headers_add(h, "Expect", ""); /* else libcurl waits for a 100 before a big body */
    if (credential->authorization && wire_may_carry_secrets(config->server)) {
        http_headers_add(h, "Authorization", credential->authorization);
    }
    add_impersonation(h, config);
    return h;
}

/* In doubt a request counts as sent: a write that is wrongly called lost costs one more read, one
 * that is wrongly called not sent may be made twice. */
void wire_answer(const struct http_answer *from, uint64_t credential, int64_t sent_ms,
                 struct kube_answer *to)
{
    *to = (struct kube_answer){
        .outcome = from->complete     ? KUBE_ANSWERED
                   : from->maybe_sent ? KUBE_LOST
                                      : KUBE_NOT_SENT,
        .code = from->complete ? from->code : 0,
        .retry_after_s = from->complete ? from->retry_after_s : -1,
        .body = from->body,
        .len = from->len,
        .conn_close = from->conn_close,
        .credential = credential,
        .text = from->text,
        .sent_ms = sent_ms,
    };
}
