/* out = in + (σ(g) ⊙ M(q)) Woᵀ: a memory that learns while it reads (nn/neural_memory.h), beside the window (Titans' MAG).
 *
 * Each head has its M. q, k, v and g come of x = RMSNorm(in), q and k with |q| = |k| = 1. Chunk by chunk of memory.chunk tokens: all of
 * a chunk read the M that the chunks before have written, then the chunk writes its own keys and values. θ = σ(·) memory.max_rate / chunk a
 * token, so that a chunk of one key moves what it reads by max_rate of the way at most and text that repeats itself does not make M
 * diverge; η and α = σ(·) of the chunk's mean. A sequence begins with a learned M and S = 0. With memory.max_rate = 0 M stays as it is:
 * nothing is written, and nothing forgotten. */
#include <math.h>
#include <string.h>

#include "math/vector.h"
#include "nn/head_norm.h"
#include "nn/rmsnorm.h"
#include "stages/neural_memory_stage.h"

_Static_assert(sizeof(struct neural_state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static struct weight bias(const char *name, int heads, float start) {
    struct weight w = weight_gain(name, heads);
    w.init_value = start;
    return w;
}

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    const int d = c->dim;
    const int h = model_head_dim(c);
    weights_add(table, weight_gain("memory_norm", d), WEIGHT_ALONE);
    weights_add(table, weight_matrix("memory.wq", d, d, WEIGHT_STD), WEIGHT_PRODUCT);
    weights_add(table, weight_matrix("memory.wk", d, d, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, weight_matrix("memory.wv", d, d, (float)(1 / sqrt(d))), WEIGHT_STACKED);
    weights_add(table, weight_matrix("memory.wg", d, d, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, weight_matrix("memory.gates", 3 * c->heads, d, WEIGHT_STD), WEIGHT_STACKED);
    weights_add(table, weight_matrix("memory.wo", d, d, weight_projection_std(c)), WEIGHT_PRODUCT);
    weights_add(table, bias("memory.rate_bias", c->heads, 0), WEIGHT_ALONE);
    weights_add(table, bias("memory.momentum_bias", c->heads, 0), WEIGHT_ALONE);
    weights_add(table, bias("memory.forget_bias", c->heads, -4), WEIGHT_ALONE);
    if (c->memory_layers == 2) {
        weights_add(table, weight_matrix("memory.w1", 4 * d, h, (float)(1 / sqrt(h))), WEIGHT_ALONE);
        weights_add(table, weight_matrix("memory.w2", d, 4 * h, 0), WEIGHT_ALONE);
    } else
        weights_add(table, weight_matrix("memory.w", d, h, 0), WEIGHT_ALONE);
}

/* A read is 2 |M| operations a head and token; q and k, and the chunk's gradient: as much again, and for two layers W2's part to get
 * there. The last chunk of a sequence writes nothing. */
static double flops(const struct ltm_model_config *c) {
    const double read = 2.0 * (double)neural_size(c) * c->heads;
    const double write = read * (c->memory_layers == 2 ? 2.5 : 2);
    const int chunk = model_memory_chunk(c);
    const int written = (c->sequence - 1) / chunk * chunk; /* tokens */
    return 2.0 * c->dim * (neural_width(c) + c->dim) + read + (double)written / c->sequence * write;
}

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct neural_state *s = state;
    const struct ltm_model_config *c = shape->config;
    const size_t R = (size_t)shape_rows(shape);
    const size_t W = (size_t)neural_width(c);
    const size_t hidden = (size_t)neural_memory_hidden(neural_kind(c));
    const size_t most = (size_t)model_memory_chunk(c);
    const size_t memories = (size_t)(shape->sequences * c->heads) * neural_size(c);
    const size_t chunks = (size_t)neural_chunks(shape);
    s->r = ARENA_TAKE(kept, float, R);
    s->p = ARENA_TAKE(kept, float, (R * W));
    s->qk = ARENA_TAKE(kept, float, 2 * shape_floats(shape));
    s->y = ARENA_TAKE(kept, float, 2 * shape_floats(shape));
    s->a = ARENA_TAKE(kept, float, 2 * R * (size_t)c->heads * hidden);
    s->rate = ARENA_TAKE(kept, float, R *(size_t)c->heads);
    s->decay = ARENA_TAKE(kept, float, 2 * chunks * (size_t)(shape->sequences * c->heads));
    s->M = ARENA_TAKE(kept, float, (chunks * memories));
    s->S = ARENA_TAKE(kept, float, (chunks * memories));
    s->x = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dx = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->o = ARENA_TAKE(scratch, float, shape_floats(shape));
    s->dp = ARENA_TAKE(scratch, float, (R * W));
    s->dM = ARENA_TAKE(scratch, float, memories);
    s->dS = ARENA_TAKE(scratch, float, memories);
    s->rows = ARENA_TAKE(scratch, float, most *((size_t)(6 * model_head_dim(c)) + 2 * hidden));
    s->hidden = ARENA_TAKE(scratch, float, neural_memory_scratch(neural_kind(c), 2 * (int)most));
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct neural_state *s = state;
    const int R = shape_rows(shape);
    const ltm_status status = linear_prepare(&s->in, work, &w->products[IN_PRODUCT], R, false, training, error);
    return status == LTM_OK ? linear_prepare(&s->wo, work, &w->products[WO_PRODUCT], R, true, training, error) : status;
}

struct neural_place neural_place(const struct neural_state *s, const struct stage_shape *shape, int chunk, int g,
                                 int head) {
    const struct ltm_model_config *c = shape->config;
    const int most = model_memory_chunk(c);
    const int left = shape->length - chunk * most;
    const size_t h = (size_t)model_head_dim(c);
    const size_t H = (size_t)c->heads;
    const size_t G = (size_t)shape->sequences;
    struct neural_place at = {.n = left < most ? left : most,
                              .row = (size_t)g * (size_t)shape->length + (size_t)(chunk * most),
                              .head = head};
    const size_t n = (size_t)at.n;
    const size_t before = 2 * ((size_t)(chunk * most) * G * H + ((size_t)g * H + (size_t)head) * n);
    const size_t memory = ((size_t)(neural_writes(c) ? chunk : 0) * G + (size_t)g) * H + (size_t)head;
    const size_t size = neural_size(c);
    at.q = s->qk + before * h;
    at.k = at.q + n * h;
    at.read = s->y + before * h;
    at.off = at.read + n * h;
    at.a = s->a + before * (size_t)neural_memory_hidden(neural_kind(c));
    at.decay = s->decay + 2 * memory;
    at.now = (struct memory_pair){s->M + memory * size, s->S + memory * size};
    at.next = (struct memory_pair){at.now.M + G * H * size, at.now.S + G * H * size};
    return at;
}

/* A token's q and k, or their gradients, of p's columns. */
static float *columns(float *p, const struct ltm_model_config *c, size_t row, int part, int head) {
    return p + row * (size_t)neural_width(c) + (size_t)(part * c->dim + head * model_head_dim(c));
}

static float logit(const float *p, const struct ltm_model_config *c, size_t row, int gate, int head) {
    return p[row * (size_t)neural_width(c) + (size_t)(4 * c->dim + gate * c->heads + head)];
}

/* A unit vector in each row of x (n, h). */
void neural_unit_rows(float *x, int n, int h) {
    const float scale = 1 / sqrtf((float)h);
    head_norm_forward(x, h, &scale, n, 1, h);
}

float neural_rate(float logit_of_token, const struct stage_weights *w, const struct ltm_model_config *c, int head) {
    const float most = (float)c->memory_rate / (float)model_memory_chunk(c);
    return most * vector_sigmoid1(logit_of_token + stage_weight(w, RATE_BIAS)[head]);
}

/* η and α of sums over n tokens. */
void neural_decay(float decay[2], const float sums[2], int n, const struct stage_weights *w, int head) {
    for (int i = 0; i < 2; i++)
        decay[i] = vector_sigmoid1(sums[i] / (float)n + stage_weight(w, MOMENTUM_BIAS + i)[head]);
}

/* M of a sequence's begin: a head's part of each matrix. */
void neural_start(float *M, const struct stage_weights *w, const struct ltm_model_config *c, int head) {
    const size_t half = neural_size(c) / (c->memory_layers == 2 ? 2 : 1);
    for (size_t i = 0; i < neural_size(c) / half; i++)
        memcpy(M + i * half, stage_weight(w, START + (int)i) + (size_t)head * half, half * sizeof *M);
}

/* What the tokens of a chunk are to its head: q, k, θ, η and α. */
static void gather(const struct neural_state *s, const struct stage_weights *w, const struct ltm_model_config *c,
                   const struct neural_place *at) {
    const size_t h = (size_t)model_head_dim(c);
    float sums[2] = {0};
    for (size_t t = 0; t < (size_t)at->n; t++) {
        memcpy(at->q + t * h, columns(s->p, c, at->row + t, 0, at->head), h * sizeof(float));
        memcpy(at->k + t * h, columns(s->p, c, at->row + t, 1, at->head), h * sizeof(float));
        s->rate[(at->row + t) * (size_t)c->heads + (size_t)at->head] =
            neural_rate(logit(s->p, c, at->row + t, 0, at->head), w, c, at->head);
        for (int i = 0; i < 2; i++) sums[i] += logit(s->p, c, at->row + t, 1 + i, at->head);
    }
    neural_unit_rows(at->q, 2 * at->n, (int)h);
    neural_decay(at->decay, sums, at->n, w, at->head);
}

/* From M(k) on: the errors, and what the chunk makes of the memory. */
static void write_chunk(const struct neural_state *s, const struct ltm_model_config *c, const struct neural_place *at,
                        struct memory_pair to) {
    const struct neural_memory m = neural_kind(c);
    const int h = m.head_dim;
    const float *v = columns(s->p, c, at->row, 2, at->head);
    const float *rate = s->rate + at->row * (size_t)c->heads + (size_t)at->head;
    const float one = 1;
    float *e = s->rows;
    neural_memory_error(e, at->off, v, neural_width(c), rate, c->heads, at->n, h);
    neural_memory_error(at->off, at->off, v, neural_width(c), &one, 0, at->n, h);
    neural_memory_write(to, at->now, at->k, e, at->a + (size_t)(at->n * neural_memory_hidden(m)), at->decay[0],
                        at->decay[1], m, at->n, s->hidden);
}

/* o = σ(g) ⊙ M(q) of a chunk's head. */
static void give(const struct neural_state *s, const struct ltm_model_config *c, const struct neural_place *at) {
    const size_t h = (size_t)model_head_dim(c);
    for (size_t t = 0; t < (size_t)at->n; t++) {
        const float *gate = columns(s->p, c, at->row + t, 3, at->head);
        float *o = s->o + (at->row + t) * (size_t)c->dim + (size_t)at->head * h;
#pragma omp simd
        for (size_t i = 0; i < h; i++) o[i] = vector_sigmoid1(gate[i]) * at->read[t * h + i];
    }
}

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct neural_state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const struct neural_memory m = neural_kind(c);
    const int last = neural_chunks(&io->shape) - 1;
    rmsnorm_forward(s->x, s->r, io->in, stage_weight(w, NORM), shape_rows(&io->shape), c->dim);
    linear_forward(&s->in, s->p, s->x);
    for (int chunk = 0; chunk <= last; chunk++)
        for (int g = 0; g < io->shape.sequences; g++)
            for (int head = 0; head < c->heads; head++) {
                const struct neural_place at = neural_place(s, &io->shape, chunk, g, head);
                const bool writes = chunk < last && !io->memory_rests && neural_writes(c);
                const float *M = io->memory_rests ? neural_place(s, &io->shape, 0, g, head).now.M : at.now.M;
                if (chunk == 0 && io->shape.position == 0) {
                    neural_start(at.now.M, w, c, head);
                    memset(at.now.S, 0, neural_size(c) * sizeof(float));
                }
                gather(s, w, c, &at);
                neural_memory_read(at.read, at.a, at.q, M, m, writes ? 2 * at.n : at.n, s->hidden);
                if (writes) write_chunk(s, c, &at, at.next);
                give(s, c, &at);
            }
    memcpy(io->out, io->in, shape_floats(&io->shape) * sizeof(float));
    linear_forward(&s->wo, io->out, s->o);
}

/* What the last chunk makes of the memory, where it is whole; else the memory as it is. */
static struct memory_pair behind(const struct neural_state *s, const struct ltm_model_config *c,
                                 const struct neural_place *at, struct memory_pair to) {
    const struct neural_memory m = neural_kind(c);
    const size_t skip = (size_t)(at->n * neural_memory_hidden(m));
    if (at->n < model_memory_chunk(c) || !neural_writes(c)) return at->now;
    neural_memory_read(at->off, at->a + skip, at->k, at->now.M, m, at->n, s->hidden);
    write_chunk(s, c, at, to);
    return to;
}

static void carry(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct neural_state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    (void)w;
    const size_t bytes = neural_size(c) * sizeof(float);
    for (int g = 0; g < io->shape.sequences && !io->memory_rests; g++)
        for (int head = 0; head < c->heads; head++) {
            const struct neural_place at = neural_place(s, &io->shape, neural_chunks(&io->shape) - 1, g, head);
            const struct memory_pair to = neural_place(s, &io->shape, 0, g, head).now;
            const struct memory_pair made = behind(s, c, &at, to);
            if (made.M == to.M) continue;
            memcpy(to.M, made.M, bytes);
            memcpy(to.S, made.S, bytes);
        }
}

/* ---- Backward ---- */

/* From do: dM(q) (n, h), and dg into dp. */
static void give_backward(const struct neural_state *s, const struct ltm_model_config *c, const struct neural_place *at,
                          float *dread) {
    const size_t h = (size_t)model_head_dim(c);
    for (size_t t = 0; t < (size_t)at->n; t++) {
        const float *gate = columns(s->p, c, at->row + t, 3, at->head);
        const float *o = s->dx + (at->row + t) * (size_t)c->dim + (size_t)at->head * h;
        float *dgate = columns(s->dp, c, at->row + t, 3, at->head);
#pragma omp simd
        for (size_t i = 0; i < h; i++) {
            const float open = vector_sigmoid1(gate[i]);
            dread[t * h + i] = o[i] * open;
            dgate[i] = o[i] * at->read[t * h + i] * open * (1 - open);
        }
    }
}

/* From de: dv, and the gradients of θ's, η's and α's logits, into dp; dM(k) = θ de. */
static void error_backward(const struct neural_state *s, const struct stage_weights *w,
                           const struct ltm_model_config *c, const struct neural_place *at, float *dy, const float *de,
                           const float ddecay[2], float *dw) {
    const size_t h = (size_t)model_head_dim(c);
    const float most = (float)c->memory_rate / (float)model_memory_chunk(c);
    float slopes[2];
    for (int i = 0; i < 2; i++) slopes[i] = ddecay[i] * at->decay[i] * (1 - at->decay[i]);
    for (size_t t = 0; t < (size_t)at->n; t++) {
        float *logits = s->dp + (at->row + t) * (size_t)neural_width(c) + (size_t)(4 * c->dim + at->head);
        float *dv = columns(s->dp, c, at->row + t, 2, at->head);
        const float rate = s->rate[(at->row + t) * (size_t)c->heads + (size_t)at->head];
        const float slope = rate * (1 - rate / most);
        logits[0] = slope * vector_dot(de + t * h, at->off + t * h, h);
        for (int i = 0; i < 2; i++) logits[(1 + i) * c->heads] = slopes[i] / (float)at->n;
        if (dw) stage_gradient(w, dw, RATE_BIAS)[at->head] += logits[0];
#pragma omp simd
        for (size_t i = 0; i < h; i++) {
            dy[t * h + i] = rate * de[t * h + i];
            dv[i] = -rate * de[t * h + i];
        }
    }
    for (int i = 0; i < 2 && dw; i++) stage_gradient(w, dw, MOMENTUM_BIAS + i)[at->head] += slopes[i];
}

/* Of tokens that write nothing: no gradient of k, v, θ, η and α. */
static void no_write_backward(const struct neural_state *s, const struct ltm_model_config *c,
                              const struct neural_place *at) {
    for (size_t t = 0; t < (size_t)at->n; t++) {
        memset(columns(s->dp, c, at->row + t, 1, at->head), 0, sizeof(float) * (size_t)model_head_dim(c));
        memset(columns(s->dp, c, at->row + t, 2, at->head), 0, sizeof(float) * (size_t)model_head_dim(c));
        for (int i = 0; i < 3; i++)
            s->dp[(at->row + t) * (size_t)neural_width(c) + (size_t)(4 * c->dim + i * c->heads + at->head)] = 0;
    }
}

/* d: the gradients of what the chunk leaves, then of what it has found. */
static void chunk_backward(const struct neural_state *s, const struct stage_weights *w,
                           const struct ltm_model_config *c, const struct neural_place *at, struct memory_pair d,
                           bool writes, float *dw) {
    const struct neural_memory m = neural_kind(c);
    const size_t h = (size_t)m.head_dim;
    const size_t n = (size_t)at->n;
    const size_t hidden = n * (size_t)neural_memory_hidden(m);
    const float scale = 1 / sqrtf((float)h);
    float *e = s->rows;
    float *de = e + n * h;
    float *dy = de + n * h;
    float *dqk = dy + 2 * n * h;
    float *da = dqk + 2 * n * h;
    float ddecay[2];
    memset(dqk, 0, n * h * sizeof *dqk);
    memset(da, 0, hidden * sizeof *da);
    give_backward(s, c, at, dy);
    if (writes) {
        for (size_t t = 0; t < n; t++)
            for (size_t i = 0; i < h; i++)
                e[t * h + i] = s->rate[(at->row + t) * (size_t)c->heads + (size_t)at->head] * at->off[t * h + i];
        neural_memory_write_backward(d, de, dqk + n * h, da + hidden, &ddecay[0], &ddecay[1], at->now, at->k, e,
                                     at->a + hidden, at->decay[0], at->decay[1], m, at->n, s->hidden);
        error_backward(s, w, c, at, dy + n * h, de, ddecay, dw);
    } else
        no_write_backward(s, c, at);
    neural_memory_read_backward(dqk, d.M, da, dy, at->q, at->a, at->now.M, m, writes ? 2 * at->n : at->n, s->hidden);
    for (int part = 0; part < (writes ? 2 : 1); part++) {
        float *to = columns(s->dp, c, at->row, part, at->head);
        for (size_t t = 0; t < n; t++)
            memcpy(to + t * (size_t)neural_width(c), dqk + ((size_t)part * n + t) * h, h * sizeof *to);
        head_norm_backward(to, neural_width(c), NULL, columns(s->p, c, at->row, part, at->head), neural_width(c),
                           &scale, at->n, 1, (int)h);
    }
}

static void start_backward(const struct neural_state *s, const struct stage_weights *w,
                           const struct ltm_model_config *c, int sequences, float *dw) {
    const size_t half = neural_size(c) / (c->memory_layers == 2 ? 2 : 1);
    for (size_t i = 0; i < (size_t)(sequences * c->heads); i++)
        for (size_t k = 0; k < neural_size(c) / half; k++)
            vector_add(stage_gradient(w, dw, START + (int)k) + i % (size_t)c->heads * half,
                       s->dM + i * neural_size(c) + k * half, half);
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct neural_state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const int R = shape_rows(&io->shape);
    const int last = neural_chunks(&io->shape) - 1;
    const size_t memories = (size_t)(io->shape.sequences * c->heads) * neural_size(c);
    memset(s->dM, 0, memories * sizeof *s->dM);
    memset(s->dS, 0, memories * sizeof *s->dS);
    for (int i = 0; dw && i < (last + 1) * io->shape.sequences * c->heads; i++) {
        const int each = io->shape.sequences * c->heads;
        const struct neural_place at = neural_place(s, &io->shape, i / each, i % each / c->heads, i % c->heads);
        give(s, c, &at);
    }
    linear_backward(&s->wo, s->dx, stage_gradient(w, dw, WO), io->dh, s->o);
    for (int chunk = last; chunk >= 0; chunk--)
        for (int g = 0; g < io->shape.sequences; g++)
            for (int head = 0; head < c->heads; head++) {
                const struct neural_place at = neural_place(s, &io->shape, chunk, g, head);
                const size_t mine = (size_t)(g * c->heads + head) * neural_size(c);
                chunk_backward(s, w, c, &at, (struct memory_pair){s->dM + mine, s->dS + mine},
                               chunk < last && neural_writes(c), dw);
            }
    if (dw && io->shape.position == 0) start_backward(s, w, c, io->shape.sequences, dw);
    if (dw) rmsnorm_forward(s->x, NULL, io->in, stage_weight(w, NORM), R, c->dim);
    linear_backward(&s->in, s->dx, stage_gradient(w, dw, WQ), s->dp, s->x);
    rmsnorm_backward(io->dh, stage_gradient(w, dw, NORM), s->dx, io->in, s->r, stage_weight(w, NORM), R, c->dim);
}

const struct stage_kind neural_memory_stage = {.name = "neural memory",
                                               .state_size = sizeof(struct neural_state),
                                               .cache_size = NEURAL_CACHE_BYTES,
                                               .step_size = NEURAL_STEP_BYTES,
                                               .declare = declare,
                                               .flops = flops,
                                               .lay_out = lay_out,
                                               .prepare = prepare,
                                               .forward = forward,
                                               .backward = backward,
                                               .carry = carry,
                                               .lay_out_cache = neural_memory_lay_out_cache,
                                               .lay_out_step = neural_memory_lay_out_step,
                                               .start_cache = neural_memory_start_cache,
                                               .continue_cache = neural_memory_continue_cache,
                                               .step = neural_memory_step};
