/* `adamw`: AdamW (Loshchilov & Hutter, 2019) on all weights, decay on matrices only. */
#include <math.h>

#include "train/optimiser.h"

enum { FIRST, SECOND, STATES }; /* moments */

struct rates {
    float beta1, beta2, rate, root, keep, scale;
};

static void step_range(float *w, float *g, float *m, float *v, struct rates r, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float gradient = g[i] * r.scale;
        m[i] += (1.0f - r.beta1) * (gradient - m[i]);
        v[i] += (1.0f - r.beta2) * (gradient * gradient - v[i]);
        w[i] = w[i] * r.keep - r.rate * m[i] / (sqrtf(v[i]) * r.root + 1e-8f);
        g[i] = 0;
    }
}

static void step(const struct optimiser_part *part, const struct optimiser_step *step) {
    const struct ltm_slow_config *c = step->config;
    const double updates = (double)step->updates;
    struct rates r = {.beta1 = (float)c->beta1,
                      .beta2 = (float)c->beta2,
                      .rate = (float)(step->lr / (1 - pow(c->beta1, updates))),
                      .root = (float)(1 / sqrt(1 - pow(c->beta2, updates))),
                      .keep = part->decays ? (float)(1 - step->lr * c->weight_decay) : 1,
                      .scale = (float)step->scale};
    if (part->lr_scale != 1) r.rate *= part->lr_scale, r.keep = 1 - (1 - r.keep) * part->lr_scale;
#pragma omp for schedule(static) nowait
    for (size_t at = 0; at < part->n; at += GRAIN)
        step_range(part->w + at, part->g + at, part->state[FIRST] + at, part->state[SECOND] + at, r,
                   part->n - at < GRAIN ? part->n - at : GRAIN);
}

const struct optimiser_kind optimiser_adamw = {
    .name = "adamw",
    .help = "as published",
    .states = STATES,
    .prefixes = {[FIRST] = "first.", [SECOND] = "second."},
    .step = step,
};
