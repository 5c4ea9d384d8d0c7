/* The beginning of a loop behind the first, loop.inject = diagonal: out = A ⊙ in + D ⊙ (e Bᵀ), e what the prelude left, B (d, d) from the
 * identity, 0 < A < 1 (nn/contraction.h): without what the layers add, the stream approaches D ⊙ (e Bᵀ) / (1 - A) and never grows. */
#include "math/vector.h"
#include "nn/contraction.h"
#include "stages/stage.h"

enum { RATE, STEP, B };

struct state {
    float *u;      /* (R, d): e Bᵀ */
    float *du;     /* scratch (R, d) */
    float *dentry; /* scratch (R, d) */
    struct linear_call b;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    struct weight rate = weight_gain("rate", c->dim);
    struct weight step = weight_gain("step", c->dim);
    struct weight b = weight_matrix("b", c->dim, c->dim, 0);
    rate.init_value = CONTRACTION_RATE;
    step.init_value = CONTRACTION_STEP;
    b.init_identity = true;
    b.decays = false;
    b.optimiser = WEIGHT_ELEMENTWISE;
    weights_add(table, rate, WEIGHT_ALONE);
    weights_add(table, step, WEIGHT_ALONE);
    weights_add(table, b, WEIGHT_PRODUCT);
}

static double flops(const struct ltm_model_config *c) { return 2.0 * c->dim * c->dim; }

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct state *s = state;
    s->u = ARENA_TAKE(kept, float, shape_floats(shape));
    s->du = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dentry = ARENA_TAKE(scratch, float, shape_floats(shape));
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct state *s = state;
    return linear_prepare(&s->b, work, &w->products[0], shape_rows(shape), false, training, error);
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    linear_forward(&s->b, s->u, io->entry);
    contraction_forward(io->out, io->in, s->u, stage_weight(w, RATE), stage_weight(w, STEP), shape_rows(&io->shape),
                        io->shape.config->dim);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    contraction_backward(io->dh, s->du, stage_gradient(w, dw, RATE), stage_gradient(w, dw, STEP), io->dh, io->in, s->u,
                         stage_weight(w, RATE), stage_weight(w, STEP), shape_rows(&io->shape), io->shape.config->dim);
    if (!io->dentry && !dw) return;
    linear_backward(&s->b, s->dentry, stage_gradient(w, dw, B), s->du, io->entry);
    if (io->dentry) vector_add(io->dentry, s->dentry, shape_floats(&io->shape));
}

/* ---- Token by token ---- */

struct buffers {
    float *u; /* (rows, d) */
};

static void lay_out_step(void *buffers, struct arena *scratch, const struct ltm_model_config *c, int rows,
                         int threads) {
    (void)threads;
    ((struct buffers *)buffers)->u = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)c->dim);
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    (void)caches;
    float *u = ((struct buffers *)buffers)->u;
    const struct stage_share mine = stage_share(io->rows);
    const size_t at = (size_t)mine.from * (size_t)io->config->dim;
    stage_product(io, u, io->entry, &w->row_products[0], false);
    contraction_forward(io->h + at, io->h + at, u + at, stage_weight(w, RATE), stage_weight(w, STEP),
                        mine.to - mine.from, io->config->dim);
    stage_meet();
}

const struct stage_kind loop_diagonal_stage = {.name = "loop diagonal",
                                               .state_size = sizeof(struct state),
                                               .step_size = sizeof(struct buffers),
                                               .declare = declare,
                                               .flops = flops,
                                               .lay_out = lay_out,
                                               .prepare = prepare,
                                               .forward = forward,
                                               .backward = backward,
                                               .lay_out_step = lay_out_step,
                                               .step = step};
