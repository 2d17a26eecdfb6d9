#include "controller/session_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/plain.h"
#include "lib/map.h"
#include "lib/str.h"

enum { LABEL_MAX = 63, BODY_MAX = 2 << 20 };

static char *take(struct arena *a, const struct str *text)
{
    return arena_strndup(a, text->at, text->len);
}

char *session_child_name(struct arena *a, const char *session)
{
    return arena_printf(a, "ss-%s", session);
}

/* Text that is too long for a label keeps its front and gets a hash of the whole. */
static char *shorten(struct arena *a, const char *prefix, const char *text)
{
    size_t n = strlen(prefix) + strlen(text);
    if (n <= LABEL_MAX) return arena_printf(a, "%s%s", prefix, text);
    uint32_t hash = (uint32_t)hash_bytes(text, strlen(text), 0);
    int keep = LABEL_MAX - (int)strlen(prefix) - 9;
    return arena_printf(a, "%s%.*s-%08x", prefix, keep, text, hash);
}

char *label_value(struct arena *a, const char *text)
{
    return shorten(a, "", text);
}

char *session_home_name(struct arena *a, const char *user)
{
    return shorten(a, "home-", user);
}

uint64_t session_labels(struct arena *a, const struct session_plan *plan, char **members)
{
    const struct session *s = plan->session;
    char *template = label_value(a, s->template);
    char *name = s->object.meta.name;
    static char app[] = "carrel-session", part[] = "carrel", by[] = "carrel";
    char *values[LABEL_COUNT] = {app,     name,     part, by,      name,
                                 s->user, template, name, s->user, template};
    auto_str text;
    str_init(&text, 4096);
    for (int i = 0; i < LABEL_COUNT; i++) {
        if (i) str_add_c(&text, ',');
        str_add_json(&text, label_names[i]);
        str_add_c(&text, ':');
        str_add_json(&text, values[i]);
    }
    *members = take(a, &text);
    return labels_hash(values);
}

static char *owner_of(struct arena *a, const struct session *s)
{
    return arena_printf(a,
                        "[{\"apiVersion\":\"" CARREL_API_VERSION
                        "\",\"kind\":\"Session\",\"name\":\"%s\",\"uid\":\"%s\","
                        "\"controller\":true,\"blockOwnerDeletion\":true}]",
                        s->object.meta.name, s->object.meta.uid);
}

static uint64_t hash_text(uint64_t seed, const char *text)
{
    return hash_bytes(text, strlen(text), seed);
}

static void complete(struct arena *a, const struct session_plan *plan, struct intent *i)
{
    i->name = session_child_name(a, plan->session->object.meta.name);
    i->labels = session_labels(a, plan, &i->label_members);
    i->owner = owner_of(a, plan->session);
    if (!i->annotation_members) i->annotation_members = arena_strdup(a, "");
    i->hash = hash_text((uint64_t)plan->settings->intent_schema, i->label_members);
    i->hash = hash_text(i->hash, i->annotation_members);
    i->hash = hash_text(i->hash, i->owner);
    i->hash = hash_text(i->hash, i->spec);
}

int session_deployment(struct arena *a, const struct session_plan *plan, struct intent *out,
                       struct err *err)
{
    char *labels = NULL, *pod = NULL;
    session_labels(a, plan, &labels);
    if (session_pod_template(a, plan, labels, &pod, err) < 0) return -1;
    *out = (struct intent){.type = &deployment_type};
    out->spec = arena_printf(a,
                             "{\"replicas\":%d,\"revisionHistoryLimit\":1,"
                             "\"strategy\":{\"type\":\"Recreate\"},"
                             "\"selector\":{\"matchLabels\":{\"carrel.dev/session\":\"%s\"}},"
                             "\"template\":%s}",
                             plan->running ? 1 : 0, plan->session->object.meta.name, pod);
    auto_str annotations;
    str_init(&annotations, BODY_MAX);
    str_add(&annotations, ",\"" ANNOTATION_START "\":");
    str_add_json(&annotations, plan->start->text);
    out->annotation_members = take(a, &annotations);
    complete(a, plan, out);
    return 0;
}

void session_service(struct arena *a, const struct session_plan *plan, struct intent *out)
{
    int port = (int)template_port_of(plan->spec);
    *out = (struct intent){.type = &service_type};
    out->spec = arena_printf(a,
                             "{\"type\":\"ClusterIP\",%s"
                             "\"selector\":{\"carrel.dev/session\":\"%s\"},"
                             "\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":%d,"
                             "\"targetPort\":%d}]}",
                             plan->settings->headless ? "\"clusterIP\":\"None\"," : "",
                             plan->session->object.meta.name, port, port);
    complete(a, plan, out);
}

/* The secret's name with {session} filled in. */
static char *tls_secret(struct arena *a, const struct session_plan *plan)
{
    const char *mark = "{session}", *pattern = plan->settings->tls_secret;
    const char *at = strstr(pattern, mark);
    if (!at) return arena_strdup(a, pattern);
    return arena_printf(a, "%.*s%s%s", (int)(at - pattern), pattern,
                        plan->session->object.meta.name, at + strlen(mark));
}

static char *ingress_annotations(struct arena *a, const struct settings *settings)
{
    auto_str text;
    str_init(&text, 64 * 1024);
    for (size_t i = 0; i < settings->ingress_annotation_count; i++) {
        str_add_c(&text, ',');
        str_add_json(&text, settings->ingress_annotations[i].name);
        str_add_c(&text, ':');
        str_add_json(&text, settings->ingress_annotations[i].value);
    }
    return take(a, &text);
}

struct route session_route(struct arena *a, const struct session_plan *plan)
{
    const struct settings *settings = plan->settings;
    bool tls = *settings->tls_secret != '\0';
    return (struct route){
        .class = *settings->ingress_class ? arena_strdup(a, settings->ingress_class) : NULL,
        .host = arena_strdup(a, plan->host),
        .path = arena_strdup(a, *plan->path ? plan->path : "/"),
        .service = session_child_name(a, plan->session->object.meta.name),
        .port = template_port_of(plan->spec),
        .secret = tls ? tls_secret(a, plan) : NULL,
        .rules = 1,
        .tls = tls,
    };
}

/* A class that we do not name may be set by the cluster. */
bool route_stands(const struct route *want, const struct route *there)
{
    return (!want->class || str_equal(want->class, there->class)) &&
           str_equal(want->host, there->host) && str_equal(want->path, there->path) &&
           str_equal(want->service, there->service) && want->port == there->port &&
           str_equal(want->secret, there->secret) && want->rules == there->rules &&
           want->tls == there->tls;
}

void session_ingress(struct arena *a, const struct session_plan *plan, struct intent *out)
{
    struct route route = session_route(a, plan);
    auto_str spec;
    str_init(&spec, 64 * 1024);
    str_add_c(&spec, '{');
    if (route.class) {
        str_add(&spec, "\"ingressClassName\":");
        str_add_json(&spec, route.class);
        str_add_c(&spec, ',');
    }
    str_add(&spec, "\"rules\":[{\"host\":");
    str_add_json(&spec, route.host);
    str_add_f(&spec, ",\"http\":{\"paths\":[{\"path\":\"%s\",\"pathType\":\"Prefix\",\"backend\":",
              route.path);
    str_add_f(&spec, "{\"service\":{\"name\":\"%s\",\"port\":{\"number\":%d}}}}]}}]",
              route.service, (int)route.port);
    if (route.secret) {
        str_add(&spec, ",\"tls\":[{\"hosts\":[");
        str_add_json(&spec, route.host);
        str_add(&spec, "],\"secretName\":");
        str_add_json(&spec, route.secret);
        str_add(&spec, "}]");
    }
    str_add_c(&spec, '}');
    *out = (struct intent){.type = &ingress_type};
    out->spec = take(a, &spec);
    out->annotation_members = ingress_annotations(a, plan->settings);
    complete(a, plan, out);
}

char *session_home_claim(struct arena *a, const struct session_plan *plan)
{
    const struct settings *settings = plan->settings;
    const struct session *s = plan->session;
    char *class = *settings->home_class
                      ? arena_printf(a, "\"storageClassName\":\"%s\",", settings->home_class)
                      : arena_strdup(a, "");
    return arena_printf(a,
                        "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{"
                        "\"name\":\"%s\",\"namespace\":\"%s\",\"labels\":{"
                        "\"app.kubernetes.io/name\":\"carrel-home\","
                        "\"app.kubernetes.io/part-of\":\"carrel\","
                        "\"app.kubernetes.io/managed-by\":\"carrel\",\"carrel.dev/user\":\"%s\"}},"
                        "\"spec\":{%s\"accessModes\":[\"%s\"],"
                        "\"resources\":{\"requests\":{\"storage\":\"%s\"}}}}",
                        session_home_name(a, s->user), s->object.meta.ns, s->user, class,
                        settings->home_access, settings->home_size);
}

char *intent_body(struct arena *a, const struct intent *i, const char *ns, const char *uid,
                  int64_t generation)
{
    const struct kube_resource *r = i->type->resource;
    auto_str body;
    str_init(&body, BODY_MAX);
    str_add_f(&body, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{\"name\":\"%s\","
                     "\"namespace\":\"%s\",",
              r->api_version, r->kind, i->name, ns);
    if (uid) str_add_f(&body, "\"uid\":\"%s\",", uid);
    str_add_f(&body, "\"labels\":{%s},\"annotations\":{\"" ANNOTATION_INTENT "\":\"%016llx.%lld\"",
              i->label_members, (unsigned long long)i->hash, (long long)generation);
    str_add(&body, i->annotation_members);
    str_add_f(&body, "},\"ownerReferences\":%s},\"spec\":", i->owner);
    str_add(&body, i->spec);
    str_add_c(&body, '}');
    return plain_json(a, take(a, &body));
}

bool intent_stands(const struct intent *i, const struct kube_object *child,
                   const struct child *state)
{
    char want[48];
    if (!state->intent || state->labels != i->labels) return false;
    snprintf(want, sizeof(want), "%016llx.%lld", (unsigned long long)i->hash,
             (long long)(child->meta.generation ? child->meta.generation : 1));
    return strcmp(state->intent, want) == 0;
}

bool intent_is_untouched(const struct kube_object *child, const struct child *state)
{
    const char *dot = state->intent ? strrchr(state->intent, '.') : NULL;
    int64_t generation = child->meta.generation ? child->meta.generation : 1;
    return dot && strtoll(dot + 1, NULL, 10) == generation;
}
