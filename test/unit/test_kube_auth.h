/* test/unit/test_kube_auth.h: the fixture of the credentials' tests: files in a folder of their
 * own, a plugin that is a line of shell, time that is what the test says, what was handed out.
 */
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/kube/auth.h"
#include "test/check.h"

/* --- Files in a folder of their own; time is what the test says --- */

static char dir[64];
static struct err err;
static struct kube_auth *auth;
static const int64_t WALL = 1800000000000; /* ms since 1970 */

/* Paths stand still while a test runs, since configs and threads point at them. */
static const char *const names[] = {"token", "ca", "cert", "key", "answer", "runs", "seen", "none"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };
static char paths[NAMES][80];

static inline char *in_dir(const char *name)
{
    size_t i = 0;
    while (i + 1 < NAMES && strcmp(names[i], name) != 0) i++;
    return paths[i];
}

static inline void put(const char *name, const char *text)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), (long long)strlen(text));
    close(fd);
}

static inline void begin(void)
{
    snprintf(dir, sizeof(dir), "/tmp/carrel-auth-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    for (size_t i = 0; i < NAMES; i++) snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, names[i]);
    auth = NULL;
    err = (struct err){0};
}

static inline void end(void)
{
    kube_auth_free(auth);
    for (size_t i = 0; i < NAMES; i++) unlink(paths[i]);
    rmdir(dir);
}

/* What get hands out, copied: the credential itself is let go at once. */
static struct seen {
    bool none;
    uint64_t generation, tls;
    char authorization[256];
    char ca[2048], cert[1024], key[1024];
    int64_t expires_ms;
} seen;

static inline void look(int64_t now_ms, int64_t wall_ms)
{
    const struct kube_credential *c = kube_auth_get(auth, now_ms, wall_ms, &err);
    seen = (struct seen){.none = !c};
    if (!c) return;
    seen.generation = c->generation;
    seen.tls = c->tls;
    seen.expires_ms = c->expires_ms;
    snprintf(seen.authorization, sizeof(seen.authorization), "%s",
             c->authorization ? c->authorization : "none");
    snprintf(seen.ca, sizeof(seen.ca), "%s", c->ca ? c->ca : "none");
    snprintf(seen.cert, sizeof(seen.cert), "%s", c->cert ? c->cert : "none");
    snprintf(seen.key, sizeof(seen.key), "%s", c->key ? c->key : "none");
    kube_credential_unref(auth, c);
}

static inline void look_at(int64_t now_ms)
{
    look(now_ms, WALL + now_ms);
}

/* --- A plugin --- */

#define V1 "client.authentication.k8s.io/v1"
#define ANSWER(status)                                                                             \
    "{\"apiVersion\":\"" V1 "\",\"kind\":\"ExecCredential\",\"status\":" status "}"

static char *args[] = {(char *)"-c", NULL};
static struct kube_pair env[2];
static struct kube_config plugin;

/* A plugin that notes each run in "runs" and then does what the script says. */
static inline void begin_plugin(const char *script)
{
    static char text[1024];
    begin();
    snprintf(text, sizeof(text), "echo run >>%s/runs; %s", dir, script);
    args[1] = text;
    env[0] = (struct kube_pair){(char *)"DIR", dir};
    env[1] = (struct kube_pair){(char *)"PATH", (char *)"/usr/bin:/bin"};
    plugin = (struct kube_config){
        .source = (char *)"s",
        .exec = {.command = (char *)"/bin/sh",
                 .args = args,
                 .arg_count = 2,
                 .env = env,
                 .env_count = 2,
                 .api_version = (char *)V1},
    };
    put("runs", "");
}

static inline void begin_answering(const char *text)
{
    begin_plugin("cat $DIR/answer");
    put("answer", text);
    CHECK_OK(kube_auth_new(&plugin, 0, &auth, &err), err);
}

static inline bool is_ready(int timeout_ms)
{
    struct pollfd ended = {.fd = kube_auth_fd(auth), .events = POLLIN};
    return poll(&ended, 1, timeout_ms) == 1;
}

static inline void wait_for_run(void)
{
    eventfd_t count;
    CHECK(is_ready(30000));
    CHECK_INT(eventfd_read(kube_auth_fd(auth), &count), 0);
}
