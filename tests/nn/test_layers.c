/* Every layer's backward pass against finite differences of its forward pass, over shapes that are multiples of nothing. */
#include <math.h>

#include "support/layer.h"

#include "math/matmul.h"
#include "math/vector.h"
#include "nn/cross_attention.h"
#include "nn/embedding.h"
#include "nn/head_norm.h"
#include "nn/linear.h"
#include "nn/mix.h"
#include "nn/output_loss.h"
#include "nn/relu_squared.h"
#include "nn/rmsnorm.h"
#include "nn/rope.h"
#include "nn/self_attention.h"
#include "nn/swiglu.h"

enum { ROWS = 7, DIM = 13 };

static void rmsnorm(struct layer *l) { rmsnorm_forward(l->out, NULL, l->in[0], l->in[1], ROWS, DIM); }

static void rmsnorm_backward_is_its_gradient(void **state) {
    (void)state;
    enum { N = ROWS * DIM };
    struct layer l = {.in = {test_normal(N, 1, 1), test_normal(DIM, 2, 1)},
                      .out = test_zeros(N),
                      .w = test_normal(N, 3, 1),
                      .count = N,
                      .forward = rmsnorm};
    float r[ROWS];
    float *dx = test_zeros(N);
    float *dgain = test_zeros(DIM);
    rmsnorm_forward(l.out, r, l.in[0], l.in[1], ROWS, DIM);
    rmsnorm_backward(dx, dgain, l.w, l.in[0], r, l.in[1], ROWS, DIM);
    check_gradient("rmsnorm x", l.in[0], dx, N, 1e-2f, layer_loss, &l);
    check_gradient("rmsnorm gain", l.in[1], dgain, DIM, 1e-2f, layer_loss, &l);
    free(l.in[0]), free(l.in[1]), free(l.out), free(l.w), free(dx), free(dgain);
}

static void linear(struct layer *l) {
    const struct linear w = {.weight = l->in[1], .out = 11, .in = DIM};
    struct linear_call call;
    assert_int_equal(linear_prepare(&call, NULL, &w, ROWS, false, true, NULL), LTM_OK);
    linear_forward(&call, l->out, l->in[0]);
}

static void linear_backward_is_its_gradient(void **state) {
    (void)state;
    enum { OUT = 11 };
    struct layer l = {.in = {test_normal(ROWS * DIM, 1, 1), test_normal(OUT * DIM, 2, 1)},
                      .out = test_zeros(ROWS * OUT),
                      .w = test_normal(ROWS * OUT, 3, 1),
                      .count = ROWS * OUT,
                      .forward = linear};
    float *dx = test_zeros(ROWS * DIM);
    float *dw = test_zeros(OUT * DIM);
    const struct linear w = {.weight = l.in[1], .out = OUT, .in = DIM};
    struct linear_call call;
    assert_int_equal(linear_prepare(&call, NULL, &w, ROWS, false, true, NULL), LTM_OK);
    linear_backward(&call, dx, dw, l.w, l.in[0]);
    check_gradient("linear x", l.in[0], dx, ROWS * DIM, 1e-2f, layer_loss, &l);
    check_gradient("linear w", l.in[1], dw, OUT * DIM, 1e-2f, layer_loss, &l);
    free(l.in[0]), free(l.in[1]), free(l.out), free(l.w), free(dx), free(dw);
}

static void swiglu(struct layer *l) { swiglu_forward(l->out, l->in[0], ROWS, DIM); }

static void swiglu_backward_is_its_gradient(void **state) {
    (void)state;
    enum { N = ROWS * DIM };
    struct layer l = {.in = {test_normal(2 * N, 1, 1)},
                      .out = test_zeros(N),
                      .w = test_normal(N, 2, 1),
                      .count = N,
                      .forward = swiglu};
    float *dab = test_zeros(2 * N);
    swiglu_backward(dab, l.w, l.in[0], ROWS, DIM);
    check_gradient("swiglu", l.in[0], dab, 2 * N, 1e-2f, layer_loss, &l);
    /* The decoder takes the gradient in place of its input. */
    swiglu_backward(l.in[0], l.w, l.in[0], ROWS, DIM);
    assert_memory_equal(l.in[0], dab, sizeof(float) * 2 * N);
    free(l.in[0]), free(l.out), free(l.w), free(dab);
}

static void relu_squared(struct layer *l) { relu_squared_forward(l->out, l->in[0], ROWS, DIM); }

static void relu_squared_backward_is_its_gradient(void **state) {
    (void)state;
    enum { N = ROWS * DIM };
    struct layer l = {.in = {test_normal(N, 1, 1)},
                      .out = test_zeros(N),
                      .w = test_normal(N, 2, 1),
                      .count = N,
                      .forward = relu_squared};
    float *da = test_zeros(N);
    relu_squared_backward(da, l.w, l.in[0], ROWS, DIM);
    check_gradient("relu_squared", l.in[0], da, N, 1e-2f, layer_loss, &l);
    relu_squared_backward(l.in[0], l.w, l.in[0], ROWS, DIM);
    assert_memory_equal(l.in[0], da, sizeof(float) * N);
    l.in[0][0] = -3, l.in[0][1] = 3, l.in[0][2] = NAN;
    relu_squared_forward(l.out, l.in[0], 1, 3);
    assert_true(l.out[0] == 0 && l.out[1] == 9 && isnan(l.out[2]));
    free(l.in[0]), free(l.out), free(l.w), free(da);
}

enum { NORM_HEADS = 3, NORM_WIDTH = 5, NORM_LD = NORM_HEADS * NORM_WIDTH + 4 };

static void head_norm(struct layer *l) {
    memcpy(l->out, l->in[0], sizeof(float) * l->count);
    head_norm_forward(l->out, NORM_LD, l->in[1], ROWS, NORM_HEADS, NORM_WIDTH);
}

/* Columns behind the heads pass through. */
static void head_norm_backward_is_its_gradient(void **state) {
    (void)state;
    enum { N = ROWS * NORM_LD };
    struct layer l = {.in = {test_normal(N, 1, 1), test_normal(NORM_HEADS, 2, 1)},
                      .out = test_zeros(N),
                      .w = test_normal(N, 3, 1),
                      .count = N,
                      .forward = head_norm};
    float *dx = test_zeros(N);
    float *ds = test_zeros(NORM_HEADS);
    memcpy(dx, l.w, sizeof(float) * N);
    head_norm_backward(dx, NORM_LD, ds, l.in[0], NORM_LD, l.in[1], ROWS, NORM_HEADS, NORM_WIDTH);
    check_gradient("head_norm", l.in[0], dx, N, 1e-2f, layer_loss, &l);
    check_gradient("head_norm's scale", l.in[1], ds, NORM_HEADS, 1e-2f, layer_loss, &l);
    for (int k = 0; k < NORM_HEADS; k++) {
        double squares = 0;
        head_norm(&l);
        for (int j = 0; j < NORM_WIDTH; j++) squares += pow((double)l.out[k * NORM_WIDTH + j] / l.in[1][k], 2);
        assert_true(fabs(squares / NORM_WIDTH - 1) < 1e-3);
    }
    free(l.in[0]), free(l.in[1]), free(l.out), free(l.w), free(dx), free(ds);
}

enum { MIXED = 39 };

static void mix(struct layer *l) { mix_forward(l->out, l->in[0], l->in[1], *l->in[2], *l->in[3], MIXED); }

static void mix_backward_is_its_gradient(void **state) {
    (void)state;
    struct layer l = {
        .in = {test_normal(MIXED, 1, 1), test_normal(MIXED, 2, 1), test_normal(1, 3, 1), test_normal(1, 4, 1)},
        .out = test_zeros(MIXED),
        .w = test_normal(MIXED, 5, 1),
        .count = MIXED,
        .forward = mix};
    float dx[MIXED];
    float dx0[MIXED] = {0};
    double da = 0;
    double db = 0;
    mix_backward(dx, dx0, &da, &db, l.w, l.in[0], l.in[1], *l.in[2], *l.in[3], MIXED);
    const float numbers[2] = {(float)da, (float)db};
    check_gradient("mix x", l.in[0], dx, MIXED, 1e-2f, layer_loss, &l);
    check_gradient("mix x0", l.in[1], dx0, MIXED, 1e-2f, layer_loss, &l);
    check_gradient("mix a", l.in[2], &numbers[0], 1, 1e-2f, layer_loss, &l);
    check_gradient("mix b", l.in[3], &numbers[1], 1, 1e-2f, layer_loss, &l);
    for (int i = 0; i < 4; i++) free(l.in[i]);
    free(l.out), free(l.w);
}

static void rope_turns_by_position_and_back(void **state) {
    (void)state;
    enum { LENGTH = 5, HEADS = 3, H = 6, LD = HEADS * H + 4 };
    float table[LENGTH * H];
    float *x = test_normal(2 * LENGTH * LD, 1, 1);
    float *y = test_zeros(2 * LENGTH * LD);
    rope_table(table, LENGTH, 3, H);
    memcpy(y, x, sizeof(float) * 2 * LENGTH * LD);
    rope_forward(y, LD, 2 * LENGTH, LENGTH, HEADS, H, table);
    for (int t = 0; t < 2 * LENGTH; t++)
        for (int j = 0; j < HEADS * H; j += 2) {
            double angle = 3.0 * (t % LENGTH) * pow(10000.0, -(double)(j % H) / H);
            const float *a = x + t * LD + j;
            const float *b = y + t * LD + j;
            assert_true(fabs(a[0] * cos(angle) - a[1] * sin(angle) - b[0]) < 1e-5);
            assert_true(fabs(a[0] * sin(angle) + a[1] * cos(angle) - b[1]) < 1e-5);
        }
    rope_backward(y, LD, 2 * LENGTH, LENGTH, HEADS, H, table);
    for (int i = 0; i < 2 * LENGTH * LD; i++) assert_true(fabsf(x[i] - y[i]) < 1e-5f);
    free(x), free(y);
}

/* A plain twin: every pair of positions, in double. */
static void attention_plain(float *o, const float *qkv, const struct attention_shape *s) {
    const int ld = (s->heads + 2 * s->kv_heads) * s->head_dim;
    const int h = s->head_dim;
    const int T = s->length;
    for (int g = 0; g < s->sequences; g++)
        for (int head = 0; head < s->heads; head++)
            for (int t = 0; t < T; t++) {
                const int kv = s->heads + head / (s->heads / s->kv_heads);
                const float *base = qkv + (size_t)g * T * ld;
                const float *q = base + t * ld + head * h;
                double sum = 0;
                double mean[64] = {0};
                const int start = s->starts ? s->starts[g * T + t] : 0;
                for (int u = t - start < s->window ? start : t - s->window + 1; u <= t; u++) {
                    const float *k = base + u * ld + kv * h;
                    const float *v = k + s->kv_heads * h;
                    double dot = 0;
                    for (int i = 0; i < h; i++) dot += (double)q[i] * k[i];
                    dot = exp(dot / sqrt(h));
                    sum += dot;
                    for (int i = 0; i < h; i++) mean[i] += dot * v[i];
                }
                for (int i = 0; i < h; i++)
                    o[((size_t)g * T + t) * s->heads * h + head * h + i] = (float)(mean[i] / sum);
            }
}

static void self_attention(struct layer *l) {
    const struct attention_shape *s = l->shape;
    self_attention_forward(l->out, l->in[1], l->in[0], s, l->in[2]);
}

static void check_self_attention(struct attention_shape s) {
    const size_t rows = (size_t)s.sequences * s.length;
    const size_t in = rows * (s.heads + 2 * s.kv_heads) * s.head_dim;
    const size_t out = rows * s.heads * s.head_dim;
    struct layer l = {.in = {test_normal(in, 1, 1), test_zeros(rows * s.heads), test_zeros(self_attention_scratch(&s))},
                      .out = test_zeros(out),
                      .w = test_normal(out, 2, 1),
                      .count = out,
                      .shape = &s,
                      .forward = self_attention};
    float *plain = test_zeros(out);
    float *dqkv = test_zeros(in);
    self_attention(&l);
    attention_plain(plain, l.in[0], &s);
    /* Outputs are means of numbers of size 1; rounding of the scores moves them by some 1e-6. */
    for (size_t i = 0; i < out; i++) assert_true(fabsf(plain[i] - l.out[i]) < 1e-5f);
    self_attention_backward(dqkv, l.w, l.in[0], l.out, l.in[1], &s, l.in[2]);
    check_gradient("self-attention", l.in[0], dqkv, in, 1e-2f, layer_loss, &l);
    for (int i = 0; i < 3; i++) free(l.in[i]);
    free(l.out), free(l.w), free(plain), free(dqkv);
}

static struct attention_shape shape_of(int sequences, int length, int heads, int kv_heads, int head_dim, int window,
                                       const int32_t *starts) {
    return (struct attention_shape){.sequences = sequences,
                                    .length = length,
                                    .heads = heads,
                                    .kv_heads = kv_heads,
                                    .head_dim = head_dim,
                                    .window = window,
                                    .starts = starts};
}

static void self_attention_is_the_plain_one_and_differentiates(void **state) {
    (void)state;
    check_self_attention(shape_of(2, 9, 3, 3, 4, 9, NULL));
    check_self_attention(shape_of(1, 150, 2, 1, 6, 37, NULL)); /* several blocks, window across them */
    check_self_attention(shape_of(2, 131, 4, 2, 2, 1, NULL));  /* itself alone */
    check_self_attention(shape_of(1, 65, 1, 1, 8, 64, NULL));
    check_self_attention(shape_of(3, 1, 2, 2, 4, 5, NULL)); /* one token */
}

/* Documents that begin anywhere, some of one token, in blocks and across them. */
static void self_attention_sees_its_own_document_alone(void **state) {
    (void)state;
    enum { SEQUENCES = 2, T = 150 };
    int32_t starts[SEQUENCES * T];
    for (int i = 0; i < SEQUENCES * T; i++) {
        const int t = i % T;
        const bool begins = t == 0 || i % 97 == 60 || i % 97 == 61 || i % 31 == 7;
        starts[i] = begins ? t : starts[i - 1];
    }
    check_self_attention(shape_of(SEQUENCES, T, 2, 1, 6, 37, starts));
    check_self_attention(shape_of(SEQUENCES, T, 2, 2, 4, T, starts));
}

struct cross_case {
    struct cross_shape s;
    float *table, *kv, *u, *p;
};

static void cross_attention(struct layer *l) {
    const struct cross_case *c = l->shape;
    memset(l->out, 0, l->count * sizeof(float));
    cross_attention_latents(c->kv, cross_attention_folds(&c->s) ? c->u : NULL, l->in[1], l->in[2], l->in[3], c->table,
                            &c->s);
    cross_attention_forward(l->out, c->p, l->in[0], c->kv, c->u, l->in[3], &c->s);
}

/* Unfolded and in double: softmax(q kᵀ / sqrt(h)) v Woᵀ. */
static void cross_plain(float *y, const float *q, const float *kv, const float *wo, const struct cross_shape *s) {
    const int H = s->heads;
    const int h = s->head_dim;
    const int K = s->kv_heads;
    const int ldkv = 2 * K * h;
    for (int g = 0; g < s->sequences; g++)
        for (int t = 0; t < s->length; t++)
            for (int head = 0; head < H; head++) {
                const float *qt = q + ((size_t)g * s->length + t) * H * h + head * h;
                double sum = 0;
                double o[64] = {0};
                for (int j = 0; j < s->latents; j++) {
                    const float *k = kv + ((size_t)g * s->latents + j) * ldkv + head / (H / K) * h;
                    const float *v = k + K * h;
                    double dot = 0;
                    for (int i = 0; i < h; i++) dot += (double)qt[i] * k[i];
                    dot = exp(dot / sqrt(h));
                    sum += dot;
                    for (int i = 0; i < h; i++) o[i] += dot * v[i];
                }
                for (int i = 0; i < s->dim; i++)
                    for (int e = 0; e < h; e++)
                        y[((size_t)g * s->length + t) * s->dim + i] +=
                            (float)(o[e] / sum * wo[(size_t)i * H * h + head * h + e]);
            }
}

static void check_cross_attention(struct cross_shape s) {
    const size_t rows = (size_t)s.sequences * s.length;
    const size_t lat = (size_t)s.sequences * s.latents;
    const size_t qn = rows * s.heads * s.head_dim;
    const size_t kvw = 2 * (size_t)s.kv_heads * s.head_dim;
    const size_t yn = rows * s.dim;
    const size_t un = cross_attention_u(&s);
    const size_t pn = rows * s.heads * s.latents;
    struct cross_case c = {s, test_zeros((size_t)s.latents * s.head_dim), test_zeros(lat * kvw), test_zeros(un),
                           test_zeros(pn)};
    rope_table(c.table, s.latents, 2, s.head_dim);
    struct layer l = {.in = {test_normal(qn, 1, 1), test_normal(lat * s.dim, 2, 1), test_normal(kvw * s.dim, 3, 0.3f),
                             test_normal((size_t)s.dim * s.heads * s.head_dim, 4, 0.3f)},
                      .out = test_zeros(yn),
                      .w = test_normal(yn, 5, 1),
                      .count = yn,
                      .shape = &c,
                      .forward = cross_attention};
    float *dq = test_zeros(qn);
    float *dkv = test_zeros(lat * kvw);
    float *du = test_zeros(un);
    float *dp = test_zeros(pn);
    float *dwo = test_zeros((size_t)s.dim * s.heads * s.head_dim);
    float *dwkv = test_zeros(kvw * s.dim);
    float *dz = test_zeros(lat * s.dim);
    float *plain = test_zeros(yn);
    cross_attention(&l);
    cross_plain(plain, l.in[0], c.kv, l.in[3], &s);
    for (size_t i = 0; i < yn; i++) assert_true(fabsf(plain[i] - l.out[i]) < 1e-4f);
    cross_attention_backward(dq, dkv, du, dwo, dp, l.w, c.p, l.in[0], c.kv, c.u, l.in[3], c.table, &s);
    cross_attention_latents_backward(dz, dwkv, dkv, l.in[1], l.in[2], &s);
    check_gradient("cross-attention q", l.in[0], dq, qn, 1e-2f, layer_loss, &l);
    check_gradient("cross-attention z", l.in[1], dz, lat * s.dim, 5e-3f, layer_loss, &l);
    check_gradient("cross-attention wkv", l.in[2], dwkv, kvw * s.dim, 2e-3f, layer_loss, &l);
    check_gradient("cross-attention wo", l.in[3], dwo, (size_t)s.dim * s.heads * s.head_dim, 1e-2f, layer_loss, &l);
    /* The fast loop leaves out what it does not need: the rest is the same. */
    float *dkv_alone = test_zeros(lat * kvw);
    cross_attention(&l); /* the differences left the states of moved inputs */
    cross_attention_backward(NULL, dkv_alone, du, NULL, dp, l.w, c.p, l.in[0], c.kv, c.u, l.in[3], c.table, &s);
    assert_memory_equal(dkv, dkv_alone, sizeof(float) * lat * kvw);
    for (int i = 0; i < 4; i++) free(l.in[i]);
    free(l.out), free(l.w), free(dq), free(dkv), free(du), free(dp), free(dwo), free(dwkv), free(dz), free(plain);
    free(c.table), free(c.kv), free(c.u), free(c.p), free(dkv_alone);
}

static void cross_attention_is_the_plain_one_and_differentiates(void **state) {
    (void)state;
    check_cross_attention((struct cross_shape){2, 7, 3, 3, 3, 4, 12});
    check_cross_attention((struct cross_shape){1, 19, 5, 6, 2, 2, 12});
    check_cross_attention((struct cross_shape){3, 1, 1, 2, 1, 6, 12});
    check_cross_attention((struct cross_shape){2, 7, 11, 3, 3, 4, 12}); /* too many latents for folding to pay */
    check_cross_attention((struct cross_shape){3, 5, 13, 6, 2, 2, 12});
    assert_true(cross_attention_folds(&(struct cross_shape){1, 1, 3, 3, 3, 4, 12}));
    assert_false(cross_attention_folds(&(struct cross_shape){1, 1, 11, 3, 3, 4, 12}));
}

struct output_case {
    int rows, dim, vocab;
    float cap;
    const int32_t *targets;
};

static void output(struct layer *l) {
    const struct output_case *c = l->shape;
    const struct linear e = {.weight = l->in[1], .out = c->vocab, .in = c->dim};
    struct output_calls calls;
    assert_int_equal(output_loss_prepare(&calls, NULL, &e, c->rows, false, NULL), LTM_OK);
    output_loss(&calls, l->out, NULL, NULL, l->in[0], c->targets, NULL, c->rows, c->cap, l->in[2]);
}

static void check_output_loss(int rows, int dim, int vocab, float cap) {
    int32_t *targets = malloc(sizeof *targets * (size_t)rows);
    for (int i = 0; i < rows; i++) targets[i] = (i * 31 + 5) % vocab;
    struct output_case c = {rows, dim, vocab, cap, targets};
    const size_t xn = (size_t)rows * dim;
    const size_t en = (size_t)vocab * dim;
    struct layer l = {
        .in = {test_normal(xn, 1, 1), test_normal(en, 2, 0.5f), test_zeros(output_loss_scratch(vocab, rows))},
        .out = test_zeros(rows),
        .w = test_zeros(rows),
        .count = (size_t)rows,
        .shape = &c,
        .forward = output};
    for (int i = 0; i < rows; i++) l.w[i] = i % 3 ? 0.5f : i % 2 ? -2.0f : 0.0f;
    float *dx = test_zeros(xn);
    float *de = test_zeros(en);
    float *nll = test_zeros(rows);
    const struct linear e = {.weight = l.in[1], .out = vocab, .in = dim};
    struct output_calls calls;
    assert_int_equal(output_loss_prepare(&calls, NULL, &e, rows, true, NULL), LTM_OK);
    output_loss(&calls, nll, dx, de, l.in[0], targets, l.w, rows, cap, l.in[2]);
    output(&l);
    for (int i = 0; i < rows; i++) { /* -log softmax in double */
        double sum = 0;
        double hit = 0;
        for (int v = 0; v < vocab; v++) {
            double dot = 0;
            for (int j = 0; j < dim; j++) dot += (double)l.in[0][i * dim + j] * l.in[1][v * dim + j];
            if (cap != 0) dot = (double)cap * tanh(dot / (double)cap);
            sum += exp(dot);
            if (v == targets[i]) hit = dot;
        }
        assert_true(fabs(log(sum) - hit - nll[i]) < 1e-5);
        assert_true(nll[i] == l.out[i]);
    }
    check_gradient("output x", l.in[0], dx, xn, 1e-2f, layer_loss, &l);
    check_gradient("output e", l.in[1], de, en, 5e-3f, layer_loss, &l);
    for (int i = 0; i < 3; i++) free(l.in[i]);
    free(l.out), free(l.w), free(dx), free(de), free(nll), free(targets);
}

static void output_loss_is_the_cross_entropy_and_differentiates(void **state) {
    (void)state;
    const float caps[] = {0, 1.5f, 30};
    for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
        check_output_loss(5, 7, 23, caps[i]);
        check_output_loss(1100, 3, 11, caps[i]); /* more than one block of rows */
    }
}

/* tanh comes of a sigmoid, so its error is that of numbers near 1, whatever its size: 2^-23, and e^x is off by 1e-7. */
static void softcap_is_c_tanh_of_the_cth_and_differentiates(void **state) {
    (void)state;
    enum { HALF = 2000, N = 2 * HALF + 1 };
    const float caps[] = {0.5f, 15, 100};
    float x[N];
    float alone[N];
    float slope[N];
    for (size_t k = 0; k < sizeof caps / sizeof *caps; k++) {
        const double c = (double)caps[k];
        for (int i = 0; i < N; i++) x[i] = alone[i] = caps[k] * 5e-3f * (float)(i - HALF);
        x[0] = alone[0] = -INFINITY;
        vector_softcap(x, slope, caps[k], N);
        for (int i = 0; i < N; i++) {
            const double t = i ? tanh((double)alone[i] / c) : -1;
            assert_true(fabs((double)x[i] - c * t) < 3e-7 * c);
            assert_true(fabs((double)slope[i] - (1 - t * t)) < 6e-7);
        }
        vector_softcap(alone, NULL, caps[k], N);
        assert_memory_equal(alone, x, sizeof x);
    }
    x[0] = NAN;
    vector_softcap(x, NULL, 1, 1);
    assert_true(isnan(x[0]));
}

static void embedding_backward_adds_rows_of_the_same_token(void **state) {
    (void)state;
    const int32_t tokens[4] = {2, 0, 2, 1};
    float e[3 * 2] = {1, 2, 3, 4, 5, 6};
    float x[8];
    float de[6] = {0};
    embedding_forward(x, e, tokens, 4, 2);
    assert_true(x[0] == 5 && x[1] == 6 && x[2] == 1 && x[6] == 3);
    embedding_backward(de, x, tokens, 4, 2);
    assert_true(de[4] == 10 && de[5] == 12 && de[0] == 1 && de[2] == 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rmsnorm_backward_is_its_gradient),
        cmocka_unit_test(linear_backward_is_its_gradient),
        cmocka_unit_test(swiglu_backward_is_its_gradient),
        cmocka_unit_test(relu_squared_backward_is_its_gradient),
        cmocka_unit_test(head_norm_backward_is_its_gradient),
        cmocka_unit_test(mix_backward_is_its_gradient),
        cmocka_unit_test(rope_turns_by_position_and_back),
        cmocka_unit_test(self_attention_is_the_plain_one_and_differentiates),
        cmocka_unit_test(self_attention_sees_its_own_document_alone),
        cmocka_unit_test(cross_attention_is_the_plain_one_and_differentiates),
        cmocka_unit_test(output_loss_is_the_cross_entropy_and_differentiates),
        cmocka_unit_test(softcap_is_c_tanh_of_the_cth_and_differentiates),
        cmocka_unit_test(embedding_backward_adds_rows_of_the_same_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
