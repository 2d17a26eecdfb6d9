/* The bare loader: sends requests that were rendered beforehand, and does nothing else. It is the
 * limit that an operator on this machine can come near to; and it makes the Sessions of a run.
 *
 *     loader KUBECONFIG FILE GROUPS_AT_ONCE
 *
 * A line of FILE is a request, its parts parted by tabs: MARK METHOD PATH TYPE BODY. MARK is
 *     +   begins a group (a session)
 *     =   goes out together with the line before it
 *     -   goes out when all before it in its group are answered
 *     ~   a watch, open all the time; what it tells is thrown away
 * Says at the end, as JSON: seconds from the first request to the last answer, processor time in
 * between, how many were sent, how many were refused, and the first refusal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/files.h"
#include "lib/kube/wire.h"
#include "lib/str.h"
#include "lib/xalloc.h"

enum { FILE_BYTES_MAX = 256 << 20, TIMEOUT_MS = 60000, WATCHES_MAX = 8 };

struct request {
    char mark;
    struct kube_call call;
    size_t group;
};

struct group {
    size_t next, end; /* requests not sent yet */
    size_t open;      /* sent and not answered */
};

struct loader {
    struct request *requests;
    struct group *groups;
    size_t request_count, group_count, group_next, groups_open;
    size_t sent, refused;
    char first_refusal[300];
    struct loop *loop;
    struct kube_transport *transport;
};

static struct loader loader;

static void check(int rc, const struct err *err)
{
    if (rc == 0) return;
    fprintf(stderr, "loader: %s\n", err->text);
    exit(1);
}

/* --- the file -------------------------------------------------------------------------------- */

static char *part(char **at)
{
    char *begin = *at, *tab = strchr(begin, '\t');
    if (tab) *tab = '\0';
    *at = tab ? tab + 1 : begin + strlen(begin);
    return begin;
}

static struct request request_of(char *line)
{
    struct request r = {.mark = *part(&line)};
    r.call.method = part(&line);
    r.call.path = part(&line);
    r.call.content_type = part(&line);
    r.call.timeout_ms = TIMEOUT_MS;
    r.call.body = line;
    r.call.body_len = strlen(line);
    if (r.mark == '~') { /* as long as it likes, and without a body */
        r.call = (struct kube_call){
            .lane = KUBE_LANE_WATCHES, .method = r.call.method, .path = r.call.path};
    }
    return r;
}

static size_t lines_of(const char *text)
{
    size_t n = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++) n++;
    return n;
}

/* The text stays where it is: requests point into it. */
static void read_requests(char *text)
{
    size_t lines = lines_of(text);
    loader.requests = xcalloc(lines + 1, sizeof(*loader.requests));
    loader.groups = xcalloc(lines + 1, sizeof(*loader.groups));
    for (char *end; (end = strchr(text, '\n')); text = end + 1) {
        *end = '\0';
        struct request *r = &loader.requests[loader.request_count];
        *r = request_of(text);
        if (r->mark == '+') loader.groups[loader.group_count++].next = loader.request_count;
        loader.request_count++;
        if (r->mark == '~') continue;
        if (loader.group_count == 0) check(-1, &(struct err){.text = "a line before the first +"});
        r->group = loader.group_count - 1;
        loader.groups[r->group].end = loader.request_count;
    }
}

/* --- sending --------------------------------------------------------------------------------- */

static void go_on(struct group *g);

static void answered(void *user, const struct kube_answer *answer)
{
    struct request *r = user;
    struct group *g = &loader.groups[r->group];
    if (answer->outcome != KUBE_ANSWERED || answer->code / 100 != 2) {
        if (loader.refused++ == 0) {
            snprintf(loader.first_refusal, sizeof(loader.first_refusal), "%s %.80s: %d %s%.160s",
                     r->call.method, r->call.path, answer->code, answer->text, answer->body);
        }
    }
    if (--g->open == 0) go_on(g);
}

static void send_out(struct request *r)
{
    static const struct kube_handlers handlers = {.done = answered};
    loader.groups[r->group].open++;
    loader.sent++;
    loader.transport->start(loader.transport, &r->call, &handlers, r);
}

static void begin_groups(size_t at_once)
{
    while (loader.groups_open < at_once && loader.group_next < loader.group_count) {
        loader.groups_open++;
        go_on(&loader.groups[loader.group_next++]);
    }
    if (loader.groups_open == 0) loop_stop(loader.loop);
}

/* The next requests of a group that waits for nothing; of the next group where it is at its end. */
static void go_on(struct group *g)
{
    if (g->next == g->end) {
        loader.groups_open--;
        begin_groups(loader.groups_open + 1);
        return;
    }
    do {
        send_out(&loader.requests[g->next++]);
    } while (g->next < g->end && loader.requests[g->next].mark == '=');
}

/* --- watches --------------------------------------------------------------------------------- */

static int drained(void *user, const char *bytes, size_t n)
{
    (void)user;
    (void)bytes;
    (void)n;
    return 0;
}

static void watch_ended(void *user, const struct kube_answer *answer)
{
    const struct request *r = user;
    fprintf(stderr, "loader: %.80s ended: %d %s\n", r->call.path, answer->code, answer->text);
    loader.refused++;
}

static void begin_watches(void)
{
    static const struct kube_handlers handlers = {.data = drained, .done = watch_ended};
    for (size_t i = 0; i < loader.request_count; i++) {
        struct request *r = &loader.requests[i];
        if (r->mark == '~') loader.transport->start(loader.transport, &r->call, &handlers, r);
    }
}

/* --- all of it ------------------------------------------------------------------------------- */

static void say(int64_t wall_us, int64_t cpu_us)
{
    auto_str text;
    str_init(&text, 4096);
    str_add_json(&text, loader.first_refusal);
    printf("{\"wall_s\": %.6f, \"cpu_s\": %.6f, \"sent\": %zu, \"refused\": %zu, \"first\": %s}\n",
           (double)wall_us / 1e6, (double)cpu_us / 1e6, loader.sent, loader.refused, text.at);
}

int main(int argc, char **argv)
{
    struct kube_config *config = NULL;
    struct kube_auth *auth = NULL;
    struct kube_wire *wire = NULL;
    struct err err;
    char *text = NULL;
    size_t len = 0;
    if (argc != 4) {
        fprintf(stderr, "loader KUBECONFIG FILE GROUPS_AT_ONCE\n");
        return 2;
    }
    check(kube_config_load(&(struct kube_config_source){.path = argv[1]}, &config, &err), &err);
    check(file_read(argv[2], FILE_BYTES_MAX, &text, &len, &err), &err);
    read_requests(text);
    check(kube_auth_new(config, clock_ms(), &auth, &err), &err);
    check(loop_new(&loader.loop, &err), &err);
    struct kube_wire_config wire_config = {.kube = config,
                                           .auth = auth,
                                           .loop = loader.loop,
                                           .user_agent = "carrel-loader (linux/amd64)",
                                           .watches_max = WATCHES_MAX};
    check(kube_wire_new(&wire_config, &wire, &err), &err);
    loader.transport = kube_wire_transport(wire);

    begin_watches();
    int64_t began_us = clock_us(), cpu_us = clock_cpu_us();
    begin_groups(strtoul(argv[3], NULL, 10));
    loop_run(loader.loop);
    say(clock_us() - began_us, clock_cpu_us() - cpu_us);

    kube_wire_free(wire);
    loop_free(loader.loop);
    kube_auth_free(auth);
    kube_config_free(config);
    free(loader.requests);
    free(loader.groups);
    free(text);
    return loader.refused > 0;
}
