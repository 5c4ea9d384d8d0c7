/* Learning a pruning mask (ltm/prune.h): Adam on the scores of weights, which stay as they are. */
#pragma once

#include "latent/workers.h"
#include "probe/prune_mask.h"

struct prune_learning {
    const struct decoder *decoder; /* over `masked` */
    const float *weights;          /* unmasked */
    float *masked;                 /* (the table's size) */
    const struct prune_matrices *matrices;
    struct workers *workers;              /* groups of batch / PRUNE_PARTS sequences, for gradients */
    const struct sequence_source *source; /* endless */
    const struct ltm_fast_config *fast;
    const struct ltm_watch *watch; /* or NULL */
};

/* A step's gradient is the sum of so many, in their order, whatever the threads. */
enum { PRUNE_PARTS = 4 };

/* The share that is kept after `step` of `steps` steps. */
double prune_share(double keep, int64_t step, int64_t steps);

/* LTM_NUMERIC for a loss that is not finite. The masked weights are then any. */
ltm_status prune_learn(uint8_t *mask, const struct prune_learning *learning, const struct ltm_prune_options *options,
                       struct ltm_error *error);
