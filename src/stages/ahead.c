#include "stages/ahead.h"

#include <stdio.h>
#include <string.h>

#include "math/vector.h"
#include "nn/rmsnorm.h"
#include "stages/model_shape.h"

/* Rows of the block behind E, two a head, and its products behind E's. */
static int row_p(int head) { return 1 + 2 * head; }
static int row_norm(int head) { return 2 + 2 * head; }

void ahead_declare(struct weight_table *table, const struct ltm_model_config *c) {
    for (int i = 0; i < model_heads_ahead(c); i++) {
        char name[24];
        snprintf(name, sizeof name, "ahead.%d", i + 2);
        weights_add(table, weight_matrix(name, c->dim, c->dim, WEIGHT_STD), WEIGHT_PRODUCT);
        snprintf(name, sizeof name, "ahead_norm.%d", i + 2);
        weights_add(table, weight_gain(name, c->dim), WEIGHT_ALONE);
    }
}

void ahead_lay_out(struct ahead *ahead, struct arena *scratch, const struct stage_shape *shape) {
    const size_t R = (size_t)shape_rows(shape);
    if (!model_heads_ahead(shape->config)) return;
    ahead->y = ARENA_TAKE(scratch, float, shape_floats(shape));
    ahead->normed = ARENA_TAKE(scratch, float, shape_floats(shape));
    ahead->dx = ARENA_TAKE(scratch, float, shape_floats(shape));
    ahead->r = ARENA_TAKE(scratch, float, R);
    ahead->nll = ARENA_TAKE(scratch, float, R);
    ahead->weights = ARENA_TAKE(scratch, float, R);
    ahead->targets = ARENA_TAKE(scratch, int32_t, R);
}

ltm_status ahead_prepare(struct ahead *ahead, const struct stage_weights *w, const struct stage_shape *shape,
                         struct bf16_work *work, bool training, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (int i = 0; training && i < model_heads_ahead(shape->config); i++)
        TRY(linear_prepare(&ahead->heads[i], work, &w->products[1 + i], shape_rows(shape), false, true, error));
cleanup:
    return status;
}

/* The target of each row `offset` tokens on, and what it counts. */
static void look_ahead(const struct ahead *ahead, const struct stage_io *io, int offset, float weight) {
    const int T = io->shape.length;
    for (int i = 0; i < shape_rows(&io->shape); i++) {
        const int at = i + offset;
        const bool there = i % T + offset < T && !(io->starts && io->starts[at] != io->starts[i]);
        ahead->targets[i] = io->targets[there ? at : i];
        ahead->weights[i] = !there ? 0 : io->weights ? weight * io->weights[at] : weight;
    }
}

void ahead_backward(const struct ahead *ahead, const struct stage_io *io, const struct stage_weights *w, float *dw,
                    const struct output_calls *output, float *logits) {
    const struct ltm_model_config *c = io->shape.config;
    const int heads = model_heads_ahead(c);
    const int R = shape_rows(&io->shape);
    const size_t n = shape_floats(&io->shape);
    for (int i = 0; i < heads; i++) {
        const float *gain = stage_weight(w, row_norm(i));
        look_ahead(ahead, io, i + 1, (float)(c->predict_weight / heads));
        linear_forward(&ahead->heads[i], ahead->y, io->in); /* y = x Pᵀ : (R, d) */
        rmsnorm_forward(ahead->normed, ahead->r, ahead->y, gain, R, c->dim);
        output_loss(output, ahead->nll, ahead->dx, stage_gradient(w, dw, 0), ahead->normed, ahead->targets,
                    ahead->weights, R, (float)c->softcap, logits);
        float *dy = ahead->normed;
        memset(dy, 0, n * sizeof *dy);
        rmsnorm_backward(dy, stage_gradient(w, dw, row_norm(i)), ahead->dx, ahead->y, ahead->r, gain, R, c->dim);
        /* dx = dy P;  dP += dyᵀ x */
        linear_backward(&ahead->heads[i], ahead->dx, stage_gradient(w, dw, row_p(i)), dy, io->in);
        vector_add(io->dh, ahead->dx, n);
    }
}
