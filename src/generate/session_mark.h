/* A point in a session's text to which it can return, so that a turn that failed is as if it had not been asked for, and one that is
 * asked for again is not said twice. */
#pragma once

#include "ltm/session.h"

struct session_mark {
    bool set;
    char *slot;      /* of the stream */
    int32_t *tokens; /* [most + 1] */
    float *latents;  /* posterior and z; of streaming latents u and λ */
    int count, known;
    uint64_t seed;
    uint32_t draws, fits, picks;
    bool heals, fitted, forgot;
};

void session_mark_free(struct session_mark *mark);

/* Here; an earlier mark is forgotten. */
ltm_status session_mark(struct ltm_session *session, struct ltm_error *error);
/* Back to the mark, which is forgotten; false: there is none. Options stay as they are, but for the seed. Bit-exact unless latents
 * stream: then the text is read again. */
bool session_return(struct ltm_session *session);
