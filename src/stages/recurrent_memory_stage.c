/* out = in + Attn(q; K s, V s) Woᵀ: a few state vectors s a layer, written chunk by chunk by cross-attention and carried (as in
 * block-recurrent Transformers), beside the window. The plain way to carry the past: the control of the neural memory.
 *
 *     tokens of a chunk:  x = RMSNorm(in), q = x Wqᵀ, k = x Wkᵀ, v = x Wvᵀ;  s = RMSNorm(t), t what the chunks before have made
 *     read:   o = Attn(q; s Kᵀ, s Vᵀ)
 *     write:  y = Attn(s Qᵀ; k, v),  u = y Uᵀ,  z = σ(y Gᵀ + b),  t ← (1 - z) s + z u
 *
 * without positions. A sequence begins with a learned t. A gradient goes through memory.backprop writes: in every so many-th s is taken
 * for a constant. */
#include <string.h>

#include <omp.h>

#include "config/chunks.h"
#include "math/vector.h"
#include "nn/full_attention.h"
#include "nn/rmsnorm.h"
#include "stages/model_shape.h"
#include "stages/stage.h"

enum { NORM, WQ, WK, WV, WO, STATE_NORM, STATE_Q, STATE_K, STATE_V, WRITE_U, WRITE_G, GATE_BIAS, START };
enum { IN_PRODUCT, WO_PRODUCT, Q_PRODUCT, KV_PRODUCT, WRITE_PRODUCT };

/* N state vectors of each sequence: G N rows for all. */
struct state {
    float *r;      /* (R): RMSNorm's factor */
    float *p;      /* (R, 3d): q, k, v */
    float *o;      /* (R, d): what is read, before Wo */
    float *reads;  /* by chunk, sequence and head: (n, N), the softmax */
    float *t;      /* (chunks, G N, d) */
    float *s;      /* (chunks, G N, d): RMSNorm(t) */
    float *sr;     /* (chunks, G N): its factor */
    float *kv;     /* (chunks, G N, 2d): K s, V s */
    float *sq;     /* (chunks, G N, d): Q s */
    float *y;      /* (chunks, G N, d) */
    float *ug;     /* (chunks, G N, 2d): u, and the logits of z before b */
    float *writes; /* by chunk, sequence and head: (N, n), the softmax */
    float *x;      /* scratch (R, d) */
    float *dx;     /* scratch (R, d) */
    float *dp;     /* scratch (R, 3d) */
    float *dt;     /* scratch (G N, d) */
    float *ds;     /* scratch (G N, d) */
    float *dy;     /* scratch (G N, d) */
    float *dwide;  /* scratch (G N, 2d) */
    float *scores; /* scratch (chunk, N) */
    struct linear_call in;
    struct linear_call wo;
    struct linear_call state_q;
    struct linear_call state_kv;
    struct linear_call write;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    const int d = c->dim;
    struct weight bias = weight_gain("memory.gate_bias", d);
    struct weight start = weight_matrix("memory.start", c->memory_slots, d, 1);
    bias.init_value = 0;
    start.decays = false;
    start.optimiser = WEIGHT_ELEMENTWISE;
    weights_add(table, weight_gain("memory_norm", d), WEIGHT_ALONE);
    weights_add(table, weight_matrix("memory.wq", d, d, WEIGHT_STD), WEIGHT_PRODUCT);
    weights_add(table, weight_matrix("memory.wk", d, d, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, weight_matrix("memory.wv", d, d, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, weight_matrix("memory.wo", d, d, weight_projection_std(c)), WEIGHT_PRODUCT);
    weights_add(table, weight_gain("memory.state_norm", d), WEIGHT_ALONE);
    weights_add(table, weight_matrix("memory.state_wq", d, d, WEIGHT_STD), WEIGHT_PRODUCT);
    weights_add(table, weight_matrix("memory.state_wk", d, d, WEIGHT_STD), WEIGHT_PRODUCT);
    weights_add(table, weight_matrix("memory.state_wv", d, d, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, weight_matrix("memory.write_u", d, d, WEIGHT_STD), WEIGHT_PRODUCT);
    weights_add(table, weight_matrix("memory.write_g", d, d, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, bias, WEIGHT_ALONE);
    weights_add(table, start, WEIGHT_ALONE);
}

static int chunks_of(int length, const struct ltm_model_config *c) {
    const int chunk = model_memory_chunk(c);
    return (length + chunk - 1) / chunk;
}

/* Attention takes 4 d operations a pair of a token and a state vector, read or written; what is made of state vectors is shared by a
 * chunk's tokens. The last chunk of a sequence writes nothing. */
static double flops(const struct ltm_model_config *c) {
    const double d = c->dim;
    const double N = c->memory_slots;
    const int chunks = chunks_of(c->sequence, c);
    const double written = (double)(chunks - 1) * model_memory_chunk(c) / c->sequence;
    const double vectors = N / c->sequence; /* of a chunk, a token */
    return 2 * 4 * d * d + 4 * d * N * (1 + written) + vectors * (chunks * 4 * d * d + (chunks - 1) * 6 * d * d);
}

static int vectors_of(const struct stage_shape *shape) { return shape->sequences * shape->config->memory_slots; }

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct state *s = state;
    const struct ltm_model_config *c = shape->config;
    const size_t R = (size_t)shape_rows(shape);
    const size_t d = (size_t)c->dim;
    const size_t pairs = R * (size_t)(c->heads * c->memory_slots);
    const size_t one = (size_t)vectors_of(shape);
    const size_t all = one * (size_t)chunks_of(shape->length, c);
    s->r = ARENA_TAKE(kept, float, R);
    s->p = ARENA_TAKE(kept, float, 3 * R * d);
    s->o = ARENA_TAKE(kept, float, (R * d));
    s->reads = ARENA_TAKE(kept, float, pairs);
    s->t = ARENA_TAKE(kept, float, (all * d));
    s->s = ARENA_TAKE(kept, float, (all * d));
    s->sr = ARENA_TAKE(kept, float, all);
    s->kv = ARENA_TAKE(kept, float, 2 * all * d);
    s->sq = ARENA_TAKE(kept, float, (all * d));
    s->y = ARENA_TAKE(kept, float, (all * d));
    s->ug = ARENA_TAKE(kept, float, 2 * all * d);
    s->writes = ARENA_TAKE(kept, float, pairs);
    s->x = ARENA_TAKE(scratch, float, (R * d));
    s->dx = ARENA_TAKE(scratch, float, (R * d));
    s->dp = ARENA_TAKE(scratch, float, 3 * R * d);
    s->dt = ARENA_TAKE(scratch, float, (one * d));
    s->ds = ARENA_TAKE(scratch, float, (one * d));
    s->dy = ARENA_TAKE(scratch, float, (one * d));
    s->dwide = ARENA_TAKE(scratch, float, 2 * one * d);
    s->scores = ARENA_TAKE(scratch, float, (size_t)model_memory_chunk(c) * (size_t)c->memory_slots);
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct state *s = state;
    const int R = shape_rows(shape);
    const int N = vectors_of(shape);
    PASS_UP(linear_prepare(&s->in, work, &w->products[IN_PRODUCT], R, false, training, error));
    PASS_UP(linear_prepare(&s->wo, work, &w->products[WO_PRODUCT], R, true, training, error));
    PASS_UP(linear_prepare(&s->state_q, work, &w->products[Q_PRODUCT], N, false, training, error));
    PASS_UP(linear_prepare(&s->state_kv, work, &w->products[KV_PRODUCT], N, false, training, error));
    return linear_prepare(&s->write, work, &w->products[WRITE_PRODUCT], N, false, training, error);
}

/* A chunk of all sequences: what of the arrays is its own. */
struct place {
    int chunk;
    int n;          /* tokens of a sequence */
    size_t vectors; /* G N */
    float *t, *s, *sr, *kv, *sq, *y, *ug;
};

static struct place place_of(const struct state *s, const struct stage_shape *shape, int chunk) {
    const struct ltm_model_config *c = shape->config;
    const int most = model_memory_chunk(c);
    const int left = shape->length - chunk * most;
    const size_t vectors = (size_t)vectors_of(shape);
    const size_t at = (size_t)chunk * vectors;
    const size_t d = (size_t)c->dim;
    return (struct place){.chunk = chunk,
                          .n = left < most ? left : most,
                          .vectors = vectors,
                          .t = s->t + at * d,
                          .s = s->s + at * d,
                          .sr = s->sr + at,
                          .kv = s->kv + 2 * at * d,
                          .sq = s->sq + at * d,
                          .y = s->y + at * d,
                          .ug = s->ug + 2 * at * d};
}

/* A head of one sequence there: its first row of tokens, its first state vector, where its softmaxes lie. */
struct head_place {
    size_t row, vector, pairs, column;
};

static struct head_place head_of(const struct stage_shape *shape, const struct place *at, int i) {
    const struct ltm_model_config *c = shape->config;
    const size_t H = (size_t)c->heads;
    const size_t N = (size_t)c->memory_slots;
    const size_t g = (size_t)i / H;
    const size_t before = (size_t)(at->chunk * model_memory_chunk(c));
    return (struct head_place){.row = g * (size_t)shape->length + before,
                               .vector = g * N,
                               .pairs = (before * (size_t)shape->sequences * H + (size_t)i * (size_t)at->n) * N,
                               .column = (size_t)i % H * (size_t)model_head_dim(c)};
}

/* t ← (1 - z) s + z u. */
static void mix(float *t, const float *s, const float *ug, const float *bias, size_t vectors, size_t d) {
    for (size_t i = 0; i < vectors; i++)
#pragma omp simd
        for (size_t j = 0; j < d; j++) {
            const float z = vector_sigmoid1(ug[(2 * i + 1) * d + j] + bias[j]);
            t[i * d + j] = s[i * d + j] + z * (ug[2 * i * d + j] - s[i * d + j]);
        }
}

/* From what chunk `at` has and reads: what is read next, into t. */
static void write_chunk(const struct stage_shape *shape, const struct state *s, const struct place *at,
                        const float *bias, float *t) {
    const struct ltm_model_config *c = shape->config;
    const int d = c->dim;
    linear_forward(&s->state_q, at->sq, at->s);
    for (int i = 0; i < shape->sequences * c->heads; i++) {
        const struct head_place h = head_of(shape, at, i);
        const size_t vector = h.vector * (size_t)d + h.column;
        const float *k = s->p + h.row * (size_t)(3 * d) + (size_t)d + h.column;
        full_attention_forward(at->y + vector, d, s->writes + h.pairs, at->sq + vector, d, k, k + d, 3 * d,
                               c->memory_slots, at->n, model_head_dim(c));
    }
    linear_forward(&s->write, at->ug, at->y);
    mix(t, at->s, at->ug, bias, at->vectors, (size_t)d);
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const int d = c->dim;
    const int last = chunks_of(io->shape.length, c) - 1;
    const size_t start = (size_t)(c->memory_slots * d);
    rmsnorm_forward(s->x, s->r, io->in, stage_weight(w, NORM), shape_rows(&io->shape), d);
    linear_forward(&s->in, s->p, s->x);
    for (int g = 0; io->shape.position == 0 && g < io->shape.sequences; g++)
        memcpy(s->t + (size_t)g * start, stage_weight(w, START), start * sizeof *s->t);
    for (int chunk = 0; chunk <= last; chunk++) {
        const struct place at = place_of(s, &io->shape, chunk);
        const struct place read = place_of(s, &io->shape, io->memory_rests ? 0 : chunk);
        if (chunk == read.chunk) {
            rmsnorm_forward(at.s, at.sr, at.t, stage_weight(w, STATE_NORM), (int)at.vectors, d);
            linear_forward(&s->state_kv, at.kv, at.s);
        }
        for (int i = 0; i < io->shape.sequences * c->heads; i++) {
            const struct head_place h = head_of(&io->shape, &at, i);
            const float *k = read.kv + h.vector * (size_t)(2 * d) + h.column;
            full_attention_forward(s->o + h.row * (size_t)d + h.column, d, s->reads + h.pairs,
                                   s->p + h.row * (size_t)(3 * d) + h.column, 3 * d, k, k + d, 2 * d, at.n,
                                   c->memory_slots, model_head_dim(c));
        }
        if (chunk < last && !io->memory_rests)
            write_chunk(&io->shape, s, &at, stage_weight(w, GATE_BIAS), at.t + at.vectors * (size_t)d);
    }
    memcpy(io->out, io->in, shape_floats(&io->shape) * sizeof(float));
    linear_forward(&s->wo, io->out, s->o);
}

static void carry(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    const struct place at = place_of(s, &io->shape, chunks_of(io->shape.length, io->shape.config) - 1);
    if (io->memory_rests) return;
    if (at.n == model_memory_chunk(io->shape.config))
        write_chunk(&io->shape, s, &at, stage_weight(w, GATE_BIAS), s->t);
    else
        memmove(s->t, at.t, at.vectors * (size_t)io->shape.config->dim * sizeof *s->t);
}

/* ---- Backward ---- */

/* dt: the gradient of what the chunk has written. Into ds what comes to s of it, into dp k's and v's. */
static void write_backward(const struct stage_io *io, const struct stage_weights *w, const struct state *s,
                           const struct place *at, float *dw) {
    const struct ltm_model_config *c = io->shape.config;
    const size_t d = (size_t)c->dim;
    const float *bias = stage_weight(w, GATE_BIAS);
    const bool cut = c->memory_backprop && at->chunk && at->chunk % c->memory_backprop == 0;
    for (size_t i = 0; i < at->vectors; i++)
        for (size_t j = 0; j < d; j++) {
            const float z = vector_sigmoid1(at->ug[(2 * i + 1) * d + j] + bias[j]);
            const float dt = s->dt[i * d + j];
            s->dwide[2 * i * d + j] = dt * z;
            const float dg = dt * (at->ug[2 * i * d + j] - at->s[i * d + j]) * z * (1 - z);
            s->dwide[(2 * i + 1) * d + j] = dg;
            s->ds[i * d + j] = cut ? 0 : dt * (1 - z);
            if (dw) stage_gradient(w, dw, GATE_BIAS)[j] += dg;
        }
    linear_backward(&s->write, s->dy, stage_gradient(w, dw, WRITE_U), s->dwide, at->y);
    float *dsq = s->dwide; /* (G N, d) */
    for (int i = 0; i < io->shape.sequences * c->heads; i++) {
        const struct head_place h = head_of(&io->shape, at, i);
        const size_t vector = h.vector * d + h.column;
        const size_t token = h.row * 3 * d + d + h.column;
        full_attention_backward(dsq + vector, s->dp + token, s->dp + token + d, s->dy + vector, (int)d,
                                s->writes + h.pairs, at->sq + vector, (int)d, s->p + token, s->p + token + d,
                                3 * (int)d, c->memory_slots, at->n, model_head_dim(c), s->scores);
    }
    linear_backward(&s->state_q, s->dy, stage_gradient(w, dw, STATE_Q), dsq, at->s);
    if (!cut) vector_add(s->ds, s->dy, at->vectors * d);
}

static void read_backward(const struct stage_io *io, const struct stage_weights *w, const struct state *s,
                          const struct place *at, float *dw) {
    const struct ltm_model_config *c = io->shape.config;
    const size_t d = (size_t)c->dim;
    for (int i = 0; i < io->shape.sequences * c->heads; i++) {
        const struct head_place h = head_of(&io->shape, at, i);
        const size_t vector = h.vector * 2 * d + h.column;
        const size_t token = h.row * 3 * d + h.column;
        full_attention_backward(s->dp + token, s->dwide + vector, s->dwide + vector + d, s->dx + h.row * d + h.column,
                                (int)d, s->reads + h.pairs, s->p + token, 3 * (int)d, at->kv + vector,
                                at->kv + vector + d, 2 * (int)d, at->n, c->memory_slots, model_head_dim(c), s->scores);
    }
    linear_backward(&s->state_kv, s->dy, stage_gradient(w, dw, STATE_K), s->dwide, at->s);
    vector_add(s->ds, s->dy, at->vectors * d);
}

/* No gradient of k and v. */
static void no_write_backward(const struct stage_io *io, const struct state *s, const struct place *at) {
    const size_t d = (size_t)io->shape.config->dim;
    memset(s->ds, 0, at->vectors * d * sizeof *s->ds);
    for (int g = 0; g < io->shape.sequences; g++) {
        const size_t row = head_of(&io->shape, at, g * io->shape.config->heads).row;
        for (size_t t = row; t < row + (size_t)at->n; t++) memset(s->dp + t * 3 * d + d, 0, 2 * d * sizeof *s->dp);
    }
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const int R = shape_rows(&io->shape);
    const int last = chunks_of(io->shape.length, c) - 1;
    const size_t start = (size_t)(c->memory_slots * c->dim);
    linear_backward(&s->wo, s->dx, stage_gradient(w, dw, WO), io->dh, s->o);
    for (int chunk = last; chunk >= 0; chunk--) {
        const struct place at = place_of(s, &io->shape, chunk);
        if (chunk < last)
            write_backward(io, w, s, &at, dw);
        else
            no_write_backward(io, s, &at);
        read_backward(io, w, s, &at, dw);
        memset(s->dt, 0, at.vectors * (size_t)c->dim * sizeof *s->dt);
        rmsnorm_backward(s->dt, stage_gradient(w, dw, STATE_NORM), s->ds, at.t, at.sr, stage_weight(w, STATE_NORM),
                         (int)at.vectors, c->dim);
    }
    for (int g = 0; dw && io->shape.position == 0 && g < io->shape.sequences; g++)
        vector_add(stage_gradient(w, dw, START), s->dt + (size_t)g * start, start);
    if (dw) rmsnorm_forward(s->x, NULL, io->in, stage_weight(w, NORM), R, c->dim);
    linear_backward(&s->in, s->dx, stage_gradient(w, dw, WQ), s->dp, s->x);
    rmsnorm_backward(io->dh, stage_gradient(w, dw, NORM), s->dx, io->in, s->r, stage_weight(w, NORM), R, c->dim);
}

/* ---- Token by token ---- */

/* What a slot's text has written, and its present chunk, which is written when the next one begins. */
struct cache {
    float *s;      /* (N, d) */
    float *kv;     /* (N, 2d): K s, V s */
    float *tokens; /* (chunk, 2d): k and v */
};

struct buffers {
    float *x;    /* (rows, d) */
    float *p;    /* (rows, 3d) */
    float *o;    /* (rows, d) */
    float *work; /* (threads, work_floats) */
};

static size_t work_floats(const struct ltm_model_config *c) {
    const size_t N = (size_t)c->memory_slots;
    return N * (size_t)model_memory_chunk(c) + 4 * N * (size_t)c->dim;
}

static void lay_out_cache(void *cache, struct arena *arena, const struct ltm_model_config *c) {
    struct cache *made = cache;
    const size_t state = (size_t)(c->memory_slots * c->dim);
    made->s = ARENA_TAKE(arena, float, state);
    made->kv = ARENA_TAKE(arena, float, 2 * state);
    made->tokens = ARENA_TAKE(arena, float, 2 * (size_t)model_memory_chunk(c) * (size_t)c->dim);
}

static void lay_out_step(void *buffers, struct arena *scratch, const struct ltm_model_config *c, int rows,
                         int threads) {
    struct buffers *b = buffers;
    b->x = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)c->dim);
    b->p = ARENA_TAKE(scratch, float, 3 * (size_t)rows * (size_t)c->dim);
    b->o = ARENA_TAKE(scratch, float, (size_t)rows *(size_t)c->dim);
    b->work = ARENA_TAKE(scratch, float, (size_t)threads *work_floats(c));
}

/* From t, in s: s and what is read of it. */
static void take_state(const struct cache *cache, const struct stage_weights *w, const struct ltm_model_config *c) {
    rmsnorm_forward(cache->s, NULL, cache->s, stage_weight(w, STATE_NORM), c->memory_slots, c->dim);
    row_product(cache->kv, 2 * c->dim, cache->s, c->dim, &w->row_products[KV_PRODUCT], c->memory_slots, false, 0, 1);
}

static void start_cache(void *cache, const struct stage_weights *w, const struct ltm_model_config *c) {
    const struct cache *made = cache;
    memcpy(made->s, stage_weight(w, START), (size_t)(c->memory_slots * c->dim) * sizeof *made->s);
    take_state(made, w, c);
}

static void continue_cache(void *cache, const void *state, const struct stage_shape *shape, int begin) {
    const struct cache *made = cache;
    const struct state *s = state;
    const struct place at = place_of(s, shape, chunks_of(shape->length, shape->config) - 1);
    const size_t d = (size_t)shape->config->dim;
    const size_t state_floats = (size_t)shape->config->memory_slots * d;
    const size_t row = head_of(shape, &at, 0).row;
    (void)begin;
    memcpy(made->s, at.s, state_floats * sizeof *made->s);
    memcpy(made->kv, at.kv, 2 * state_floats * sizeof *made->kv);
    for (size_t t = 0; t < (size_t)at.n; t++)
        memcpy(made->tokens + t * 2 * d, s->p + (row + t) * 3 * d + d, 2 * d * sizeof *made->tokens);
}

static void write_cache(const struct cache *cache, const struct stage_weights *w, const struct ltm_model_config *c,
                        float *work) {
    const int d = c->dim;
    const int N = c->memory_slots;
    float *q = work;
    float *y = q + (size_t)N * (size_t)d;
    float *ug = y + (size_t)N * (size_t)d;
    float *scores = ug + 2 * (size_t)N * (size_t)d;
    row_product(q, d, cache->s, d, &w->row_products[Q_PRODUCT], N, false, 0, 1);
    for (int i = 0; i < c->heads; i++) {
        const int column = i * model_head_dim(c);
        full_attention_forward(y + column, d, scores, q + column, d, cache->tokens + column, cache->tokens + d + column,
                               2 * d, N, model_memory_chunk(c), model_head_dim(c));
    }
    row_product(ug, 2 * d, y, d, &w->row_products[WRITE_PRODUCT], N, false, 0, 1);
    mix(cache->s, cache->s, ug, stage_weight(w, GATE_BIAS), (size_t)N, (size_t)d);
    take_state(cache, w, c);
}

static void read_and_keep(const struct stage_step *io, const struct stage_weights *w, const struct buffers *b,
                          char *caches, int row) {
    const struct ltm_model_config *c = io->config;
    const struct cache *cache = (const struct cache *)(void *)caches + io->slots[row];
    const int d = c->dim;
    const float *p = b->p + (size_t)row * (size_t)(3 * d);
    float *work = b->work + (size_t)omp_get_thread_num() * work_floats(c);
    const int64_t position = io->positions[io->slots[row]];
    const int at = (int)(position % model_memory_chunk(c));
    if (position && at == 0) write_cache(cache, w, c, work);
    memcpy(cache->tokens + (size_t)at * (size_t)(2 * d), p + d, 2 * (size_t)d * sizeof *p);
    for (int i = 0; i < c->heads; i++) {
        const int column = i * model_head_dim(c);
        full_attention_forward(b->o + (size_t)(row * d + column), d, work, p + column, 3 * d, cache->kv + column,
                               cache->kv + d + column, 2 * d, 1, c->memory_slots, model_head_dim(c));
    }
}

static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    const struct buffers *b = buffers;
    stage_norm(io, b->x, stage_weight(w, NORM));
    stage_product(io, b->p, b->x, &w->row_products[IN_PRODUCT], false);
    const struct stage_share mine = stage_share(io->rows);
    for (int i = mine.from; i < mine.to; i++) read_and_keep(io, w, b, caches, i);
    stage_meet();
    stage_product(io, io->h, b->o, &w->row_products[WO_PRODUCT], true);
}

const struct stage_kind recurrent_memory_stage = {.name = "recurrent memory",
                                                  .state_size = sizeof(struct state),
                                                  .cache_size = sizeof(struct cache),
                                                  .step_size = sizeof(struct buffers),
                                                  .declare = declare,
                                                  .flops = flops,
                                                  .lay_out = lay_out,
                                                  .prepare = prepare,
                                                  .forward = forward,
                                                  .backward = backward,
                                                  .carry = carry,
                                                  .lay_out_cache = lay_out_cache,
                                                  .lay_out_step = lay_out_step,
                                                  .start_cache = start_cache,
                                                  .continue_cache = continue_cache,
                                                  .step = step};
