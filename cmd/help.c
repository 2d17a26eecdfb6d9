#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "controller/config.h"

static const char overview[] =
    "carrel gives each user a live place to run code from one Kubernetes object.\n"
    "\n"
    "  carrel serve [OPTIONS]   run the operator on a cluster\n"
    "  carrel help serve        its options\n"
    "  carrel version           which one this is\n";

static const char serve_head[] =
    "carrel serve runs the operator: it keeps each Session's Deployment, Service and Ingress.\n"
    "\n"
    "An option is a flag (--domain example.com), an environment variable (CARREL_DOMAIN) or a key\n"
    "of the file that --config names (domain: example.com); the first of these that is there\n"
    "counts. In parentheses: the default.\n";

int command_help(int argc, char **argv)
{
    if (argc < 1 || strcmp(argv[0], "serve") != 0) {
        fputs(overview, stdout);
        return 0;
    }
    auto_str options;
    str_init(&options, 64 * 1024);
    config_help(&options);
    fputs(serve_head, stdout);
    fputs(options.at, stdout);
    return 0;
}
