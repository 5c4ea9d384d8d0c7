/* out = in + W2 f(x), x = RMSNorm(in). model.ffn says f: SwiGLU(W1 x, W3 x) (Shazeer, 2020) or ReLU²(W1 x)
 * (So et al., 2021). */
#include "nn/relu_squared.h"
#include "nn/rmsnorm.h"
#include "nn/swiglu.h"
#include "stages/model_shape.h"
#include "stages/stage.h"

enum { NORM, W1 }; /* then W3, where f has two inputs, and W2 */
enum { W13_PRODUCT, W2_PRODUCT };

/* A row for each value of model.ffn. `inputs` of width F each lie side by side in ab; dab may be ab. */
struct activation {
    int inputs;
    void (*forward)(float *s, const float *ab, int rows, int width);
    void (*backward)(float *dab, const float *ds, const float *ab, int rows, int width);
};

static const struct activation activations[] = {
    [LTM_FFN_SWIGLU] = {2, swiglu_forward, swiglu_backward},
    [LTM_FFN_RELU2] = {1, relu_squared_forward, relu_squared_backward},
};

static const struct activation *activation(const struct ltm_model_config *c) { return &activations[c->ffn]; }
static int w2_row(const struct ltm_model_config *c) { return W1 + activation(c)->inputs; }

struct state {
    float *r;  /* (R): RMSNorm's factor */
    float *ab; /* (R, inputs F): f's inputs; the backward pass leaves their gradients here */
    float *x;  /* scratch (R, d): RMSNorm(in) */
    float *dx; /* scratch (R, d) */
    float *s;  /* scratch (R, F): f */
    float *ds; /* scratch (R, F) */
    struct linear_call w13;
    struct linear_call w2;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    const int F = model_ffn_width(c);
    weights_add(table, weight_gain("ffn_norm", c->dim), WEIGHT_ALONE);
    weights_add(table, weight_matrix("feed_forward.w1", F, c->dim, WEIGHT_STD), WEIGHT_PRODUCT);
    if (activation(c)->inputs == 2)
        weights_add(table, weight_matrix("feed_forward.w3", F, c->dim, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, weight_matrix("feed_forward.w2", c->dim, F, weight_projection_std(c)), WEIGHT_PRODUCT);
}

static double flops(const struct ltm_model_config *c) {
    return 2.0 * model_ffn_matrices(c) * c->dim * model_ffn_width(c);
}

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct state *s = state;
    const size_t R = (size_t)shape_rows(shape);
    const size_t F = (size_t)model_ffn_width(shape->config);
    s->r = ARENA_TAKE(kept, float, R);
    s->ab = ARENA_TAKE(kept, float, (size_t)activation(shape->config)->inputs *R *F);
    s->x = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dx = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->s = ARENA_TAKE(scratch, float, (R * F));
    s->ds = ARENA_TAKE(scratch, float, (R * F));
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct state *s = state;
    const int R = shape_rows(shape);
    const ltm_status status = linear_prepare(&s->w13, work, &w->products[W13_PRODUCT], R, false, training, error);
    return status == LTM_OK ? linear_prepare(&s->w2, work, &w->products[W2_PRODUCT], R, true, training, error) : status;
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    const int R = shape_rows(&io->shape);
    rmsnorm_forward(s->x, s->r, io->in, stage_weight(w, NORM), R, io->shape.config->dim);
    linear_forward(&s->w13, s->ab, s->x);
    activation(io->shape.config)->forward(s->s, s->ab, R, s->w2.w->in);
    stage_begin_sum(io);
    linear_forward(&s->w2, io->out, s->s);
    stage_end_sum(io);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    const int R = shape_rows(&io->shape);
    const struct ltm_model_config *c = io->shape.config;
    const int d = c->dim;
    const int F = s->w2.w->in;
    if (dw) activation(c)->forward(s->s, s->ab, R, F);
    linear_backward(&s->w2, s->ds, stage_gradient(w, dw, w2_row(c)), stage_sum_gradient(io, s->dx), s->s);
    activation(c)->backward(s->ab, s->ds, s->ab, R, F);
    if (dw) rmsnorm_forward(s->x, NULL, io->in, stage_weight(w, NORM), R, d);
    linear_backward(&s->w13, s->dx, stage_gradient(w, dw, W1), s->ab, s->x);
    rmsnorm_backward(io->dh, stage_gradient(w, dw, NORM), s->dx, io->in, s->r, stage_weight(w, NORM), R, d);
}

/* ---- Token by token ---- */

struct buffers {
    float *x;  /* (rows, d) */
    float *ab; /* (rows, inputs F) */
    float *s;  /* (rows, F) */
};

static void lay_out_step(void *buffers, struct arena *scratch, const struct ltm_model_config *c, int rows,
                         int threads) {
    (void)threads;
    struct buffers *b = buffers;
    const size_t F = (size_t)model_ffn_width(c);
    b->x = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)c->dim);
    b->ab = ARENA_TAKE(scratch, float, (size_t)(rows * activation(c)->inputs) * F);
    b->s = ARENA_TAKE(scratch, float, (size_t)rows *F);
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    (void)caches;
    const struct buffers *b = buffers;
    const struct activation *f = activation(io->config);
    const struct stage_share mine = stage_share(io->rows);
    const int F = w->row_products[W2_PRODUCT].in;
    const size_t at = (size_t)mine.from * (size_t)F;
    stage_norm(io, b->x, stage_weight(w, NORM));
    stage_product(io, b->ab, b->x, &w->row_products[W13_PRODUCT], false);
    f->forward(b->s + at, b->ab + (size_t)f->inputs * at, mine.to - mine.from, F);
    stage_meet();
    stage_product(io, io->h, b->s, &w->row_products[W2_PRODUCT], true);
}

const struct stage_kind feed_forward_stage = {.name = "feed-forward",
                                              .drops_out = true,
                                              .spoils_state = true,
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
