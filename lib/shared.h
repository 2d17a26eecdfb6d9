/* lib/shared.h: one copy of each text that many objects have alike (a namespace, a phase, a
 * reason), counted. Ten thousand sessions have some ten texts each that stand here once.
 *
 * A thread has a table of its own: a text goes back on the thread that asked for it. Nothing is
 * left when all have gone back.
 */
#pragma once

#include <stddef.h>

/* The text's shared copy, which stays until as many shared_unref. Never to be written. */
char *shared_ref(const char *text);
void shared_unref(char *text); /* NULL is fine */
size_t shared_count(void);     /* different texts */
