/* Credentials that several threads share while they change. */
#include <pthread.h>
#include <string.h>

#include "test/unit/test_kube_auth.h"

enum { THREADS = 3, ROUNDS = 300 };

struct user {
    pthread_t thread;
    unsigned wrong;
};

static void *use_it(void *arg)
{
    struct user *user = arg;
    struct err why;
    uint64_t last = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t now_ms = i * (int64_t)60000;
        const struct kube_credential *c = kube_auth_get(auth, now_ms, WALL, &why);
        if (!c) continue;
        if (strncmp(c->authorization, "Bearer t", 8) != 0 || c->generation < last) user->wrong++;
        last = c->generation;
        if (i % 7 == 0) kube_auth_rejected(auth, c->generation, now_ms);
        kube_credential_unref(auth, c);
        kube_auth_failures(auth, NULL);
    }
    return NULL;
}

static void use_from_threads(void)
{
    struct user users[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) pthread_create(&users[i].thread, NULL, use_it, &users[i]);
    for (int i = 0; i < 20; i++) put("token", i % 2 ? "t1" : "t2");
    for (int i = 0; i < THREADS; i++) pthread_join(users[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) CHECK_INT(users[i].wrong, 0);
}

TEST(kube_auth, threads_share_it_while_its_file_changes)
{
    begin();
    struct kube_config config = {.token_file = in_dir("token")};
    put("token", "t0");
    CHECK_OK(kube_auth_new(&config, 0, &auth, &err), err);
    use_from_threads();
    end();
}

TEST(kube_auth, threads_share_it_while_its_plugin_runs)
{
    begin_answering(ANSWER("{\"token\":\"t\"}"));
    look_at(0);
    wait_for_run();
    look_at(0);
    use_from_threads();
    end();
}
