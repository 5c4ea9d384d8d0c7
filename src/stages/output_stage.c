/* nll = -log softmax(logits)[target], logits = in Eᵀ, or c tanh(in Eᵀ / c) with model.softcap = c; E the tied embedding,
 * or with model.output = own the stage's own matrix: the first row and product of its block. The logits of whole sequences never
 * exist, so the loss and its gradient are made together, in the backward pass where one follows. */
#include "math/vector.h"
#include "nn/output_loss.h"
#include "stages/ahead.h"
#include "stages/latent_prediction.h"
#include "stages/stage.h"

struct state {
    float *logits; /* scratch, of a block of rows */
    struct output_calls calls;
    struct ahead ahead;
    struct latent_prediction latents;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static float cap(const struct ltm_model_config *c) { return (float)c->softcap; }

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    struct weight e = weight_matrix("output", c->vocab, c->dim, WEIGHT_STD);
    e.optimiser = WEIGHT_ELEMENTWISE;
    weights_add(table, e, WEIGHT_PRODUCT);
    ahead_declare(table, c);
    latent_prediction_declare(table, c);
}

static double flops(const struct ltm_model_config *c) { return 2.0 * c->vocab * c->dim; }

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    (void)kept;
    struct state *s = state;
    s->logits = ARENA_TAKE(scratch, float, output_loss_scratch(shape->config->vocab, shape_rows(shape)));
    ahead_lay_out(&s->ahead, scratch, shape);
    latent_prediction_lay_out(&s->latents, scratch, shape);
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct state *s = state;
    PASS_UP(output_loss_prepare(&s->calls, work, &w->products[0], shape_rows(shape), training, error));
    PASS_UP(ahead_prepare(&s->ahead, w, shape, work, training, error));
    return latent_prediction_prepare(&s->latents, w, shape, work, training, error);
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    (void)w;
    const struct state *s = state;
    if (io->gradient_follows || !io->nll) return;
    output_loss(&s->calls, io->nll, NULL, NULL, io->in, io->targets, NULL, shape_rows(&io->shape),
                cap(io->shape.config), s->logits);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    output_loss(&s->calls, io->nll, io->dh, stage_gradient(w, dw, 0), io->in, io->targets, io->weights,
                shape_rows(&io->shape), cap(io->shape.config), s->logits);
    if (dw) ahead_backward(&s->ahead, io, w, dw, &s->calls, s->logits);
    if (dw) latent_prediction_backward(&s->latents, io, w, dw);
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    (void)buffers, (void)caches;
    const struct ltm_model_config *c = io->config;
    stage_product(io, io->logits, io->h, &w->row_products[0], false);
    if (c->softcap == 0) return;
    const struct stage_share mine = stage_share(c->vocab);
    for (int row = 0; row < io->rows; row++)
        vector_softcap(io->logits + (size_t)row * (size_t)c->vocab + mine.from, NULL, cap(c),
                       (size_t)(mine.to - mine.from));
    stage_meet();
}

const struct stage_kind output_stage = {.name = "output",
                                        .state_size = sizeof(struct state),
                                        .declare = declare,
                                        .flops = flops,
                                        .lay_out = lay_out,
                                        .prepare = prepare,
                                        .forward = forward,
                                        .backward = backward,
                                        .step = step};
