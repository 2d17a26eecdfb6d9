#include "lib/kube/resource.h"

#include <stddef.h>

#include "test/check.h"

static const struct kube_resource pods = {"api/v1", "pods", "v1", "Pod"};
static const struct kube_resource deployments = {"apis/apps/v1", "deployments", "apps/v1",
                                                 "Deployment"};

TEST(kube_resource, a_path_has_what_was_given)
{
    static const struct {
        const struct kube_resource *resource;
        const char *ns, *name, *sub, *want;
    } table[] = {
        {&pods, NULL, NULL, NULL, "/api/v1/pods"},
        {&pods, "", NULL, NULL, "/api/v1/pods"},
        {&pods, "a", NULL, NULL, "/api/v1/namespaces/a/pods"},
        {&pods, "a", "b", NULL, "/api/v1/namespaces/a/pods/b"},
        {&pods, "a", "b", "log", "/api/v1/namespaces/a/pods/b/log"},
        {&deployments, "a", "b.c-d", "status",
         "/apis/apps/v1/namespaces/a/deployments/b.c-d/status"},
        {&deployments, "", "system:x", NULL, "/apis/apps/v1/deployments/system:x"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        auto_str path;
        struct err err = {0};
        str_init(&path, 1000);
        CHECK_OK(kube_path(&path, table[i].resource, table[i].ns, table[i].name, table[i].sub,
                           &err),
                 err);
        CHECK_STR(path.at, table[i].want);
    }
}

TEST(kube_resource, a_part_that_could_lead_elsewhere_is_refused_wherever_it_stands)
{
    static const char *const bad[] = {".",    "..",     "/",    "a/b",   "a%2fb", "a?b", "a#b",
                                      "a\nb", "a\x7f", " a", "../..", "a\tb", "\x01"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        auto_str path;
        struct err err = {0};
        str_init(&path, 1000);
        CHECK_ERR(kube_path(&path, &pods, bad[i], "b", NULL, &err), err, ERR_INVALID);
        CHECK_ERR(kube_path(&path, &pods, "a", bad[i], NULL, &err), err, ERR_INVALID);
        CHECK_ERR(kube_path(&path, &pods, "a", "b", bad[i], &err), err, ERR_INVALID);
    }
}

TEST(kube_resource, an_empty_name_does_not_become_the_collection)
{
    auto_str path;
    struct err err = {0};
    str_init(&path, 1000);
    CHECK_ERR(kube_path(&path, &pods, "a", "", NULL, &err), err, ERR_INVALID);
    CHECK_ERR(kube_path(&path, &pods, "a", "b", "", &err), err, ERR_INVALID);
}

TEST(kube_resource, a_path_that_does_not_fit_is_an_error)
{
    auto_str path;
    struct err err = {0};
    str_init(&path, 10);
    CHECK_ERR(kube_path(&path, &pods, "a", "b", NULL, &err), err, ERR_TOO_BIG);
}
