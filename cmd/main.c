#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", command_serve},     {"version", command_version}, {"--version", command_version},
    {"help", command_help},       {"--help", command_help},     {"-h", command_help},
};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcmp(commands[i].name, name) != 0) continue;
        return commands[i].run(argc > 2 ? argc - 2 : 0, argv + 2);
    }
    fprintf(stderr, "carrel: there is no command '%s': see carrel help\n", name);
    return 2;
}
