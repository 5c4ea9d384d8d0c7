/* What there is to say of a sequence that has been scored (latent/score.h says what each figure is). */
#pragma once

#include <stdint.h>

enum { SCORE_PARTS = 8 };

/* Nats of the whole sequence (of its rest); 0 where not asked for. Without latents there is one figure, -log p(x). */
struct sequence_score {
    double recon, kl, iwae, prior, fitted;
    double rest, rest_prior; /* rest_prior: with z from the prior, E[-log p(x_>P | x_<=P, z)] */
    double tokens,
        rest_tokens; /* what its tokens count, all and of its rest: one each, but 0 where a sequence is padded */
    /* Where latents stream, recon is exact, kl 0, and beside them are the following (latent/score_streaming.h). */
    double drawn, frozen, others, zero;
    double parts[SCORE_PARTS], frozen_parts[SCORE_PARTS], part_tokens[SCORE_PARTS];
    double start, gap;       /* the bound where the encoder starts, before any fast step; that less recon + KL */
    double answers, matches; /* that it holds, and those that greedy decoding would write (latent/answer_match.h) */
    double dpo, margin;      /* of the first of two answers to a prompt (train/preferences.h) */
    int64_t diverged;        /* of its fits, how many did and were replaced by the prior (latent/fast_loop.h) */
};
