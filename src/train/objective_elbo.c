/* `elbo`: the mean over the draws of -log p(x|z), z ~ q (paper, algorithm 1). */
#include "train/objective.h"

static void weigh(const struct group *group, double *shares, struct sequence_score *scores) {
    const int S = group->trainer->config.slow.samples;
    (void)scores;
    for (int i = 0; i < group->count * S; i++) shares[i] = 1.0 / S;
}

static double loss(const struct sequence_score *score) { return score->recon; }

const struct objective objective_elbo = {
    .name = "elbo",
    .help = "the draws' mean, as published",
    .passes = 3,
    .weigh = weigh,
    .loss = loss,
};
