#include "model/decoder_stream.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/memory.h"
#include "math/vector.h"
#include "model/decoder_pass.h"
#include "nn/embedding.h"
#include "nn/rmsnorm.h"
#include "nn/rope.h"
#include "nn/swiglu.h"

/* One layer's cache of one slot: position t lies at t mod window. */
struct layer_cache {
    float *k, *v;   /* (K, window, h): a head's together */
    float *ckv, *u; /* (M, 2 K h), (H M, d): the latents', folded once a z */
};

struct decoder_stream {
    const struct decoder *decoder;
    const struct stream_weights *weights;
    void *block;
    int slots, threads;
    int *position;              /* [slots] */
    struct layer_cache *caches; /* [slots L] */
    int rows;                   /* of the present step, and where each belongs */
    const int *row_slot;
    float *h, *x, *qkv, *att, *q, *p, *ab, *s, *logits; /* (slots, …) */
    float *scores;                                      /* (threads, H / K, window) */
};

static void lay_out(struct decoder_stream *stream, struct arena *arena) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const size_t d = (size_t)c->dim;
    const size_t h = d / (size_t)c->heads;
    const size_t H = (size_t)c->heads;
    const size_t kv = (size_t)c->kv_heads * h;
    const size_t M = (size_t)model_layer_latents(c);
    const size_t F = (size_t)model_ffn_width(c);
    const size_t window = (size_t)c->window;
    const size_t S = (size_t)stream->slots;
    const size_t group = H / (size_t)c->kv_heads;
    stream->position = ARENA_TAKE(arena, int, S);
    stream->caches = ARENA_TAKE(arena, struct layer_cache, S * (size_t)c->layers);
    struct layer_cache unused;
    for (size_t i = 0; i < S * (size_t)c->layers; i++) {
        struct layer_cache *cache = arena->base ? &stream->caches[i] : &unused;
        cache->k = ARENA_TAKE(arena, float, window *kv);
        cache->v = ARENA_TAKE(arena, float, window *kv);
        cache->ckv = ARENA_TAKE(arena, float, M * 2 * kv);
        cache->u = ARENA_TAKE(arena, float, H *M *d);
    }
    stream->h = ARENA_TAKE(arena, float, S *d);
    stream->x = ARENA_TAKE(arena, float, S *d);
    stream->qkv = ARENA_TAKE(arena, float, S *(d + 2 * kv));
    stream->att = ARENA_TAKE(arena, float, S *d);
    stream->q = ARENA_TAKE(arena, float, S *d);
    stream->p = ARENA_TAKE(arena, float, S *H *M);
    stream->ab = ARENA_TAKE(arena, float, S * 2 * F);
    stream->s = ARENA_TAKE(arena, float, S *F);
    stream->scores = ARENA_TAKE(arena, float, (size_t)stream->threads *group *window);
    stream->logits = ARENA_TAKE(arena, float, S *(size_t)c->vocab);
}

size_t decoder_stream_bytes(const struct decoder *decoder, int slots, int threads) {
    struct decoder_stream measured = {.decoder = decoder, .slots = slots, .threads = threads};
    struct arena arena = {0};
    lay_out(&measured, &arena);
    return arena.used;
}

ltm_status decoder_stream_create(struct decoder_stream **stream, const struct stream_weights *weights, int slots,
                                 int threads, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct decoder_stream *made = NULL;
    struct arena arena = {0};
    *stream = NULL;
    TRY(NEW_ARRAY(made, 1, "generation", error));
    *made =
        (struct decoder_stream){.decoder = weights->decoder, .weights = weights, .slots = slots, .threads = threads};
    TRY(memory_zeroed(&made->block, decoder_stream_bytes(weights->decoder, slots, threads), 1, "generation", error));
    arena.base = made->block;
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

static struct layer_cache *cache_of(const struct decoder_stream *stream, int slot, int l) {
    return &stream->caches[slot * stream->decoder->config.layers + l];
}

void decoder_stream_begin(struct decoder_stream *stream, int slot, const float *z) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const struct cross_shape shape = {1, 1, model_layer_latents(c), c->heads, c->kv_heads, c->dim / c->heads, c->dim};
    const size_t part = (size_t)shape.latents * (size_t)c->dim;
    stream->position[slot] = 0;
    for (int l = 0; l < c->layers; l++) {
        if (!model_layer_reads(c, l)) continue;
        const struct layer_offsets *at = &stream->decoder->table.layers[l];
        struct layer_cache *cache = cache_of(stream, slot, l);
        cross_attention_latents(cache->ckv, cache->u, z + (size_t)(l - c->latent_from) * part,
                                weight_at(stream, at->cross_wkv), weight_at(stream, at->cross_wo),
                                stream->decoder->latent_rope, &shape);
    }
}

/* The k and v (K h each, side by side) of position t into a layer's cache; those of one head, or with head -1 of all. */
static void store(const struct layer_cache *cache, const float *kv, const struct ltm_model_config *c, int head, int t) {
    const size_t h = (size_t)(c->dim / c->heads);
    const size_t window = (size_t)c->window;
    const size_t at = (size_t)(t % c->window);
    const int from = head < 0 ? 0 : head;
    const int to = head < 0 ? c->kv_heads : head + 1;
    for (int i = from; i < to; i++) {
        const size_t there = ((size_t)i * window + at) * h;
        memcpy(cache->k + there, kv + (size_t)i * h, h * sizeof *kv);
        memcpy(cache->v + there, kv + (size_t)(c->kv_heads + i) * h, h * sizeof *kv);
    }
}

void decoder_stream_begin_behind(struct decoder_stream *stream, int slot, const struct decoder_pass *pass,
                                 const float *z) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const size_t kv = (size_t)c->kv_heads * (size_t)(c->dim / c->heads);
    const size_t width = (size_t)c->dim + 2 * kv;
    decoder_stream_begin(stream, slot, z);
    stream->position[slot] = pass->length;
    for (int t = pass->length > c->window ? pass->length - c->window : 0; t < pass->length; t++)
        for (int l = 0; l < c->layers; l++)
            store(cache_of(stream, slot, l), pass->layers[l].qkv + (size_t)t * width + c->dim, c, -1, t);
}

/* ---- A step. Every thread of the team calls these; each stage ends where all have done their share. ---- */

struct share {
    int from, to;
};

static struct share my_share(int count) {
    const int64_t me = omp_get_thread_num();
    const int64_t all = omp_get_num_threads();
    return (struct share){(int)(count * me / all), (int)(count * (me + 1) / all)};
}

static void meet(void) {
#pragma omp barrier
}

static void product(struct decoder_stream *stream, float *y, const float *x, const struct row_weight *w, bool add) {
    row_product(y, w->out, x, w->in, w, stream->rows, add, omp_get_thread_num(), omp_get_num_threads());
    meet();
}

static void norm(struct decoder_stream *stream, size_t gain) {
    const struct share mine = my_share(stream->rows);
    const int d = stream->decoder->config.dim;
    const size_t at = (size_t)mine.from * (size_t)d;
    rmsnorm_forward(stream->x + at, NULL, stream->h + at, weight_at(stream, gain), mine.to - mine.from, d);
    meet();
}

/* o (h) = Σ p_i v_i / Σ p_i over `count` rows of v. */
static void weighted_mean(float *restrict o, const float *p, const float *v, int count, int h) {
    float sum = 0;
    int i = 0;
    memset(o, 0, sizeof *o * (size_t)h);
    for (; i + 4 <= count; i += 4, v += 4 * h) {
        const float a = p[i];
        const float b = p[i + 1];
        const float c = p[i + 2];
        const float e = p[i + 3];
        sum += a + b + c + e;
#pragma omp simd
        for (int j = 0; j < h; j++) o[j] += a * v[j] + b * v[h + j] + c * v[2 * h + j] + e * v[3 * h + j];
    }
    for (; i < count; i++, v += h) {
        sum += p[i];
#pragma omp simd
        for (int j = 0; j < h; j++) o[j] += p[i] * v[j];
    }
    vector_scale(o, 1 / sum, (size_t)h);
}

/* o = softmax(q kᵀ / sqrt(h)) v over the cached positions, for the query heads of one key/value head; its new key and value go
 * to the cache first. */
static void attend(struct decoder_stream *stream, int l, int row, int head) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const int h = c->dim / c->heads;
    const int group = c->heads / c->kv_heads;
    const int slot = stream->row_slot[row];
    const int t = stream->position[slot];
    const int cached = t + 1 < c->window ? t + 1 : c->window;
    const struct layer_cache *cache = cache_of(stream, slot, l);
    const float *turn = stream->decoder->rope + (size_t)t * (size_t)h;
    const float scale = 1.0f / sqrtf((float)h);
    float *qkv = stream->qkv + (size_t)row * (size_t)(c->dim + 2 * c->kv_heads * h);
    float *q = qkv + head * group * h;
    float *scores = stream->scores + (size_t)omp_get_thread_num() * (size_t)group * (size_t)c->window;
    rope_forward(q, c->dim, 1, 1, group, h, turn);
    rope_forward(qkv + c->dim + head * h, c->dim, 1, 1, 1, h, turn);
    store(cache, qkv + c->dim, c, head, t);
    const size_t at = (size_t)head * (size_t)c->window * (size_t)h;
    const struct row_weight keys = {.full = cache->k + at, .out = cached, .in = h, .ld = h};
    row_product(scores, c->window, q, h, &keys, group, false, 0, 1);
    for (int i = 0; i < group; i++) {
        float *p = scores + (size_t)i * (size_t)c->window;
        vector_scale(p, scale, (size_t)cached);
        vector_exp(p, vector_max(p, (size_t)cached), (size_t)cached);
        weighted_mean(stream->att + (size_t)row * (size_t)c->dim + (head * group + i) * h, p, cache->v + at, cached, h);
    }
}

static void self_step(struct decoder_stream *stream, int l) {
    const struct layer_offsets *at = &stream->decoder->table.layers[l];
    const struct stream_layer_weights *w = &stream->weights->layers[l];
    const int heads = stream->decoder->config.kv_heads;
    norm(stream, at->attention_norm);
    product(stream, stream->qkv, stream->x, &w->wqkv, false);
    const struct share mine = my_share(stream->rows * heads);
    for (int i = mine.from; i < mine.to; i++) attend(stream, l, i / heads, i % heads);
    meet();
    product(stream, stream->h, stream->att, &w->wo, true);
}

/* P = softmax(q kᵀ / sqrt(h)) of one key/value head's query heads to the latents. */
static void attend_latents(struct decoder_stream *stream, int l, int row, int head) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const int h = c->dim / c->heads;
    const int group = c->heads / c->kv_heads;
    const int M = model_layer_latents(c);
    const int slot = stream->row_slot[row];
    float *q = stream->q + (size_t)row * (size_t)c->dim + head * group * h;
    float *p = stream->p + ((size_t)row * (size_t)c->heads + (size_t)(head * group)) * (size_t)M;
    const struct row_weight keys = {
        .full = cache_of(stream, slot, l)->ckv + head * h, .out = M, .in = h, .ld = 2 * c->kv_heads * h};
    rope_forward(q, c->dim, 1, 1, group, h, stream->decoder->rope + (size_t)stream->position[slot] * (size_t)h);
    row_product(p, M, q, h, &keys, group, false, 0, 1);
    for (int i = 0; i < group; i++, p += M) {
        vector_scale(p, 1.0f / sqrtf((float)h), (size_t)M);
        const float sum = vector_exp_sum(p, vector_max(p, (size_t)M), (size_t)M);
        vector_scale(p, 1 / sum, (size_t)M);
    }
}

/* h += P U: each thread takes its columns of every row. */
static void add_latents(struct decoder_stream *stream, int l) {
    const struct ltm_model_config *c = &stream->decoder->config;
    const int folded = c->heads * model_layer_latents(c);
    const struct share mine = my_share(c->dim);
    for (int row = 0; row < stream->rows; row++) {
        const float *p = stream->p + (size_t)row * (size_t)folded;
        const float *u = cache_of(stream, stream->row_slot[row], l)->u;
        float *restrict h = stream->h + (size_t)row * (size_t)c->dim;
        for (int i = 0; i < folded; i++, u += c->dim)
#pragma omp simd
            for (int j = mine.from; j < mine.to; j++) h[j] += p[i] * u[j];
    }
    meet();
}

static void cross_step(struct decoder_stream *stream, int l) {
    const int heads = stream->decoder->config.kv_heads;
    norm(stream, stream->decoder->table.layers[l].cross_norm);
    product(stream, stream->q, stream->x, &stream->weights->layers[l].cross_wq, false);
    const struct share mine = my_share(stream->rows * heads);
    for (int i = mine.from; i < mine.to; i++) attend_latents(stream, l, i / heads, i % heads);
    meet();
    add_latents(stream, l);
}

static void ffn_step(struct decoder_stream *stream, int l) {
    const struct stream_layer_weights *w = &stream->weights->layers[l];
    const struct share mine = my_share(stream->rows);
    const size_t F = (size_t)w->w2.in;
    const size_t at = (size_t)mine.from * F;
    norm(stream, stream->decoder->table.layers[l].ffn_norm);
    product(stream, stream->ab, stream->x, &w->w13, false);
    swiglu_forward(stream->s + at, stream->ab + 2 * at, mine.to - mine.from, w->w2.in);
    meet();
    product(stream, stream->h, stream->s, &w->w2, true);
}

float *decoder_stream_step(struct decoder_stream *stream, const int *slots, const int32_t *tokens, int count) {
    const struct decoder *decoder = stream->decoder;
    const struct ltm_model_config *c = &decoder->config;
    stream->rows = count;
    stream->row_slot = slots;
    embedding_forward(stream->h, weight_at(stream, decoder->table.embedding), tokens, count, c->dim);
#pragma omp parallel num_threads(stream->threads)
    {
        for (int l = 0; l < c->layers; l++) {
            self_step(stream, l);
            if (model_layer_reads(c, l)) cross_step(stream, l);
            ffn_step(stream, l);
        }
        norm(stream, decoder->table.final_norm);
        product(stream, stream->logits, stream->x, &stream->weights->output, false);
    }
    for (int i = 0; i < count; i++) stream->position[slots[i]]++;
    return stream->logits;
}
