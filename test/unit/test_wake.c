#include "controller/wake.h"

#include <string.h>

#include "test/check.h"
#include "test/unit/fixture_cluster.h"

struct heard {
    struct cluster *c;
    struct str log;
};

static void call(void *user, enum controller_id controller, const char *key, int64_t delay_ms,
                 enum workq_prio prio)
{
    static const char *const names[] = {"session", "template", "connection", "repository"};
    static const char *const prios[] = {"listed", "sweep", "", "soon", "urgent"};
    struct heard *h = user;
    str_add_f(&h->log, "%s%s:%s", h->log.len ? " " : "", names[controller], key);
    if (delay_ms) str_add_f(&h->log, "+%lld", (long long)delay_ms);
    if (*prios[prio]) str_add_f(&h->log, "!%s", prios[prio]);
}

static void changed(void *user, const struct kube_object *before, const struct kube_object *after)
{
    struct heard *h = user;
    const struct wake wake = {.call = call, .user = h};
    wake_for_change(&h->c->view, before, after, &wake);
}

static void open(struct cluster *c, struct heard *h)
{
    cluster_open(c);
    *h = (struct heard){.c = c};
    str_init(&h->log, 1 << 16);
    for (int i = 0; i < CLUSTER_KINDS; i++) kube_store_observe(c->stores[i], changed, h);
}

static void close(struct cluster *c, struct heard *h)
{
    cluster_close(c);
    str_release(&h->log);
}

/* What the caches' way to the API's state wakes. */
static const char *woken(struct cluster *c, struct heard *h)
{
    str_clear(&h->log);
    cluster_sync(c);
    return h->log.at;
}

static void create_session(struct cluster *c, const char *name)
{
    cluster_create(c, "sessions",
                   arena_printf(&c->a, "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"n\"},"
                                       "\"spec\":{\"user\":\"ann\",\"template\":\"repl\"}}", name));
}

TEST(wake, a_session_wakes_itself_and_when_it_comes_or_goes_the_counts_of_templates)
{
    struct cluster c;
    struct heard h;
    open(&c, &h);
    cluster_create(&c, "templates", "{\"metadata\":{\"name\":\"repl\",\"namespace\":\"n\"},"
                                    "\"spec\":{\"displayName\":\"r\",\"baseImage\":\"i\"}}");
    cluster_sync(&c);
    create_session(&c, "a");
    const char *log = woken(&c, &h);
    CHECK_HAS(log, "session:n/a!soon");
    CHECK_HAS(log, "template:n/repl+3000");
    CHECK_HAS(log, "template:shared/repl+");
    cluster_merge(&c, "sessions", "n", "a", "status", "{\"status\":{\"phase\":\"Pending\"}}");
    CHECK_STR(woken(&c, &h), "session:n/a"); /* no generation: nobody waits for it */
    cluster_merge(&c, "sessions", "n", "a", NULL, "{\"spec\":{\"state\":\"hibernated\"}}");
    CHECK_STR(woken(&c, &h), "session:n/a!soon");
    cluster_merge(&c, "sessions", "n", "a", NULL,
                  "{\"metadata\":{\"annotations\":{\"carrel.dev/restart-at\":\"1\"}}}");
    CHECK_STR(woken(&c, &h), "session:n/a");
    cluster_merge(&c, "sessions", "n", "a", NULL,
                  "{\"metadata\":{\"annotations\":{\"unrelated\":\"1\"}}}");
    CHECK_STR(woken(&c, &h), "");
    cluster_delete(&c, "sessions", "n", "a");
    log = woken(&c, &h);
    CHECK_HAS(log, "session:n/a!urgent");
    CHECK_HAS(log, "template:n/repl+3000");
    close(&c, &h);
}

TEST(wake, a_session_that_can_be_read_again_is_counted_by_its_template)
{
    struct cluster c;
    struct heard h;
    open(&c, &h);
    create_session(&c, "a");
    cluster_sync(&c);
    const struct session *read = cluster_cached(&c, "a");
    struct session unread = {.object = read->object}; /* no template */
    str_clear(&h.log);
    changed(&h, &unread.object, &read->object);
    CHECK_HAS(h.log.at, "template:n/repl+");
    str_clear(&h.log);
    changed(&h, &read->object, &unread.object);
    CHECK_HAS(h.log.at, "template:n/repl+");
    close(&c, &h);
}

TEST(wake, children_and_pods_wake_their_session_by_name_and_label)
{
    struct cluster c;
    struct heard h;
    open(&c, &h);
    static const char labelled[] = "\"namespace\":\"n\",\"labels\":{"
                                   "\"app.kubernetes.io/managed-by\":\"carrel\","
                                   "\"carrel.dev/session\":\"a\"}";
    cluster_create(&c, "services", arena_printf(&c.a, "{\"metadata\":{\"name\":\"ss-a\",%s},"
                                                      "\"spec\":{\"ports\":[{\"port\":1}]}}",
                                                labelled));
    CHECK_STR(woken(&c, &h), "session:n/a");
    cluster_create(&c, "pods", arena_printf(&c.a, "{\"metadata\":{\"name\":\"any\",%s},"
                                                  "\"spec\":{\"containers\":[{\"name\":\"x\","
                                                  "\"image\":\"y\"}]}}",
                                            labelled));
    CHECK_STR(woken(&c, &h), "session:n/a");
    cluster_merge(&c, "pods", "n", "any", NULL,
                  "{\"metadata\":{\"labels\":{\"carrel.dev/session\":\"b\"}}}");
    CHECK_STR(woken(&c, &h), "session:n/a session:n/b");
    cluster_merge(&c, "pods", "n", "any", "status", "{\"status\":{\"podIP\":\"10.0.0.1\"}}");
    CHECK_STR(woken(&c, &h), ""); /* of no interest to us */
    cluster_delete(&c, "pods", "n", "any");
    CHECK_STR(woken(&c, &h), "session:n/b");
    close(&c, &h);
}

TEST(wake, a_template_wakes_the_sessions_that_would_start_from_it)
{
    struct cluster c;
    struct heard h;
    open(&c, &h);
    create_session(&c, "a");
    cluster_sync(&c);
    static const char spec[] = "\"spec\":{\"displayName\":\"r\",\"baseImage\":\"i\"}}";
    cluster_create(&c, "templates", arena_printf(&c.a, "{\"metadata\":{\"name\":\"repl\","
                                                       "\"namespace\":\"other\"},%s", spec));
    CHECK(!strstr(woken(&c, &h), "session:"));
    cluster_create(&c, "templates", arena_printf(&c.a, "{\"metadata\":{\"name\":\"repl\","
                                                       "\"namespace\":\"shared\"},%s", spec));
    CHECK_HAS(woken(&c, &h), "session:n/a");
    cluster_merge(&c, "templates", "shared", "repl", "status", "{\"status\":{\"sessions\":1}}");
    CHECK_STR(woken(&c, &h), "template:shared/repl"); /* its count is none of their business */
    cluster_merge(&c, "templates", "shared", "repl", "status",
                  "{\"status\":{\"valid\":true,\"observedGeneration\":1}}");
    CHECK_HAS(woken(&c, &h), "session:n/a");
    close(&c, &h);
}

TEST(wake, a_home_wakes_its_users_sessions_and_a_connection_its_session)
{
    struct cluster c;
    struct heard h;
    open(&c, &h);
    create_session(&c, "a");
    create_session(&c, "b");
    cluster_sync(&c);
    cluster_create(&c, "persistentvolumeclaims",
                   "{\"metadata\":{\"name\":\"home-ann\",\"namespace\":\"n\",\"labels\":{"
                   "\"app.kubernetes.io/managed-by\":\"carrel\",\"carrel.dev/user\":\"ann\"}},"
                   "\"spec\":{}}");
    const char *log = woken(&c, &h);
    CHECK_HAS(log, "session:n/a");
    CHECK_HAS(log, "session:n/b");
    cluster_create(&c, "connections", "{\"metadata\":{\"name\":\"c\",\"namespace\":\"n\"},"
                                      "\"spec\":{\"sessionID\":\"a\",\"userID\":\"ann\"}}");
    CHECK_STR(woken(&c, &h), "connection:n/c session:n/a");
    cluster_merge(&c, "connections", "n", "c", "status", "{\"status\":{\"state\":\"active\"}}");
    CHECK_STR(woken(&c, &h), "connection:n/c");
    cluster_delete(&c, "sessions", "n", "a");
    CHECK_HAS(woken(&c, &h), "connection:n/c");
    close(&c, &h);
}

TEST(wake, a_repository_wakes_itself)
{
    struct cluster c;
    struct heard h;
    open(&c, &h);
    cluster_create(&c, "templaterepositories",
                   "{\"metadata\":{\"name\":\"r\",\"namespace\":\"n\"},"
                   "\"spec\":{\"url\":\"https://example.com/t.git\"}}");
    CHECK_STR(woken(&c, &h), "repository:n/r");
    close(&c, &h);
}
