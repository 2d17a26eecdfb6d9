/* A server of lib/serve/server.h for test/flow/server.py: says its port, answers until its input
 * ends.
 *
 *     server_probe LISTEN THREADS BODY_BYTES_MAX
 *
 * /echo answers with what the handler was given, /big N with N bytes, /code N with that status and
 * /empty with nothing but defaults.
 */
#include "lib/serve/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void echo(const struct server_request *r, struct server_reply *reply)
{
    const char *tag = server_header(r, "X-Tag");
    str_add_f(&reply->body, "%s %s?%s from %s tag=%s body=%zu:%s", r->method, r->path, r->query,
              r->remote, tag ? tag : "none", r->body_len, r->body_len < 100 ? r->body : "long");
    reply->content_type = "text/echo";
}

static void answer(void *user, const struct server_request *r, struct server_reply *reply)
{
    (void)user;
    if (strncmp(r->path, "/echo", 5) == 0) {
        echo(r, reply);
    } else if (strcmp(r->path, "/big") == 0) {
        for (long n = strtol(r->query, NULL, 10); n > 0; n--) str_add_c(&reply->body, 'x');
    } else if (strcmp(r->path, "/code") == 0) {
        reply->code = (int)strtol(r->query, NULL, 10);
        str_add(&reply->body, arena_printf(r->arena, "code %d", reply->code));
    } else if (strcmp(r->path, "/empty") != 0) {
        reply->code = 404;
    }
}

int main(int argc, char **argv)
{
    struct server *server;
    struct err err;
    char byte;
    if (argc != 4) return 2;
    struct server_config config = {.listen = argv[1],
                                   .threads = (int)strtol(argv[2], NULL, 10),
                                   .body_bytes_max = strtoul(argv[3], NULL, 10),
                                   .handle = answer};
    if (server_start(&config, &server, &err) < 0) {
        printf("failed %s\n", err.text);
        return 1;
    }
    printf("port %d\n", server_port(server));
    fflush(stdout);
    while (read(0, &byte, 1) > 0) continue;
    server_stop(server);
    return 0;
}
