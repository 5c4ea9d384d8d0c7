/* The state of a trainer, shared by the parts of a slow step. */
#pragma once

#include <signal.h>

#include "latent/score.h"
#include "latent/workers.h"
#include "ltm/config.h"
#include "text/sequence_source.h"
#include "train/gradient_sum.h"
#include "train/growth.h"
#include "train/optimiser.h"
#include "train/optimiser_shards.h"

struct trainer {
    struct ltm_config config; /* nothing that the slow step needs is auto */
    struct decoder *decoder;
    struct workers workers;
    struct optimiser_shards state; /* of the optimiser: this process's */
    struct gradient_sum gradient;
    double *squares; /* [state.grains] */
    size_t *slices;  /* [2 n]: where each process's slice of a piece begins, and ends */
    struct optimiser optimiser;
    struct sequence_score
        *scores;         /* [slow.batch], now.batch of the last slow step, at the slow step's own draws of z */
    double batch_weight; /* the total weight of the batch's tokens */
    double loss_units;   /* the divisor of the batch's mean loss: the same, or its pairs of sequences */
    double *shares;      /* [batch, slow.samples]: the weight of each draw (train/objective.h) */
    struct growth now;   /* the batch of the last slow step, which begins at now.sequences in the source */
    int64_t steps;       /* in all */
    const struct sequence_source *source;
    struct teacher *teacher;              /* NULL where no latents are predicted (train/teacher.h) */
    struct stored_posteriors *posteriors; /* NULL where none are stored (train/stored_posteriors.h) */
    struct solver_batch *solver; /* NULL but for a solver (train/solver_batch.h), which has no workers and no source */
    const double *reference;     /* dpo: log π_ref of the sequences of each pair, by the pair's number; borrowed */
    const struct ltm_watch *watch;     /* or NULL: of groups done within a slow step */
    const volatile sig_atomic_t *stop; /* or NULL: once nonzero, no further group starts, if this is the only process */
};

/* The non-finite value of a slow step, if any (train/nonfinite.h). */
enum fault_kind { FAULT_NONE, FAULT_WEIGHT, FAULT_LOSS, FAULT_GRADIENT, FAULT_SUM };

struct fault {
    enum fault_kind kind;
    int tensor;   /* of the table of weights: a weight, or its gradient; -1 = none in particular */
    int sequence; /* of the batch; -1 = none in particular */
};
