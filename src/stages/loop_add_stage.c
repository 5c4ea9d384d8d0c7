/* The beginning of a loop behind the first, loop.inject = add: out = RMSNorm(in) + a e, e what the prelude left, gain and a learned
 * from 1. */
#include <string.h>

#include "nn/mix.h"
#include "nn/rmsnorm.h"
#include "stages/stage.h"

enum { NORM, SCALE };

struct state {
    float *r;  /* (R): RMSNorm's factor */
    float *dy; /* scratch (R, d): dh behind the stage */
};

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    weights_add(table, weight_gain("norm", c->dim), WEIGHT_ALONE);
    weights_add(table, weight_gain("scale", 1), WEIGHT_ALONE);
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
    rmsnorm_forward(io->out, s->r, io->in, stage_weight(w, NORM), shape_rows(&io->shape), io->shape.config->dim);
    mix_forward(io->out, io->out, io->entry, 1, *stage_weight(w, SCALE), shape_floats(&io->shape));
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    const int R = shape_rows(&io->shape);
    const size_t d = (size_t)io->shape.config->dim;
    double unused = 0;
    double da = 0;
    for (size_t at = 0; at < shape_floats(&io->shape); at += d)
        mix_backward(s->dy + at, io->dentry ? io->dentry + at : NULL, dw ? &unused : NULL, dw ? &da : NULL, io->dh + at,
                     io->in + at, io->entry + at, 1, *stage_weight(w, SCALE), d);
    memset(io->dh, 0, shape_floats(&io->shape) * sizeof(float));
    rmsnorm_backward(io->dh, stage_gradient(w, dw, NORM), s->dy, io->in, s->r, stage_weight(w, NORM), R, (int)d);
    if (dw) *stage_gradient(w, dw, SCALE) += (float)da;
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    (void)buffers, (void)caches;
    const struct stage_share mine = stage_share(io->rows);
    const int d = io->config->dim;
    const size_t at = (size_t)mine.from * (size_t)d;
    const int count = mine.to - mine.from;
    rmsnorm_forward(io->h + at, NULL, io->h + at, stage_weight(w, NORM), count,
                    d); /* each row by itself, so in place */
    mix_forward(io->h + at, io->h + at, io->entry + at, 1, *stage_weight(w, SCALE), (size_t)count * (size_t)d);
    stage_meet();
}

const struct stage_kind loop_add_stage = {.name = "loop add",
                                          .state_size = sizeof(struct state),
                                          .declare = declare,
                                          .flops = flops,
                                          .lay_out = lay_out,
                                          .forward = forward,
                                          .backward = backward,
                                          .step = step};
