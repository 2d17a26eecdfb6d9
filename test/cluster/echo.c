// A web server for tests, small enough to be the only file of an image.
//
//   echo          answers any HTTP request on $PORT (3000) with 200 and a few lines: hostname,
//                 request line, and every environment variable whose name begins with CARREL_.
//                 $ECHO_FILE: each start adds a line to that file, and answers count its lines
//   echo exit N   prints two lines to stderr and ends with status N: a program that crashes
//
// One process per connection, so that a silent client delays nobody. A reply ends its connection.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

static void stop(int sig)
{
    (void)sig;
    _exit(0);
}

static long number(const char *text, long otherwise)
{
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;

    return text && end != text && *end == '\0' ? n : otherwise;
}

static int die(const char *what)
{
    perror(what);
    return 1;
}

/* Reads up to the blank line that ends the head. Returns its length, or 0 when there was none. */
static size_t read_head(int fd, char *head, size_t room)
{
    size_t len = 0;

    while (len < room - 1) {
        ssize_t n = read(fd, head + len, room - 1 - len);

        if (n <= 0) return 0;
        len += (size_t)n;
        head[len] = '\0';
        if (strstr(head, "\r\n\r\n")) return len;
    }
    return len;
}

static void remember_start(const char *path)
{
    FILE *file = path ? fopen(path, "a") : NULL;

    if (path && !file) perror(path);
    if (!file) return;
    fputs("started\n", file);
    fclose(file);
}

static int count_starts(const char *path)
{
    FILE *file = fopen(path, "r");
    int lines = 0;

    for (int c; file && (c = fgetc(file)) != EOF;) lines += c == '\n';
    if (file) fclose(file);
    return lines;
}

static void answer(int fd)
{
    const char *kept = getenv("ECHO_FILE");
    static char head[16384];
    char host[256] = "";
    struct timeval patience = {.tv_sec = 10};
    FILE *out;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!read_head(fd, head, sizeof head)) return;
    head[strcspn(head, "\r\n")] = '\0';
    gethostname(host, sizeof host - 1);
    out = fdopen(fd, "w");
    if (!out) return;
    fprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n");
    fprintf(out, "host %s\nrequest %s\n", host, head);
    if (kept) fprintf(out, "starts %d\n", count_starts(kept));
    for (char **e = environ; *e; e++) {
        if (strncmp(*e, "CARREL_", 7) == 0) fprintf(out, "env %s\n", *e);
    }
    fflush(out);
    /* closing while a body is unread would reset the connection and take the reply with it */
    shutdown(fd, SHUT_WR);
    patience.tv_sec = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while (read(fd, head, sizeof head) > 0) continue;
}

static int listen_on(long port)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
    struct sockaddr_in at4 = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int on = 1;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1024) == 0) return fd;
        close(fd);
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at4, sizeof at4) == 0 && listen(fd, 1024) == 0) return fd;
    close(fd);
    return -1;
}

int main(int argc, char **argv)
{
    int server;

    if (argc == 3 && strcmp(argv[1], "exit") == 0) {
        fprintf(stderr, "echo: the first of two last lines\necho: told to end with %s\n", argv[2]);
        return (int)number(argv[2], 1);
    }
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    server = listen_on(number(getenv("PORT"), 3000));
    if (server < 0) return die("echo: cannot listen");
    remember_start(getenv("ECHO_FILE"));
    for (;;) {
        int fd = accept(server, NULL, NULL);

        if (fd < 0) continue;
        if (fork() == 0) {
            answer(fd);
            _exit(0);
        }
        close(fd);
    }
}
