/* The operator on a cluster: what starts, in which order, and what stops. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/serve_api.h"
#include "controller/config.h"
#include "controller/health.h"
#include "controller/lease_thread.h"
#include "controller/operator.h"
#include "lib/clock.h"
#include "lib/files.h"
#include "lib/footprint.h"
#include "lib/kube/wire.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/xalloc.h"

enum { WATCHES = 16, HEALTH_THREADS = 4, DRAIN_MS = 5000 };
enum { TIDY_MS = 4000, TIDY_AT_LAST_MS = 60000 };

#define ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

struct program {
    struct config *config;
    struct kube_config *kube;
    struct kube_auth *auth;
    struct loop *loop;
    struct kube_wire *wire;
    struct operator *op;
    struct lease_thread *lease;
    struct server *server;
    struct serve_api api;
    struct health health;
    struct rng rng;
    struct timer drain;
    int64_t drain_until_ms;
    struct timer start_over;
    bool leads;
    struct timer tidy;
    uint64_t events_then;   /* when tidy fired last */
    uint64_t events_tidied; /* when memory was given back last */
    int64_t tidied_ms;
    char identity[160];
    char user_agent[320];
};

static struct loop *signalled_loop; /* for the handler: it can be given no argument */
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    if (signals++ > 0) _exit(1); /* asked twice: at once */
    loop_stop(signalled_loop);
}

static void catch_signals(struct loop *loop)
{
    signalled_loop = loop;
    struct sigaction stop = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

/* --- configuration --------------------------------------------------------------------------- */

static const char *from_env(void *user, const char *name)
{
    (void)user;
    return getenv(name);
}

static int read_config_file(void *user, const char *path, struct arena *a, char **text,
                            size_t *len, struct err *err)
{
    (void)user;
    auto_free char *bytes = NULL;
    if (file_read(path, LIMIT_YAML_BYTES, &bytes, len, err) < 0) return -1;
    *text = arena_strndup(a, bytes, *len);
    return 0;
}

static int load_config(struct program *p, int argc, char **argv, struct err *err)
{
    struct config_source source = {
        .argc = argc, .argv = argv, .env = from_env, .read_file = read_config_file};
    if (config_load(&source, &p->config, err) < 0) return -1;
    log_setup((struct log_config){
        .level = p->config->log_level, .json = p->config->log_json, .fd = STDERR_FILENO});
    struct kube_config_source where = {
        .path = p->config->kubeconfig,
        .context = p->config->context,
        .kubeconfig_env = getenv("KUBECONFIG"),
        .home = getenv("HOME"),
        .service_host = getenv("KUBERNETES_SERVICE_HOST"),
        .service_port = getenv("KUBERNETES_SERVICE_PORT"),
        .account_dir = ACCOUNT_DIR,
        .pod_namespace = getenv("POD_NAMESPACE"),
    };
    return kube_config_load(&where, &p->kube, err);
}

static void name_ourselves(struct program *p)
{
    char host[64] = "carrel", id[33];
    unsigned char bytes[16];
    gethostname(host, sizeof(host) - 1);
    rng_bytes(bytes, sizeof(bytes));
    for (int i = 0; i < 16; i++) snprintf(id + 2 * i, 3, "%02x", bytes[i]);
    snprintf(p->identity, sizeof(p->identity), "%.60s_%s", host, id);
    /* Who of several replicas wrote is told by the API server's audit log alone. */
    snprintf(p->user_agent, sizeof(p->user_agent), "carrel/%.60s (linux/amd64) replica/%s",
             carrel_version, p->identity);
}

/* --- leading --------------------------------------------------------------------------------- */

static void on_lease(void *user, bool leads)
{
    struct program *p = user;
    p->leads = leads;
    operator_lead(p->op, leads);
}

static bool may_write(void *user)
{
    struct program *p = user;
    return !p->config->leader_elect || lease_thread_may_write(p->lease);
}

static void on_ready(void *user)
{
    struct program *p = user;
    atomic_store(&p->health.synced, true);
    log_info("caches are filled: ready");
}

static void on_lease_undone(void *user)
{
    struct program *p = user;
    operator_history_undone(p->op);
}

static int start_leading(struct program *p, struct err *err)
{
    if (!p->config->leader_elect) {
        on_lease(p, true);
        return 0;
    }
    const struct config *c = p->config;
    struct lease_thread_config config = {
        .lease = {.ns = c->lease_namespace ? c->lease_namespace : p->kube->ns,
                  .name = c->lease_name,
                  .identity = p->identity,
                  .lease_ms = c->lease_ms,
                  .renew_ms = c->renew_ms,
                  .retry_ms = c->retry_ms},
        .wire = {.kube = p->kube, .auth = p->auth, .loop = p->loop, .user_agent = p->user_agent},
        .changed = on_lease,
        .undone = on_lease_undone,
        .user = p,
    };
    return lease_thread_start(&config, &p->lease, err);
}

/* --- memory ---------------------------------------------------------------------------------- */

static void add_events(void *user, const struct operator_informer *informer)
{
    *(uint64_t *)user += informer->stats.events;
}

/* When it has become quiet after the first lists, or after a burst, what that work has left goes
 * back to the system; where it never becomes quiet, once a minute. */
static void on_tidy(void *user)
{
    struct program *p = user;
    struct timers *timers = loop_timers(p->loop);
    uint64_t events = 0;
    operator_walk(p->op, add_events, &events);
    bool quiet = events == p->events_then && operator_idle(p->op);
    bool long_ago = timers->now_ms - p->tidied_ms >= TIDY_AT_LAST_MS;
    if (operator_synced(p->op) && events != p->events_tidied && (quiet || long_ago)) {
        footprint_trim();
        footprint_forget_start();
        p->events_tidied = events;
        p->tidied_ms = timers->now_ms;
    }
    p->events_then = events;
    timer_set(timers, &p->tidy, timers->now_ms + TIDY_MS);
}

/* --- start and stop -------------------------------------------------------------------------- */

static int start_wire(struct program *p, struct err *err)
{
    if (kube_auth_new(p->kube, clock_ms(), &p->auth, err) < 0) return -1;
    if (loop_new(&p->loop, err) < 0) return -1;
    struct kube_wire_config config = {.kube = p->kube,
                                      .auth = p->auth,
                                      .loop = p->loop,
                                      .user_agent = p->user_agent,
                                      .watches_max = WATCHES};
    return kube_wire_new(&config, &p->wire, err);
}

static int start_health(struct program *p, struct err *err)
{
    p->health.loop = p->loop;
    struct server_config config = {.listen = p->config->metrics_listen,
                                   .threads = HEALTH_THREADS,
                                   .body_bytes_max = 1024,
                                   .handle = health_handle,
                                   .user = &p->health};
    return server_start(&config, &p->server, err);
}

static void on_undone(void *user)
{
    struct program *p = user;
    if (atomic_load(&p->health.stopping)) return; /* its gate is shut: it ends all the sooner */
    timer_set(loop_timers(p->loop), &p->start_over, clock_ms());
}

static void start_operator(struct program *p)
{
    struct operator_env env = {.transport = kube_wire_transport(p->wire),
                               .timers = loop_timers(p->loop),
                               .rng = &p->rng,
                               .settings = &p->config->settings,
                               .may_write = may_write,
                               .gate_user = p,
                               .ready = on_ready,
                               .ready_user = p,
                               .undone = on_undone,
                               .undone_user = p,
                               .instance = p->identity,
                               .metrics = true};
    p->op = operator_new(&env);
    serve_api_attach(&p->api, operator_view(p->op));
    operator_start(p->op);
}

/* As if the process had been killed and started, but that connections, lease and metrics stay. */
static void on_start_over(void *user)
{
    struct program *p = user;
    serve_api_attach(&p->api, NULL);
    operator_free(p->op);
    atomic_store(&p->health.synced, false);
    start_operator(p);
    operator_lead(p->op, p->leads);
}

static int start(struct program *p, int argc, char **argv, struct err *err)
{
    if (load_config(p, argc, argv, err) < 0) return -1;
    prctl(PR_SET_DUMPABLE, 0); /* a core would hold the credentials */
    name_ourselves(p);
    rng_seed(&p->rng, rng_entropy());
    if (start_wire(p, err) < 0) return -1;
    p->start_over = (struct timer){.fire = on_start_over, .user = p};
    if (start_health(p, err) < 0) return -1;
    if (serve_api_start(&p->api, p->config, p->kube->ns, p->loop, kube_wire_transport(p->wire),
                        &p->rng, err) < 0)
        return -1;
    catch_signals(p->loop);
    start_operator(p);
    if (start_leading(p, err) < 0) return -1;
    p->tidy = (struct timer){.fire = on_tidy, .user = p};
    p->tidied_ms = clock_ms() - TIDY_AT_LAST_MS; /* the first lists are reason enough */
    timer_set(loop_timers(p->loop), &p->tidy, clock_ms() + TIDY_MS);
    log_info("carrel serves", kv("version", carrel_version), kv("replica", p->identity),
             kv("cluster", p->kube->server), kv("config", p->kube->source),
             kv("namespace", p->config->settings.ns), kv("health", p->config->metrics_listen),
             kv("api", p->config->listen));
    return 0;
}

/* Requests that are out may finish; nothing new begins. The lease goes back last of all. */
static void on_drain(void *user)
{
    struct program *p = user;
    struct timers *timers = loop_timers(p->loop);
    if (operator_idle(p->op) || timers->now_ms >= p->drain_until_ms) loop_stop(p->loop);
    else timer_set(timers, &p->drain, timers->now_ms + 20);
}

static void drain(struct program *p)
{
    struct timers *timers = loop_timers(p->loop);
    timer_stop(timers, &p->tidy);
    timer_stop(timers, &p->start_over);
    atomic_store(&p->health.stopping, true);
    operator_drain(p->op);
    p->drain_until_ms = clock_ms() + DRAIN_MS;
    p->drain = (struct timer){.fire = on_drain, .user = p};
    timer_set(timers, &p->drain, clock_ms());
    loop_run(p->loop);
    timer_stop(timers, &p->drain);
}

static void stop(struct program *p)
{
    serve_api_attach(&p->api, NULL);
    operator_free(p->op);
    lease_thread_stop(p->lease);
    serve_api_stop(&p->api);
    server_stop(p->server);
    kube_wire_free(p->wire);
    loop_free(p->loop);
    kube_auth_free(p->auth);
    kube_config_free(p->kube);
    config_free(p->config);
}

int command_serve(int argc, char **argv)
{
    struct program p = {0};
    struct err err = {0};
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        return command_help(1, (char *[]){(char[]){"serve"}, NULL});
    }
    footprint_one_heap();
    if (start(&p, argc, argv, &err) < 0) {
        fprintf(stderr, "carrel serve: %s\n", err.text);
        stop(&p);
        return 1;
    }
    loop_run(p.loop);
    log_info("stopping");
    drain(&p);
    stop(&p);
    log_info("stopped");
    return 0;
}
