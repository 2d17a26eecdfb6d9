#include "test/sim/refused.h"

#include <stdio.h>
#include <string.h>

#include "test/sim/admission.h"
#include "test/sim/expect.h"
#include "test/sim/run.h"
#include "test/sim/users.h"

enum { TOLD_MS = 60000, FREED_MS = 330000 /* five minutes, and the pod's start */ };

static bool is_told(struct sim *sim, char *why, size_t size)
{
    const struct store_object *o = store_get(sim->store, sim_types()->session, "lab", "wanted");
    const char *ready = o ? strstr(o->text, "\"type\":\"Ready\"") : NULL;
    bool told = ready && (strstr(o->text, "\"QuotaExceeded\"") ||
                          strstr(o->text, "\"AdmissionRefused\""));
    if (!told) snprintf(why, size, "nobody says why lab/wanted is refused");
    return told;
}

void run_refused(struct sim *sim)
{
    TRACE(sim, "---- a session that is refused ----");
    arena_reset(&sim->arena, 256 * 1024);
    sim->refusing = true;
    admission_refuse(sim);
    user_template(sim, "lab", "t9", 1);
    user_session(sim, "lab", "wanted", "u9", "t9", "");
    if (!run_until_met(sim, TOLD_MS, "L5", is_told)) return;
    admission_allow(sim);
    run_until_met(sim, FREED_MS, "L5", expect_met);
    sim->refusing = false;
}
