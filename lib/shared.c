#include "lib/shared.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/map.h"
#include "lib/xalloc.h"

struct shared {
    uint32_t refs;
    char text[];
};

static _Thread_local struct map texts; /* text -> shared */

char *shared_ref(const char *text)
{
    struct shared *s = map_get(&texts, text);
    if (!s) {
        size_t size = strlen(text) + 1;
        s = xmalloc(sizeof(*s) + size);
        s->refs = 0;
        memcpy(s->text, text, size);
        map_put(&texts, s->text, s);
    }
    assert(s->refs < UINT32_MAX);
    s->refs++;
    return s->text;
}

void shared_unref(char *text)
{
    if (!text) return;
    struct shared *s = (struct shared *)(void *)(text - offsetof(struct shared, text));
    assert(s->refs > 0);
    if (--s->refs > 0) return;
    map_remove(&texts, s->text);
    free(s);
    if (texts.count == 0) map_release(&texts, NULL);
}

size_t shared_count(void)
{
    return texts.count;
}
