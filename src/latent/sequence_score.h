/* The scores of one sequence (latent/score.h defines them). */
#pragma once

#include <stdint.h>

enum { SCORE_PARTS = 8 };

/* Nats of the whole sequence (of its rest); 0 if not requested. Without latents there is one figure, -log p(x). */
struct sequence_score {
    double recon, kl, iwae, prior, fitted;
    double rest, rest_prior;    /* rest_prior: with z from the prior, E[-log p(x_>P | x_<=P, z)] */
    double tokens, rest_tokens; /* the weights of its tokens, all and in its rest: one each, 0 for padding */
    /* With streaming latents recon is exact and kl 0, and there are also the following (latent/score_streaming.h). */
    double drawn, frozen, others, zero;
    double parts[SCORE_PARTS], frozen_parts[SCORE_PARTS], part_tokens[SCORE_PARTS];
    double start, gap;       /* the bound at the encoder's start, before any fast step; that minus recon + KL */
    double answers, matches; /* in it, and those that greedy decoding would write (latent/answer_match.h) */
    double dpo, margin;      /* of the first of two answers to a prompt (train/preferences.h) */
    int64_t diverged;        /* how many of its fits did and were replaced by the prior (latent/fast_loop.h) */
};
