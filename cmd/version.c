#include <stdio.h>

#include "cmd/commands.h"

const char carrel_version[] = CARREL_VERSION;

int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("carrel %s\n", carrel_version);
    return 0;
}
