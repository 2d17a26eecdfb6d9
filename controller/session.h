/* controller/session.h: one Session brought to what its spec says. Pure: the step of step.h.
 *
 * Each round puts the facts together, sends what is missing or wrong among the children (at most
 * four requests, all independent), and when nothing is, writes the status if it differs. A start is
 * one round of creates and one status write.
 *
 *   child is …          then
 *   absent              POST; 409 AlreadyExists → GET, and judge what is there
 *   ours, as intended   nothing
 *   ours, otherwise     once: our managedFields entry from Update to Apply; then server-side apply
 *   ours, not wanted    DELETE with its uid
 *   foreign             left alone, told as NameConflict
 *   leaving             nothing: its end will wake us
 *
 * What the outside refuses (quota, admission) is told in the status and tried again in one to five
 * minutes; what fails in passing comes back by the queue's backoff. Everything may be repeated.
 */
#pragma once

#include "controller/step.h"

enum step_result session_step(void *state, struct step_io *io);
