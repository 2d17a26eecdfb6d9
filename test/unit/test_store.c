#include "dev/store.h"

#include "test/unit/test_store.h"

TEST(store, a_created_object_can_be_read_and_has_what_the_server_adds)
{
    struct world w;
    world_open(&w, (struct store_config){0});
    CHECK_INT(post(&w, SESSIONS, session(&w, "a")), 201);
    CHECK_INT(get(&w, SESSIONS "/a"), 200);
    CHECK_STR(text_at(&w, "metadata.namespace"), "n");
    CHECK_STR(text_at(&w, "metadata.resourceVersion"), "1");
    CHECK_STR(at(&w, "metadata.generation"), "1");
    CHECK_STR(text_at(&w, "metadata.creationTimestamp"), "2026-11-21T10:00:00Z");
    CHECK_INT(strlen(text_at(&w, "metadata.uid")), 36);
    CHECK_STR(text_at(&w, "spec.state"), "running");
    CHECK_STR(at(&w, "spec.route"), "{\"mode\":\"host\"}");
    CHECK_STR(at(&w, "spec.persistentHome"), "true");
    world_close(&w);
}
