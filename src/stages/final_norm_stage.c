/* out = RMSNorm(in), behind the last layer. */
#include <string.h>

#include "nn/rmsnorm.h"
#include "stages/stage.h"

struct state {
    float *r;  /* (R): RMSNorm's factor */
    float *dy; /* scratch (R, d): dh behind the stage */
};

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    weights_add(table, weight_gain("norm", c->dim), WEIGHT_ALONE);
}

static double flops(const struct ltm_model_config *c) {
    (void)c;
    return 0;
}

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct state *s = state;
    s->r = ARENA_TAKE(kept, float, (size_t)shape_rows(shape));
    s->dy = ARENA_TAKE(scratch, float, shape_floats(shape));
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    rmsnorm_forward(io->out, s->r, io->in, stage_weight(w, 0), shape_rows(&io->shape), io->shape.config->dim);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    const size_t bytes = shape_floats(&io->shape) * sizeof(float);
    memcpy(s->dy, io->dh, bytes);
    memset(io->dh, 0, bytes);
    rmsnorm_backward(io->dh, stage_gradient(w, dw, 0), s->dy, io->in, s->r, stage_weight(w, 0), shape_rows(&io->shape),
                     io->shape.config->dim);
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    (void)buffers, (void)caches;
    stage_norm(io, io->h, stage_weight(w, 0)); /* each row by itself, so it may be done in place */
}

const struct stage_kind final_norm_stage = {.name = "final norm",
                                            .state_size = sizeof(struct state),
                                            .declare = declare,
                                            .flops = flops,
                                            .lay_out = lay_out,
                                            .forward = forward,
                                            .backward = backward,
                                            .step = step};
