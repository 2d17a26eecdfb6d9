/* Since when a replica has seen a revision's mark. */
#include "controller/marks.h"

#include "test/check.h"

static struct revision revision(char *key, char *uid, int64_t unused_since_ms)
{
    struct revision r = {.unused_since_ms = unused_since_ms};
    r.object.meta.key = key;
    r.object.meta.uid = uid;
    return r;
}

TEST(marks, a_mark_counts_from_when_it_was_first_seen_and_another_one_anew)
{
    struct marks *m = marks_new();
    char key[] = "n/r", uid[] = "u1", other[] = "u2";
    struct revision plain = revision(key, uid, 0), marked = revision(key, uid, 7000);
    struct revision later = revision(key, uid, 9000), next = revision(key, other, 9000);
    marks_change(m, NULL, &plain, 10);
    CHECK_INT(marks_age_ms(m, &plain, 15), 0);
    marks_change(m, &plain, &marked, 20);
    marks_change(m, &marked, &marked, 30); /* something else of it changed */
    CHECK_INT(marks_age_ms(m, &marked, 35), 15);
    marks_change(m, &marked, &later, 40);
    CHECK_INT(marks_age_ms(m, &later, 45), 5);
    marks_change(m, &later, &next, 50); /* deleted and made again: another object */
    CHECK_INT(marks_age_ms(m, &next, 51), 1);
    marks_change(m, &next, NULL, 60);
    CHECK_INT(marks_age_ms(m, &next, 70), 0);
    marks_free(m);
}
