/* The puzzles that a solver is at work on in training: `slow.batch` rows, each with a puzzle, the steps that it has had and its y and z,
 * carried from slow step to slow step. Behind a slow step a row that has halted gets the next puzzle: one whose halting logit is above 0, or
 * that has had solver.supervision steps; one puzzle in ten stays at least a number of steps drawn from 2 … solver.supervision. With
 * solver.augment a row has an image of its puzzle by symmetry.
 * Puzzles come in an order of their own in each pass over them; what is drawn follows from run.seed and a puzzle's number alone.
 *
 * What a slow step leaves lies beside what it began with until it is taken, so that one which is broken off leaves no trace. */
#pragma once

#include "latent/sequence_score.h"
#include "solver/puzzles.h"
#include "solver/solver_pass.h"

struct solver_worker {
    struct solver_pass *pass;
};

struct solver_batch {
    const struct ltm_config *config;
    const struct puzzles *puzzles;
    int threads;
    struct solver_worker *workers; /* [threads] */
    size_t n;                      /* T d */
    float *start_y, *start_z;      /* (d) */
    float *y, *z;                  /* (B, T, d) */
    float *next_y, *next_z;        /* (B, T, d): what the slow step leaves */
    int32_t *givens, *targets;     /* (B, T) */
    struct solver_answers answers; /* of the slow step, (B) each; without cells */
    int64_t *puzzle;               /* (B): its place in the file */
    int64_t *number;               /* (B): and in the order of all that were begun */
    int64_t *steps;                /* (B): that it has had */
    uint32_t *drawn;               /* (B): solver_number of the slow step's draws */
    bool *diverged;                /* (B): in the slow step, the fit of its latents */
    float kl_weight;               /* of the slow step's fits */
    int64_t begun;                 /* puzzles */
    int64_t *order;                /* [puzzles]: of the pass at hand */
    int64_t pass;                  /* -1 before the first */
};

/* Borrows config, decoder and puzzles. */
ltm_status solver_batch_create(struct solver_batch **batch, const struct ltm_config *config,
                               const struct decoder *decoder, const struct puzzles *puzzles, int threads,
                               struct ltm_error *error);
void solver_batch_free(struct solver_batch *batch);
size_t solver_batch_bytes(const struct ltm_config *config);

/* A slow step begins, whose fits of latents have the KL's weight. */
void solver_batch_begin(struct solver_batch *batch, float kl_weight);

/* Rows first … first + count - 1 by a thread's pass: the gradient of the mean of all rows' losses. */
void solver_batch_gradient(struct solver_batch *batch, int thread, int first, int count,
                           const struct gradient_taker *taker);

/* COLLECTIVE. What all processes have made: a row's cross-entropy is scores[row].recon, its halting loss .kl, and whether
 * its fit diverged .diverged. */
ltm_status solver_batch_merge(struct solver_batch *batch, struct sequence_score *scores, struct ltm_error *error);

/* The slow step is taken: go on from what it left. */
void solver_batch_advance(struct solver_batch *batch);

/* The slow step is skipped: every row gets the next puzzle, for the same ones with the same weights would fail again. */
void solver_batch_skip(struct solver_batch *batch);

/* solver.safetensors of a checkpoint, which has the alphabet and the puzzles' size too. */
ltm_status solver_batch_write(const struct solver_batch *batch, const char *path, struct ltm_error *error);
ltm_status solver_batch_read(struct solver_batch *batch, const char *path, struct ltm_error *error);

/* COLLECTIVE. Rank 0's, for everybody. */
ltm_status solver_batch_spread(struct solver_batch *batch, struct ltm_error *error);
