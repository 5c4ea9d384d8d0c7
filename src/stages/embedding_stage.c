/* out = the row of the embedding E (V, d) for each token. */
#include <string.h>

#include "math/vector.h"
#include "nn/embedding.h"
#include "stages/stage.h"

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    struct weight e = weight_matrix("tok_embeddings", c->vocab, c->dim, WEIGHT_STD);
    e.optimiser = WEIGHT_ELEMENTWISE;
    weights_add(table, e, c->output == LTM_OUTPUT_TIED ? WEIGHT_PRODUCT : WEIGHT_ALONE); /* of the output layer */
}

static double flops(const struct ltm_model_config *c) {
    (void)c;
    return 0;
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    (void)state;
    embedding_forward(io->out, stage_weight(w, 0), io->tokens, shape_rows(&io->shape), io->shape.config->dim);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    (void)state;
    if (!dw) return;
    if (io->dfirst) vector_add(io->dh, io->dfirst, shape_floats(&io->shape));
    embedding_backward(stage_gradient(w, dw, 0), io->dh, io->tokens, shape_rows(&io->shape), io->shape.config->dim);
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    (void)buffers, (void)caches;
    const struct stage_share mine = stage_share(io->rows);
    const int d = io->config->dim;
    const size_t at = (size_t)mine.from * (size_t)d;
    const int count = mine.to - mine.from;
    embedding_forward(io->h + at, stage_weight(w, 0), io->tokens + mine.from, count, d);
    if (io->first) memcpy(io->first + at, io->h + at, sizeof(float) * (size_t)count * (size_t)d);
    stage_meet();
}

const struct stage_kind embedding_stage = {
    .name = "embedding", .declare = declare, .flops = flops, .forward = forward, .backward = backward, .step = step};
