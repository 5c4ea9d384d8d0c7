/* The slow loop's optimiser: AdamW (Loshchilov & Hutter, 2019) on all weights, decay on matrices only, over all threads; each
 * process keeps the moments of its share. Every figure is the same for any number of threads and processes. */
#ifndef TRAIN_ADAMW_H
#define TRAIN_ADAMW_H

#include <stddef.h>
#include <stdint.h>

#include "ltm/config.h"
#include "stages/weights.h"
#include "train/optimiser_shards.h"

/* Sums of squares of the own slices' grains into sums (shards->grains), zero where a grain is another process's. */
void gradient_squares(double *sums, const float *gradient, const struct optimiser_shards *shards, int threads);

/* Global 2-norm out of every grain's sum, in order. */
double gradient_norm(const double *sums, const struct optimiser_shards *shards);

/* Rate of slow step `step` (from 0) of `steps`: linear warm-up, then cosine from lr to lr_min. */
double slow_rate(const struct ltm_slow_config *config, int64_t step, int64_t steps);

struct adamw {
    float *first, *second; /* moments of the own slices (shards->own) */
    int64_t count;         /* slow steps gone through … */
    int64_t skipped;       /* … and of these, those without an update: the moments have seen the others */
    const struct optimiser_shards *shards;
    float *slice; /* (PIECE): another process's, on the way to or from a file; NULL for a process that is alone */
};

/* One step of the own slices of `weights`, with the gradient (shards->own) times `scale` (of clipping); leaves the gradient at
 * zero for the next. */
void adamw_step(struct adamw *adam, float *weights, float *gradient, const struct weight_table *table,
                const struct ltm_slow_config *config, double lr, double scale, int threads);

#endif
