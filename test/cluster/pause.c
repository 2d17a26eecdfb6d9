// The process that holds a pod's namespaces: waits until it is told to stop, and buries orphans.
#include <signal.h>
#include <unistd.h>

static void stop(int sig)
{
    (void)sig;
    _exit(0);
}

int main(void)
{
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    signal(SIGCHLD, SIG_IGN);
    for (;;) pause();
}
