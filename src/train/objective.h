/* The losses of the slow loop: one row and one file each.
 *
 * To add one: copy objective_elbo.c to objective_NAME.c, name its row below and in objective.c, and give it a constant in
 * enum ltm_objective (ltm/config.h). Its name is then a value of slow.objective; nothing else knows it. */
#pragma once

#include "train/group.h"

struct objective {
    const char *name, *help;
    bool of_pairs; /* the loss is a mean over pairs of sequences, 2p and 2p + 1 of a batch, in place of tokens */
    int passes;    /* work of a draw, in forward passes: 3 for forward and backward, plus that of weigh */
    /* The weight of each of the group's S draws of z in its gradient, into shares (count, S), with sum 1 for a
     * sequence. Scores computed on the way go into scores (count). */
    void (*weigh)(const struct group *group, double *shares, struct sequence_score *scores);
    double (*loss)(const struct sequence_score *score); /* that of a sequence, nats, once all draws are done */
    /* Checks the objective's requirements on other keys, LTM_INVALID with a sentence; NULL: none. */
    ltm_status (*check)(const struct ltm_config *config, struct ltm_error *error);
};

extern const struct objective objective_elbo;
extern const struct objective objective_iwae;
extern const struct objective objective_dpo;

/* The row of slow.objective. */
const struct objective *objective_of(const struct ltm_config *config);
