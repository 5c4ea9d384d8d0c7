/* Of a solver: out = PostNorm(in + SelfAttn(in) Woᵀ), rotary positions, every cell reads every other. */
#include <math.h>
#include <string.h>

#include "math/vector.h"
#include "nn/post_norm.h"
#include "nn/rope.h"
#include "nn/self_attention.h"
#include "stages/model_shape.h"
#include "stages/stage.h"

enum { WQ, WK, WV, WO };
enum { QKV_PRODUCT, WO_PRODUCT };

struct state {
    float *r;         /* (R): the norm's factor */
    float *qkv;       /* (R, (H + 2K) h): q and k rotated */
    float *att;       /* (R, H h): before Wo */
    float *lse;       /* (R, H) */
    float *dx;        /* scratch (R, d) */
    float *datt;      /* scratch (R, H h) */
    float *dqkv;      /* scratch (R, (H + 2K) h) */
    float *attention; /* scratch */
    struct linear_call wqkv;
    struct linear_call wo;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static int kv_width(const struct ltm_model_config *c) { return model_kv_heads(c) * model_head_dim(c); }
static int qkv_width(const struct ltm_model_config *c) { return c->dim + 2 * kv_width(c); }

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    const int d = c->dim;
    weights_add(table, weight_matrix("attention.wq", d, d, weight_even_std(d)), WEIGHT_PRODUCT);
    weights_add(table, weight_matrix("attention.wk", kv_width(c), d, weight_even_std(d)), WEIGHT_STACKED);
    weights_add(table, weight_matrix("attention.wv", kv_width(c), d, weight_even_std(d)), WEIGHT_STACKED);
    weights_add(table, weight_matrix("attention.wo", d, d, weight_even_std(d)), WEIGHT_PRODUCT);
}

static double flops(const struct ltm_model_config *c) {
    const double d = c->dim;
    return 2 * d * (qkv_width(c) + d) + 4 * d * c->sequence;
}

static struct attention_shape attention_shape(const struct stage_shape *shape) {
    const struct ltm_model_config *c = shape->config;
    return (struct attention_shape){.sequences = shape->sequences,
                                    .length = shape->length,
                                    .heads = c->heads,
                                    .kv_heads = model_kv_heads(c),
                                    .head_dim = model_head_dim(c),
                                    .window = shape->length,
                                    .whole = true};
}

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct state *s = state;
    const struct attention_shape attention = attention_shape(shape);
    const size_t R = (size_t)shape_rows(shape);
    const size_t width = (size_t)qkv_width(shape->config);
    s->r = ARENA_TAKE(kept, float, R);
    s->qkv = ARENA_TAKE(kept, float, (R * width));
    s->att = ARENA_TAKE(kept, float, shape_floats(shape));
    s->lse = ARENA_TAKE(kept, float, R *(size_t)shape->config->heads);
    s->dx = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->datt = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dqkv = ARENA_TAKE(scratch, float, (R * width));
    s->attention = ARENA_TAKE(scratch, float, self_attention_scratch(&attention));
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct state *s = state;
    const int R = shape_rows(shape);
    const ltm_status status = linear_prepare(&s->wqkv, work, &w->products[QKV_PRODUCT], R, false, training, error);
    return status == LTM_OK ? linear_prepare(&s->wo, work, &w->products[WO_PRODUCT], R, true, training, error) : status;
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const struct attention_shape shape = attention_shape(&io->shape);
    const int R = shape_rows(&io->shape);
    (void)w;
    linear_forward(&s->wqkv, s->qkv, io->in);
    rope_forward(s->qkv, qkv_width(c), R, shape.length, c->heads + shape.kv_heads, shape.head_dim, io->rope);
    self_attention_forward(s->att, s->lse, s->qkv, &shape, s->attention);
    stage_begin_sum(io);
    linear_forward(&s->wo, io->out, s->att);
    post_norm_forward(io->out, s->r, io->out, R, c->dim);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const struct attention_shape shape = attention_shape(&io->shape);
    const int R = shape_rows(&io->shape);
    post_norm_backward(io->dh, io->dh, io->out, s->r, R, c->dim);
    linear_backward(&s->wo, s->datt, stage_gradient(w, dw, WO), io->dh, s->att);
    self_attention_backward(s->dqkv, s->datt, s->qkv, s->att, s->lse, &shape, s->attention);
    rope_backward(s->dqkv, qkv_width(c), R, shape.length, c->heads + shape.kv_heads, shape.head_dim, io->rope);
    linear_backward(&s->wqkv, s->dx, stage_gradient(w, dw, WQ), s->dqkv, io->in);
    vector_add(io->dh, s->dx, shape_floats(&io->shape));
}

const struct stage_kind solver_attention_stage = {.name = "solver attention",
                                                  .state_size = sizeof(struct state),
                                                  .declare = declare,
                                                  .flops = flops,
                                                  .lay_out = lay_out,
                                                  .prepare = prepare,
                                                  .forward = forward,
                                                  .backward = backward};
