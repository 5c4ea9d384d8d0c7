#include "stages/latent_prediction.h"

#include <math.h>
#include <string.h>

#include "math/vector.h"
#include "stages/model_shape.h"

/* Its row of the block, behind E and two for each head ahead, and its product, behind E's and one for each. */
static int row_p(const struct ltm_model_config *c) { return 1 + 2 * model_heads_ahead(c); }
static int product_p(const struct ltm_model_config *c) { return 1 + model_heads_ahead(c); }

void latent_prediction_declare(struct weight_table *table, const struct ltm_model_config *c) {
    if (!model_predicts_latents(c)) return;
    weights_add(table, weight_matrix("predict_latents", c->dim, c->dim, WEIGHT_STD), WEIGHT_PRODUCT);
}

void latent_prediction_lay_out(struct latent_prediction *p, struct arena *scratch, const struct stage_shape *shape) {
    if (!model_predicts_latents(shape->config)) return;
    p->y = ARENA_TAKE(scratch, float, shape_floats(shape));
    p->dx = ARENA_TAKE(scratch, float, shape_floats(shape));
}

ltm_status latent_prediction_prepare(struct latent_prediction *p, const struct stage_weights *w,
                                     const struct stage_shape *shape, struct bf16_work *work, bool training,
                                     struct ltm_error *error) {
    if (!training || !model_predicts_latents(shape->config)) return LTM_OK;
    return linear_prepare(&p->head, work, &w->products[product_p(shape->config)], shape_rows(shape), false, true,
                          error);
}

/* The loss of one row; y becomes its gradient, which counts `weight`. */
static float row_loss(float *y, const float *state, int d, float weight) {
    double sum = 0;
    for (int i = 0; i < d; i++) {
        const float e = y[i] - state[i];
        const float size = fabsf(e);
        sum += (double)(size < 1 ? 0.5f * e * e : size - 0.5f);
        y[i] = weight / (float)d * (e > 1 ? 1 : e < -1 ? -1 : e); /* NaN stays what it is */
    }
    return (float)(sum / d);
}

void latent_prediction_backward(const struct latent_prediction *p, const struct stage_io *io,
                                const struct stage_weights *w, float *dw) {
    const struct ltm_model_config *c = io->shape.config;
    const int T = io->shape.length;
    const int offset = c->predict_distance;
    const size_t d = (size_t)c->dim;
    if (!io->aim) return;
    linear_forward(&p->head, p->y, io->in); /* y = x Pᵀ : (R, d) */
    for (int i = 0; i < shape_rows(&io->shape); i++) {
        const int at = i + offset;
        const bool there = i % T + offset < T && !(io->starts && io->starts[at] != io->starts[i]);
        const float counts = !there ? 0 : io->weights ? io->weights[at] : 1;
        io->aim->loss[i] = 0;
        if (counts > 0)
            io->aim->loss[i] = row_loss(p->y + (size_t)i * d, io->aim->states + (size_t)at * d, c->dim,
                                        (float)c->predict_latents * counts);
        else
            memset(p->y + (size_t)i * d, 0, d * sizeof *p->y);
    }
    /* dx = dy P;  dP += dyᵀ x */
    linear_backward(&p->head, p->dx, stage_gradient(w, dw, row_p(c)), p->y, io->in);
    vector_add(io->dh, p->dx, shape_floats(&io->shape));
}
