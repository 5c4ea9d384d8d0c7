#include "latent/depth.h"

static void bin_add(struct ltm_depth_bin *bin, double tokens, double loops) {
    bin->tokens += tokens;
    bin->loops += loops;
}

void depth_add(struct ltm_depth *depth, const int *loops, const float *nll, const float *weights, int length,
               int samples) {
    enum { LAST = LTM_DEPTH_BINS - 1 };
    for (int t = 0; t < length; t++) {
        const double tokens = (weights ? (double)weights[t] : 1.0) / samples;
        const int surprise = nll[t] >= LAST ? LAST : nll[t] > 0 ? (int)nll[t] : 0;
        bin_add(&depth->surprise[surprise], tokens, tokens * loops[t]);
        bin_add(&depth->position[(int)((int64_t)t * LTM_DEPTH_BINS / length)], tokens, tokens * loops[t]);
    }
}

struct ltm_depth depth_sum(const struct ltm_depth *depths, int64_t count) {
    struct ltm_depth sum = {0};
    struct ltm_depth_bin all = {0};
    for (int64_t i = 0; i < count; i++)
        for (int b = 0; b < LTM_DEPTH_BINS; b++) {
            bin_add(&sum.surprise[b], depths[i].surprise[b].tokens, depths[i].surprise[b].loops);
            bin_add(&sum.position[b], depths[i].position[b].tokens, depths[i].position[b].loops);
        }
    for (int b = 0; b < LTM_DEPTH_BINS; b++) bin_add(&all, sum.position[b].tokens, sum.position[b].loops);
    sum.mean = all.loops / all.tokens;
    return sum;
}
