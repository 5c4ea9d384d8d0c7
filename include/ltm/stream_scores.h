/* The controls beside every score of a model with streaming latents (latent.kind = streaming), nats per token over all sequences: they
 * show how much of the score is due to z. */
#pragma once

#include "ltm/status.h"

LTM_C_BEGIN

enum { LTM_STREAM_PARTS = 8 };

struct ltm_stream_scores {
    int parts;     /* of a sequence, with equal numbers of chunks up to rounding; 0: latents do not stream */
    double drawn;  /* z drawn around its mean: on average a bound */
    double frozen; /* z stays at its start: the same weights, nothing carried */
    double others; /* z of another sequence; NAN where there is only one */
    double zero;   /* z is 0 */
    double carried,
        carried_error; /* frozen less the score, the gain claimed for z; its standard error, paired by sequence */
    double part[LTM_STREAM_PARTS],
        frozen_part[LTM_STREAM_PARTS]; /* the score and frozen, from the first part to the last */
};

LTM_C_END
