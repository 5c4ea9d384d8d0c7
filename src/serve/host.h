/* Which names a request may call the server by.
 *
 * A page of another site can point a name of its own at this machine (DNS rebinding) and then read replies as its own. Its requests
 * still carry that name in Host. An address there cannot be pointed elsewhere, so addresses pass, whichever they are. */
#pragma once

#include <stdbool.h>

#include "ltm/status.h"

/* header: of a request, with a port or not; NULL = none was sent, as no browser does. host: where the server listens. names: others
 * that it goes by, separated by commas and blanks; or NULL. */
bool host_is_known(const char *header, const char *host, const char *names);

/* LTM_INVALID if one of `names` can never match: one with a port, say. */
ltm_status host_names_check(const char *names, struct ltm_error *error);
