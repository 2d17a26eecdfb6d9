#include "controller/marks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/map.h"
#include "lib/xalloc.h"

struct mark {
    int64_t seen_ms;
    char key[];
};

struct marks {
    struct map by_key;
};

struct marks *marks_new(void)
{
    return xcalloc(1, sizeof(struct marks));
}

void marks_free(struct marks *marks)
{
    if (!marks) return;
    map_release(&marks->by_key, free);
    free(marks);
}

static void add(struct marks *marks, const char *key, int64_t now_ms)
{
    size_t size = strlen(key) + 1;
    struct mark *m = xmalloc(sizeof(*m) + size);
    m->seen_ms = now_ms;
    memcpy(m->key, key, size);
    map_put(&marks->by_key, m->key, m);
}

void marks_change(struct marks *marks, const struct revision *before,
                  const struct revision *after, int64_t now_ms)
{
    int64_t was = before ? before->unused_since_ms : 0;
    int64_t is = after ? after->unused_since_ms : 0;
    bool same = before && after && strcmp(before->object.meta.uid, after->object.meta.uid) == 0;
    if (same && was == is) return;
    const char *key = before ? before->object.meta.key : after->object.meta.key;
    free(map_remove(&marks->by_key, key));
    if (is) add(marks, key, now_ms);
}

int64_t marks_age_ms(const struct marks *marks, const struct revision *r, int64_t now_ms)
{
    const struct mark *m = map_get(&marks->by_key, r->object.meta.key);
    return m ? now_ms - m->seen_ms : 0;
}
