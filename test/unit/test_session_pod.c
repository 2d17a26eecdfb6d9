#include "test/unit/fixture_plan.h"

/* "A=1,B=2,C=(from)" of the container. */
static const char *environment(struct plan *p)
{
    auto_str out;
    str_init(&out, 8192);
    const struct json *v = json_first(json_get(plan_container(p), "env"));
    for (; v; v = json_next(v)) {
        const char *value = json_text(json_get(v, "value"));
        str_add_f(&out, "%s%s=%s", out.len ? "," : "", json_text(json_get(v, "name")),
                  value ? value : json_get(v, "valueFrom") ? "(from)" : "?");
    }
    return arena_strdup(&p->a, out.at);
}

TEST(session_pod, it_runs_without_account_token_service_links_privileges_or_root)
{
    struct plan p;
    plan_open(&p, "", "");
    const struct json *pod = json_get(plan_pod(&p), "spec");
    CHECK_STR(plan_text(&p, pod, "automountServiceAccountToken"), "false");
    CHECK_STR(plan_text(&p, pod, "enableServiceLinks"), "false");
    CHECK_STR(plan_text(&p, pod, "securityContext.seccompProfile.type"), "\"RuntimeDefault\"");
    CHECK_STR(plan_text(&p, pod, "securityContext.runAsNonRoot"), "true");
    CHECK_STR(plan_text(&p, plan_container(&p), "securityContext"),
              "{\"allowPrivilegeEscalation\":false,\"capabilities\":{\"drop\":[\"ALL\"]},"
              "\"privileged\":false,\"readOnlyRootFilesystem\":false}");
    CHECK_STR(plan_text(&p, plan_container(&p), "terminationMessagePolicy"),
              "\"FallbackToLogsOnError\"");
    plan_close(&p);
}

TEST(session_pod, baseline_may_be_root_and_still_has_no_privileges)
{
    struct plan p;
    plan_open(&p, "", "\"podSecurity\":\"baseline\",\"security\":{\"runAsUser\":0}");
    CHECK_STR(plan_text(&p, plan_pod(&p), "spec.securityContext.runAsNonRoot"), "-");
    CHECK_STR(plan_text(&p, plan_pod(&p), "spec.securityContext.runAsUser"), "0");
    CHECK_STR(plan_text(&p, plan_container(&p), "securityContext.privileged"), "false");
    plan_close(&p);
}

TEST(session_pod, the_home_belongs_to_the_group_that_the_template_runs_as)
{
    struct plan p;
    plan_open(&p, "", "\"security\":{\"runAsUser\":1000,\"runAsGroup\":100}");
    CHECK_STR(plan_text(&p, plan_pod(&p), "spec.securityContext.fsGroup"), "100");
    plan_template(&p, "\"security\":{\"runAsUser\":1000,\"fsGroup\":7}");
    CHECK_STR(plan_text(&p, plan_pod(&p), "spec.securityContext.fsGroup"), "7");
    plan_close(&p);
}

TEST(session_pod, env_is_ours_then_parameters_then_the_templates_then_the_sessions)
{
    struct plan p;
    plan_open(&p,
              "\"env\":[{\"name\":\"B\",\"value\":\"mine\"},{\"name\":\"D\"}],"
              "\"parameters\":{\"size\":\"9\"}",
              "\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"2\"},"
              "{\"name\":\"C\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\"}}}],"
              "\"parameters\":[{\"name\":\"size\",\"default\":\"1\"},{\"name\":\"kind\","
              "\"default\":\"x\"},{\"name\":\"none\"}]");
    CHECK_STR(environment(&p), "CARREL_SESSION=a,CARREL_USER=ann,CARREL_BASE_PATH=/,PORT=3000,"
                               "HOME=/config,CARREL_PARAM_SIZE=9,CARREL_PARAM_KIND=x,A=1,"
                               "C=(from),B=mine,D=");
    plan_close(&p);
}

TEST(session_pod, no_name_stands_twice_in_env_because_an_apply_would_refuse_it)
{
    struct plan p;
    plan_open(&p, "\"env\":[{\"name\":\"CARREL_PARAM_X\",\"value\":\"s\"}]",
              "\"env\":[{\"name\":\"PORT\",\"value\":\"8888\"},"
              "{\"name\":\"HOME\",\"value\":\"/h\"}],"
              "\"parameters\":[{\"name\":\"x\",\"default\":\"1\"},{\"name\":\"X\","
              "\"default\":\"2\"}]");
    CHECK_STR(environment(&p), "CARREL_SESSION=a,CARREL_USER=ann,CARREL_BASE_PATH=/,PORT=8888,"
                               "HOME=/h,CARREL_PARAM_X=s");
    plan_close(&p);
}

TEST(session_pod, home_is_told_only_where_it_is_mounted)
{
    struct plan p;
    plan_open(&p, "", "");
    p.start.persistent_home = false;
    CHECK(!strstr(environment(&p), "HOME="));
    CHECK_STR(plan_text(&p, plan_pod(&p), "spec.volumes"), "-");
    CHECK_STR(plan_text(&p, plan_container(&p), "volumeMounts"), "[]");
    CHECK_STR(plan_text(&p, plan_pod(&p), "spec.affinity"), "-");
    plan_close(&p);
}

static const char *resources(struct plan *p)
{
    return plan_text(p, plan_container(p), "resources");
}

TEST(session_pod, requests_and_limits_are_always_set)
{
    struct plan p;
    plan_open(&p, "", "");
    CHECK_STR(resources(&p), "{\"requests\":{\"cpu\":\"100m\",\"memory\":\"256Mi\"},"
                             "\"limits\":{\"cpu\":\"1\",\"memory\":\"2Gi\"}}");
    plan_close(&p);
}

TEST(session_pod, the_short_form_of_resources_is_request_and_limit)
{
    struct plan p;
    plan_open(&p, "", "\"defaultResources\":{\"memory\":\"4Gi\",\"cpu\":\"500m\"}");
    CHECK_STR(resources(&p), "{\"requests\":{\"cpu\":\"500m\",\"memory\":\"4Gi\"},"
                             "\"limits\":{\"cpu\":\"500m\",\"memory\":\"4Gi\"}}");
    plan_session(&p, "\"resources\":{\"memory\":\"8Gi\",\"cpu\":2}");
    CHECK_STR(resources(&p), "{\"requests\":{\"cpu\":\"2\",\"memory\":\"8Gi\"},"
                             "\"limits\":{\"cpu\":\"2\",\"memory\":\"8Gi\"}}");
    plan_close(&p);
}

TEST(session_pod, a_request_over_the_default_limit_raises_it)
{
    struct plan p;
    plan_open(&p, "\"resources\":{\"requests\":{\"memory\":\"16Gi\"}}", "");
    CHECK_STR(plan_text(&p, plan_container(&p), "resources.limits.memory"), "\"16Gi\"");
    CHECK_STR(plan_text(&p, plan_container(&p), "resources.limits.cpu"), "\"1\"");
    plan_close(&p);
}

TEST(session_pod, of_a_device_both_halves_are_the_sessions_and_the_same)
{
    struct plan p;
    plan_open(&p, "\"resources\":{\"limits\":{\"nvidia.com/gpu\":2}}",
              "\"defaultResources\":{\"requests\":{\"nvidia.com/gpu\":\"1\","
              "\"ephemeral-storage\":\"1Gi\"}}");
    CHECK_STR(plan_text(&p, plan_container(&p), "resources"),
              "{\"requests\":{\"cpu\":\"100m\",\"memory\":\"256Mi\",\"nvidia.com/gpu\":\"2\","
              "\"ephemeral-storage\":\"1Gi\"},"
              "\"limits\":{\"cpu\":\"1\",\"memory\":\"2Gi\",\"nvidia.com/gpu\":\"2\"}}");
    plan_close(&p);
}

TEST(session_pod, the_probe_asks_the_path_that_the_template_names_or_else_the_port)
{
    struct plan p;
    plan_open(&p, "", "\"ports\":[{\"name\":\"u\",\"containerPort\":9,\"protocol\":\"UDP\"},"
                      "{\"name\":\"http\",\"containerPort\":8080}]");
    CHECK_STR(plan_text(&p, plan_container(&p), "readinessProbe"),
              "{\"tcpSocket\":{\"port\":8080},\"periodSeconds\":2,\"failureThreshold\":3,"
              "\"timeoutSeconds\":2}");
    plan_template(&p, "\"webapp\":{\"port\":8888,\"healthCheck\":\"/api\"}");
    CHECK_STR(plan_text(&p, plan_container(&p), "readinessProbe.httpGet"),
              "{\"path\":\"/api\",\"port\":8888}");
    plan_template(&p, "\"webapp\":{\"port\":8888,\"healthCheck\":\"/api\"},\"readinessProbe\":{"
                      "\"path\":\"/ready\",\"port\":9090,\"periodSeconds\":5}");
    CHECK_STR(plan_text(&p, plan_container(&p), "readinessProbe.httpGet"),
              "{\"path\":\"/ready\",\"port\":9090}");
    CHECK_STR(plan_text(&p, plan_container(&p), "readinessProbe.periodSeconds"), "5");
    plan_close(&p);
}

TEST(session_pod, the_home_is_mounted_where_the_template_says)
{
    struct plan p;
    plan_open(&p, "", "\"homePath\":\"/home/jovyan\"");
    CHECK_STR(plan_text(&p, plan_container(&p), "volumeMounts"),
              "[{\"name\":\"user-home\",\"mountPath\":\"/home/jovyan\"}]");
    CHECK_STR(plan_text(&p, plan_pod(&p), "spec.volumes"),
              "[{\"name\":\"user-home\",\"persistentVolumeClaim\":{\"claimName\":\"home-ann\"}}]");
    CHECK_HAS(environment(&p), "HOME=/home/jovyan");
    plan_close(&p);
}

TEST(session_pod, a_templates_own_mount_of_the_home_is_the_home_and_is_there_once)
{
    struct plan p; /* as the manifests of StreamSpace's catalogue have it */
    plan_open(&p, "",
              "\"homePath\":\"/config\",\"volumeMounts\":[{\"name\":\"user-home\","
              "\"mountPath\":\"/home/abc\"},{\"name\":\"data\",\"mountPath\":\"/data\","
              "\"readOnly\":true,\"subPath\":\"s\"}],"
              "\"pod\":{\"volumes\":[{\"name\":\"data\",\"emptyDir\":{}}]}");
    CHECK_STR(plan_text(&p, plan_container(&p), "volumeMounts"),
              "[{\"name\":\"user-home\",\"mountPath\":\"/home/abc\"},{\"name\":\"data\","
              "\"mountPath\":\"/data\",\"subPath\":\"s\",\"readOnly\":true}]");
    CHECK_INT(json_count(json_path(plan_pod(&p), "spec.volumes")), 2);
    CHECK_HAS(environment(&p), "HOME=/home/abc");
    p.start.persistent_home = false; /* then there is no such volume to mount */
    CHECK_STR(plan_text(&p, plan_container(&p), "volumeMounts"),
              "[{\"name\":\"data\",\"mountPath\":\"/data\",\"subPath\":\"s\",\"readOnly\":true}]");
    CHECK_STR(plan_text(&p, plan_pod(&p), "spec.volumes"),
              "[{\"name\":\"data\",\"emptyDir\":{}}]");
    plan_close(&p);
}

TEST(session_pod, a_home_for_one_node_brings_its_users_pods_together)
{
    struct plan p;
    plan_open(&p, "", "");
    CHECK_HAS(plan_text(&p, plan_pod(&p), "spec.affinity"),
              "\"matchLabels\":{\"carrel.dev/user\":\"ann\",\"carrel.dev/home\":\"true\"}");
    CHECK_STR(json_text(json_get(json_path(plan_pod(&p), "metadata.labels"), "carrel.dev/home")),
              "true");
    p.settings.home_access = "ReadWriteMany";
    CHECK_STR(plan_text(&p, plan_pod(&p), "spec.affinity"), "-");
    plan_close(&p);
}

TEST(session_pod, what_the_template_says_of_the_pod_is_handed_on)
{
    struct plan p;
    plan_open(&p, "",
              "\"evictable\":true,\"command\":[\"sh\",\"-c\"],\"args\":[\"a \\\"b\\\"\"],"
              "\"pod\":{\"imagePullSecrets\":[{\"name\":\"reg\"}],\"nodeSelector\":{\"a\":\"b\"},"
              "\"tolerations\":[{\"operator\":\"Exists\"}],\"affinity\":{\"nodeAffinity\":{}},"
              "\"runtimeClassName\":\"gvisor\",\"priorityClassName\":\"low\"}");
    const struct json *pod = json_get(plan_pod(&p), "spec");
    CHECK_STR(plan_text(&p, pod, "imagePullSecrets"), "[{\"name\":\"reg\"}]");
    CHECK_STR(plan_text(&p, pod, "nodeSelector"), "{\"a\":\"b\"}");
    CHECK_STR(plan_text(&p, pod, "tolerations"), "[{\"operator\":\"Exists\"}]");
    CHECK_STR(plan_text(&p, pod, "affinity"), "{\"nodeAffinity\":{}}");
    CHECK_STR(plan_text(&p, pod, "runtimeClassName"), "\"gvisor\"");
    CHECK_STR(plan_text(&p, pod, "priorityClassName"), "\"low\"");
    CHECK_STR(plan_text(&p, plan_container(&p), "args"), "[\"a \\\"b\\\"\"]");
    const struct json *notes = json_path(plan_pod(&p), "metadata.annotations");
    CHECK_STR(json_text(json_get(notes, "cluster-autoscaler.kubernetes.io/safe-to-evict")), "true");
    CHECK_STR(json_text(json_get(notes, "karpenter.sh/do-not-disrupt")), "false");
    plan_close(&p);
}
