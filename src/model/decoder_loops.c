/* The decoder's forward and backward passes, stage beside stage. */
#include <string.h>

#include "math/vector.h"
#include "model/decoder_pass.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/output_loss.h"
#include "nn/rmsnorm.h"
#include "nn/rope.h"
#include "nn/swiglu.h"

/* Where a layer's weights, or their gradients, are: NULL stays NULL. */
static const float *weight_at(const struct decoder_pass *pass, size_t offset) {
    return pass->decoder->weights + offset;
}

static const struct layer_products *products_of(const struct decoder_pass *pass, int l) {
    return &pass->decoder->products[l];
}

static float *gradient_at(float *dw, const struct layer_offsets *at, size_t offset) {
    return dw ? dw + (offset - at->begin) : NULL;
}

static int rows_of(const struct decoder_pass *pass) { return pass->sequences * pass->length; }

static const struct layer_offsets *offsets_of(const struct decoder_pass *pass, int l) {
    return &pass->decoder->table.layers[l];
}

/* The lowest layer that reads latents; 0 without. */
static int first_reader(const struct decoder_pass *pass) {
    const struct ltm_model_config *c = &pass->decoder->config;
    return c->latents ? c->latent_from : 0;
}

/* One layer's latents (G M, d) out of z (G, N_z, d), or back. */
static void gather_latents(float *zl, const float *z, const struct decoder_pass *pass, int l) {
    const struct ltm_model_config *c = &pass->decoder->config;
    const size_t all = (size_t)c->latents * (size_t)c->dim;
    const size_t part = (size_t)(model_layer_latents(c) * c->dim);
    const size_t at = (size_t)(l - c->latent_from) * part;
    for (int g = 0; g < pass->sequences; g++) memcpy(zl + (size_t)g * part, z + (size_t)g * all + at, sizeof *z * part);
}

static void scatter_latents(float *z, const float *zl, const struct decoder_pass *pass, int l) {
    const struct ltm_model_config *c = &pass->decoder->config;
    const size_t all = (size_t)c->latents * (size_t)c->dim;
    const size_t part = (size_t)(model_layer_latents(c) * c->dim);
    const size_t at = (size_t)(l - c->latent_from) * part;
    for (int g = 0; g < pass->sequences; g++) memcpy(z + (size_t)g * all + at, zl + (size_t)g * part, sizeof *z * part);
}

/* mid = in + SelfAttn(RMSNorm(in)), and the cross-attention's queries, which depend on mid alone. */
static void self_forward(struct decoder_pass *pass, int l) {
    const struct ltm_model_config *c = &pass->decoder->config;
    const struct layer_offsets *at = offsets_of(pass, l);
    struct layer_state *s = &pass->layers[l];
    const int R = rows_of(pass);
    const int d = c->dim;
    const int h = d / c->heads;
    const int width = (c->heads + 2 * c->kv_heads) * h;
    rmsnorm_forward(pass->x, s->in_r, s->in, weight_at(pass, at->attention_norm), R, d);
    linear_forward(pass->work, s->qkv, pass->x, &products_of(pass, l)->wqkv, R, false);
    rope_forward(s->qkv, width, R, pass->length, c->heads + c->kv_heads, h, pass->decoder->rope);
    self_attention_forward(s->att, s->lse, s->qkv, &pass->self, pass->attention);
    memcpy(s->mid, s->in, sizeof(float) * (size_t)R * (size_t)d);
    linear_forward(pass->work, s->mid, s->att, &products_of(pass, l)->wo, R, true);
    if (!model_layer_reads(c, l)) return;
    rmsnorm_forward(pass->x, s->mid_r, s->mid, weight_at(pass, at->cross_norm), R, d);
    linear_forward(pass->work, s->cq, pass->x, &products_of(pass, l)->cross_wq, R, false);
    rope_forward(s->cq, d, R, pass->length, c->heads, h, pass->decoder->rope);
}

/* From dh behind self-attention to dh before it. dw is the layer's gradient, or NULL. */
static void self_backward(struct decoder_pass *pass, int l, float *dw) {
    const struct ltm_model_config *c = &pass->decoder->config;
    const struct layer_offsets *at = offsets_of(pass, l);
    const struct layer_state *s = &pass->layers[l];
    const int R = rows_of(pass);
    const int d = c->dim;
    const int h = d / c->heads;
    const int width = (c->heads + 2 * c->kv_heads) * h;
    const float *gain = weight_at(pass, at->attention_norm);
    linear_backward_input(pass->work, pass->datt, pass->dh, &products_of(pass, l)->wo, R);
    self_attention_backward(pass->dqkv, pass->datt, s->qkv, s->att, s->lse, &pass->self, pass->attention);
    rope_backward(pass->dqkv, width, R, pass->length, c->heads + c->kv_heads, h, pass->decoder->rope);
    linear_backward_input(pass->work, pass->dx, pass->dqkv, &products_of(pass, l)->wqkv, R);
    if (dw) {
        linear_backward_weight(pass->work, gradient_at(dw, at, at->wo), pass->dh, s->att, &products_of(pass, l)->wo, R);
        rmsnorm_forward(pass->x, NULL, s->in, gain, R, d);
        linear_backward_weight(pass->work, gradient_at(dw, at, at->wqkv), pass->dqkv, pass->x,
                               &products_of(pass, l)->wqkv, R);
    }
    rmsnorm_backward(pass->dh, gradient_at(dw, at, at->attention_norm), pass->dx, s->in, s->in_r, gain, R, d);
}

/* cross = mid + CrossAttn(RMSNorm(mid), z_l) */
static void cross_forward(struct decoder_pass *pass, int l, const float *z) {
    const struct layer_offsets *at = offsets_of(pass, l);
    struct layer_state *s = &pass->layers[l];
    gather_latents(pass->zl, z, pass, l);
    cross_attention_latents(s->ckv, cross_attention_folds(&pass->across) ? s->u : NULL, pass->zl,
                            weight_at(pass, at->cross_wkv), weight_at(pass, at->cross_wo), pass->decoder->latent_rope,
                            &pass->across);
    memcpy(s->cross, s->mid, sizeof(float) * (size_t)rows_of(pass) * (size_t)pass->decoder->config.dim);
    cross_attention_forward(s->cross, s->p, s->cq, s->ckv, s->u, weight_at(pass, at->cross_wo), &pass->across);
}

/* dz of the layer (unless dz is NULL), and dh from behind to before; at the first layer of a pass to z alone, dh is not needed
 * any more and is left. z is needed for weight gradients only. */
static void cross_backward(struct decoder_pass *pass, int l, const float *z, float *dz, float *dw) {
    const struct ltm_model_config *c = &pass->decoder->config;
    const struct layer_offsets *at = offsets_of(pass, l);
    const struct layer_state *s = &pass->layers[l];
    const int R = rows_of(pass);
    const int d = c->dim;
    const int h = d / c->heads;
    const float *gain = weight_at(pass, at->cross_norm);
    float *dq = l > first_reader(pass) || dw ? pass->dq : NULL;
    cross_attention_backward(dq, pass->dkv, pass->du, gradient_at(dw, at, at->cross_wo), pass->dp, pass->dh, s->p,
                             s->cq, s->ckv, s->u, weight_at(pass, at->cross_wo), pass->decoder->latent_rope,
                             &pass->across);
    if (dw) gather_latents(pass->zl, z, pass, l);
    cross_attention_latents_backward(pass->dzl, gradient_at(dw, at, at->cross_wkv), pass->dkv, pass->zl,
                                     weight_at(pass, at->cross_wkv), &pass->across);
    if (dz) scatter_latents(dz, pass->dzl, pass, l);
    if (!dq) return;
    rope_backward(dq, d, R, pass->length, c->heads, h, pass->decoder->rope);
    linear_backward_input(pass->work, pass->dx, dq, &products_of(pass, l)->cross_wq, R);
    if (dw) {
        rmsnorm_forward(pass->x, NULL, s->mid, gain, R, d);
        linear_backward_weight(pass->work, gradient_at(dw, at, at->cross_wq), dq, pass->x,
                               &products_of(pass, l)->cross_wq, R);
    }
    rmsnorm_backward(pass->dh, gradient_at(dw, at, at->cross_norm), pass->dx, s->mid, s->mid_r, gain, R, d);
}

/* next = cross + SwiGLU(RMSNorm(cross)) */
static void ffn_forward(struct decoder_pass *pass, int l, float *next) {
    const struct layer_offsets *at = offsets_of(pass, l);
    struct layer_state *s = &pass->layers[l];
    const int R = rows_of(pass);
    const int d = pass->decoder->config.dim;
    const int F = model_ffn_width(&pass->decoder->config);
    rmsnorm_forward(pass->x, s->cross_r, s->cross, weight_at(pass, at->ffn_norm), R, d);
    linear_forward(pass->work, s->ab, pass->x, &products_of(pass, l)->w13, R, false);
    swiglu_forward(pass->s, s->ab, R, F);
    memcpy(next, s->cross, sizeof(float) * (size_t)R * (size_t)d);
    linear_forward(pass->work, next, pass->s, &products_of(pass, l)->w2, R, true);
}

static void ffn_backward(struct decoder_pass *pass, int l, float *dw) {
    const struct layer_offsets *at = offsets_of(pass, l);
    struct layer_state *s = &pass->layers[l];
    const int R = rows_of(pass);
    const int d = pass->decoder->config.dim;
    const int F = model_ffn_width(&pass->decoder->config);
    const float *gain = weight_at(pass, at->ffn_norm);
    if (dw) {
        swiglu_forward(pass->s, s->ab, R, F);
        linear_backward_weight(pass->work, gradient_at(dw, at, at->w2), pass->dh, pass->s, &products_of(pass, l)->w2,
                               R);
    }
    linear_backward_input(pass->work, pass->ds, pass->dh, &products_of(pass, l)->w2, R);
    swiglu_backward(s->ab, pass->ds, s->ab, R, F);
    linear_backward_input(pass->work, pass->dx, s->ab, &products_of(pass, l)->w13, R);
    if (dw) {
        rmsnorm_forward(pass->x, NULL, s->cross, gain, R, d);
        linear_backward_weight(pass->work, gradient_at(dw, at, at->w13), s->ab, pass->x, &products_of(pass, l)->w13, R);
    }
    rmsnorm_backward(pass->dh, gradient_at(dw, at, at->ffn_norm), pass->dx, s->cross, s->cross_r, gain, R, d);
}

static void forward_layer(struct decoder_pass *pass, int l) {
    const int layers = pass->decoder->config.layers;
    ffn_forward(pass, l, l + 1 < layers ? pass->layers[l + 1].in : pass->out);
}

/* Up to the first cross-attention, which is as far as z has no say. */
static void forward_below(struct decoder_pass *pass) {
    embedding_forward(pass->layers[0].in, weight_at(pass, pass->decoder->table.embedding), pass->tokens, rows_of(pass),
                      pass->decoder->config.dim);
    for (int l = 0; l < first_reader(pass); l++) {
        self_forward(pass, l);
        forward_layer(pass, l);
    }
    self_forward(pass, first_reader(pass));
    pass->below = true;
}

void decoder_begin(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int sequences,
                   int length) {
    decoder_pass_shape(pass, sequences, length);
    decoder_pass_prepare(pass);
    pass->tokens = tokens;
    pass->targets = targets;
    forward_below(pass);
}

/* The layers from the first cross-attention up, then the final norm into pass->x. */
static void forward(struct decoder_pass *pass, const float *z) {
    const struct ltm_model_config *c = &pass->decoder->config;
    const int first = first_reader(pass);
    if (!pass->below) forward_below(pass);
    for (int l = first; l < c->layers; l++) {
        if (l > first) self_forward(pass, l);
        if (c->latents) cross_forward(pass, l, z);
        forward_layer(pass, l);
    }
    rmsnorm_forward(pass->x, pass->out_r, pass->out, weight_at(pass, pass->decoder->table.final_norm), rows_of(pass),
                    c->dim);
}

static void loss(struct decoder_pass *pass, float *nll, float *dx, float *de, const float *weights) {
    output_loss(pass->work, nll, dx, de, pass->x, &pass->decoder->output, pass->targets, weights, rows_of(pass),
                pass->logits);
}

void decoder_score(struct decoder_pass *pass, const float *z, float *nll) {
    forward(pass, z);
    loss(pass, nll, NULL, NULL, NULL);
}

/* From pass->dx, the gradient of the normalised output, to dh behind the last layer. */
static void final_norm_backward(struct decoder_pass *pass, float *dgain) {
    const size_t n = (size_t)rows_of(pass) * (size_t)pass->decoder->config.dim;
    memset(pass->dh, 0, sizeof(float) * n);
    rmsnorm_backward(pass->dh, dgain, pass->dx, pass->out, pass->out_r,
                     weight_at(pass, pass->decoder->table.final_norm), rows_of(pass), pass->decoder->config.dim);
}

void decoder_latent_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll, float *dz) {
    forward(pass, z);
    loss(pass, nll, pass->dx, NULL, weights);
    final_norm_backward(pass, NULL);
    for (int l = pass->decoder->config.layers - 1; l >= first_reader(pass); l--) {
        ffn_backward(pass, l, NULL);
        cross_backward(pass, l, z, dz, NULL);
        if (l > first_reader(pass)) self_backward(pass, l, NULL);
    }
}

const float *decoder_output(const struct decoder_pass *pass) { return pass->x; }

int decoder_blocks(const struct decoder *decoder) { return decoder->config.layers + 2; }

/* The embedding's gradient has two parts, from the output layer at the beginning and from the tokens at the end; they gather
 * in a buffer of this thread's, so that it is taken once. */
void decoder_give_weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                                  const struct gradient_taker *taker) {
    const struct decoder *decoder = pass->decoder;
    const struct ltm_model_config *c = &decoder->config;
    const size_t embedding = (size_t)c->vocab * (size_t)c->dim;
    const struct layer_offsets *top = &decoder->table.layers[c->layers - 1];
    const size_t largest = top->end - top->begin;
    float *dnorm = pass->de + embedding;
    forward(pass, z);
    if (taker->wait) taker->wait(taker->user, pass->de);
    if (taker->wait) taker->wait(taker->user, dnorm);
    memset(pass->de, 0, sizeof(float) * (embedding + (size_t)c->dim));
    loss(pass, nll, pass->dx, pass->de, weights);
    final_norm_backward(pass, dnorm);
    taker->take(taker->user, c->layers + 1, dnorm);
    for (int l = c->layers - 1; l >= 0; l--) {
        const struct layer_offsets *at = &decoder->table.layers[l];
        float *dw = pass->dw + (decoder->overlap && l % 2 ? largest : 0);
        if (taker->wait) taker->wait(taker->user, dw);
        memset(dw, 0, sizeof(float) * (at->end - at->begin));
        ffn_backward(pass, l, dw);
        if (model_layer_reads(c, l)) cross_backward(pass, l, z, NULL, dw);
        self_backward(pass, l, dw);
        taker->take(taker->user, 1 + l, dw);
    }
    pass->below = first_reader(pass) == 0; /* else the gradients of SwiGLU's inputs stand in their place */
    embedding_backward(pass->de, pass->dh, pass->tokens, rows_of(pass), c->dim);
    taker->take(taker->user, 0, pass->de);
}

struct gradient_array {
    const struct decoder *decoder;
    float *array;
};

static void add_to_array(void *user, int block, const float *gradient) {
    const struct gradient_array *to = user;
    const struct weight_table *table = &to->decoder->table;
    const size_t d = (size_t)to->decoder->config.dim;
    if (block == 0)
        vector_add(to->array + table->embedding, gradient, (size_t)to->decoder->config.vocab * d);
    else if (block <= to->decoder->config.layers)
        vector_add(to->array + table->layers[block - 1].begin, gradient,
                   table->layers[block - 1].end - table->layers[block - 1].begin);
    else
        vector_add(to->array + table->final_norm, gradient, d);
}

void decoder_weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                             float *gradient) {
    struct gradient_array array = {pass->decoder, gradient};
    const struct gradient_taker taker = {.user = &array, .take = add_to_array};
    decoder_give_weight_gradient(pass, z, weights, nll, &taker);
}
