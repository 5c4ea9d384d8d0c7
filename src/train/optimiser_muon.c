/* `muon`: the matrices of hidden layers step by their momentum, made orthogonal (Jordan et al., "Muon", 2024); all other weights by
 * AdamW.
 *
 *     M += (1 - m)(g - M);   G = g + m (M - g);   X = orthogonalise(G) (math/orthogonalise.h)
 *     W = (1 - rate · decay) W - rate · sqrt(max(1, rows / columns)) X
 *
 * with m = slow.momentum and rate = slow.matrix_lr under the schedule of slow.lr. One thread takes a matrix alone, whichever
 * comes first, so that no bit depends on how many there are. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "math/orthogonalise.h"
#include "train/optimiser.h"

enum { MOMENTUM = 2, STATES }; /* behind AdamW's two */

/* M, and G in place of g. */
static void follow(float *momentum, float *g, float m, float scale, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float gradient = g[i] * scale;
        momentum[i] += (1.0f - m) * (gradient - momentum[i]);
        g[i] = gradient + m * (momentum[i] - gradient);
    }
}

static void move(float *w, const float *x, float keep, float rate, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) w[i] = w[i] * keep - rate * x[i];
}

static void step_matrix(const struct optimiser_part *part, const struct optimiser_step *step) {
    const struct ltm_slow_config *c = step->config;
    const struct weight *w = part->weight;
    const double lr = step->lr / c->lr * c->matrix_lr * (double)part->lr_scale;
    const double keep = part->decays ? 1 - lr * c->weight_decay : 1;
    const double rate = lr * sqrt(fmax(1, (double)w->rows / w->columns));
    follow(part->state[MOMENTUM], part->g, (float)c->momentum, (float)step->scale, part->n);
    orthogonalise(part->g, w->rows, w->columns, part->scratch);
    move(part->w, part->g, (float)keep, (float)rate, part->n);
    memset(part->g, 0, part->n * sizeof *part->g);
}

static void step(const struct optimiser_part *part, const struct optimiser_step *step) {
    if (part->weight->optimiser != WEIGHT_MATRIX) {
        optimiser_adamw.step(part, step);
        return;
    }
#pragma omp single nowait
    step_matrix(part, step);
}

static double flops(const struct weight_table *table) { return table->orthogonalise; }

static ltm_status check(const struct ltm_slow_config *config, struct ltm_error *error) {
    if (config->momentum >= 1)
        return fail(error, LTM_INVALID,
                    "slow.momentum = 1 would ignore every gradient; use a number below 1, such as 0.95");
    if (config->lr > 0) return LTM_OK;
    return fail(
        error, LTM_INVALID,
        "slow.optimizer = muon steps matrices at slow.matrix_lr under the schedule of slow.lr, which is 0; use a "
        "slow.lr above 0");
}

const struct optimiser_kind optimiser_muon = {
    .name = "muon",
    .help = "matrices by orthogonalised momentum at slow.matrix_lr, the rest by adamw at slow.lr",
    .states = STATES,
    .prefixes = {"first.", "second.", [MOMENTUM] = "momentum."},
    .whole_matrices = true,
    .of_matrices = {[MOMENTUM] = true},
    .scratch = orthogonalise_scratch,
    .step = step,
    .flops = flops,
    .check = check,
};
