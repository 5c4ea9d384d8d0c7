/* Of a solver: out = PostNorm(in + SwiGLU(in)), in two kinds: `solver_feed_forward_stage` on each cell's d numbers, and
 * `solver_mixing_stage` on each of the d numbers over a puzzle's T cells (Tolstikhin et al., "MLP-Mixer", 2021). Both norm over d. */
#include <math.h>
#include <string.h>

#include "math/vector.h"
#include "nn/post_norm.h"
#include "nn/swiglu.h"
#include "stages/model_shape.h"
#include "stages/stage.h"

enum { W1, W3, W2 };
enum { W13_PRODUCT, W2_PRODUCT };

struct state {
    bool mixes; /* over cells */
    float *r;   /* (R): the norm's factor */
    float *
        ab; /* (M, 2 F): the gates' inputs of M = R rows, or G d where it mixes; their gradients behind the backward pass */
    float *x;  /* scratch (R, d): in, turned where it mixes */
    float *y;  /* scratch (R, d) */
    float *s;  /* scratch (M, F) */
    float *ds; /* scratch (M, F) */
    struct linear_call w13;
    struct linear_call w2;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

/* F for n numbers. */
static int width_of(const struct ltm_model_config *c, int n) {
    struct ltm_model_config of_n = *c;
    of_n.dim = n;
    of_n.ffn = LTM_FFN_SWIGLU;
    return model_ffn_width(&of_n);
}

static void declare_for(struct weight_table *table, const struct ltm_model_config *c, bool mixes) {
    const int n = mixes ? c->sequence : c->dim;
    const int F = width_of(c, n);
    weights_add(table, weight_matrix(mixes ? "mixing.w1" : "feed_forward.w1", F, n, weight_even_std(n)),
                WEIGHT_PRODUCT);
    weights_add(table, weight_matrix(mixes ? "mixing.w3" : "feed_forward.w3", F, n, weight_even_std(n)),
                WEIGHT_STACKED);
    weights_add(table, weight_matrix(mixes ? "mixing.w2" : "feed_forward.w2", n, F, weight_even_std(F)),
                WEIGHT_PRODUCT);
}

static void declare_mixing(struct weight_table *table, const struct ltm_model_config *c) {
    declare_for(table, c, true);
}
static void declare_cells(struct weight_table *table, const struct ltm_model_config *c) {
    declare_for(table, c, false);
}

/* A cell's share: d / T of a puzzle's d rows of T numbers, or its own row of d. */
static double flops_mixing(const struct ltm_model_config *c) { return 6.0 * c->dim * width_of(c, c->sequence); }
static double flops_cells(const struct ltm_model_config *c) { return 6.0 * c->dim * width_of(c, c->dim); }

static int rows_of(const struct stage_shape *shape, bool mixes) {
    return mixes ? shape->sequences * shape->config->dim : shape_rows(shape);
}

static void lay_out_for(struct state *s, struct arena *kept, struct arena *scratch, const struct stage_shape *shape,
                        bool mixes) {
    const struct ltm_model_config *c = shape->config;
    const size_t inputs = (size_t)rows_of(shape, mixes) * (size_t)width_of(c, mixes ? c->sequence : c->dim);
    s->mixes = mixes;
    s->r = ARENA_TAKE(kept, float, (size_t)shape_rows(shape));
    s->ab = ARENA_TAKE(kept, float, (2 * inputs));
    s->x = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->y = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->s = ARENA_TAKE(scratch, float, inputs);
    s->ds = ARENA_TAKE(scratch, float, inputs);
}

static void lay_out_mixing(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    lay_out_for(state, kept, scratch, shape, true);
}

static void lay_out_cells(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    lay_out_for(state, kept, scratch, shape, false);
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct state *s = state;
    const int M = rows_of(shape, s->mixes);
    const ltm_status status = linear_prepare(&s->w13, work, &w->products[W13_PRODUCT], M, false, training, error);
    return status == LTM_OK ? linear_prepare(&s->w2, work, &w->products[W2_PRODUCT], M, false, training, error)
                            : status;
}

/* Each of `count` matrices (rows, columns) turned to (columns, rows). */
static void turn(float *to, const float *from, int count, int rows, int columns) {
    for (int g = 0; g < count; g++, to += (size_t)rows * (size_t)columns, from += (size_t)rows * (size_t)columns)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
                to[(size_t)j * (size_t)rows + (size_t)i] = from[(size_t)i * (size_t)columns + (size_t)j];
}

/* What the first product reads. */
static const float *input(const struct stage_io *io, const struct state *s) {
    if (!s->mixes) return io->in;
    turn(s->x, io->in, io->shape.sequences, io->shape.length, io->shape.config->dim);
    return s->x;
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    const int d = io->shape.config->dim;
    const float *added = s->y;
    (void)w;
    linear_forward(&s->w13, s->ab, input(io, s));
    swiglu_forward(s->s, s->ab, s->w13.rows, s->w2.w->in);
    linear_forward(&s->w2, s->y, s->s);
    if (s->mixes) {
        turn(s->x, s->y, io->shape.sequences, d, io->shape.length);
        added = s->x;
    }
    stage_begin_sum(io);
    vector_add(io->out, added, shape_floats(&io->shape));
    post_norm_forward(io->out, s->r, io->out, shape_rows(&io->shape), d);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    const int M = s->w13.rows;
    const int F = s->w2.w->in;
    const int T = io->shape.length;
    const int G = io->shape.sequences;
    const int d = io->shape.config->dim;
    const float *dy = io->dh;
    post_norm_backward(io->dh, io->dh, io->out, s->r, shape_rows(&io->shape), d);
    if (s->mixes) {
        turn(s->y, io->dh, G, T, d);
        dy = s->y;
    }
    swiglu_forward(s->s, s->ab, M, F);
    linear_backward(&s->w2, s->ds, stage_gradient(w, dw, W2), dy, s->s);
    swiglu_backward(s->ab, s->ds, s->ab, M, F);
    linear_backward(&s->w13, s->y, stage_gradient(w, dw, W1), s->ab, input(io, s));
    if (s->mixes) turn(s->x, s->y, G, d, T);
    vector_add(io->dh, s->mixes ? s->x : s->y, shape_floats(&io->shape));
}

const struct stage_kind solver_mixing_stage = {.name = "solver mixing",
                                               .spoils_state = true,
                                               .state_size = sizeof(struct state),
                                               .declare = declare_mixing,
                                               .flops = flops_mixing,
                                               .lay_out = lay_out_mixing,
                                               .prepare = prepare,
                                               .forward = forward,
                                               .backward = backward};

const struct stage_kind solver_feed_forward_stage = {.name = "solver feed-forward",
                                                     .spoils_state = true,
                                                     .state_size = sizeof(struct state),
                                                     .declare = declare_cells,
                                                     .flops = flops_cells,
                                                     .lay_out = lay_out_cells,
                                                     .prepare = prepare,
                                                     .forward = forward,
                                                     .backward = backward};
