/* Of a solver: out = E[token] + P[cell], or P[cell] alone where io->tokens is NULL, E (V, d) and P (T, d) learned: which cells share a row, a column or a box is in P. */
#include <string.h>

#include "math/vector.h"
#include "nn/embedding.h"
#include "stages/stage.h"

enum { E, P };

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    struct weight e = weight_matrix("tok_embeddings", c->vocab, c->dim, 1); /* as large as normed states */
    struct weight p = weight_matrix("positions", c->sequence, c->dim, 1);
    e.optimiser = p.optimiser = WEIGHT_ELEMENTWISE;
    weights_add(table, e, WEIGHT_ALONE);
    weights_add(table, p, WEIGHT_ALONE);
}

static double flops(const struct ltm_model_config *c) {
    (void)c;
    return 0;
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const size_t n = (size_t)io->shape.length * (size_t)io->shape.config->dim;
    (void)state;
    if (io->tokens)
        embedding_forward(io->out, stage_weight(w, E), io->tokens, shape_rows(&io->shape), io->shape.config->dim);
    else
        memset(io->out, 0, shape_floats(&io->shape) * sizeof *io->out);
    for (int g = 0; g < io->shape.sequences; g++) vector_add(io->out + (size_t)g * n, stage_weight(w, P), n);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const size_t n = (size_t)io->shape.length * (size_t)io->shape.config->dim;
    (void)state;
    if (io->tokens)
        embedding_backward(stage_gradient(w, dw, E), io->dh, io->tokens, shape_rows(&io->shape), io->shape.config->dim);
    for (int g = 0; g < io->shape.sequences; g++) vector_add(stage_gradient(w, dw, P), io->dh + (size_t)g * n, n);
}

const struct stage_kind solver_embedding_stage = {
    .name = "solver embedding", .declare = declare, .flops = flops, .forward = forward, .backward = backward};
