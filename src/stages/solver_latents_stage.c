/* Of a solver whose puzzles have latents: out = in + A z, A (T, N_z) learned, z (N_z, d) a puzzle's own: each cell reads the latents in
 * proportions of its own. `out` may be `in`. */
#include <string.h>

#include "math/vector.h"
#include "stages/stage.h"

enum { A };

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    struct weight a = weight_matrix("latents", c->sequence, c->latents, weight_even_std(c->latents));
    a.rate = WEIGHT_RATE_LATENT;
    a.optimiser = WEIGHT_ELEMENTWISE;
    weights_add(table, a, WEIGHT_ALONE);
}

static double flops(const struct ltm_model_config *c) { return 2.0 * c->latents * c->dim; }

/* y += a x */
static void add_scaled(float *y, float a, const float *x, int n) {
#pragma omp simd
    for (int i = 0; i < n; i++) y[i] += a * x[i];
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct ltm_model_config *c = io->shape.config;
    const size_t d = (size_t)c->dim;
    const size_t N = (size_t)c->latents;
    const size_t T = (size_t)io->shape.length;
    (void)state;
    if (io->out != io->in) memcpy(io->out, io->in, shape_floats(&io->shape) * sizeof *io->out);
    for (size_t i = 0; i < (size_t)shape_rows(&io->shape); i++)
        for (size_t j = 0; j < N; j++)
            add_scaled(io->out + i * d, stage_weight(w, A)[i % T * N + j], io->z + (i / T * N + j) * d, c->dim);
}

/* dz += Aᵀ dh, dA += dh zᵀ */
static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct ltm_model_config *c = io->shape.config;
    const size_t d = (size_t)c->dim;
    const size_t N = (size_t)c->latents;
    const size_t T = (size_t)io->shape.length;
    float *da = stage_gradient(w, dw, A);
    (void)state;
    for (size_t i = 0; i < (size_t)shape_rows(&io->shape); i++)
        for (size_t j = 0; j < N; j++) {
            const float *dh = io->dh + i * d;
            const size_t z = (i / T * N + j) * d;
            if (io->dz) add_scaled(io->dz + z, stage_weight(w, A)[i % T * N + j], dh, c->dim);
            if (da) da[i % T * N + j] += vector_dot(dh, io->z + z, d);
        }
}

const struct stage_kind solver_latents_stage = {.name = "solver latents",
                                                .reads_latents = true,
                                                .declare = declare,
                                                .flops = flops,
                                                .forward = forward,
                                                .backward = backward};
