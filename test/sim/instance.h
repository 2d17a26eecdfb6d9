/* test/sim/instance.h: one replica of the real operator in the simulated world: the operator, its
 * timers, its chance, its connections, its part in the election; its death and its next life.
 */
#pragma once

#include "controller/lease.h"
#include "controller/operator.h"
#include "test/sim/wire.h"

struct instance {
    struct sim *sim;
    int id;
    unsigned life;    /* how often it was started */
    int version;      /* of the program that its next life runs: 0 or 1 */
    char name[32];    /* "operator-0" */
    char identity[48];
    bool alive, ready;
    struct timers timers;
    struct rng rng;
    int64_t born_ms, offset_ms; /* its clock is offset_ms at born_ms, */
    int64_t rate;               /* and goes so many thousandths as fast as the world's */
    int64_t wall_off_ms;        /* its wall clock is so wrong */
    int64_t asleep_until_ms; /* its machine sleeps: nothing runs, its clock goes on */
    struct settings settings;
    struct wire wire, election;
    struct operator *op;
    struct lease *lease;
    struct kube_transfer *asking; /* of the election */
    char *ask_body;
    int64_t asked_ms;
    struct sim_event wake, elect, hear, restart, kill, end, drain, over;
    enum { INSTANCE_SERVES, INSTANCE_DRAINS, INSTANCE_RELEASES } ending;
    int64_t drain_until_ms; /* by its own clock */
    int64_t stuck_at_ms;
    unsigned stuck;   /* timers fired without time passing */
    char seen[10][32]; /* the greatest version that each cache has shown */
};

struct instance *instance_new(struct sim *sim, int id);
void instance_free(struct instance *i); /* NULL is fine */
void instance_start(struct instance *i);
void instance_kill(struct instance *i, int64_t restart_ms); /* not from inside the operator */
void instance_kill_soon(struct instance *i);                /* also from there */
/* As SIGTERM: what runs may finish, the lease goes back, then it ends. A second one ends it. */
void instance_stop(struct instance *i);
/* The program that it runs from now on is another: it ends and begins again. */
void instance_upgrade(struct instance *i, int version);
void instance_sleep(struct instance *i, int64_t for_ms);
bool instance_may_write(struct instance *i);

/* Around each call into the operator: sets its clock before; after it, fires what is due. */
void instance_enter(struct instance *i);
void instance_leave(struct instance *i);
