/* controller/marks.h: since when this replica has seen a ControllerRevision marked as unused.
 *
 * A revision is deleted ten minutes after its mark, for a session may be starting from it. The
 * time in the mark is for people: it is a wall clock's, and one that is put forward would end the
 * ten minutes in the middle of a start. So each replica counts them by its own loop time, from when
 * the mark came into its cache; who has just begun counts from then.
 * Pure; the revision cache's observer keeps it up to date.
 */
#pragma once

#include <stdint.h>

#include "controller/kinds.h"

struct marks;

struct marks *marks_new(void);
void marks_free(struct marks *marks);

/* The revision came, changed or went (before or after NULL). */
void marks_change(struct marks *marks, const struct revision *before,
                  const struct revision *after, int64_t now_ms);

/* How long the mark that it has now has been seen; 0: it has none. */
int64_t marks_age_ms(const struct marks *marks, const struct revision *r, int64_t now_ms);
