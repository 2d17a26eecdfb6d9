/* apiserver/problem.h: how the API says no: application/problem+json (RFC 9457), with a code that
 * programs may compare, the field that is wrong and the rule that it breaks. The member `error`
 * repeats the detail, for clients of StreamSpace.
 *
 *     {"type":"about:blank","title":"Unprocessable Content","status":422,"code":"invalid-field",
 *      "detail":"user: write lower-case letters, …","field":"user","error":"user: write …"}
 *
 * Codes are part of the API and stand in docs/api.md; they never change their meaning.
 */
#pragma once

#include "apiserver/ask.h"
#include "lib/serve/server.h"

/* Fills the reply. field may be NULL: the request as a whole is wrong. */
void problem_reply(struct server_reply *reply, int status, const char *code, const char *field,
                   const char *fmt, ...) PRINTF(5, 6);

/* Adds a member to the problem that the reply is; json: its value. */
void problem_add(struct server_reply *reply, const char *name, const char *json);

/* What Kubernetes said no to, in our words: the status becomes ours where it says something to the
 * caller (404, 409, 422, 429), else 502, 503 or 504; each cause's field is named as in our bodies
 * ("spec.user" is "user"). kind and name: what it was about. */
void problem_of_kube(struct server_reply *reply, const struct ask_answer *answer,
                     const char *kind, const char *name);
