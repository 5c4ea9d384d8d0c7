/* Loss spikes: a slow step's loss far above those before it.
 *
 * The running mean m and variance v of the loss are exponential averages over about the last LOSS_SPIKE_STEPS slow steps,
 *
 *     m ← m + a (x - m),   v ← (1 - a) (v + a (x - m)²),   a = max(1/n, 1/LOSS_SPIKE_STEPS)   at the n-th loss x,
 *
 * the plain ones of all at first. A loss above m + LOSS_SPIKE_DEVIATIONS √v is a spike, once LOSS_SPIKE_FIRST losses have been
 * seen. A spike counts in the averages as that threshold, so that one does not hide the next, and a loss that stays high is soon
 * the mean. Checkpoints keep m, v and n, so that a resumed run sees the same spikes. */
#pragma once

#include <stdint.h>

enum { LOSS_SPIKE_STEPS = 100, LOSS_SPIKE_FIRST = 20, LOSS_SPIKE_DEVIATIONS = 5 };

struct loss_average {
    double mean, variance;
    int64_t count; /* losses seen */
};

/* Take the next loss. Returns how many running standard deviations it is above the running mean of the earlier ones if
 * it is a spike, otherwise 0. */
double loss_spike(struct loss_average *average, double loss);
