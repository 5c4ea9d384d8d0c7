/* The slow loop's optimisers: one row and one file each; and their common parts: state and gradient norm.
 *
 * To add one: copy optimiser_adamw.c to optimiser_NAME.c, name its row below and in optimiser.c, and give it a constant in
 * enum ltm_optimiser (ltm/config.h). Its name is then a value of slow.optimizer; nothing else knows it.
 *
 * Each process keeps the state of its share of the weights (optimiser_shards.h). Results are bit-identical for any
 * number of threads and processes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/config.h"
#include "stages/weights.h"
#include "train/optimiser_shards.h"

enum { OPTIMISER_STATES = 4 }; /* arrays that a kind keeps, at most */

/* Of one update. */
struct optimiser_step {
    const struct ltm_slow_config *config;
    double lr;
    double scale;    /* of the gradient, for clipping */
    int64_t updates; /* this one included */
};

/* The part of one weight in one own slice: n floats, in order, of weights, gradient and each state array. */
struct optimiser_part {
    const struct weight *weight;
    size_t n;
    float *w, *g;
    float *state[OPTIMISER_STATES]; /* NULL where the weight has none */
    float *scratch;                 /* this thread's */
    float lr_scale;                 /* the weight's rate in units of the step's */
    bool decays;
};

struct optimiser_kind {
    const char *name, *help;
    int states;
    const char *prefixes[OPTIMISER_STATES]; /* of their tensors in optimizer.safetensors: PREFIX + the weight's name */
    /* Weights of WEIGHT_MATRIX come as wholes, each to one process: a part is all of such a weight. Those alone have the states that
     * are of_matrices, the others alone the rest. */
    bool whole_matrices;
    bool of_matrices[OPTIMISER_STATES];
    size_t (*scratch)(int rows, int columns); /* floats that the step of such a matrix needs; NULL for none */
    /* Update the part and reset its gradient to zero. All threads of a team call it, each for its share of the part. */
    void (*step)(const struct optimiser_part *part, const struct optimiser_step *step);
    double (*flops)(const struct weight_table *table); /* of the products of an update; NULL: it has none */
    ltm_status (*check)(const struct ltm_slow_config *config, struct ltm_error *error); /* its keys; NULL: any go */
};

extern const struct optimiser_kind optimiser_adamw;
extern const struct optimiser_kind optimiser_muon;

/* The row of slow.optimizer. */
const struct optimiser_kind *optimiser_kind_of(const struct ltm_slow_config *config);

struct optimiser {
    const struct optimiser_kind *kind;
    float *state[OPTIMISER_STATES]; /* of the own slices (shards->own_alike), zero at first; NULL beyond the kind's */
    int64_t count;                  /* slow steps gone through … */
    int64_t skipped;                /* … and of these, those without an update: the state covers only the others */
    const struct optimiser_shards *shards;
    float *average; /* (P), of the weights, the same in every process; NULL where slow.ema is 0 */
    float *slice;   /* (shards->largest): another process's, on the way to or from a file; NULL for one that is alone */
    float *scratch; /* (threads, room): of the kind's step */
    size_t room;
    struct stored_posteriors *posteriors; /* borrowed, for checkpoints to hold; NULL where none are stored */
    struct solver_batch *solver;          /* likewise; NULL but for a solver */
};

/* Borrows shards, made for the kind's whole_matrices. optimiser_update may have up to `threads` threads. */
ltm_status optimiser_create(struct optimiser *optimiser, const struct ltm_slow_config *config,
                            const struct weight_table *table, const struct optimiser_shards *shards, int threads,
                            struct ltm_error *error);

/* What optimiser_create allocates for states and steps, in bytes. */
size_t optimiser_bytes(const struct ltm_slow_config *config, const struct weight_table *table,
                       const struct optimiser_shards *shards, int threads);

/* Whether a weight has the kind's k-th state. */
bool optimiser_keeps(const struct optimiser_kind *kind, int k, const struct weight *weight);
void optimiser_free(struct optimiser *optimiser);

/* One step of the own slices of `weights`, with the gradient (shards->own) times `scale` (of clipping); leaves the gradient at
 * zero for the next. */
void optimiser_update(struct optimiser *optimiser, float *weights, float *gradient, const struct weight_table *table,
                      const struct ltm_slow_config *config, double lr, double scale, int threads);

/* Take the weights, all of them up to date, into their average, with a decay of min(slow.ema, (1 + u)/(10 + u)) at the u-th update:
 * with a fixed decay the average would contain the initial weights for 1 / (1 - decay) steps, longer than a short
 * run. */
void optimiser_average(struct optimiser *optimiser, const float *weights, size_t n,
                       const struct ltm_slow_config *config, int threads);

/* Sums of squares of the own slices' grains into sums (shards->grains), zero where a grain is another process's. */
void gradient_squares(double *sums, const float *gradient, const struct optimiser_shards *shards, int threads);

/* Global 2-norm out of every grain's sum, in order. */
double gradient_norm(const double *sums, const struct optimiser_shards *shards);
