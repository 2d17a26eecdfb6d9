#include "controller/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config_options.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "lib/yaml.h"

struct value {
    const char *text;   /* NULL: not given, the default counts */
    const char *source; /* "--domain", "CARREL_DOMAIN", "key domain of FILE": for messages */
};

struct reading {
    struct config *config;
    const struct config_source *from;
    struct value values[OPTION_COUNT];
};

static int refuse(const struct reading *r, enum option_id id, struct err *err)
{
    const struct option *o = &options[id];
    return err_set(err, ERR_INVALID, "%s: '%.60s' is not allowed: %s", r->values[id].source,
                   r->values[id].text, o->allowed);
}

/* --- where values come from ------------------------------------------------------------------ */

static int find_option(const char *name, size_t n)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (strncmp(options[i].name, name, n) == 0 && options[i].name[n] == '\0') return i;
    }
    return -1;
}

/* Later ones of an option that takes several are joined by commas; of others the last counts. */
static void take_flag(struct reading *r, int id, const char *text)
{
    struct arena *a = &r->config->arena;
    struct value *v = &r->values[id];
    bool join = options[id].type == OPTION_PAIRS && v->text;
    v->text = join ? arena_printf(a, "%s,%s", v->text, text) : text;
    v->source = arena_printf(a, "--%s", options[id].name);
}

static int read_flags(struct reading *r, struct err *err)
{
    const struct config_source *from = r->from;
    for (int i = 0; i < from->argc; i++) {
        const char *arg = from->argv[i];
        if (strncmp(arg, "--", 2) != 0) {
            return err_set(err, ERR_INVALID, "'%.60s' is no option: options begin with --", arg);
        }
        size_t n = strcspn(arg + 2, "=");
        int id = find_option(arg + 2, n);
        if (id < 0) {
            return err_set(err, ERR_INVALID, "there is no option --%.*s: see carrel help serve",
                           (int)n, arg + 2);
        }
        const char *text = arg[2 + n] == '=' ? arg + 3 + n : NULL;
        bool bare = !text && options[id].type == OPTION_BOOL;
        bool next_is_flag = i + 1 >= from->argc || strncmp(from->argv[i + 1], "--", 2) == 0;
        if (bare && next_is_flag) text = "true";
        if (!text && i + 1 < from->argc) text = from->argv[++i];
        if (!text) return err_set(err, ERR_INVALID, "--%s needs a value", options[id].name);
        take_flag(r, id, text);
    }
    return 0;
}

static void read_env(struct reading *r)
{
    struct arena *a = &r->config->arena;
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (r->values[i].text) continue;
        char *name = arena_printf(a, "CARREL_%s", options[i].name);
        for (char *p = name; *p; p++) *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
        const char *text = r->from->env(r->from->user, name);
        const char *const *alias = options[i].aliases;
        for (; !text && alias && *alias; alias++) {
            text = r->from->env(r->from->user, *alias);
            name = arena_strdup(a, *alias);
        }
        if (text && *text) r->values[i] = (struct value){text, name};
    }
}

/* "a=b,c=d" of a map; a scalar as it stands. */
static char *file_text(struct arena *a, const struct json *value)
{
    if (json_is_text(value)) return arena_strdup(a, json_text(value));
    if (!json_is_object(value)) return json_to_text(a, value);
    auto_str text;
    str_init(&text, 64 * 1024);
    for (const struct json *m = json_first(value); m; m = json_next(m)) {
        if (text.len) str_add_c(&text, ',');
        str_add_f(&text, "%s=%s", json_name(m),
                  json_is_text(m) ? json_text(m) : json_to_text(a, m));
    }
    return arena_strndup(a, text.at, text.len);
}

static int take_file(struct reading *r, const char *path, const struct json *file,
                     struct err *err)
{
    struct arena *a = &r->config->arena;
    if (json_is_null(file)) return 0;
    if (!json_is_object(file)) {
        return err_set(err, ERR_INVALID, "%s: must be a map of options", path);
    }
    for (const struct json *m = json_first(file); m; m = json_next(m)) {
        const char *name = json_name(m);
        int id = find_option(name, strlen(name));
        if (id < 0 || id == OPTION_CONFIG) {
            return err_set(err, ERR_INVALID, "%s: there is no option '%.60s'", path, name);
        }
        if (r->values[id].text || json_is_null(m)) continue;
        r->values[id] =
            (struct value){file_text(a, m), arena_printf(a, "%s: %s", path, options[id].name)};
    }
    return 0;
}

static int read_file(struct reading *r, struct err *err)
{
    const char *path = r->values[OPTION_CONFIG].text;
    struct arena *a = &r->config->arena;
    char *text = NULL, *json = NULL;
    size_t len = 0;
    struct json *file = NULL;
    if (!path) return 0;
    if (r->from->read_file(r->from->user, path, a, &text, &len, err) < 0) return -1;
    if (yaml_to_json_one(a, text, len, &json, &len, err) < 0) return err_wrap(err, "%s", path);
    if (json_parse(a, json, len, &file, err) < 0) return err_wrap(err, "%s", path);
    return take_file(r, path, file, err);
}

/* --- values into the struct ------------------------------------------------------------------ */

static const char *text_of(const struct reading *r, enum option_id id)
{
    return r->values[id].text ? r->values[id].text : options[id].fallback;
}

static int check_one(const struct reading *r, enum option_id id, struct err *err)
{
    const char *text = r->values[id].text;
    if (!text) return 0; /* the default is right, a test says so */
    return option_accepts(&options[id], text) ? 0 : refuse(r, id, err);
}

static bool yes(const struct reading *r, enum option_id id)
{
    return strcmp(text_of(r, id), "true") == 0;
}

static int64_t duration(const struct reading *r, enum option_id id)
{
    int64_t ms = 0;
    int rc = duration_parse(text_of(r, id), &ms, NULL);
    return rc < 0 ? 0 : ms;
}

static long number(const struct reading *r, enum option_id id)
{
    return strtol(text_of(r, id), NULL, 10);
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void set_pairs(struct arena *a, const char *text, struct settings *s)
{
    size_t count = *text ? 1 : 0;
    for (const char *p = text; *p; p++) count += *p == ',';
    struct setting_pair *pairs = arena_zalloc(a, (count + 1) * sizeof(*pairs));
    for (size_t i = 0; i < count; i++) {
        size_t n = strcspn(text, ",");
        size_t name = strcspn(text, "=");
        pairs[i].name = arena_strndup(a, text, name);
        pairs[i].value = arena_strndup(a, text + name + 1, n - name - 1);
        text += n + (text[n] == ',');
    }
    s->ingress_annotations = pairs;
    s->ingress_annotation_count = count;
}

/* "https://host:port": only scheme and port matter, the host comes from the session. */
static void set_url(struct arena *a, const char *url, struct settings *s)
{
    size_t n = strcspn(url, ":");
    s->scheme = arena_strndup(a, url, n);
    const char *colon = strrchr(url, ':');
    s->port = colon > url + n ? (int)strtol(colon + 1, NULL, 10) : 0;
    bool usual = (s->port == 443 && !strcmp(s->scheme, "https")) ||
                 (s->port == 80 && !strcmp(s->scheme, "http"));
    if (usual) s->port = 0;
}

static void set_settings(const struct reading *r, struct settings *s)
{
    struct arena *a = &r->config->arena;
    *s = settings_default;
    s->ns = text_of(r, OPTION_NAMESPACE);
    s->template_namespace = text_of(r, OPTION_TEMPLATE_NAMESPACE);
    s->domain = text_of(r, OPTION_DOMAIN);
    s->host_template = text_of(r, OPTION_HOST_TEMPLATE);
    s->ingress_class = text_of(r, OPTION_INGRESS_CLASS);
    s->tls_secret = text_of(r, OPTION_TLS_SECRET);
    s->headless = strcmp(text_of(r, OPTION_SERVICE_TYPE), "headless") == 0;
    s->home_size = text_of(r, OPTION_HOME_SIZE);
    s->home_class = text_of(r, OPTION_HOME_CLASS);
    s->home_access = text_of(r, OPTION_HOME_ACCESS_MODE);
    s->cpu_request = text_of(r, OPTION_CPU_REQUEST);
    s->memory_request = text_of(r, OPTION_MEMORY_REQUEST);
    s->cpu_limit = text_of(r, OPTION_CPU_LIMIT);
    s->memory_limit = text_of(r, OPTION_MEMORY_LIMIT);
    s->concurrency = (int)number(r, OPTION_CONCURRENCY);
    s->qps = (double)number(r, OPTION_QPS);
    s->burst = (double)number(r, OPTION_BURST);
    s->connection_stale_ms = duration(r, OPTION_CONNECTION_STALE);
    s->duration_warning_ms = duration(r, OPTION_DURATION_WARNING);
    s->crash_limit = number(r, OPTION_CRASH_LIMIT);
    s->pages_only = !yes(r, OPTION_WATCH_LIST);
    set_pairs(a, text_of(r, OPTION_INGRESS_ANNOTATION), s);
    set_url(a, text_of(r, OPTION_EXTERNAL_URL), s);
}

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(names[i], name) == 0) return (enum log_level)i;
    }
    return LOG_INFO;
}

static void set_config(const struct reading *r)
{
    struct config *c = r->config;
    c->kubeconfig = or_null(text_of(r, OPTION_KUBECONFIG));
    c->context = or_null(text_of(r, OPTION_CONTEXT));
    c->metrics_listen = text_of(r, OPTION_METRICS_LISTEN);
    c->listen = text_of(r, OPTION_LISTEN);
    c->auth_open = strcmp(text_of(r, OPTION_AUTH_MODE), "open") == 0;
    c->auth_secret_file = or_null(text_of(r, OPTION_AUTH_SECRET_FILE));
    c->auth_jwks_file = or_null(text_of(r, OPTION_AUTH_JWKS_FILE));
    c->auth_jwks_url = or_null(text_of(r, OPTION_AUTH_JWKS_URL));
    c->auth_ca_file = or_null(text_of(r, OPTION_AUTH_CA_FILE));
    c->auth_issuer = text_of(r, OPTION_AUTH_ISSUER);
    c->auth_audience = text_of(r, OPTION_AUTH_AUDIENCE);
    c->auth_user_claim = text_of(r, OPTION_AUTH_USER_CLAIM);
    c->auth_role_claim = text_of(r, OPTION_AUTH_ROLE_CLAIM);
    c->auth_default_role = text_of(r, OPTION_AUTH_DEFAULT_ROLE);
    c->open_anywhere = yes(r, OPTION_OPEN_ANYWHERE);
    c->cors_origins = text_of(r, OPTION_CORS_ORIGINS);
    c->rate_limit = (double)number(r, OPTION_RATE_LIMIT);
    c->leader_elect = yes(r, OPTION_LEADER_ELECT);
    c->lease_namespace = or_null(text_of(r, OPTION_LEASE_NAMESPACE));
    c->lease_name = text_of(r, OPTION_LEASE_NAME);
    c->lease_ms = duration(r, OPTION_LEASE_DURATION);
    c->renew_ms = duration(r, OPTION_RENEW_DEADLINE);
    c->retry_ms = duration(r, OPTION_RETRY_PERIOD);
    c->log_level = level_of(text_of(r, OPTION_LOG_LEVEL));
    c->log_json = strcmp(text_of(r, OPTION_LOG_FORMAT), "json") == 0;
    set_settings(r, &c->settings);
}

static bool is_own_machine(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "localhost:", 10) == 0;
}

/* An API without authentication is a shell on the cluster for whoever reaches it. */
static int check_auth(const struct reading *r, struct err *err)
{
    const struct config *c = r->config;
    if (!*c->listen) return 0;
    if (!c->auth_open) {
        if (c->auth_secret_file || c->auth_jwks_file || c->auth_jwks_url || *c->auth_issuer)
            return 0;
        return err_set(err, ERR_INVALID,
                       "%s: 'token' needs keys: add --auth-secret-file, --auth-jwks-file, "
                       "--auth-jwks-url or --auth-issuer", r->values[OPTION_AUTH_MODE].source);
    }
    if (c->open_anywhere || is_own_machine(c->listen)) return 0;
    return err_set(
        err, ERR_INVALID,
        "%s: '%s' with --auth-mode open would let anybody run code on the cluster: write "
        "127.0.0.1 and a port, or add --open-anywhere true",
        r->values[OPTION_LISTEN].source, c->listen);
}

static int read_all(struct reading *r, struct err *err)
{
    if (read_flags(r, err) < 0) return -1;
    read_env(r);
    if (read_file(r, err) < 0) return -1;
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (check_one(r, (enum option_id)i, err) < 0) return -1;
    }
    set_config(r);
    return check_auth(r, err);
}

int config_load(const struct config_source *from, struct config **out, struct err *err)
{
    struct reading r = {.from = from};
    r.config = xcalloc(1, sizeof(*r.config));
    arena_init(&r.config->arena);
    if (read_all(&r, err) < 0) {
        config_free(r.config);
        return -1;
    }
    *out = r.config;
    return 0;
}

void config_free(struct config *config)
{
    if (!config) return;
    arena_release(&config->arena);
    free(config);
}

void config_help(struct str *out)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &options[i];
        if (o->group) str_add_f(out, "\n%s\n", o->group);
        size_t from = out->len;
        str_add_f(out, "  --%s %s", o->name, o->argument);
        do {
            str_add_c(out, ' ');
        } while (out->len - from < 34);
        str_add_f(out, "%s", o->help);
        if (*o->fallback) str_add_f(out, " (%s)", o->fallback);
        for (const char *const *alias = o->aliases; alias && *alias; alias++) {
            str_add_f(out, " [also %s]", *alias);
        }
        str_add_c(out, '\n');
    }
}
