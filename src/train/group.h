/* One group of a batch, in a worker's hands, and its draws of z. */
#pragma once

#include "train/trainer_state.h"

struct group {
    struct trainer *trainer;
    struct worker *w;
    int first, count; /* sequences of the batch */
};

/* Noise of its fit. With slow.objective = dpo it is that of scoring, in every slow step, and so are draws. */
struct noise_source group_fit_noise(const struct group *group);

/* The sample-th draw of z = μ + σ ε, with noise that the fit has not seen, into the loop. */
void group_draw(const struct group *group, int sample);
