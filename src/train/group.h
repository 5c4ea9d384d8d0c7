/* One group of a batch, in a worker's hands, and its draws of z. */
#pragma once

#include "train/trainer_state.h"

struct group {
    struct trainer *trainer;
    struct worker *w;
    int first, count; /* sequences of the batch */
};

/* The sample-th draw of z = μ + σ ε, with noise that the fit has not seen, into the loop. */
void group_draw(const struct group *group, int sample);
