#include "train/loss_spikes.h"

#include <math.h>

double loss_spike(struct loss_average *average, double loss) {
    const double deviation = sqrt(average->variance);
    const double above = loss - average->mean;
    const double most = LOSS_SPIKE_DEVIATIONS * deviation;
    const double spike = average->count >= LOSS_SPIKE_FIRST && deviation > 0 && above > most ? above / deviation : 0;
    const double step = spike > 0 ? most : above;
    average->count++;
    const double a = fmax(1.0 / (double)average->count, 1.0 / LOSS_SPIKE_STEPS);
    average->mean += a * step;
    average->variance = (1 - a) * (average->variance + a * step * step);
    return spike;
}
