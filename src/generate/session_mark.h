/* A point in a session's text to which the session can return: after a turn that failed, or to repeat a turn. */
#pragma once

#include "ltm/session.h"

struct session_mark;

void session_mark_free(struct session_mark *mark);

/* Mark the present point; replaces an earlier mark. */
ltm_status session_mark(struct ltm_session *session, struct ltm_error *error);
/* Return to the mark and clear it; false if there is none. Of the options only the seed returns. Bit-exact, except with streaming
 * latents, where the text is read again. */
bool session_return(struct ltm_session *session);
