/* test/sim/world.h: the simulated world: one heap of events on virtual time, one store of objects,
 * chance from one seed, and what everybody in it shares. One thread; nothing here asks the system
 * for time or randomness, so that a seed is a run.
 *
 *     users, rogue, cluster ──► dev/store ◄── wire ◄── operator instances (the real ones)
 *                                  └──► safety (each commit), expect (when all is quiet)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dev/store.h"
#include "lib/arena.h"
#include "lib/err.h"
#include "lib/heap.h"
#include "lib/map.h"
#include "lib/rng.h"
#include "lib/str.h"

enum sim_fault { /* the classes of docs: each is on or off in a seed, with a rate */
    FAULT_CRASH = 1,     /* the operator dies; what was on its way arrives, or not, or late */
    FAULT_LAG,           /* an apiserver's watch cache stands still */
    FAULT_TRAVEL,        /* a reconnect comes out at the other apiserver */
    FAULT_UNSEEN,        /* watches break and events between are only seen in sum */
    FAULT_DISORDER,      /* duplicate, swapped and nonsense watch lines */
    FAULT_STORM,         /* somebody writes the object just before we do */
    FAULT_UNKNOWN,       /* done, but the answer is lost or says 5xx */
    FAULT_LATE,          /* a request arrives up to 34 s after it was sent */
    FAULT_SILENT,        /* a watch that says nothing and does not end */
    FAULT_SHORT,         /* watches that end at once */
    FAULT_RESTART,       /* an apiserver restarts */
    FAULT_COMPACT,       /* history is compacted away */
    FAULT_RESTORE,       /* etcd goes back to what it was a while ago */
    FAULT_EXPIRED,       /* the credential is refused for a while */
    FAULT_CLOCK,         /* wall clocks jump; machines sleep; clocks run fast or slow */
    FAULT_BUSY,          /* half of all requests are answered 429 for a while */
    FAULT_HUGE,          /* some objects are big */
    FAULT_MALFORMED,     /* answers that are no answers */
    FAULT_DENIED,        /* admission refuses, fails or is slow for a while */
    FAULT_MUTATED,       /* admission changes a field at each write */
    FAULT_QUOTA,         /* a quota is exhausted for a while */
    FAULT_NAMESPACE,     /* a namespace is deleted, and made again */
    FAULT_FINALIZER,     /* somebody's finalizers hold what we want gone */
    FAULT_UNSERVED,      /* a kind is not there, or may not be read, for a while */
    FAULT_LEASE,         /* somebody edits the Lease */
    FAULT_STOP,          /* the operator is asked to end, perhaps twice */
    FAULT_CONNECT,       /* no socket, no name resolution for a while */
    FAULT_SINK,          /* events are refused for a while */
    FAULT_COUNT
};

enum sim_stream { /* of chance: one each, so that a draw more here shifts nothing there */
    CHANCE_SCHEDULE,
    CHANCE_FAULTS,
    CHANCE_WIRE,
    CHANCE_USERS,
    CHANCE_CLUSTER,
    CHANCE_ROGUE,
    CHANCE_STORE,
    CHANCE_OPERATORS,
    CHANCE_WEATHER,
    CHANCE_COUNT
};

struct sim_plan { /* what a seed has drawn before it begins */
    double rate[FAULT_COUNT]; /* 0: off */
    int instances;
    bool election;       /* a Lease decides who writes; without it there is one instance */
    bool rogue;
    bool troubled_pods;  /* crashes, image errors, no room, no quota */
    bool durations;      /* some sessions have a maxSessionDuration */
    bool two_namespaces;
    bool shared_templates;
    bool pages_only, no_watch_list, gone_by_status, bookmarks, headless;
    int page_size;
    int chunk_max;       /* bytes that one read of a stream gives at most */
    int sessions, users, templates;
    int user_ops;        /* how much users do before all must settle */
    int64_t user_pause_ms;
    int64_t latency_ms;  /* the greatest, one way */
    int64_t lag_max_ms;
    bool compare;        /* also the test of path independence */
    bool connections, repositories;
    bool paths;          /* some sessions are in path mode */
    bool retentions;     /* some sessions go by themselves when they have ended */
    bool versions;       /* operators of two versions */
    bool audit;          /* log lines are read for secrets, S11 */
};

struct sim_event {
    struct heap_node node;
    int64_t at_ms;
    uint32_t tie;
    uint64_t seq;
    void (*fire)(void *user);
    void *user;
};

struct replica { /* one of two apiservers before the same etcd */
    bool frozen, down;
    uint64_t seen; /* while frozen */
    struct sim_event thaw, up;
};

enum { REPLICAS = 2, INSTANCES_MAX = 3, TRACE_LINES = 80, TRACE_WIDTH = 220 };

struct instance;
struct net;
struct admission;
struct rollout;
struct cluster;
struct users;
struct rogue;
struct safety;
struct manners;
struct starts;

struct sim {
    uint64_t seed;
    struct sim_plan plan;
    struct store *store;
    struct rng chance[CHANCE_COUNT];
    struct heap events;
    int64_t now_ms;
    uint64_t seq, fired, commits, requests, hash;
    bool chaos;            /* faults may happen */
    unsigned asked[FAULT_COUNT];    /* how often it might have happened, */
    unsigned happened[FAULT_COUNT]; /* and did: the number of a happening in a replay */
    int64_t until_ms[FAULT_COUNT];  /* weather: it goes on until then */
    uint64_t credential_needed;     /* by its number: older ones are refused */
    int64_t credential_ms;          /* from then on it stands in the file */
    const struct replay *replay;    /* what is to be left out; NULL: nothing */
    struct replica replica[REPLICAS];
    struct instance *instance[INSTANCES_MAX];
    struct net *net;       /* what is on its way */
    struct admission *admission;
    struct rollout *rollout;
    struct cluster *cluster;
    struct users *users;
    struct rogue *rogue;
    struct safety *safety;
    struct manners *manners;
    struct starts *starts;
    struct arena arena;    /* of sim_call; empty again at each event */
    struct str out;        /* scratch of sim_call's callers */
    struct sim_event compact, gc;
    struct {               /* a crash planned at one write (exhaustive.h) */
        unsigned at;       /* 0: none; counted from 1 */
        int phase;
        bool lagging;
    } crash;
    int log_fd;            /* log lines of an audited run; 0: none */
    unsigned writes;       /* of operators, as they were handed to the wire */
    uint64_t backup_rv;    /* etcd has been backed up there; 0: not yet */
    bool wordless;         /* a 403 has lost its words on the way: it may have been any */
    bool restored;         /* etcd has gone back: so may caches */
    bool refusing;         /* admission says no, faults or not */
    bool failed;
    char invariant[8];
    char failure[600];
    bool trace, trace_live;
    unsigned trace_next;
    char (*traced)[TRACE_WIDTH];
};

struct replay;
struct sim *sim_new(uint64_t seed, const struct sim_plan *plan, bool trace, bool live);
void sim_free(struct sim *sim);

/* --- time --- */
void sim_at(struct sim *sim, struct sim_event *event, int64_t delay_ms);
void sim_forget(struct sim *sim, struct sim_event *event); /* does nothing if it is not set */
bool sim_is_set(const struct sim_event *event);
bool sim_step(struct sim *sim); /* false: nothing left, or failed */
void sim_run_until(struct sim *sim, int64_t at_ms);
int64_t sim_wall_ms(const struct sim *sim);

/* --- chance --- */
/* It happens now, at the fault's rate. Each kind has its own chance, so that leaving one happening
 * out does not shift the others. */
bool sim_fault(struct sim *sim, enum sim_fault fault);
/* The same, once in n, for those that begin something. */
bool sim_strikes(struct sim *sim, enum sim_fault fault, unsigned n);
/* Something that began and goes on for a while. */
void sim_begin(struct sim *sim, enum sim_fault fault, int64_t for_ms);
bool sim_goes_on(const struct sim *sim, enum sim_fault fault);
int64_t sim_draw(struct sim *sim, enum sim_stream stream, int64_t low, int64_t high);
bool sim_one_in(struct sim *sim, enum sim_stream stream, unsigned n);

/* --- failure and trace: a seed runs without a trace; one that failed runs again with it --- */
void sim_fail(struct sim *sim, const char *invariant, const char *fmt, ...) PRINTF(3, 4);
void sim_trace(struct sim *sim, const char *fmt, ...) PRINTF(2, 3);
#define TRACE(sim, ...)                                                                            \
    do {                                                                                           \
        if ((sim)->trace) sim_trace(sim, __VA_ARGS__);                                             \
    } while (0)
void sim_trace_print(const struct sim *sim);
void sim_mix(struct sim *sim, uint64_t value); /* into the run's hash */

/* --- requests of those who are not the operator; answers live until the next event --- */
struct store_answer sim_call(struct sim *sim, const char *who, const char *method,
                             const char *type, const char *path, const char *body);
#define sim_text(sim, ...) arena_printf(&(sim)->arena, __VA_ARGS__)
extern const char JSON_TYPE[], MERGE_TYPE[];

void sim_namespace(struct sim *sim, const char *name); /* makes it */

/* Rows of dev/resources.h that the simulator looks at. */
struct sim_types {
    const struct resource *session, *template, *deployment, *service, *ingress, *claim, *pod,
        *revision, *event, *lease, *connection, *repository, *namespace;
};
const struct sim_types *sim_types(void);

/* The apiservers. */
uint64_t replica_seen(const struct sim *sim, int replica);
void replica_freeze(struct sim *sim, int replica, int64_t for_ms);
void replica_restart(struct sim *sim, int replica, int64_t for_ms);
void replicas_heal(struct sim *sim);

static inline bool text_starts(const char *text, const char *with)
{
    while (*with && *text == *with) text++, with++;
    return !*with;
}
