/* apiserver/origin.h: which web pages may talk to the API. A browser tells with Origin whose page
 * asks, and with Host whom it believes to ask. A page of another site that guesses our address, or
 * makes a name of its own resolve to it, gets nothing. Pure.
 */
#pragma once

#include <stdbool.h>

/* Origin's host and port are Host's: our own pages. Both as the headers have them. */
bool origin_is_own(const char *origin, const char *host);

/* The origin stands in the list, which has commas between its members; "*" allows every one. */
bool origin_is_listed(const char *origin, const char *list);

/* Host names this machine: localhost, 127.0.0.0/8 or [::1], with any port. */
bool host_is_loopback(const char *host);
