/* The neural memory in generation: a slot keeps M, S and the chunk at hand, whatever the length of its text. */
#include <string.h>

#include <omp.h>

#include "math/vector.h"
#include "stages/neural_memory_stage.h"

/* What a slot's text has written, and its present chunk, which is written when the next one begins. */
struct cache {
    float *M, *S; /* (H, size) */
    float *k, *v; /* (H, chunk, h) */
    float *rate;  /* (H, chunk) */
    float *sums;  /* (H, 2): of η's and α's logits */
};

struct buffers {
    float *x;    /* (rows, d) */
    float *p;    /* (rows, 4d + 3H) */
    float *o;    /* (rows, d) */
    float *work; /* (threads, work_floats) */
};

_Static_assert(sizeof(struct cache) == NEURAL_CACHE_BYTES && sizeof(struct buffers) == NEURAL_STEP_BYTES,
               "struct stage_kind says so");

static size_t work_floats(const struct ltm_model_config *c) {
    const int chunk = model_memory_chunk(c);
    const size_t row = (size_t)(model_head_dim(c) + neural_memory_hidden(neural_kind(c)));
    return (size_t)chunk * row + neural_memory_scratch(neural_kind(c), chunk);
}

void neural_memory_lay_out_cache(void *cache, struct arena *arena, const struct ltm_model_config *c) {
    struct cache *made = cache;
    const size_t H = (size_t)c->heads;
    const size_t rows = (size_t)model_memory_chunk(c) * (size_t)c->dim;
    made->M = ARENA_TAKE(arena, float, (H * neural_size(c)));
    made->S = ARENA_TAKE(arena, float, (H * neural_size(c)));
    made->k = ARENA_TAKE(arena, float, rows);
    made->v = ARENA_TAKE(arena, float, rows);
    made->rate = ARENA_TAKE(arena, float, H *(size_t)model_memory_chunk(c));
    made->sums = ARENA_TAKE(arena, float, 2 * H);
}

void neural_memory_lay_out_step(void *buffers, struct arena *scratch, const struct ltm_model_config *c, int rows,
                                int threads) {
    struct buffers *b = buffers;
    b->x = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)c->dim);
    b->p = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)neural_width(c));
    b->o = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)c->dim);
    b->work = ARENA_TAKE(scratch, float, (size_t)threads *work_floats(c));
}

void neural_memory_start_cache(void *cache, const struct stage_weights *w, const struct ltm_model_config *c) {
    struct cache *made = cache;
    memset(made->S, 0, (size_t)c->heads * neural_size(c) * sizeof(float));
    for (int head = 0; head < c->heads; head++) neural_start(made->M + (size_t)head * neural_size(c), w, c, head);
}

/* The t-th token of a head's chunk: k, normed; v and gates from p, a row of the products. */
static void keep(const struct cache *cache, const struct ltm_model_config *c, int head, int t, const float *k,
                 const float *p, float rate) {
    const size_t h = (size_t)model_head_dim(c);
    const size_t at = (size_t)head * (size_t)model_memory_chunk(c) + (size_t)t;
    memcpy(cache->k + at * h, k, h * sizeof *k);
    memcpy(cache->v + at * h, p + 2 * c->dim + (size_t)head * h, h * sizeof *p);
    cache->rate[at] = rate;
    for (int i = 0; i < 2; i++) {
        float *sum = &cache->sums[2 * head + i];
        *sum = (t ? *sum : 0) + p[4 * c->dim + (1 + i) * c->heads + head];
    }
}

void neural_memory_continue_cache(void *cache, const void *state, const struct stage_shape *shape, int begin) {
    const struct cache *made = cache;
    const struct neural_state *s = state;
    const struct ltm_model_config *c = shape->config;
    const size_t size = neural_size(c);
    (void)begin;
    for (int head = 0; head < c->heads; head++) {
        const struct neural_place at = neural_place(s, shape, neural_chunks(shape) - 1, 0, head);
        memcpy(made->M + (size_t)head * size, at.now.M, size * sizeof(float));
        memcpy(made->S + (size_t)head * size, at.now.S, size * sizeof(float));
        for (size_t t = 0; t < (size_t)at.n; t++)
            keep(made, c, head, (int)t, at.k + t * (size_t)model_head_dim(c),
                 s->p + (at.row + t) * (size_t)neural_width(c),
                 s->rate[(at.row + t) * (size_t)c->heads + (size_t)head]);
    }
}

/* A head's chunk is whole: write it. */
static void write_cache(const struct cache *cache, const struct stage_weights *w, const struct ltm_model_config *c,
                        int head, float *work) {
    const struct neural_memory m = neural_kind(c);
    const int n = model_memory_chunk(c);
    const size_t at = (size_t)head * (size_t)n;
    const struct memory_pair memory = {cache->M + (size_t)head * neural_size(c),
                                       cache->S + (size_t)head * neural_size(c)};
    const float *k = cache->k + at * (size_t)m.head_dim;
    float *e = work;
    float *a = e + n * m.head_dim;
    float *scratch = a + n * neural_memory_hidden(m);
    float decay[2];
    neural_decay(decay, cache->sums + 2 * head, n, w, head);
    neural_memory_read(e, a, k, memory.M, m, n, scratch);
    neural_memory_error(e, e, cache->v + at * (size_t)m.head_dim, m.head_dim, cache->rate + at, 1, n, m.head_dim);
    neural_memory_write(memory, memory, k, e, a, decay[0], decay[1], m, n, scratch);
}

/* y (h) = M(x), by products whose bits depend on nothing else. */
static void read_one(float *y, const float *x, const float *M, struct neural_memory m, float *work) {
    const int h = m.head_dim;
    const int w = neural_memory_hidden(m);
    const struct row_weight first = {.full = M, .out = m.deep ? w : h, .in = h, .ld = h};
    row_product(m.deep ? work : y, m.deep ? w : h, x, h, &first, 1, false, 0, 1);
    if (!m.deep) return;
    for (int i = 0; i < w; i++) work[i] *= vector_sigmoid1(work[i]);
    const struct row_weight second = {.full = M + (size_t)w * (size_t)h, .out = h, .in = w, .ld = w};
    row_product(y, h, work, w, &second, 1, false, 0, 1);
}

static void read_and_keep(const struct stage_step *io, const struct stage_weights *w, const struct buffers *b,
                          char *caches, int row, int head) {
    const struct ltm_model_config *c = io->config;
    const struct cache *cache = (const struct cache *)(void *)caches + io->slots[row];
    const int h = model_head_dim(c);
    float *p = b->p + (size_t)row * (size_t)neural_width(c);
    float *q = p + head * h;
    float *k = q + c->dim;
    float *o = b->o + (size_t)row * (size_t)c->dim + (size_t)(head * h);
    float *work = b->work + (size_t)omp_get_thread_num() * work_floats(c);
    const int64_t position = io->positions[io->slots[row]];
    const int at = (int)(position % model_memory_chunk(c));
    if (position && at == 0 && neural_writes(c)) write_cache(cache, w, c, head, work);
    neural_unit_rows(q, 1, h);
    neural_unit_rows(k, 1, h);
    keep(cache, c, head, at, k, p, neural_rate(p[4 * c->dim + head], w, c, head));
    read_one(o, q, cache->M + (size_t)head * neural_size(c), neural_kind(c), work);
    for (int i = 0; i < h; i++) o[i] *= vector_sigmoid1(p[3 * c->dim + head * h + i]);
}

void neural_memory_step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    const struct buffers *b = buffers;
    const int heads = io->config->heads;
    stage_norm(io, b->x, stage_weight(w, NORM));
    stage_product(io, b->p, b->x, &w->row_products[IN_PRODUCT], false);
    const struct stage_share mine = stage_share(io->rows * heads);
    for (int i = mine.from; i < mine.to; i++) read_and_keep(io, w, b, caches, i / heads, i % heads);
    stage_meet();
    stage_product(io, io->h, b->o, &w->row_products[WO_PRODUCT], true);
}
