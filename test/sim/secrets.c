#include "test/sim/secrets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/xalloc.h"

static const char *secret_in(const char *text, size_t len)
{
    static const char *const secrets[] = {SECRET_CREDENTIAL, SECRET_ENV};
    for (int i = 0; i < 2; i++) {
        const char *at = memmem(text, len, secrets[i], strlen(secrets[i]));
        if (at) return at;
    }
    return NULL;
}

void secrets_request(struct sim *sim, const struct kube_call *call)
{
    bool told = strstr(call->path, "/status") || strstr(call->path, "/events");
    if (!told || !call->body || !secret_in(call->body, call->body_len)) return;
    sim_fail(sim, "S11", "a secret is told: %s %s", call->method, call->path);
}

void secrets_begin(struct sim *sim)
{
    if (!sim->plan.audit || sim->trace_live) return;
    sim->log_fd = memfd_create("log", MFD_CLOEXEC);
    log_setup((struct log_config){.level = LOG_DEBUG, .fd = sim->log_fd});
}

void secrets_end(struct sim *sim)
{
    if (sim->log_fd <= 0) return;
    log_setup((struct log_config){.level = LOG_LEVEL_COUNT, .fd = 2});
    off_t size = lseek(sim->log_fd, 0, SEEK_END);
    char *lines = size > 0 ? xmalloc((size_t)size + 1) : NULL;
    ssize_t n = lines ? pread(sim->log_fd, lines, (size_t)size, 0) : 0;
    if (n > 0) lines[n] = '\0';
    const char *at = n > 0 ? secret_in(lines, (size_t)n) : NULL;
    if (at) {
        while (at > lines && at[-1] != '\n') at--;
        sim_fail(sim, "S11", "a secret is logged: %.*s", (int)strcspn(at, "\n"), at);
    }
    free(lines);
    close(sim->log_fd);
    sim->log_fd = 0;
}
