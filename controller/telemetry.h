/* controller/telemetry.h: the operator's own series, under the names that dashboards of operators
 * know (rest_client_*, and with carrel_ what is ours). Gauges are brought up to date by a timer on
 * the loop's thread, because printing happens on another.
 */
#pragma once

#include "lib/kube/client.h"
#include "lib/timers.h"

struct operator;
struct telemetry;

struct telemetry *telemetry_new(const struct operator *op, struct timers *timers);
void telemetry_free(struct telemetry *t); /* NULL is fine */

/* For kube_client_config.observe. */
void telemetry_request(void *user, enum kube_verb verb, int code, double seconds);
