/* One group of a batch: its posteriors fitted, z drawn anew, and the gradient of the mean over the batch of -log p(x_t | x_<t, z)
 * (paper, algorithm 1). The fitted posteriors are taken as given: no gradient goes through the fast loop. */
#pragma once

#include "train/group.h"

/* The taker of the gradient of each of the group's draws of z. */
struct draw_takers {
    void *user;
    struct gradient_taker (*of_draw)(void *user, int draw);
};

/* Weight of the KL in the fast loop of slow step `step` (from 0). */
double group_kl_weight(const struct ltm_slow_config *slow, double step);

/* Of the slow step after trainer->optimiser.count of them. Fills in the group's part of trainer->scores. */
void group_gradient(const struct group *group, const struct draw_takers *takers);
