/* out = in + SelfAttn(x) Woᵀ, x = RMSNorm(in): rotary positions, a sliding window, grouped heads (nn/self_attention.h).
 *
 * model.qk_norm = rms: q and k of each head are RMS-normed before they turn. q has a learned scale a query head, so that heads can be
 * as sharp as they need; one of k would only multiply it.
 *
 * model.value_residual = yes: v becomes (1 - w) v + w v1, v1 the values of the first self-attention in the plan and w a learned number
 * (Zhou et al., "Value residual learning", 2024). A layer has its w also where it is the first, which leaves v as it is: applied again,
 * it is not the first.
 *
 * latent_attention_stage does the same where this layer's latents are further keys and values (latent.read = keys, latent_attention.h). */
#include <string.h>

#include "math/vector.h"
#include "nn/head_norm.h"
#include "nn/mix.h"
#include "nn/rmsnorm.h"
#include "nn/rope.h"
#include "nn/self_attention.h"
#include "stages/self_attention_stage.h"

_Static_assert(sizeof(struct self_attention_state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static bool keeps_raw(const struct ltm_model_config *c) { return attention_norms_qk(c) || c->value_residual; }

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    const int d = c->dim;
    const int kv = model_kv_heads(c) * model_head_dim(c);
    weights_add(table, weight_gain("attention_norm", d), WEIGHT_ALONE);
    weights_add(table, weight_matrix("attention.wq", d, d, WEIGHT_STD), WEIGHT_PRODUCT);
    weights_add(table, weight_matrix("attention.wk", kv, d, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, weight_matrix("attention.wv", kv, d, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, weight_matrix("attention.wo", d, d, weight_projection_std(c)), WEIGHT_PRODUCT);
    if (attention_norms_qk(c)) weights_add(table, weight_gain("attention.q_scale", c->heads), WEIGHT_ALONE);
    struct weight value_mix = weight_gain("attention.value_mix", 1);
    value_mix.init_value = 0.5F;
    if (c->value_residual) weights_add(table, value_mix, WEIGHT_ALONE);
}

static void declare_latents(struct weight_table *table, const struct ltm_model_config *c) {
    declare(table, c);
    latent_attention_declare(table, c);
}

/* A pair of positions takes 2 · 2 · d operations for scores and values; early positions see fewer than `window`. */
static double flops(const struct ltm_model_config *c) {
    const double d = c->dim;
    const double kv = (double)model_kv_heads(c) * model_head_dim(c);
    const double window = c->window < c->sequence ? c->window : c->sequence;
    const double seen = window - window * (window - 1) / (2.0 * c->sequence);
    return 2.0 * (2 * d * d + 2 * kv * d) + 4.0 * d * seen;
}

static double flops_latents(const struct ltm_model_config *c) { return flops(c) + latent_attention_flops(c); }

static struct attention_shape attention_shape(const struct stage_shape *shape) {
    const struct ltm_model_config *c = shape->config;
    return (struct attention_shape){.sequences = shape->sequences,
                                    .length = shape->length,
                                    .heads = c->heads,
                                    .kv_heads = c->kv_heads,
                                    .head_dim = model_head_dim(c),
                                    .window = c->window};
}

/* Rows of kv for a sequence. */
static int kv_rows(const struct ltm_model_config *c) { return model_past(c) + model_chunk(c); }

static struct attention_shape attention_of(const struct stage_io *io, const struct self_attention_state *s) {
    const struct ltm_model_config *c = io->shape.config;
    struct attention_shape shape = attention_shape(&io->shape);
    shape.starts = io->starts;
    if (!s->kv) return shape;
    shape.kv = attention_kv_present(s, c);
    shape.kv_rows = kv_rows(c);
    shape.past = io->shape.position < model_past(c) ? io->shape.position : model_past(c);
    return shape;
}

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct self_attention_state *s = state;
    struct attention_shape attention = attention_shape(shape);
    const int past = model_past(shape->config);
    const size_t kv = (size_t)(shape->sequences * kv_rows(shape->config)) * attention_kv_row(shape->config);
    attention.past = past;
    const size_t R = (size_t)shape_rows(shape);
    const size_t width = (size_t)attention_qkv_width(shape->config);
    s->r = ARENA_TAKE(kept, float, R);
    s->qkv = ARENA_TAKE(kept, float, (R * width));
    s->raw = keeps_raw(shape->config) ? ARENA_TAKE(kept, float, (R * width)) : NULL;
    s->att = ARENA_TAKE(kept, float, shape_floats(shape));
    s->lse = ARENA_TAKE(kept, float, R *(size_t)shape->config->heads);
    s->kv = past ? ARENA_TAKE(kept, float, kv) : NULL;
    s->x = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dx = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->datt = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dqkv = ARENA_TAKE(scratch, float, (R * width));
    s->attention = ARENA_TAKE(scratch, float, self_attention_scratch(&attention));
    s->latents = (struct latent_attention){0};
}

static void lay_out_latents(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct self_attention_state *s = state;
    lay_out(state, kept, scratch, shape);
    latent_attention_lay_out(&s->latents, kept, scratch, shape);
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct self_attention_state *s = state;
    const int R = shape_rows(shape);
    const ltm_status status = linear_prepare(&s->wqkv, work, &w->products[QKV_PRODUCT], R, false, training, error);
    return status == LTM_OK ? linear_prepare(&s->wo, work, &w->products[WO_PRODUCT], R, true, training, error) : status;
}

static ltm_status prepare_latents(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                                  struct bf16_work *work, bool training, struct ltm_error *error) {
    struct self_attention_state *s = state;
    PASS_UP(prepare(state, w, shape, work, training, error));
    return latent_attention_prepare(&s->latents, &w->products[LATENT_PRODUCT], shape, work, training, error);
}

/* q and k of whole sequences. */
static void norm_qk(const struct self_attention_state *s, const struct ltm_model_config *c, const float *scale, int R) {
    const int h = model_head_dim(c);
    head_norm_forward(s->qkv, attention_qkv_width(c), scale, R, c->heads, h);
    head_norm_forward(s->qkv + c->dim, attention_qkv_width(c), NULL, R, c->kv_heads, h);
}

static void norm_qk_backward(const struct self_attention_state *s, const struct ltm_model_config *c, const float *scale,
                             float *dscale, int R) {
    const int h = model_head_dim(c);
    head_norm_backward(s->dqkv, attention_qkv_width(c), dscale, s->raw, attention_qkv_width(c), scale, R, c->heads, h);
    head_norm_backward(s->dqkv + c->dim, attention_qkv_width(c), NULL, s->raw + c->dim, attention_qkv_width(c), NULL, R,
                       c->kv_heads, h);
}

void self_attention_mix_value(float *v, float *first, const struct stage_weights *w, const struct ltm_model_config *c,
                              int n) {
    const float share = *stage_weight(w, attention_value_mix_row(c));
    if (w->leads)
        memcpy(first, v, (size_t)n * sizeof *v);
    else
        mix_forward(v, v, first, 1 - share, share, (size_t)n);
}

static void mix_values(const struct stage_io *io, const struct stage_weights *w, const struct self_attention_state *s) {
    const struct ltm_model_config *c = io->shape.config;
    const int n = attention_kv_width(c);
    for (size_t i = 0; i < (size_t)shape_rows(&io->shape); i++)
        self_attention_mix_value(s->qkv + (i + 1) * (size_t)attention_qkv_width(c) - n, io->values + i * (size_t)n, w,
                                 c, n);
}

static void mix_values_backward(const struct stage_io *io, const struct stage_weights *w,
                                const struct self_attention_state *s, float *dw) {
    const struct ltm_model_config *c = io->shape.config;
    const size_t n = (size_t)attention_kv_width(c);
    const float share = *stage_weight(w, attention_value_mix_row(c));
    double down = 0; /* of 1 - w */
    double up = 0;   /* of w */
    for (size_t i = 0; i < (size_t)shape_rows(&io->shape); i++) {
        const size_t at = (i + 1) * (size_t)attention_qkv_width(c) - n;
        float *dv = s->dqkv + at;
        float *dfirst = io->dvalues ? io->dvalues + i * n : NULL;
        if (!w->leads)
            mix_backward(dv, dfirst, dw ? &down : NULL, dw ? &up : NULL, dv, s->raw + at, io->values + i * n, 1 - share,
                         share, n);
        else if (dfirst)
            vector_add(dv, dfirst, n);
    }
    if (dw) *stage_gradient(w, dw, attention_value_mix_row(c)) += (float)(up - down);
}

/* Of positions that have left the loops: k and v as the loop before has them. */
static void keep_left(const struct stage_io *io, const struct self_attention_state *s) {
    const struct ltm_model_config *c = io->shape.config;
    const struct self_attention_state *before = io->before;
    for (size_t i = 0; i < (size_t)shape_rows(&io->shape); i++) {
        const size_t at = i * (size_t)attention_qkv_width(c) + (size_t)c->dim;
        if (io->left[i]) memcpy(s->qkv + at, before->qkv + at, 2 * (size_t)attention_kv_width(c) * sizeof(float));
    }
}

/* The chunk's own keys and values behind those before it. */
static void keep_present(const struct stage_io *io, const struct self_attention_state *s) {
    const struct ltm_model_config *c = io->shape.config;
    const size_t n = attention_kv_row(c);
    for (size_t g = 0; g < (size_t)io->shape.sequences; g++)
        for (size_t t = 0; t < (size_t)io->shape.length; t++)
            memcpy(attention_kv_present(s, c) + (g * (size_t)kv_rows(c) + t) * n,
                   s->qkv + (g * (size_t)io->shape.length + t) * (size_t)attention_qkv_width(c) + c->dim,
                   n * sizeof *s->kv);
}

static void carry(const struct stage_io *io, const struct stage_weights *w, void *state) {
    (void)w;
    const struct self_attention_state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const size_t n = attention_kv_row(c);
    for (size_t g = 0; s->kv && g < (size_t)io->shape.sequences; g++) {
        float *kv = s->kv + g * (size_t)kv_rows(c) * n;
        memmove(kv, kv + (size_t)io->shape.length * n, (size_t)model_past(c) * n * sizeof *kv);
    }
}

/* Attention to the window. */
static void read_window(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct self_attention_state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const struct attention_shape shape = attention_of(io, s);
    const struct latent_attention *l = &s->latents;
    const size_t d = (size_t)c->dim;
    const size_t R = (size_t)shape_rows(&io->shape);
    const int rows = shape_rows(&io->shape);
    rmsnorm_forward(s->x, s->r, io->in, stage_weight(w, NORM), rows, c->dim);
    linear_forward(&s->wqkv, s->qkv, s->x);
    if (keeps_raw(c)) memcpy(s->raw, s->qkv, sizeof(float) * R * (size_t)attention_qkv_width(c));
    if (attention_norms_qk(c)) norm_qk(s, c, stage_weight(w, Q_SCALE), rows);
    if (c->value_residual) mix_values(io, w, s);
    for (size_t i = 0; l->q && i < R; i++)
        memcpy(l->q + i * d, s->qkv + i * (size_t)attention_qkv_width(c), sizeof(float) * d);
    rope_forward(s->qkv, attention_qkv_width(c), rows, shape.length, c->heads + c->kv_heads, shape.head_dim, io->rope);
    if (io->left) keep_left(io, s);
    if (s->kv) keep_present(io, s);
    self_attention_forward(l->q ? l->window : s->att, l->q ? l->lse : s->lse, s->qkv, &shape, s->attention);
}

static void write_out(const struct stage_io *io, const struct self_attention_state *s) {
    stage_begin_sum(io);
    linear_forward(&s->wo, io->out, s->att);
    stage_end_sum(io);
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    read_window(io, w, state);
    write_out(io, state);
}

static void forward_latents(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct self_attention_state *s = state;
    latent_attention_forward(&s->latents, io, w, attention_latent_row(io->shape.config), s->att, s->lse);
    write_out(io, s);
}

/* From datt behind the window's attention and dq behind the latents', NULL where there are none. */
static void backward_window(const struct stage_io *io, const struct stage_weights *w,
                            const struct self_attention_state *s, float *dw, const float *dq) {
    const struct ltm_model_config *c = io->shape.config;
    const struct attention_shape shape = attention_of(io, s);
    const int R = shape_rows(&io->shape);
    const size_t d = (size_t)c->dim;
    const float *gain = stage_weight(w, NORM);
    self_attention_backward(s->dqkv, s->datt, s->qkv, s->att, s->lse, &shape, s->attention);
    rope_backward(s->dqkv, attention_qkv_width(c), R, shape.length, c->heads + c->kv_heads, shape.head_dim, io->rope);
    for (size_t i = 0; dq && i < (size_t)R; i++)
        vector_add(s->dqkv + i * (size_t)attention_qkv_width(c), dq + i * d, d);
    if (c->value_residual) mix_values_backward(io, w, s, dw);
    if (attention_norms_qk(c)) norm_qk_backward(s, c, stage_weight(w, Q_SCALE), stage_gradient(w, dw, Q_SCALE), R);
    if (dw) rmsnorm_forward(s->x, NULL, io->in, gain, R, c->dim);
    linear_backward(&s->wqkv, s->dx, stage_gradient(w, dw, WQ), s->dqkv, s->x);
    rmsnorm_backward(io->dh, stage_gradient(w, dw, NORM), s->dx, io->in, s->r, gain, R, c->dim);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct self_attention_state *s = state;
    linear_backward(&s->wo, s->datt, stage_gradient(w, dw, WO), stage_sum_gradient(io, s->dx), s->att);
    backward_window(io, w, s, dw, NULL);
}

static void backward_latents(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct self_attention_state *s = state;
    const bool wants_dh = io->needs_dh || dw;
    linear_backward(&s->wo, s->datt, stage_gradient(w, dw, WO), stage_sum_gradient(io, s->dx), s->att);
    latent_attention_backward(&s->latents, io, w, attention_latent_row(io->shape.config), dw, s->datt, s->att,
                              wants_dh);
    if (wants_dh) backward_window(io, w, s, dw, s->latents.dq);
}

const struct stage_kind self_attention_stage = {.name = "self-attention",
                                                .drops_out = true,
                                                .state_size = sizeof(struct self_attention_state),
                                                .cache_size = ATTENTION_CACHE_BYTES,
                                                .step_size = ATTENTION_STEP_BYTES,
                                                .declare = declare,
                                                .flops = flops,
                                                .lay_out = lay_out,
                                                .prepare = prepare,
                                                .forward = forward,
                                                .backward = backward,
                                                .carry = carry,
                                                .lay_out_cache = self_attention_lay_out_cache,
                                                .lay_out_step = self_attention_lay_out_step,
                                                .continue_cache = self_attention_continue_cache,
                                                .step = self_attention_step,
                                                .step_left = self_attention_step_left};

const struct stage_kind latent_attention_stage = {.name = "latent attention",
                                                  .reads_latents = true,
                                                  .drops_out = true,
                                                  .state_size = sizeof(struct self_attention_state),
                                                  .cache_size = ATTENTION_CACHE_BYTES,
                                                  .step_size = ATTENTION_STEP_BYTES,
                                                  .declare = declare_latents,
                                                  .flops = flops_latents,
                                                  .lay_out = lay_out_latents,
                                                  .prepare = prepare_latents,
                                                  .begin = read_window,
                                                  .forward = forward_latents,
                                                  .backward = backward_latents,
                                                  .carry = carry,
                                                  .lay_out_cache = self_attention_lay_out_latent_cache,
                                                  .lay_out_step = self_attention_lay_out_step,
                                                  .begin_cache = self_attention_begin_latent_cache,
                                                  .continue_cache = self_attention_continue_cache,
                                                  .step = self_attention_step,
                                                  .step_left = self_attention_step_left};
