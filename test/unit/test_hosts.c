#include "controller/hosts.h"

#include <string.h>

#include "test/check.h"

struct rig {
    struct settings settings;
    struct hosts *hosts;
    struct str woken;
};

static void wake(void *user, const char *key)
{
    struct rig *r = user;
    str_add_f(&r->woken, "%s ", key);
}

static void open(struct rig *r, const char *pattern)
{
    *r = (struct rig){.settings = settings_default};
    r->settings.domain = "example.com";
    r->settings.host_template = pattern;
    r->hosts = hosts_new(&r->settings);
    str_init(&r->woken, 4096);
}

static void close(struct rig *r)
{
    hosts_free(r->hosts);
    str_release(&r->woken);
}

#define TEXT(text) ((char *)(uintptr_t)(text))
static struct session make(const char *ns, const char *name, const char *uid, int64_t created_ms)
{
    static char keys[16][64];
    static int at;
    char *key = keys[at++ % 16];
    str_copy(key, 64, ns);
    size_t n = strlen(key);
    key[n] = '/';
    str_copy(key + n + 1, 64 - n - 1, name);
    return (struct session){.object.meta = {.key = key, .ns = TEXT(ns), .name = TEXT(name),
                                            .uid = TEXT(uid), .created_ms = created_ms},
                            .user = TEXT("ann"), .template = TEXT("t")};
}

static void change(struct rig *r, const struct session *before, const struct session *after)
{
    str_clear(&r->woken);
    hosts_change(r->hosts, before, after, wake, r);
}

TEST(hosts, the_pattern_is_filled_with_what_the_session_is)
{
    char host[256], path[80];
    struct rig r;
    open(&r, "{user}-{session}.{namespace}.{domain}/{other}");
    struct session s = make("n", "a", "1", 1);
    CHECK(hosts_claim(&r.settings, &s, host, path));
    CHECK_STR(host, "ann-a.n.example.com/{other}");
    CHECK_STR(path, "");
    s.route_mode = TEXT("path");
    CHECK(hosts_claim(&r.settings, &s, host, path));
    CHECK_STR(host, "example.com");
    CHECK_STR(path, "/a");
    close(&r);
}

TEST(hosts, who_is_over_or_going_claims_nothing)
{
    char host[256], path[80];
    struct rig r;
    open(&r, "{session}.{domain}");
    struct session s = make("n", "a", "1", 1);
    s.state = TEXT("terminated");
    CHECK(!hosts_claim(&r.settings, &s, host, path));
    s.state = TEXT("hibernated");
    CHECK(hosts_claim(&r.settings, &s, host, path));
    s.object.meta.deleted_ms = 1;
    CHECK(!hosts_claim(&r.settings, &s, host, path));
    close(&r);
}

TEST(hosts, the_oldest_has_it_and_of_one_age_the_smaller_uid)
{
    struct rig r;
    open(&r, "{session}.{domain}");
    struct session young = make("n1", "a", "1", 20), old = make("n2", "a", "9", 10);
    struct session twin = make("n3", "a", "8", 10);
    change(&r, NULL, &young);
    CHECK_STR(hosts_holder(r.hosts, &young), "n1/a");
    change(&r, NULL, &old);
    CHECK_STR(r.woken.at, "n1/a ");
    CHECK_STR(hosts_holder(r.hosts, &young), "n2/a");
    change(&r, NULL, &twin);
    CHECK_STR(hosts_holder(r.hosts, &old), "n3/a");
    close(&r);
}

TEST(hosts, what_one_lets_go_wakes_the_others_and_an_unrelated_change_wakes_nobody)
{
    struct rig r;
    open(&r, "{session}.{domain}");
    struct session old = make("n1", "a", "1", 10), young = make("n2", "a", "2", 20);
    change(&r, NULL, &old);
    change(&r, NULL, &young);
    struct session same = old;
    change(&r, &old, &same);
    CHECK_STR(r.woken.at, "");
    struct session over = old;
    over.state = TEXT("terminated");
    change(&r, &old, &over);
    CHECK_STR(r.woken.at, "n2/a ");
    CHECK_STR(hosts_holder(r.hosts, &young), "n2/a");
    change(&r, &over, NULL);
    CHECK_STR(r.woken.at, "");
    change(&r, &young, NULL);
    CHECK_STR(hosts_holder(r.hosts, &young), "n2/a"); /* whom nobody claims against has it */
    close(&r);
}

TEST(hosts, a_session_that_changes_its_mode_lets_its_host_go)
{
    struct rig r;
    open(&r, "{session}.{domain}");
    struct session old = make("n1", "a", "1", 10), young = make("n2", "a", "2", 20);
    change(&r, NULL, &old);
    change(&r, NULL, &young);
    struct session moved = old;
    moved.route_mode = TEXT("path");
    change(&r, &old, &moved);
    CHECK_STR(hosts_holder(r.hosts, &young), "n2/a");
    CHECK_STR(hosts_holder(r.hosts, &moved), "n1/a");
    close(&r);
}
