/* Drives lib/kube/wire.h line by line for test/flow/wire.py.
 *
 *     wire_probe SERVER [token=T] [ca=FILE] [cert=FILE key=FILE] [name=N] [watches=N] [as=USER]
 *                       [tokenfile=FILE] [cafile=FILE]          files are read again and again
 *
 * Commands on standard input:
 *     start ID requests|watches METHOD TIMEOUT_MS PATH [BODY]   watches are streams
 *     cancel ID
 *     refuse ID             its next bytes are turned down
 *     ondata ID COMMAND     done from inside its next data callback
 *     ondone ID COMMAND     done from inside its done callback
 *     line METHOD TIMEOUT_MS PATH [BODY]                        over kube_line, blocking
 *     rejected              as after a 401 to the credential that was sent last
 *     cpu                   processor time so far, microseconds
 * Answers: `data ID BYTES`, `done ID OUTCOME CODE RETRY_AFTER CLOSE LEN TEXT`, `body ID ...`,
 * `rejected 1` when there is a newer credential.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/kube/wire.h"
#include "lib/str.h"
#include "lib/xalloc.h"

enum { IDS = 4096, LINE_BYTES = 64 << 10 };

struct one {
    struct kube_transfer *transfer;
    char *ondata, *ondone, *body;
    bool refuse;
};

static struct one ones[IDS];
static struct loop *loop;
static struct kube_wire *wire;
static struct kube_transport *transport;
static struct kube_line *kube_line;
static struct str input;
static uint64_t sent_last;

static const char *const outcomes[] = {"answered", "not-sent", "lost"};

static void obey(char *line);

static void obey_once(char **command)
{
    char *line = *command;
    *command = NULL;
    if (line) obey(line);
    free(line);
}

static void say(size_t id, const struct kube_answer *a)
{
    sent_last = a->credential;
    printf("done %zu %s %d %d %d %zu %s\n", id, outcomes[a->outcome], a->code, a->retry_after_s,
           a->conn_close, a->len, a->text);
    if (a->len > 0) {
        printf("body %zu ", id);
        for (const char *p = a->body; p < a->body + a->len && p < a->body + 2000; p++)
            putchar(*p < ' ' ? ' ' : *p);
        printf("\n");
    }
}

static int take_data(void *user, const char *bytes, size_t n)
{
    struct one *one = user;
    (void)bytes;
    printf("data %zu %zu\n", (size_t)(one - ones), n);
    obey_once(&one->ondata);
    return one->refuse;
}

static void take_end(void *user, const struct kube_answer *a)
{
    struct one *one = user;
    one->transfer = NULL;
    say((size_t)(one - ones), a);
    obey_once(&one->ondone);
}

/* The next word of *at, which moves behind it. */
static char *word(char **at)
{
    char *w = *at + strspn(*at, " ");
    char *end = w + strcspn(w, " ");
    *at = end + (*end == ' ');
    *end = '\0';
    return w;
}

static struct one *one_of(char **at)
{
    size_t id = strtoul(word(at), NULL, 10);
    if (id >= IDS) abort();
    return &ones[id];
}

static struct kube_call call_of(char **at)
{
    struct kube_call call = {.method = word(at)};
    call.timeout_ms = strtoll(word(at), NULL, 10);
    call.path = word(at);
    if (**at) {
        call.content_type = "application/json";
        call.body = *at;
        call.body_len = strlen(*at);
    }
    return call;
}

static void begin(char *at)
{
    static const struct kube_handlers collect = {.done = take_end};
    static const struct kube_handlers stream = {.data = take_data, .done = take_end};
    struct one *one = one_of(&at);
    bool watch = strcmp(word(&at), "watches") == 0;
    struct kube_call call = call_of(&at);
    call.lane = watch ? KUBE_LANE_WATCHES : KUBE_LANE_REQUESTS;
    if (call.body) {
        free(one->body);
        call.body = one->body = xstrdup(call.body);
    }
    one->transfer = transport->start(transport, &call, watch ? &stream : &collect, one);
}

static void ask_line(char *at)
{
    struct kube_answer answer;
    struct kube_call call = call_of(&at);
    kube_line_call(kube_line, &call, &answer);
    say(0, &answer);
}

static void obey(char *line)
{
    char *at = line, *verb = word(&at);
    if (strcmp(verb, "start") == 0) {
        begin(at);
    } else if (strcmp(verb, "cancel") == 0) {
        struct one *one = one_of(&at);
        if (one->transfer) transport->cancel(transport, one->transfer);
        one->transfer = NULL;
    } else if (strcmp(verb, "refuse") == 0) {
        one_of(&at)->refuse = true;
    } else if (strcmp(verb, "ondata") == 0) {
        struct one *one = one_of(&at);
        one->ondata = xstrdup(at);
    } else if (strcmp(verb, "ondone") == 0) {
        struct one *one = one_of(&at);
        one->ondone = xstrdup(at);
    } else if (strcmp(verb, "line") == 0) {
        ask_line(at);
    } else if (strcmp(verb, "rejected") == 0) {
        printf("rejected %d\n", transport->rejected(transport, sent_last));
    } else if (strcmp(verb, "cpu") == 0) {
        printf("cpu %lld\n", (long long)clock_cpu_us());
    } else {
        printf("unknown command %s\n", verb);
    }
}

static void read_commands(void *user, int fd, unsigned events)
{
    char bytes[4096];
    (void)user;
    (void)events;
    ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n <= 0) {
        loop_stop(loop);
        return;
    }
    str_add_n(&input, bytes, (size_t)n);
    for (char *end; (end = strchr(input.at, '\n'));) {
        *end = '\0';
        char *line = xstrdup(input.at);
        str_drop_front(&input, (size_t)(end + 1 - input.at));
        obey(line);
        free(line);
    }
}

static char *read_whole(const char *path)
{
    static char text[64 << 10];
    FILE *f = fopen(path, "re");
    if (!f) abort();
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    return xstrndup(text, n);
}

static void set_option(struct kube_config *config, int *watches, char *option)
{
    char *value = strchr(option, '=');
    if (!value) abort();
    *value++ = '\0';
    if (strcmp(option, "token") == 0) config->token = value;
    if (strcmp(option, "tokenfile") == 0) config->token_file = value;
    if (strcmp(option, "cafile") == 0) config->ca_file = value;
    if (strcmp(option, "name") == 0) config->tls_server_name = value;
    if (strcmp(option, "as") == 0) config->as_user = value;
    if (strcmp(option, "ca") == 0) config->ca_data = read_whole(value);
    if (strcmp(option, "cert") == 0) config->cert_data = read_whole(value);
    if (strcmp(option, "key") == 0) config->key_data = read_whole(value);
    if (strcmp(option, "watches") == 0) *watches = (int)strtol(value, NULL, 10);
}

static void check(int rc, const struct err *err)
{
    if (rc == 0) return;
    printf("failed %s\n", err->text);
    exit(1);
}

int main(int argc, char **argv)
{
    struct kube_config config = {.source = "probe", .ns = "default"};
    struct kube_auth *auth;
    struct err err;
    int watches = 6;
    if (argc < 2) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    config.server = argv[1];
    for (int i = 2; i < argc; i++) set_option(&config, &watches, argv[i]);

    check(kube_auth_new(&config, clock_ms(), &auth, &err), &err);
    check(loop_new(&loop, &err), &err);
    struct kube_wire_config wire_config = {.kube = &config,
                                           .auth = auth,
                                           .loop = loop,
                                           .user_agent = "carrel/test (linux/amd64)",
                                           .watches_max = watches};
    check(kube_wire_new(&wire_config, &wire, &err), &err);
    check(kube_line_new(&wire_config, &kube_line, &err), &err);
    transport = kube_wire_transport(wire);
    str_init(&input, LINE_BYTES * 16);
    check(loop_watch(loop, 0, LOOP_READ, read_commands, NULL, &err), &err);
    loop_run(loop);

    kube_wire_free(wire);
    kube_line_free(kube_line);
    kube_auth_free(auth);
    loop_free(loop);
    str_release(&input);
    for (size_t i = 0; i < IDS; i++) {
        free(ones[i].body);
        free(ones[i].ondata);
        free(ones[i].ondone);
    }
    free(config.ca_data);
    free(config.cert_data);
    free(config.key_data);
    return 0;
}
