/* Self-attention in generation: a slot keeps the keys and values of a window, and of its latents where they are further ones. */
#include <math.h>
#include <string.h>

#include <omp.h>

#include "math/vector.h"
#include "nn/head_norm.h"
#include "nn/rope.h"
#include "nn/self_attention.h"
#include "stages/self_attention_stage.h"

/* The t-th position of the present document lies at t mod window. */
struct cache {
    float *k; /* (K, window, h): a head's together */
    float *v;
    float *latents; /* (M, 2 K h): keys and values of latents; NULL = none */
    float *z;       /* (M, d): as they are read */
};

struct buffers {
    float *x;      /* (rows, d) */
    float *qkv;    /* (rows, (H + 2K) h) */
    float *att;    /* (rows, d) */
    float *scores; /* (threads, H / K, window + M) */
};

_Static_assert(sizeof(struct cache) == ATTENTION_CACHE_BYTES && sizeof(struct buffers) == ATTENTION_STEP_BYTES,
               "as told");

void self_attention_lay_out_cache(void *cache, struct arena *arena, const struct ltm_model_config *c) {
    struct cache *made = cache;
    const size_t size = (size_t)c->window * (size_t)(c->kv_heads * model_head_dim(c));
    made->k = ARENA_TAKE(arena, float, size);
    made->v = ARENA_TAKE(arena, float, size);
    made->latents = made->z = NULL;
}

void self_attention_lay_out_latent_cache(void *cache, struct arena *arena, const struct ltm_model_config *c) {
    struct cache *made = cache;
    const size_t M = (size_t)model_layer_latents(c);
    self_attention_lay_out_cache(cache, arena, c);
    made->latents = ARENA_TAKE(arena, float, M *(size_t)(2 * attention_kv_width(c)));
    made->z = ARENA_TAKE(arena, float, M *(size_t)c->dim);
}

void self_attention_begin_latent_cache(void *cache, const struct stage_weights *w, const struct ltm_model_config *c,
                                       const float *latent_rope, const float *z) {
    const struct cache *to = cache;
    (void)latent_rope;
    latent_attention_keys(to->latents, to->z, z, w, attention_latent_row(c), &w->row_products[LATENT_PRODUCT], c);
}

static int score_width(const struct ltm_model_config *c) { return c->window + model_layer_latents(c); }

void self_attention_lay_out_step(void *buffers, struct arena *scratch, const struct ltm_model_config *c, int rows,
                                 int threads) {
    struct buffers *b = buffers;
    const size_t group = (size_t)(c->heads / c->kv_heads);
    b->x = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)c->dim);
    b->qkv = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)attention_qkv_width(c));
    b->att = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)c->dim);
    b->scores = ARENA_TAKE(scratch, float, (size_t)threads *group *(size_t)score_width(c));
}

/* The k and v (K h each, side by side) of its document's t-th position into a cache; those of one head, or with head -1 of all. */
static void store(const struct cache *cache, const float *kv, const struct ltm_model_config *c, int head, int64_t t) {
    const size_t h = (size_t)model_head_dim(c);
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

void self_attention_continue_cache(void *cache, const void *state, const struct stage_shape *shape, int start) {
    const struct self_attention_state *s = state;
    const struct ltm_model_config *c = shape->config;
    const int end = shape->position + shape->length;
    const float *kv = s->kv ? attention_kv_present(s, c) : s->qkv + c->dim;
    const ptrdiff_t row = (ptrdiff_t)(s->kv ? attention_kv_row(c) : (size_t)attention_qkv_width(c));
    for (int t = end - start > c->window ? end - c->window : start; t < end; t++)
        store(cache, kv + (t - shape->position) * row, c, -1, t - start);
}

void self_attention_step_left(void *cache, const void *before, const struct ltm_model_config *c, int t) {
    struct cache *to = cache;
    const struct cache *from = before;
    const size_t h = (size_t)model_head_dim(c);
    for (int i = 0; i < c->kv_heads; i++) {
        const size_t at = ((size_t)i * (size_t)c->window + (size_t)(t % c->window)) * h;
        memcpy(to->k + at, from->k + at, h * sizeof(float));
        memcpy(to->v + at, from->v + at, h * sizeof(float));
    }
}

/* o = softmax(q kᵀ / sqrt(h)) v over the cached positions, for the query heads of one key/value head of a row; its new key and
 * value go to the cache first. */
static void attend(const struct stage_step *io, const struct stage_weights *w, const struct buffers *b, char *caches,
                   int row, int head) {
    const struct ltm_model_config *c = io->config;
    const struct cache *cache = (const struct cache *)(void *)caches + io->slots[row];
    const int h = model_head_dim(c);
    const int group = c->heads / c->kv_heads;
    const int64_t here = io->positions[io->slots[row]] - io->starts[io->slots[row]];
    const int cached = here + 1 < c->window ? (int)here + 1 : c->window;
    const size_t at = (size_t)head * (size_t)c->window * (size_t)h;
    const float *turn = stage_turn(io, io->slots[row]);
    const float scale = 1.0f / sqrtf((float)h);
    float *qkv = b->qkv + (size_t)row * (size_t)attention_qkv_width(c);
    float *q = qkv + head * group * h;
    const int M = cache->latents ? model_layer_latents(c) : 0;
    const int width = score_width(c);
    float *scores = b->scores + (size_t)omp_get_thread_num() * (size_t)group * (size_t)width;
    if (attention_norms_qk(c)) {
        head_norm_forward(q, c->dim, stage_weight(w, Q_SCALE) + head * group, 1, group, h);
        head_norm_forward(qkv + c->dim + head * h, c->dim, NULL, 1, 1, h);
    }
    if (c->value_residual)
        self_attention_mix_value(qkv + c->dim + attention_kv_width(c) + head * h,
                                 io->values + (size_t)row * (size_t)attention_kv_width(c) + head * h, w, c, h);
    for (int i = 0; M && i < group; i++)
        latent_attention_scores(scores + i * width + cached, q + i * h, head * group + i, cache->latents, w,
                                attention_latent_row(c), c);
    rope_forward(q, c->dim, 1, 1, group, h, turn);
    rope_forward(qkv + c->dim + head * h, c->dim, 1, 1, 1, h, turn);
    store(cache, qkv + c->dim, c, head, here);
    const struct row_weight keys = {.full = cache->k + at, .out = cached, .in = h, .ld = h};
    row_product(scores, width, q, h, &keys, group, false, 0, 1);
    for (int i = 0; i < group; i++) {
        float *p = scores + (size_t)i * (size_t)width;
        float *o = b->att + (size_t)row * (size_t)c->dim + (head * group + i) * h;
        const size_t all = (size_t)(cached + M);
        vector_scale(p, scale, (size_t)cached);
        vector_exp(p, vector_max(p, all), all);
        memset(o, 0, sizeof *o * (size_t)h);
        float sum = self_attention_add(o, p, cache->v + at, h, cached, h);
        if (M)
            sum += self_attention_add(o, p + cached, cache->latents + attention_kv_width(c) + head * h,
                                      2 * attention_kv_width(c), M, h);
        vector_scale(o, 1 / sum, (size_t)h);
    }
}

void self_attention_step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    const struct buffers *b = buffers;
    const int heads = io->config->kv_heads;
    stage_norm(io, b->x, stage_weight(w, NORM));
    stage_product(io, b->qkv, b->x, &w->row_products[QKV_PRODUCT], false);
    const struct stage_share mine = stage_share(io->rows * heads);
    for (int i = mine.from; i < mine.to; i++) attend(io, w, b, caches, i / heads, i % heads);
    stage_meet();
    stage_product(io, io->h, b->att, &w->row_products[WO_PRODUCT], true);
}
