/* controller/view.h: what a step may look at: the caches of all kinds, the claims to hosts, the
 * settings. Read-only for steps; pure.
 */
#pragma once

#include "controller/hosts.h"
#include "controller/kinds.h"
#include "controller/marks.h"
#include "controller/settings.h"

struct view {
    struct kube_store *sessions, *templates, *connections, *repositories;
    struct kube_store *deployments, *services, *ingresses, *claims, *pods, *revisions;
    struct hosts *hosts;
    struct marks *marks;
    const struct settings *settings;
};
