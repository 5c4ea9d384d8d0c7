#include "stages/latent_attention.h"

#include <math.h>
#include <string.h>

#include "config/chunks.h"
#include "math/vector.h"
#include "stages/latent_part.h"
#include "stages/model_shape.h"

enum { WK, WV, BIAS, START }; /* from `row` on; from START on where latents stream */

static int kv_width(const struct ltm_model_config *c) { return model_kv_heads(c) * model_head_dim(c); }

void latent_attention_declare(struct weight_table *table, const struct ltm_model_config *c) {
    struct weight wv = weight_matrix("cross_attention.wv", kv_width(c), c->dim, WEIGHT_STD);
    struct weight bias = weight_gain("cross_attention.bias", c->heads * model_layer_latents(c));
    wv.init_latent = true;
    bias.init_value = 0;
    weights_add(table, latent_reading(weight_matrix("cross_attention.wk", kv_width(c), c->dim, WEIGHT_STD)),
                WEIGHT_PRODUCT);
    weights_add(table, latent_reading(wv), WEIGHT_STACKED);
    weights_add(table, latent_reading(bias), WEIGHT_ALONE);
    latent_part_declare(table, c);
}

/* wk and wv are used once a latent and chunk, not once a token. */
double latent_attention_flops(const struct ltm_model_config *c) {
    const double d = c->dim;
    const double M = model_layer_latents(c);
    return 4.0 * kv_width(c) * d * M / model_chunk(c) + 4.0 * d * M;
}

static struct latent_keys_shape keys_shape(const struct stage_shape *shape) {
    const struct ltm_model_config *c = shape->config;
    return (struct latent_keys_shape){shape->sequences, shape->length,     model_layer_latents(c),
                                      c->heads,         model_kv_heads(c), model_head_dim(c)};
}

void latent_attention_lay_out(struct latent_attention *s, struct arena *kept, struct arena *scratch,
                              const struct stage_shape *shape) {
    const struct latent_keys_shape keys = keys_shape(shape);
    const size_t GM = (size_t)(keys.sequences * keys.latents);
    const size_t heads = (size_t)shape_rows(shape) * (size_t)keys.heads;
    const size_t kv = GM * (size_t)(2 * kv_width(shape->config));
    const size_t p = heads * (size_t)keys.latents;
    s->q = ARENA_TAKE(kept, float, shape_floats(shape));
    s->window = ARENA_TAKE(kept, float, shape_floats(shape));
    s->lse = ARENA_TAKE(kept, float, heads);
    s->kv = ARENA_TAKE(kept, float, kv);
    s->p = ARENA_TAKE(kept, float, p);
    s->z = ARENA_TAKE(scratch, float, GM *(size_t)shape->config->dim);
    s->dz = ARENA_TAKE(scratch, float, GM *(size_t)shape->config->dim);
    s->dkv = ARENA_TAKE(scratch, float, kv);
    s->ds = ARENA_TAKE(scratch, float, p);
    s->dq = ARENA_TAKE(scratch, float, shape_floats(shape));
}

ltm_status latent_attention_prepare(struct latent_attention *s, const struct linear *wkv,
                                    const struct stage_shape *shape, struct bf16_work *work, bool training,
                                    struct ltm_error *error) {
    return linear_prepare(&s->wkv, work, wkv, shape->sequences * model_layer_latents(shape->config), false, training,
                          error);
}

void latent_attention_forward(const struct latent_attention *s, const struct stage_io *io,
                              const struct stage_weights *w, int row, float *att, float *lse) {
    const struct latent_keys_shape shape = keys_shape(&io->shape);
    latent_part_gather(s->z, io, w, row + START);
    linear_forward(&s->wkv, s->kv, s->z);
    memcpy(att, s->window, sizeof *att * shape_floats(&io->shape));
    memcpy(lse, s->lse, sizeof *lse * (size_t)shape_rows(&io->shape) * (size_t)shape.heads);
    latent_keys_forward(att, lse, s->p, s->q, s->kv, stage_weight(w, row + BIAS), &shape);
}

void latent_attention_backward(const struct latent_attention *s, const struct stage_io *io,
                               const struct stage_weights *w, int row, float *dw, const float *datt, const float *att,
                               bool wants_dq) {
    const struct latent_keys_shape shape = keys_shape(&io->shape);
    latent_keys_backward(wants_dq ? s->dq : NULL, s->dkv, stage_gradient(w, dw, row + BIAS), s->ds, datt, att, s->p,
                         s->q, s->kv, &shape);
    if (dw) latent_part_gather(s->z, io, w, row + START);
    linear_backward(&s->wkv, s->dz, stage_gradient(w, dw, row + WK), s->dkv, s->z);
    latent_part_backward(io, w, row + START, s->dz, dw);
}

void latent_attention_keys(float *kv, float *read, const float *z, const struct stage_weights *w, int row,
                           const struct row_weight *wkv, const struct ltm_model_config *c) {
    latent_part_read(read, z, w, row + START, c);
    row_product(kv, wkv->out, read, wkv->in, wkv, model_layer_latents(c), false, 0, 1);
}

void latent_attention_scores(float *s, const float *q, int head, const float *kv, const struct stage_weights *w,
                             int row, const struct ltm_model_config *c) {
    const int M = model_layer_latents(c);
    const int h = model_head_dim(c);
    const float *bias = stage_weight(w, row + BIAS) + (ptrdiff_t)(head * M);
    const float *k = kv + (ptrdiff_t)(head / (c->heads / model_kv_heads(c)) * h);
    for (int j = 0; j < M; j++, k += 2 * kv_width(c)) s[j] = vector_dot(q, k, (size_t)h) / sqrtf((float)h) + bias[j];
}
