/* Counter-based random numbers (Philox4x32-10 of Random123): a number depends on its key and place alone, so results do
 * not depend on threads, order, or where a run was interrupted.
 *
 * Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What a number is for. The values are part of the meaning of a seed: append, never renumber. */
enum random_purpose {
    RANDOM_WEIGHTS = 1,     /* initial weights: sequence = tensor */
    RANDOM_FAST_NOISE = 2,  /* ε of the fast loop: slow step, sequence, fast step */
    RANDOM_SLOW_NOISE = 3,  /* ε of the slow loss: slow step, sequence */
    RANDOM_SCORE_NOISE = 4, /* ε of a score: sequence, fast = sample; step 1: fit of a first part, 2: prompt */
    RANDOM_SCORE_FIT = 5,   /* ε of the fit before it: sequence, fast step; step as above */
    RANDOM_GENERATE = 6,    /* sampling: sequence = sample, step = token; few-shot: item, sample + 1 */
    RANDOM_PRIOR = 7,       /* z from the prior: sequence = sample; of a score step 1, sequence, fast = sample */
    RANDOM_ORDER = 8,       /* order and offset of sequences: step = epoch */
    RANDOM_TEXT = 9,        /* which documents are held out, or sampled */
    RANDOM_BOOTSTRAP = 10,  /* which cells a resample has: step = resample */
    RANDOM_SHOTS = 11,      /* which training items stand before an item: sequence = item */
    RANDOM_SYNTH = 16,      /* synthetic texts: step = what is drawn (tasks/synth.c), sequence and fast = index */
    RANDOM_PROBE = 17,      /* the bootstrap of a probe: step = resample */
    RANDOM_DROPOUT = 18,    /* what dropout keeps: slow step, sequence of the batch, fast = application of the plan */
    RANDOM_DEPTH = 19,      /* loops of a slow step: slow step; fast 0: of the rate, 1: of the number */
    RANDOM_FAST_PART = 20,  /* the part of the text that a fit begins with: slow step */

    RANDOM_SOLVER_START = 32, /* a solver's y (sequence 0) and z (1) at first: step = restart */
    RANDOM_SOLVER_HALT = 33,  /* when a puzzle may leave training: step and sequence = its number, high and low */
    RANDOM_SOLVER_ORDER = 34, /* of puzzles: step = pass */
    RANDOM_SOLVER_IMAGE = 35, /* which image of a puzzle is trained on: as RANDOM_SOLVER_HALT */
    RANDOM_SOLVER_NOISE = 36, /* of solver.stable: step and sequence by solver/solver_pass.h, fast = application of f */
    RANDOM_SOLVER_FIT = 37,   /* ε of the fit of a puzzle's latents: likewise, fast = fast step */
    RANDOM_SOLVER_LATENT = 38 /* ε of the draw behind it */
};

struct random_key {
    uint64_t seed;
    uint32_t purpose; /* enum random_purpose */
    uint32_t step, sequence, fast;
};

/* n standard normal numbers (Box–Muller). */
void random_normal(float *out, size_t n, struct random_key key);

/* n values: 0 with probability p (to within 2^-17), otherwise 1. Returns 1 / the share that is kept. */
float random_mask(uint8_t *mask, size_t n, double p, struct random_key key);

/* The i-th uniform number of a key: 32 bits, or a double in [0, 1) with 32 bits. */
uint32_t random_bits(struct random_key key, uint32_t i);
double random_uniform(struct random_key key, uint32_t i);
