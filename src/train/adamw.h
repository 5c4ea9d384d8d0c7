/* The slow loop's optimiser: AdamW (Loshchilov & Hutter, 2019) on all weights, decay on matrices only, over all threads.
 * Every figure is the same for any number of threads. */
#ifndef TRAIN_ADAMW_H
#define TRAIN_ADAMW_H

#include <stddef.h>
#include <stdint.h>

#include "ltm/config.h"
#include "model/weights.h"

/* Global 2-norm, summed in double over chunks of a fixed size, in order. */
double gradient_norm(const float *gradient, size_t n, int threads);

/* Rate of slow step `step` (from 0) of `steps`: linear warm-up, then cosine from lr to lr_min. */
double slow_rate(const struct ltm_slow_config *config, int64_t step, int64_t steps);

struct adamw {
    float *first, *second; /* moments, laid out as the weights */
    int64_t count;         /* steps taken */
};

/* One step with the gradient times `scale` (of clipping); leaves the gradient at zero for the next. */
void adamw_step(struct adamw *adam, float *weights, float *gradient, const struct weight_table *table,
                const struct ltm_slow_config *config, double lr, double scale, int threads);

#endif
