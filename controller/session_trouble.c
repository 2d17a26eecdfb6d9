#include "controller/session_trouble.h"

#include <string.h>

enum { UNSCHEDULED_GRACE_MS = 3000 }; /* a pod is unschedulable for a moment in any busy cluster */

struct trouble trouble_of_refusal(const struct refusal *r)
{
    return (struct trouble){r->quota ? "QuotaExceeded" : "AdmissionRefused", r->message};
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; text && *list; list++) {
        if (strcmp(text, *list) == 0) return true;
    }
    return false;
}

static struct trouble image_trouble(const struct session_facts *f, struct arena *a)
{
    static const char *const reasons[] = {"ErrImagePull",     "ImagePullBackOff",
                                          "InvalidImageName", "ErrImageNeverPull",
                                          "ImageInspectError", "RegistryUnavailable", NULL};
    if (!is_one_of(f->pod->waiting_reason, reasons)) return (struct trouble){0};
    const struct condition *old = &f->session->status.conditions[SESSION_WORKLOAD_READY];
    const char *front = arena_printf(a, "the image \"%s\" cannot be pulled: ",
                                     f->spec.image ? f->spec.image : "?");
    /* The kubelet's words change with each try: the first ones say the most. */
    bool same = str_equal(old->reason, "ImagePullFailed") && old->message &&
                strncmp(old->message, front, strlen(front)) == 0;
    if (same) return (struct trouble){"ImagePullFailed", old->message};
    return (struct trouble){
        "ImagePullFailed",
        arena_printf(a, "%s%s", front,
                     f->pod->waiting_message ? f->pod->waiting_message : f->pod->waiting_reason)};
}

static struct trouble crash_trouble(const struct session_facts *f, struct arena *a)
{
    const struct pod *p = f->pod;
    if (!p->crashed || p->ready) return (struct trouble){0};
    const char *why = p->crash_reason ? p->crash_reason : "Error";
    const char *lines = p->crash_message ? p->crash_message : "";
    if (strcmp(why, "OOMKilled") == 0) {
        return (struct trouble){"OutOfMemory",
                                arena_printf(a, "the program was killed for want of memory: raise "
                                                "spec.resources.limits.memory. Its last lines: "
                                                "%s",
                                             lines)};
    }
    return (struct trouble){"CrashLoop",
                            arena_printf(a, "the program ended with exit code %d (%s)%s%s",
                                         (int)p->exit_code, why,
                                         *lines ? ". Its last lines: " : "", lines)};
}

static struct trouble config_trouble(const struct session_facts *f, struct arena *a)
{
    static const char *const reasons[] = {"CreateContainerConfigError", "CreateContainerError",
                                          "RunContainerError", "CreatePodSandboxError", NULL};
    if (!is_one_of(f->pod->waiting_reason, reasons)) return (struct trouble){0};
    return (struct trouble){
        "ContainerRefused",
        arena_printf(a, "the node cannot make the container: %s",
                     f->pod->waiting_message ? f->pod->waiting_message : f->pod->waiting_reason)};
}

static struct trouble schedule_trouble(const struct session_facts *f, struct step_io *io)
{
    const struct pod *p = f->pod;
    if (p->scheduled != CONDITION_FALSE) return (struct trouble){0};
    int64_t age_ms = io->wall_ms - p->object.meta.created_ms;
    if (age_ms < UNSCHEDULED_GRACE_MS) {
        step_again(io, io->now_ms + UNSCHEDULED_GRACE_MS - (age_ms > 0 ? age_ms : 0));
        return (struct trouble){0};
    }
    if (f->home_in_use) {
        return (struct trouble){"HomeInUse",
                                arena_printf(io->arena,
                                             "the user's home is mounted on another node by "
                                             "another session: hibernate that one, or give the "
                                             "cluster a storage class that many nodes can mount. "
                                             "The scheduler says: %s",
                                             p->unscheduled_message ? p->unscheduled_message : "")};
    }
    return (struct trouble){"Unschedulable",
                            arena_printf(io->arena, "no node can take it: %s",
                                         p->unscheduled_message ? p->unscheduled_message : "")};
}

static struct trouble pod_trouble(const struct session_facts *f, struct step_io *io)
{
    static const char *const over[] = {"Evicted", "Shutdown", "NodeLost", "Terminated", NULL};
    if (!f->pod) return (struct trouble){0};
    struct trouble t = image_trouble(f, io->arena);
    if (!t.reason) t = config_trouble(f, io->arena);
    if (!t.reason) t = crash_trouble(f, io->arena);
    if (!t.reason) t = schedule_trouble(f, io);
    if (!t.reason && is_one_of(f->pod->reason, over)) {
        t = (struct trouble){"Evicted", f->pod->message};
    }
    return t;
}

/* The Deployment could not make its pod; quota is told from admission by the server's own words,
 * for the condition has one reason for both. */
static struct trouble replica_trouble(const struct session_facts *f)
{
    if (f->standing[ROLE_DEPLOYMENT] != CHILD_OURS || !f->deployment->failure || f->pod) {
        return (struct trouble){0};
    }
    bool quota = strstr(f->deployment->failure, "exceeded quota") != NULL;
    return (struct trouble){quota ? "QuotaExceeded" : "AdmissionRefused", f->deployment->failure};
}

static const char *const role_names[] = {"a Deployment", "a Service", "an Ingress"};

static struct trouble name_trouble(const struct session_facts *f, struct arena *a)
{
    for (int role = ROLE_DEPLOYMENT; role <= ROLE_INGRESS; role++) {
        if (f->standing[role] != CHILD_FOREIGN) continue;
        return (struct trouble){"NameConflict",
                                arena_printf(a,
                                             "%s named %s is here and is not this session's: it "
                                             "is left alone; rename or delete it, or create the "
                                             "session under another name",
                                             role_names[role], f->child_name)};
    }
    return (struct trouble){0};
}

struct trouble trouble_of_host(const struct session_facts *f, struct arena *a)
{
    if (!f->has_route || strcmp(f->holder, f->session->object.meta.key) == 0) {
        return (struct trouble){0};
    }
    return (struct trouble){"HostTaken",
                            arena_printf(a,
                                         "%s%s belongs to the older session %s: delete or "
                                         "terminate that one, or create this one under another "
                                         "name",
                                         f->host, f->path, f->holder)};
}

struct trouble trouble_of_workload(const struct session_facts *f, const struct refusal *refused,
                                   struct step_io *io)
{
    struct trouble t = {0};
    if (f->problem_reason && !f->can_render) {
        t = (struct trouble){f->problem_reason, arena_strdup(io->arena, f->problem.text)};
    }
    if (!t.reason) t = name_trouble(f, io->arena);
    for (int role = 0; role < ROLE_CHILDREN && !t.reason; role++) {
        if (refused[role].refused) t = trouble_of_refusal(&refused[role]);
    }
    if (!t.reason) t = replica_trouble(f);
    if (!t.reason && f->wish == WISH_RUNNING) t = pod_trouble(f, io);
    return t;
}

bool trouble_needs_a_person(const struct session_facts *f, struct trouble workload,
                            struct trouble host, const struct settings *settings)
{
    static const char *const lasting[] = {"NameConflict", "TemplateNotFound", "TemplateInvalid",
                                          "SpecInvalid", "RevisionNotFound", "PathModeRefused",
                                          "ChildUnreadable", NULL};
    if (f->wish == WISH_TERMINATED) return false;
    if (host.reason || is_one_of(workload.reason, lasting)) return true;
    static const char *const crashes[] = {"CrashLoop", "OutOfMemory", NULL};
    bool crashed = is_one_of(workload.reason, crashes);
    return crashed && f->pod && f->pod->restarts >= settings->crash_limit;
}

bool trouble_is_one(const char *reason)
{
    static const char *const calm[] = {"Ready", "Starting", "Hibernated", "Terminated", NULL};
    return reason && !is_one_of(reason, calm);
}
