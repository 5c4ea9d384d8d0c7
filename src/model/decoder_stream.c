#include "model/decoder_stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/vector.h"
#include "model/decoder_pass.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/rmsnorm.h"
#include "nn/rope.h"
#include "nn/swiglu.h"

/* One layer's cache: position t lies in slot t mod window. */
struct stream_layer {
    float *k, *v;   /* (window, K h) */
    float *ckv, *u; /* (M, 2 K h), (H M, d): the latents', folded */
};

struct decoder_stream {
    const struct decoder *decoder;
    void *block;
    int position;
    struct stream_layer *layers; /* [L] */
    float *h, *x, *qkv, *att, *q, *p, *ab, *s, *scores, *logits;
};

static void lay_out(struct decoder_stream *stream, struct arena *arena) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const size_t d = (size_t)c->dim, h = d / (size_t)c->heads, H = (size_t)c->heads, kv = (size_t)c->kv_heads * h;
    const size_t M = (size_t)(c->latents / c->layers), F = (size_t)model_ffn_width(c), window = (size_t)c->window;
    stream->layers = ARENA_TAKE(arena, struct stream_layer, (size_t)c->layers);
    struct stream_layer unused;
    for (int l = 0; l < c->layers; l++) {
        struct stream_layer *layer = arena->base ? &stream->layers[l] : &unused;
        layer->k = ARENA_TAKE(arena, float, window *kv);
        layer->v = ARENA_TAKE(arena, float, window *kv);
        layer->ckv = ARENA_TAKE(arena, float, M * 2 * kv);
        layer->u = ARENA_TAKE(arena, float, H *M *d);
    }
    stream->h = ARENA_TAKE(arena, float, d);
    stream->x = ARENA_TAKE(arena, float, d);
    stream->qkv = ARENA_TAKE(arena, float, d + 2 * kv);
    stream->att = ARENA_TAKE(arena, float, d);
    stream->q = ARENA_TAKE(arena, float, d);
    stream->p = ARENA_TAKE(arena, float, H *M);
    stream->ab = ARENA_TAKE(arena, float, 2 * F);
    stream->s = ARENA_TAKE(arena, float, F);
    stream->scores = ARENA_TAKE(arena, float, window);
    stream->logits = ARENA_TAKE(arena, float, (size_t)c->vocab);
}

ltm_status decoder_stream_create(struct decoder_stream **stream, const struct decoder *decoder,
                                 struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct decoder_stream *made = NULL, measured = {.decoder = decoder};
    struct arena arena = {0};
    *stream = NULL;
    lay_out(&measured, &arena);
    TRY(NEW_ARRAY(made, 1, "generation", error));
    made->decoder = decoder;
    TRY(memory_zeroed(&made->block, arena.used, 1, "generation", error));
    arena = (struct arena){.base = made->block};
    lay_out(made, &arena);
    *stream = made;
    return LTM_OK;
cleanup:
    decoder_stream_free(made);
    return status;
}

void decoder_stream_free(struct decoder_stream *stream) {
    if (!stream) return;
    free(stream->block);
    free(stream);
}

static const float *weight_at(const struct decoder_stream *stream, size_t offset) {
    return stream->decoder->weights + offset;
}

static struct cross_shape one_position(const struct ltm_model_config *c) {
    return (struct cross_shape){1, 1, c->latents / c->layers, c->heads, c->kv_heads, c->dim / c->heads, c->dim};
}

void decoder_stream_begin(struct decoder_stream *stream, const float *z) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const struct cross_shape shape = one_position(c);
    const size_t part = (size_t)shape.latents * (size_t)c->dim;
    stream->position = 0;
    for (int l = 0; c->latents && l < c->layers; l++) {
        const struct layer_offsets *at = &stream->decoder->table.layers[l];
        cross_attention_latents(stream->layers[l].ckv, stream->layers[l].u, z + (size_t)l * part,
                                weight_at(stream, at->cross_wkv), weight_at(stream, at->cross_wo),
                                stream->decoder->latent_rope, &shape);
    }
}

void decoder_stream_begin_behind(struct decoder_stream *stream, const struct decoder_pass *pass, const float *z) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const size_t kv = (size_t)c->kv_heads * (size_t)(c->dim / c->heads), width = (size_t)c->dim + 2 * kv;
    decoder_stream_begin(stream, z);
    stream->position = pass->length;
    for (int t = pass->length > c->window ? pass->length - c->window : 0; t < pass->length; t++)
        for (int l = 0; l < c->layers; l++) {
            const float *row = pass->layers[l].qkv + (size_t)t * width + c->dim;
            const size_t slot = (size_t)(t % c->window) * kv;
            memcpy(stream->layers[l].k + slot, row, kv * sizeof *row);
            memcpy(stream->layers[l].v + slot, row + kv, kv * sizeof *row);
        }
}

/* o = softmax(q kᵀ / sqrt(h)) v over the cached positions. */
static void attend(struct decoder_stream *stream, const struct stream_layer *layer) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const int h = c->dim / c->heads, cached = stream->position + 1 < c->window ? stream->position + 1 : c->window;
    const size_t kv = (size_t)(c->kv_heads * h);
    const float scale = 1.0f / sqrtf((float)h);
    float *p = stream->scores;
    for (int head = 0; head < c->heads; head++) {
        const size_t at = (size_t)(head / (c->heads / c->kv_heads) * h);
        const float *q = stream->qkv + head * h;
        float *o = stream->att + head * h;
        for (int i = 0; i < cached; i++) p[i] = scale * vector_dot(q, layer->k + (size_t)i * kv + at, (size_t)h);
        const float sum = vector_exp_sum(p, vector_max(p, (size_t)cached), (size_t)cached);
        memset(o, 0, sizeof *o * (size_t)h);
        for (int i = 0; i < cached; i++) {
            const float *v = layer->v + (size_t)i * kv + at, share = p[i] / sum;
#pragma omp simd
            for (int j = 0; j < h; j++) o[j] += share * v[j];
        }
    }
}

static void layer_step(struct decoder_stream *stream, int l) {
    const struct decoder *decoder = stream->decoder;
    const struct ltm_model_config *c = &decoder->config;
    const struct layer_offsets *at = &decoder->table.layers[l];
    const struct layer_products *products = &decoder->products[l];
    const struct stream_layer *layer = &stream->layers[l];
    const int d = c->dim, h = d / c->heads, kv = c->kv_heads * h, F = model_ffn_width(c);
    const float *turn = decoder->rope + (size_t)stream->position * (size_t)h;
    const size_t slot = (size_t)(stream->position % c->window) * (size_t)kv;
    rmsnorm_forward(stream->x, NULL, stream->h, weight_at(stream, at->attention_norm), 1, d);
    linear_forward(NULL, stream->qkv, stream->x, &products->wqkv, 1, false);
    rope_forward(stream->qkv, d + 2 * kv, 1, 1, c->heads + c->kv_heads, h, turn);
    memcpy(layer->k + slot, stream->qkv + d, sizeof(float) * (size_t)kv);
    memcpy(layer->v + slot, stream->qkv + d + kv, sizeof(float) * (size_t)kv);
    attend(stream, layer);
    linear_forward(NULL, stream->h, stream->att, &products->wo, 1, true);
    if (c->latents) {
        const struct cross_shape shape = one_position(c);
        rmsnorm_forward(stream->x, NULL, stream->h, weight_at(stream, at->cross_norm), 1, d);
        linear_forward(NULL, stream->q, stream->x, &products->cross_wq, 1, false);
        rope_forward(stream->q, d, 1, 1, c->heads, h, turn);
        cross_attention_forward(stream->h, stream->p, stream->q, layer->ckv, layer->u, &shape);
    }
    rmsnorm_forward(stream->x, NULL, stream->h, weight_at(stream, at->ffn_norm), 1, d);
    linear_forward(NULL, stream->ab, stream->x, &products->w13, 1, false);
    swiglu_forward(stream->s, stream->ab, 1, F);
    linear_forward(NULL, stream->h, stream->s, &products->w2, 1, true);
}

float *decoder_stream_step(struct decoder_stream *stream, int32_t token) {
    const struct decoder *decoder = stream->decoder;
    const struct ltm_model_config *c = &decoder->config;
    embedding_forward(stream->h, weight_at(stream, decoder->table.embedding), &token, 1, c->dim);
    for (int l = 0; l < c->layers; l++) layer_step(stream, l);
    stream->position++;
    rmsnorm_forward(stream->x, NULL, stream->h, weight_at(stream, decoder->table.final_norm), 1, c->dim);
    linear_forward(NULL, stream->logits, stream->x, &decoder->output, 1, false);
    return stream->logits;
}
