/* Turns that can be taken back: a turn that fails leaves the session as it was, and the last one can be made again. */
#pragma once

#include "ltm/session.h"

struct session_mark;

void session_mark_free(struct session_mark *mark);

/* There is a last turn to make again. */
bool session_can_repeat(const struct ltm_session *session);
/* Before a turn; again: the session returns to before the last one, which this turn is to replace. */
ltm_status session_turn_begin(struct ltm_session *session, bool again, struct ltm_error *error);
/* After it; not taken: the session returns to where it was, with the last turn if that was to be replaced. Of the options only the
 * seed returns. Bit-exact, except with streaming latents, where the text is read again. */
void session_turn_end(struct ltm_session *session, bool again, bool taken);
