/* What a session is made of: for session.c and session_mark.c. */
#pragma once

#include "ltm/session.h"

#include "generate/history.h"
#include "generate/sampler.h"
#include "latent/fast_loop.h"

/* Where a session returns to (generate/session_mark.h). */
struct session_mark {
    bool set;
    char *slot; /* of the stream */
    struct history text;
    float *latents; /* posterior and z, unless they stream */
    uint64_t seed;
    uint32_t draws, fits, picks;
    bool heals, fitted;
};

struct ltm_session {
    const struct ltm_model *model;
    struct decoder *decoder; /* its weights, with the exits asked for */
    struct ltm_generate_options options;
    struct ltm_fast_config fast;
    struct stream_weights *weights;
    struct decoder_stream *stream; /* has read all of the history but its last token */
    struct decoder_pass *pass;
    struct fast_loop loop; /* the posterior (or prior), and z */
    struct sampler sampler;
    struct history history; /* what has been said and not forgotten */
    char *begin;            /* of the turn: where the stream stood, for a model whose text rolls on; else NULL */
    int32_t begun;          /* … and the token that it was to read next */
    struct history turn;    /* the text at the turn's begin, where latents stream */
    bool *blank;            /* [vocab]: pieces that begin with a blank, or NULL */
    bool heals;             /* a blank ends what has been said, and is not read yet */
    bool fitted;
    uint32_t draws, fits, picks; /* since the seed was set */
    const volatile sig_atomic_t *stop;
    struct session_mark last;    /* before the last turn that was taken */
    struct session_mark present; /* before the one that is being made */
};
