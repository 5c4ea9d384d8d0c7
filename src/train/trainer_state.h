/* What a trainer keeps, and the parts of a slow step work on. */
#ifndef TRAIN_TRAINER_STATE_H
#define TRAIN_TRAINER_STATE_H

#include "latent/score.h"
#include "latent/workers.h"
#include "ltm/config.h"
#include "text/sequences.h"
#include "text/token_stream.h"
#include "train/adamw.h"
#include "train/gradient_sum.h"
#include "train/optimiser_shards.h"

struct trainer {
    struct ltm_config config; /* nothing that the slow step needs is auto */
    struct decoder *decoder;
    struct workers workers;
    struct optimiser_shards state; /* of the optimiser: this process's */
    struct gradient_sum gradient;
    double *squares; /* [state.grains] */
    size_t *slices;  /* [2 n]: where each process's slice of a piece begins, and ends */
    struct adamw adam;
    struct sequence_score *scores; /* [batch] of the last slow step, at the slow step's own draws of z */
    float *scales;                 /* [batch]: what each sequence's loss counts in the draw at hand */
    double *shares;                /* [batch, slow.samples] of iwae: what each draw counts, 1 in all; else NULL */
    int64_t *starts;               /* [batch] */
    int64_t steps;                 /* in all */
    const struct token_stream *stream;
    struct sequence_order order;
};

/* What was not finite in a slow step, if anything (train/nonfinite.h). */
enum fault_kind { FAULT_NONE, FAULT_WEIGHT, FAULT_LOSS, FAULT_GRADIENT, FAULT_SUM };

struct fault {
    enum fault_kind kind;
    int tensor;   /* of the table of weights: a weight, or its gradient; -1 = none in particular */
    int sequence; /* of the batch; -1 = none in particular */
};

#endif
