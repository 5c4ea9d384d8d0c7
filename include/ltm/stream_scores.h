/* What stands beside every score of a model whose latents stream (latent.kind = streaming), nats a token of all sequences: the controls that
 * say what of the score z has earned. And of one without latents that has a memory (model.memory), which is frozen as a sequence begins with
 * it; then drawn, others and zero are NAN. */
#pragma once

#include <stdbool.h>

#include "ltm/status.h"

LTM_C_BEGIN

enum { LTM_STREAM_PARTS = 8 };

struct ltm_stream_scores {
    int parts; /* that a sequence is told in, the same number of chunks each but for rounding; 0: nothing is carried */
    double drawn;  /* z drawn around its mean: on average a bound */
    double frozen; /* z stays at its start: the same weights, nothing carried */
    double others; /* z of another sequence; NAN where there is only one */
    double zero;   /* z is 0 */
    double carried,
        carried_error; /* frozen less the score, the gain claimed for z; its standard error, paired by sequence */
    double part[LTM_STREAM_PARTS],
        frozen_part[LTM_STREAM_PARTS]; /* the score and frozen, from the first part to the last */
    bool memory;                       /* these are of a memory, not of latents that stream */
};

LTM_C_END
