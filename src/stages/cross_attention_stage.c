/* out = in + CrossAttn(x, z), x = RMSNorm(in): token positions read this application's part of the latents, M of them
 * (nn/cross_attention.h, stages/latent_part.h). Norm and queries come before z has a say. */
#include <math.h>
#include <string.h>

#include "config/chunks.h"
#include "math/vector.h"
#include "nn/cross_attention.h"
#include "nn/rmsnorm.h"
#include "nn/rope.h"
#include "stages/latent_part.h"
#include "stages/model_shape.h"

enum { NORM, WQ, WK, WV, WO, START }; /* from START on where latents stream */
enum { WQ_PRODUCT };

struct state {
    float *r;   /* (R): RMSNorm's factor */
    float *q;   /* (R, H h): rotated queries */
    float *kv;  /* (G M, 2 K h) */
    float *u;   /* as cross_attention_u says */
    float *p;   /* (R, H M) */
    float *x;   /* scratch (R, d): RMSNorm(in) */
    float *dx;  /* scratch (R, d) */
    float *dq;  /* scratch (R, H h) */
    float *dp;  /* scratch (R, H M) */
    float *du;  /* scratch, as u */
    float *dkv; /* scratch, as kv */
    float *z;   /* scratch (G M, d): the part's latents, gathered over sequences */
    float *dz;  /* scratch (G M, d) */
    struct linear_call wq;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    const int d = c->dim;
    const int kv = model_kv_heads(c) * model_head_dim(c);
    struct weight wo = latent_reading(weight_matrix("cross_attention.wo", d, d, weight_residual_std(model_depth(c))));
    wo.init_latent = true;
    weights_add(table, latent_reading(weight_gain("cross_attention_norm", d)), WEIGHT_ALONE);
    weights_add(table, latent_reading(weight_matrix("cross_attention.wq", d, d, WEIGHT_STD)), WEIGHT_PRODUCT);
    weights_add(table, latent_reading(weight_matrix("cross_attention.wk", kv, d, WEIGHT_STD)), WEIGHT_ALONE);
    weights_add(table, latent_reading(weight_matrix("cross_attention.wv", kv, d, WEIGHT_STD)), WEIGHT_ALONE);
    weights_add(table, wo, WEIGHT_ALONE);
    latent_part_declare(table, c);
}

/* wk and wv are used once a latent and chunk, not once a token. */
static double flops(const struct ltm_model_config *c) {
    const double d = c->dim;
    const double kv = (double)model_kv_heads(c) * model_head_dim(c);
    const double M = model_layer_latents(c);
    return 2.0 * (2 * d * d + 2 * kv * d * M / model_chunk(c)) + 4.0 * d * M;
}

static struct cross_shape cross_shape(const struct ltm_model_config *c, int sequences, int length) {
    return (struct cross_shape){sequences,         length, model_layer_latents(c), c->heads, c->kv_heads,
                                model_head_dim(c), c->dim};
}

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct state *s = state;
    const struct cross_shape cross = cross_shape(shape->config, shape->sequences, shape->length);
    const size_t R = (size_t)shape_rows(shape);
    const size_t GM = (size_t)cross.sequences * (size_t)cross.latents;
    const size_t kv = GM * (size_t)(2 * cross.kv_heads * cross.head_dim);
    const size_t p = R * (size_t)(cross.heads * cross.latents);
    s->r = ARENA_TAKE(kept, float, R);
    s->q = ARENA_TAKE(kept, float, shape_floats(shape));
    s->kv = ARENA_TAKE(kept, float, kv);
    s->u = ARENA_TAKE(kept, float, cross_attention_u(&cross));
    s->p = ARENA_TAKE(kept, float, p);
    s->x = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dx = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dq = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dp = ARENA_TAKE(scratch, float, p);
    s->du = ARENA_TAKE(scratch, float, cross_attention_u(&cross));
    s->dkv = ARENA_TAKE(scratch, float, kv);
    s->z = ARENA_TAKE(scratch, float, GM *(size_t)cross.dim);
    s->dz = ARENA_TAKE(scratch, float, GM *(size_t)cross.dim);
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct state *s = state;
    return linear_prepare(&s->wq, work, &w->products[WQ_PRODUCT], shape_rows(shape), false, training, error);
}

static void begin(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const int R = shape_rows(&io->shape);
    rmsnorm_forward(s->x, s->r, io->in, stage_weight(w, NORM), R, c->dim);
    linear_forward(&s->wq, s->q, s->x);
    rope_forward(s->q, c->dim, R, io->shape.length, c->heads, model_head_dim(c), io->rope);
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    const struct cross_shape shape = cross_shape(io->shape.config, io->shape.sequences, io->shape.length);
    latent_part_gather(s->z, io, w, START);
    cross_attention_latents(s->kv, cross_attention_folds(&shape) ? s->u : NULL, s->z, stage_weight(w, WK),
                            stage_weight(w, WO), io->latent_rope, &shape);
    memcpy(io->out, io->in, sizeof(float) * shape_floats(&io->shape));
    cross_attention_forward(io->out, s->p, s->q, s->kv, s->u, stage_weight(w, WO), &shape);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const struct cross_shape shape = cross_shape(c, io->shape.sequences, io->shape.length);
    const int R = shape_rows(&io->shape);
    const float *gain = stage_weight(w, NORM);
    float *dq = io->needs_dh || dw ? s->dq : NULL;
    cross_attention_backward(dq, s->dkv, s->du, stage_gradient(w, dw, WO), s->dp, io->dh, s->p, s->q, s->kv, s->u,
                             stage_weight(w, WO), io->latent_rope, &shape);
    if (dw) latent_part_gather(s->z, io, w, START);
    cross_attention_latents_backward(s->dz, stage_gradient(w, dw, WK), s->dkv, s->z, stage_weight(w, WK), &shape);
    latent_part_backward(io, w, START, s->dz, dw);
    if (!dq) return;
    rope_backward(dq, c->dim, R, shape.length, c->heads, shape.head_dim, io->rope);
    if (dw) rmsnorm_forward(s->x, NULL, io->in, gain, R, c->dim);
    linear_backward(&s->wq, s->dx, stage_gradient(w, dw, WQ), dq, s->x);
    rmsnorm_backward(io->dh, stage_gradient(w, dw, NORM), s->dx, io->in, s->r, gain, R, c->dim);
}

/* ---- Token by token: values are always folded, once a z ---- */

struct cache {
    float *kv; /* (M, 2 K h) */
    float *u;  /* (H M, d) */
    float *z;  /* (M, d): as it is read */
};

struct buffers {
    float *x; /* (rows, d) */
    float *q; /* (rows, d) */
    float *p; /* (rows, H M) */
};

static void lay_out_cache(void *cache, struct arena *arena, const struct ltm_model_config *c) {
    struct cache *made = cache;
    const size_t M = (size_t)model_layer_latents(c);
    made->kv = ARENA_TAKE(arena, float, M *(size_t)(2 * c->kv_heads * model_head_dim(c)));
    made->u = ARENA_TAKE(arena, float, M *(size_t)c->heads *(size_t)c->dim);
    made->z = ARENA_TAKE(arena, float, M *(size_t)c->dim);
}

static void lay_out_step(void *buffers, struct arena *scratch, const struct ltm_model_config *c, int rows,
                         int threads) {
    (void)threads;
    struct buffers *b = buffers;
    const size_t R = (size_t)rows;
    b->x = ARENA_TAKE(scratch, float, R *(size_t)c->dim);
    b->q = ARENA_TAKE(scratch, float, R *(size_t)c->dim);
    b->p = ARENA_TAKE(scratch, float, R *(size_t)(c->heads * model_layer_latents(c)));
}

static void begin_cache(void *cache, const struct stage_weights *w, const struct ltm_model_config *c,
                        const float *latent_rope, const float *z) {
    const struct cache *to = cache;
    const struct cross_shape shape = cross_shape(c, 1, 1);
    latent_part_read(to->z, z, w, START, c);
    cross_attention_latents(to->kv, to->u, to->z, stage_weight(w, WK), stage_weight(w, WO), latent_rope, &shape);
}

/* P = softmax(q kᵀ / sqrt(h)) of one key/value head's query heads to the latents. */
static void attend(const struct stage_step *io, const struct buffers *b, const struct cache *caches, int row,
                   int head) {
    const struct ltm_model_config *c = io->config;
    const int h = model_head_dim(c);
    const int group = c->heads / c->kv_heads;
    const int M = model_layer_latents(c);
    const int slot = io->slots[row];
    float *q = b->q + (size_t)row * (size_t)c->dim + head * group * h;
    float *p = b->p + ((size_t)row * (size_t)c->heads + (size_t)(head * group)) * (size_t)M;
    const struct row_weight keys = {.full = caches[slot].kv + head * h, .out = M, .in = h, .ld = 2 * c->kv_heads * h};
    rope_forward(q, c->dim, 1, 1, group, h, io->rope + (size_t)io->positions[slot] * (size_t)h);
    row_product(p, M, q, h, &keys, group, false, 0, 1);
    for (int i = 0; i < group; i++, p += M) {
        vector_scale(p, 1.0f / sqrtf((float)h), (size_t)M);
        const float sum = vector_exp_sum(p, vector_max(p, (size_t)M), (size_t)M);
        vector_scale(p, 1 / sum, (size_t)M);
    }
}

/* h += P U: each thread takes its columns of every row. */
static void add_latents(const struct stage_step *io, const struct buffers *b, const struct cache *caches) {
    const struct ltm_model_config *c = io->config;
    const int folded = c->heads * model_layer_latents(c);
    const struct stage_share mine = stage_share(c->dim);
    for (int row = 0; row < io->rows; row++) {
        const float *p = b->p + (size_t)row * (size_t)folded;
        const float *u = caches[io->slots[row]].u;
        float *restrict h = io->h + (size_t)row * (size_t)c->dim;
        for (int i = 0; i < folded; i++, u += c->dim)
#pragma omp simd
            for (int j = mine.from; j < mine.to; j++) h[j] += p[i] * u[j];
    }
    stage_meet();
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    const struct buffers *b = buffers;
    const struct cache *each = (const struct cache *)(void *)caches;
    const int heads = io->config->kv_heads;
    stage_norm(io, b->x, stage_weight(w, NORM));
    stage_product(io, b->q, b->x, &w->row_products[WQ_PRODUCT], false);
    const struct stage_share mine = stage_share(io->rows * heads);
    for (int i = mine.from; i < mine.to; i++) attend(io, b, each, i / heads, i % heads);
    stage_meet();
    add_latents(io, b, each);
}

const struct stage_kind cross_attention_stage = {.name = "cross-attention",
                                                 .reads_latents = true,
                                                 .state_size = sizeof(struct state),
                                                 .cache_size = sizeof(struct cache),
                                                 .step_size = sizeof(struct buffers),
                                                 .declare = declare,
                                                 .flops = flops,
                                                 .lay_out = lay_out,
                                                 .prepare = prepare,
                                                 .begin = begin,
                                                 .forward = forward,
                                                 .backward = backward,
                                                 .lay_out_cache = lay_out_cache,
                                                 .lay_out_step = lay_out_step,
                                                 .begin_cache = begin_cache,
                                                 .step = step};
