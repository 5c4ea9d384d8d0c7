/* The states behind single layers, of a pass that keeps them all. */
#include <math.h>
#include <string.h>

#include "model/decoder_pass.h"

/* The last application before `end` that ends a layer and was run. */
static int layer_before(const struct decoder_pass *pass, int end) {
    const struct plan *plan = &pass->decoder->plan;
    for (int a = end - 1; a > 0; a--) {
        const bool ran = a < plan->core.begin || a >= pass->from;
        if (ran && plan->applications[a].kind == &feed_forward_stage) return a;
    }
    return -1;
}

/* mean += share of h / rms(h). */
static void add_normed(float *mean, const float *h, int d, float share) {
    double squares = 0;
    for (int i = 0; i < d; i++) squares += (double)h[i] * (double)h[i];
    const float scale = share / (float)sqrt(squares / d + 1e-5);
    for (int i = 0; i < d; i++) mean[i] += scale * h[i];
}

void decoder_layer_means(const struct decoder_pass *pass, int layers, float *means) {
    const int R = shape_rows(&pass->io.shape);
    const int d = pass->decoder->plan.config.dim;
    int a = pass->decoder->plan.count;
    memset(means, 0, shape_floats(&pass->io.shape) * sizeof *means);
    for (int l = 0; l < layers && (a = layer_before(pass, a)) >= 0; l++)
        for (int i = 0; i < R; i++) {
            const size_t at = (size_t)i * (size_t)d;
            add_normed(means + at, pass->applied[a + 1].in + at, d, 1 / (float)layers);
        }
    for (size_t i = 0; !pass->well && i < shape_floats(&pass->io.shape); i++) means[i] = NAN;
}
