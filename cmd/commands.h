/* cmd/commands.h: the commands of the program. Each takes the arguments after its name and returns
 * the process's exit status: 0 done, 1 failed, 2 called in a wrong way.
 */
#pragma once

int command_serve(int argc, char **argv);
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);

extern const char carrel_version[];
