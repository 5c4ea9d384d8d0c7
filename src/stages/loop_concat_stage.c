/* The beginning of a loop behind the first, loop.inject = concat: out = [in, e] Wᵀ, W (d, 2 d), e what the prelude left (Geiping et al.,
 * "Scaling up test-time compute with latent reasoning", 2025). W starts so that `out` is as large as the two are on average. */
#include <math.h>
#include <string.h>

#include "math/vector.h"
#include "stages/stage.h"

struct state {
    float *both;  /* scratch (R, 2 d): [in, e] */
    float *dboth; /* scratch (R, 2 d) */
    struct linear_call w;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    struct weight w = weight_matrix("concat", c->dim, 2 * c->dim, (float)sqrt(0.5 / c->dim));
    w.decays = false; /* it has no gradient before loops begin */
    weights_add(table, w, WEIGHT_PRODUCT);
}

static double flops(const struct ltm_model_config *c) { return 4.0 * c->dim * c->dim; }

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    (void)kept;
    struct state *s = state;
    s->both = ARENA_TAKE(scratch, float, 2 * shape_floats(shape));
    s->dboth = ARENA_TAKE(scratch, float, 2 * shape_floats(shape));
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct state *s = state;
    return linear_prepare(&s->w, work, &w->products[0], shape_rows(shape), false, training, error);
}

/* both (rows, 2 d) = [in, e]. */
static void join(float *both, const float *in, const float *entry, int rows, size_t d) {
    for (size_t i = 0; i < (size_t)rows; i++) {
        memcpy(both + 2 * i * d, in + i * d, d * sizeof *both);
        memcpy(both + (2 * i + 1) * d, entry + i * d, d * sizeof *both);
    }
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    (void)w;
    const struct state *s = state;
    join(s->both, io->in, io->entry, shape_rows(&io->shape), (size_t)io->shape.config->dim);
    linear_forward(&s->w, io->out, s->both);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    const int R = shape_rows(&io->shape);
    const size_t d = (size_t)io->shape.config->dim;
    if (dw) join(s->both, io->in, io->entry, R, d);
    linear_backward(&s->w, s->dboth, stage_gradient(w, dw, 0), io->dh, s->both);
    for (size_t i = 0; i < (size_t)R; i++) {
        memcpy(io->dh + i * d, s->dboth + 2 * i * d, d * sizeof(float));
        if (io->dentry) vector_add(io->dentry + i * d, s->dboth + (2 * i + 1) * d, d);
    }
}

/* ---- Token by token ---- */

struct buffers {
    float *both; /* (rows, 2 d) */
};

static void lay_out_step(void *buffers, struct arena *scratch, const struct ltm_model_config *c, int rows,
                         int threads) {
    (void)threads;
    ((struct buffers *)buffers)->both = ARENA_TAKE(scratch, float, 2 * (size_t)rows * (size_t)c->dim);
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    (void)caches;
    float *both = ((struct buffers *)buffers)->both;
    const struct stage_share mine = stage_share(io->rows);
    const size_t d = (size_t)io->config->dim;
    const size_t at = (size_t)mine.from * d;
    join(both + 2 * at, io->h + at, io->entry + at, mine.to - mine.from, d);
    stage_meet();
    stage_product(io, io->h, both, &w->row_products[0], false);
}

const struct stage_kind loop_concat_stage = {.name = "loop concat",
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
