#include "lib/kube/auth.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/kube/auth_files.h"
#include "lib/kube/auth_plugin.h"
#include "lib/str.h"
#include "lib/tls.h"
#include "lib/xalloc.h"

/* A plugin's run:
 *
 *     idle ──start_run──► running ──thread ends──► done ──collect_run, in the next get──► idle
 *
 * The thread touches nothing but run.* and only under the mutex, once, at its end. */

enum {
    PLUGIN_MS = 60000,
    GAP_MS = 1000,          /* between the end of a run and the next one */
    EXPIRED_GAP_MS = 10000, /* after an answer that had expired when it came: a clock is wrong */
    YOUNG_MS = 60000,       /* a credential refused sooner than this is a strike */
    BACKOFF_MS_MIN = 1000,
    BACKOFF_MS_MAX = 60000,
};

struct snapshot {
    struct kube_credential pub; /* first: the caller's pointer is ours */
    unsigned refs;              /* under the mutex */
};

struct run {
    pthread_t thread;
    bool running;       /* started and not collected */
    bool done;          /* the thread has filled in the rest */
    bool after_refusal; /* why it was started */
    char *ca;           /* what the thread is told */
    int64_t timeout_ms;
    int rc;
    struct plugin_answer answer;
    struct err err;
};

struct plugin {
    bool used;
    int cancel_fd, done_fd; /* eventfds */
    struct run run;
    struct plugin_answer answer; /* the last good one */
    bool has_answer;
    bool refused; /* the server said 401 to it */
    bool failed;  /* the last run */
    struct err failure;
    int64_t got_ms;          /* loop time of the answer */
    int64_t refresh_wall_ms; /* INT64_MAX: when it is refused */
    int64_t not_before_ms;   /* loop time: no run sooner */
    unsigned strikes;        /* failures in a row: what the backoff grows with */
    uint64_t changes;        /* of the answer */
    int64_t timeout_ms;
};

struct kube_auth {
    pthread_mutex_t mutex; /* guards all below */
    const struct kube_config *config;
    struct auth_files files;
    struct plugin plugin;
    struct snapshot *current; /* NULL: the plugin has not answered yet */
    uint64_t published;       /* the changes that are in it */
    uint64_t plugin_failures;
    int64_t wall_ms; /* of the last get */
};

/* --- Snapshots --- */

static void snapshot_free(struct snapshot *s)
{
    tls_forget((char *)(uintptr_t)s->pub.authorization);
    tls_forget((char *)(uintptr_t)s->pub.ca);
    tls_forget((char *)(uintptr_t)s->pub.cert);
    tls_forget((char *)(uintptr_t)s->pub.key);
    free(s);
}

static void drop(struct snapshot *s)
{
    if (s && --s->refs == 0) snapshot_free(s);
}

static char *copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

/* Of "Bearer " or "Basic " and what follows; made in one piece, so that nothing is left behind. */
static char *joined(const char *scheme, const char *value)
{
    size_t n = strlen(scheme), m = strlen(value);
    char *text = xmalloc(n + m + 1);
    memcpy(text, scheme, n);
    memcpy(text + n, value, m + 1);
    return text;
}

static char *basic(const struct kube_config *c)
{
    const char *password = c->password ? c->password : "";
    char *name = joined(c->username, ":");
    char *pair = joined(name, password);
    char *base64 = tls_base64_encode(pair, strlen(pair));
    char *value = joined("Basic ", base64);
    free(name);
    tls_forget(pair);
    tls_forget(base64);
    return value;
}

static char *authorization(const struct kube_auth *auth)
{
    if (auth->files.token) return joined("Bearer ", auth->files.token);
    if (auth->config->username) return basic(auth->config);
    if (auth->plugin.answer.token) return joined("Bearer ", auth->plugin.answer.token);
    return NULL;
}

static struct snapshot *snapshot_new(const struct kube_auth *auth)
{
    const struct auth_files *f = &auth->files;
    const struct plugin_answer *answer = &auth->plugin.answer;
    struct snapshot *s = xcalloc(1, sizeof(*s));
    bool own = f->cert != NULL; /* a certificate of the config beats the plugin's */
    s->refs = 1;
    s->pub.authorization = authorization(auth);
    s->pub.ca = copy(f->ca);
    s->pub.cert = copy(own ? f->cert : answer->cert);
    s->pub.key = copy(own ? f->key : answer->key);
    s->pub.expires_ms = answer->expires_ms ? answer->expires_ms : f->cert_ends_ms;
    return s;
}

/* Makes what was read or answered the current credential. Its generation grows if it differs. */
static void publish(struct kube_auth *auth)
{
    uint64_t changes = auth->files.changes + auth->plugin.changes;
    if (auth->plugin.used && !auth->plugin.has_answer) return;
    if (auth->current && auth->published == changes) return; /* nearly always */
    auth->published = changes;
    struct snapshot *next = snapshot_new(auth);
    const struct kube_credential none = {0};
    const struct kube_credential *old = auth->current ? &auth->current->pub : &none;
    bool same_tls = str_equal(next->pub.ca, old->ca) && str_equal(next->pub.cert, old->cert) &&
                    str_equal(next->pub.key, old->key);
    bool same = same_tls && str_equal(next->pub.authorization, old->authorization);
    if (auth->current && same && next->pub.expires_ms == old->expires_ms) {
        drop(next);
        return;
    }
    next->pub.generation = old->generation + (auth->current && same ? 0 : 1);
    next->pub.tls = old->tls + (auth->current && same_tls ? 0 : 1);
    drop(auth->current);
    auth->current = next;
}

/* --- Plugin --- */

static int64_t backoff_ms(unsigned strikes)
{
    int64_t wait_ms = BACKOFF_MS_MIN;
    if (strikes == 0) return 0;
    while (--strikes > 0 && wait_ms < BACKOFF_MS_MAX) wait_ms *= 2;
    return wait_ms < BACKOFF_MS_MAX ? wait_ms : BACKOFF_MS_MAX;
}

static void *run_thread(void *user)
{
    struct kube_auth *auth = user;
    struct run *run = &auth->plugin.run;
    struct plugin_answer answer = {0};
    struct err err = {0};
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals are the main thread's */
    int rc =
        plugin_run(auth->config, run->ca, run->timeout_ms, auth->plugin.cancel_fd, &answer, &err);
    pthread_mutex_lock(&auth->mutex);
    run->rc = rc;
    run->answer = answer;
    run->err = err;
    run->done = true;
    pthread_mutex_unlock(&auth->mutex);
    eventfd_write(auth->plugin.done_fd, 1);
    return NULL;
}

static void run_failed(struct kube_auth *auth, const struct err *why, int64_t now_ms)
{
    struct plugin *p = &auth->plugin;
    p->failed = true;
    p->failure = *why;
    p->not_before_ms = now_ms + backoff_ms(++p->strikes);
    auth->plugin_failures++;
}

static void run_answered(struct plugin *p, struct plugin_answer *answer, bool after_refusal,
                         int64_t now_ms, int64_t wall_ms)
{
    plugin_answer_release(&p->answer);
    p->answer = *answer;
    *answer = (struct plugin_answer){0};
    p->has_answer = true;
    p->refused = p->failed = false;
    p->got_ms = now_ms;
    if (!after_refusal) p->strikes = 0; /* else it is not proven yet */
    int64_t left_ms = p->answer.expires_ms - wall_ms;
    bool endless = p->answer.expires_ms == 0, expired = !endless && left_ms <= 0;
    if (expired) left_ms = 0;
    p->refresh_wall_ms = endless ? INT64_MAX : wall_ms + left_ms / 10 * 9;
    p->not_before_ms = now_ms + (expired ? EXPIRED_GAP_MS : GAP_MS);
    p->changes++;
}

static void collect_run(struct kube_auth *auth, int64_t now_ms)
{
    struct plugin *p = &auth->plugin;
    if (!p->run.done) return;
    pthread_join(p->run.thread, NULL); /* it has nothing left to do but to return */
    if (p->run.rc < 0) {
        run_failed(auth, &p->run.err, now_ms);
    } else {
        run_answered(p, &p->run.answer, p->run.after_refusal, now_ms, auth->wall_ms);
    }
    free(p->run.ca);
    p->run = (struct run){0};
}

static bool run_is_due(const struct plugin *p, int64_t now_ms, int64_t wall_ms)
{
    if (p->run.running || now_ms < p->not_before_ms) return false;
    return !p->has_answer || p->refused || wall_ms >= p->refresh_wall_ms;
}

static void start_run(struct kube_auth *auth, int64_t now_ms)
{
    struct plugin *p = &auth->plugin;
    p->run = (struct run){
        .running = true,
        .after_refusal = p->refused,
        .ca = copy(auth->files.ca),
        .timeout_ms = p->timeout_ms,
    };
    int why = pthread_create(&p->run.thread, NULL, run_thread, auth);
    if (why == 0) return;
    struct err err;
    err_set(&err, ERR_UNAVAILABLE, "credential plugin: no thread: %s", strerror(why));
    run_failed(auth, &err, now_ms);
    free(p->run.ca);
    p->run = (struct run){0};
}

/* Collects a run that ended and starts one that is due. */
static void step_plugin(struct kube_auth *auth, int64_t now_ms)
{
    if (!auth->plugin.used) return;
    collect_run(auth, now_ms);
    if (run_is_due(&auth->plugin, now_ms, auth->wall_ms)) start_run(auth, now_ms);
}

/* An expired answer still serves when the plugin has nothing better: our clock may be wrong. */
static int check_usable(const struct plugin *p, int64_t wall_ms, struct err *err)
{
    if (!p->used) return 0;
    bool expired = p->answer.expires_ms != 0 && wall_ms >= p->answer.expires_ms;
    bool stuck = p->run.running || p->failed;
    if (p->has_answer && !p->refused && !(expired && stuck)) return 0;
    if (p->failed) return err_set(err, ERR_DENIED, "%s", p->failure.text);
    return err_set(err, ERR_UNAVAILABLE, "the credential plugin has not answered yet");
}

static bool uses_plugin(const struct kube_config *c)
{
    return c->exec.command && !c->token && !c->token_file && !c->username;
}

static int init_plugin(struct kube_auth *auth, struct err *err)
{
    struct plugin *p = &auth->plugin;
    const struct kube_config *c = auth->config;
    p->cancel_fd = p->done_fd = -1;
    p->used = uses_plugin(c);
    p->refresh_wall_ms = INT64_MAX;
    p->not_before_ms = INT64_MIN;
    p->timeout_ms = PLUGIN_MS;
    if (!p->used) return 0;
    if (c->exec.interactive_always) {
        return err_set(err, ERR_DENIED, "%s: credential plugin %.60s wants a terminal", c->source,
                       c->exec.command);
    }
    p->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->cancel_fd >= 0 && p->done_fd >= 0) return 0;
    return err_set(err, ERR_UNAVAILABLE, "eventfd: %s", strerror(errno));
}

static void release_plugin(struct plugin *p)
{
    if (p->run.running) {
        eventfd_write(p->cancel_fd, 1);
        pthread_join(p->run.thread, NULL);
    }
    free(p->run.ca);
    plugin_answer_release(&p->run.answer);
    plugin_answer_release(&p->answer);
    if (p->cancel_fd >= 0) close(p->cancel_fd);
    if (p->done_fd >= 0) close(p->done_fd);
}

/* --- */

int kube_auth_new(const struct kube_config *config, int64_t now_ms, struct kube_auth **out,
                  struct err *err)
{
    struct kube_auth *auth = xcalloc(1, sizeof(*auth));
    auth->config = config;
    pthread_mutex_init(&auth->mutex, NULL);
    if (init_plugin(auth, err) < 0 || auth_files_init(&auth->files, config, now_ms, err) < 0) {
        kube_auth_free(auth);
        return -1;
    }
    publish(auth);
    *out = auth;
    return 0;
}

void kube_auth_free(struct kube_auth *auth)
{
    if (!auth) return;
    release_plugin(&auth->plugin);
    auth_files_release(&auth->files);
    drop(auth->current);
    pthread_mutex_destroy(&auth->mutex);
    free(auth);
}

const struct kube_credential *kube_auth_get(struct kube_auth *auth, int64_t now_ms, int64_t wall_ms,
                                            struct err *err)
{
    struct snapshot *s = NULL;
    pthread_mutex_lock(&auth->mutex);
    auth->wall_ms = wall_ms;
    auth_files_refresh(&auth->files, now_ms, false);
    step_plugin(auth, now_ms);
    publish(auth);
    if (check_usable(&auth->plugin, wall_ms, err) == 0) {
        s = auth->current;
        s->refs++;
    }
    pthread_mutex_unlock(&auth->mutex);
    return s ? &s->pub : NULL;
}

void kube_credential_unref(struct kube_auth *auth, const struct kube_credential *credential)
{
    if (!credential) return;
    pthread_mutex_lock(&auth->mutex);
    drop((struct snapshot *)(uintptr_t)credential);
    pthread_mutex_unlock(&auth->mutex);
}

/* Of many requests that meet the same 401 the first one counts. A credential refused soon after it
 * was got means that the server does not like what the plugin makes: each time we wait longer. */
static void refuse_answer(struct plugin *p, int64_t now_ms)
{
    if (!p->used || !p->has_answer || p->refused) return;
    p->refused = true;
    if (p->run.running) return;
    if (now_ms - p->got_ms >= YOUNG_MS) p->strikes = 0;
    p->not_before_ms = now_ms + backoff_ms(p->strikes++);
}

bool kube_auth_rejected(struct kube_auth *auth, uint64_t generation, int64_t now_ms)
{
    pthread_mutex_lock(&auth->mutex);
    if (auth->plugin.used) collect_run(auth, now_ms);
    publish(auth);
    if (auth->current && auth->current->pub.generation == generation) {
        auth_files_refresh(&auth->files, now_ms, true);
        refuse_answer(&auth->plugin, now_ms);
        step_plugin(auth, now_ms);
        publish(auth);
    }
    bool newer = auth->current && auth->current->pub.generation > generation &&
                 check_usable(&auth->plugin, auth->wall_ms, NULL) == 0;
    pthread_mutex_unlock(&auth->mutex);
    return newer;
}

void kube_auth_unreachable(struct kube_auth *auth, int64_t now_ms)
{
    pthread_mutex_lock(&auth->mutex);
    auth_files_refresh(&auth->files, now_ms, true);
    publish(auth);
    pthread_mutex_unlock(&auth->mutex);
}

int kube_auth_fd(const struct kube_auth *auth)
{
    return auth->plugin.done_fd;
}

uint64_t kube_auth_failures(struct kube_auth *auth, struct err *last)
{
    pthread_mutex_lock(&auth->mutex);
    uint64_t files = auth->files.failures, plugin = auth->plugin_failures;
    if (last && auth->files.failures) *last = auth->files.trouble;
    if (last && auth->plugin_failures) *last = auth->plugin.failure;
    pthread_mutex_unlock(&auth->mutex);
    return files + plugin;
}

void kube_auth_set_plugin_timeout(struct kube_auth *auth, int64_t timeout_ms)
{
    pthread_mutex_lock(&auth->mutex);
    auth->plugin.timeout_ms = timeout_ms;
    pthread_mutex_unlock(&auth->mutex);
}
