/* Where a posterior starts, out of the sequence itself: the stream goes by unchanged, and of the G sequences' embeddings, e their mean,
 *
 *     (μ, ρ) = W2 silu(W1 RMSNorm(e)),   λ = 1 + softplus(ρ - 4),   q(z|x) = N(μ, 1/λ),   n = N_z d numbers each.
 *
 * λ is at least the prior's 1, as in fast/natural. What the pass has begun with is all that it reads: a prompt, a first part, never
 * what is scored behind it. The gradient is that of the bound there, E[-log p(x|z)] + KL, by z = μ + ε/√λ:
 *
 *     dμ = dz + μ,   dlog σ² = ½ (dz ε σ + σ² - 1),   dρ = -dlog σ² sigmoid(ρ - 4)/λ,
 *
 * or, where the fitted posterior N(μ*, σ*²) is what it is to predict, that of KL(q* || q), which stops there:
 *
 *     dμ = λ (μ - μ*),   dlog σ² = ½ (1 - λ (σ*² + (μ - μ*)²)). */
#include <math.h>
#include <string.h>

#include "math/matmul.h"
#include "nn/rmsnorm.h"
#include "stages/model_shape.h"
#include "stages/stage.h"

enum { NORM, W1, W2 };
enum {
    WIDTH = 64,
    SHIFT = 4
}; /* of the hidden layer: W2 has 2 N_z d of them, of every other size of the model the largest */

struct state {
    float *mean; /* (G, d) */
    float *r;    /* (G) */
    float *x;    /* (G, d): RMSNorm(mean) */
    float *a;    /* (G, WIDTH): W1 x */
    float *s;    /* (G, WIDTH): silu(a) */
    float *out;  /* (G, 2 n): μ, ρ */
    float *dout; /* scratch, as out */
    float *da;   /* scratch, as a */
    float *dx;   /* scratch, as x */
    float *dmean;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static int numbers(const struct ltm_model_config *c) { return c->latents * c->dim; }

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    weights_add(table, weight_gain("norm", c->dim), WEIGHT_ALONE);
    weights_add(table, weight_matrix("w1", WIDTH, c->dim, 1 / sqrtf((float)c->dim)), WEIGHT_ALONE);
    weights_add(table, weight_matrix("w2", 2 * numbers(c), WIDTH, WEIGHT_STD), WEIGHT_ALONE);
}

/* Once a sequence. */
static double flops(const struct ltm_model_config *c) {
    return 2.0 * WIDTH * (c->dim + 2.0 * numbers(c)) / c->sequence;
}

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct state *s = state;
    const size_t G = (size_t)shape->sequences;
    const size_t d = (size_t)shape->config->dim;
    const size_t out = 2 * (size_t)numbers(shape->config);
    s->mean = ARENA_TAKE(kept, float, (G * d));
    s->r = ARENA_TAKE(kept, float, G);
    s->x = ARENA_TAKE(kept, float, (G * d));
    s->a = ARENA_TAKE(kept, float, (G * WIDTH));
    s->s = ARENA_TAKE(kept, float, (G * WIDTH));
    s->out = ARENA_TAKE(kept, float, (G * out));
    s->dout = ARENA_TAKE(scratch, float, (G * out));
    s->da = ARENA_TAKE(scratch, float, (G * WIDTH));
    s->dx = ARENA_TAKE(scratch, float, (G * d));
    s->dmean = ARENA_TAKE(scratch, float, (G * d));
}

static float sigmoid(float x) { return 1 / (1 + expf(-x)); }

/* log(1 + e^x) */
static float softplus(float x) { return x > 20 ? x : log1pf(expf(x)); }

static void forward(const struct stage_io *io, const struct stage_weights *w, void *state) {
    const struct state *s = state;
    const int G = io->shape.sequences;
    const int T = io->shape.length;
    const int d = io->shape.config->dim;
    const int n = numbers(io->shape.config);
    memcpy(io->out, io->in, sizeof(float) * shape_floats(&io->shape));
    memset(s->mean, 0, sizeof(float) * (size_t)G * (size_t)d);
    for (int i = 0; i < G * T; i++)
        for (int j = 0; j < d; j++) s->mean[(i / T) * d + j] += io->in[(size_t)i * (size_t)d + (size_t)j] / (float)T;
    rmsnorm_forward(s->x, s->r, s->mean, stage_weight(w, NORM), G, d);
    matmul_nt(s->a, WIDTH, s->x, d, stage_weight(w, W1), d, G, WIDTH, d, 1, 0);
    for (int i = 0; i < G * WIDTH; i++) s->s[i] = s->a[i] * sigmoid(s->a[i]);
    matmul_nt(s->out, 2 * n, s->s, WIDTH, stage_weight(w, W2), WIDTH, G, 2 * n, WIDTH, 1, 0);
    for (int g = 0; g < G; g++)
        for (int i = 0; i < n; i++) {
            const float *out = s->out + (size_t)g * 2 * (size_t)n;
            io->start_mu[g * n + i] = out[i];
            io->start_logvar[g * n + i] = -logf(1 + softplus(out[n + i] - SHIFT));
        }
}

/* dout (G, 2 n) = */
static void start_gradient(float *dout, const struct stage_io *io, const float *out) {
    const struct start_gradient *start = io->start;
    const int n = numbers(io->shape.config);
    for (int g = 0; g < io->shape.sequences; g++, dout += 2 * n, out += 2 * n) {
        const float scale = start->scale[g];
        const float of_dz = start->dz_scaled ? 1 : scale;
        for (int i = 0; i < n; i++) {
            const int at = g * n + i;
            const float dz = of_dz * start->dz[at];
            const float kl = scale * start->kl_weight;
            const float variance = expf(io->start_logvar[at]);
            float dlogvar = 0.5f * (dz * start->noise[at] * sqrtf(variance) + kl * (variance - 1));
            dout[i] = dz + kl * io->start_mu[at];
            if (start->fit_mu) {
                const float off = io->start_mu[at] - start->fit_mu[at];
                dout[i] = scale * off / variance;
                dlogvar = 0.5f * scale * (1 - (expf(start->fit_logvar[at]) + off * off) / variance);
            }
            dout[n + i] = -dlogvar * sigmoid(out[n + i] - SHIFT) * variance;
        }
    }
}

static void backward(const struct stage_io *io, const struct stage_weights *w, void *state, float *dw) {
    const struct state *s = state;
    const int G = io->shape.sequences;
    const int T = io->shape.length;
    const int d = io->shape.config->dim;
    const int n = numbers(io->shape.config);
    if (!io->start || !dw) return;
    start_gradient(s->dout, io, s->out);
    /* dW2 += doutᵀ s,   ds = dout W2,   dW1 += daᵀ x,   dx = da W1 */
    matmul_tn(stage_gradient(w, dw, W2), WIDTH, s->dout, 2 * n, s->s, WIDTH, 2 * n, WIDTH, G, 1, 1);
    matmul_nn(s->da, WIDTH, s->dout, 2 * n, stage_weight(w, W2), WIDTH, G, WIDTH, 2 * n, 1, 0);
    for (int i = 0; i < G * WIDTH; i++) {
        const float gate = sigmoid(s->a[i]);
        s->da[i] *= gate * (1 + s->a[i] * (1 - gate));
    }
    matmul_tn(stage_gradient(w, dw, W1), d, s->da, WIDTH, s->x, d, WIDTH, d, G, 1, 1);
    matmul_nn(s->dx, d, s->da, WIDTH, stage_weight(w, W1), d, G, d, WIDTH, 1, 0);
    memset(s->dmean, 0, sizeof(float) * (size_t)G * (size_t)d);
    rmsnorm_backward(s->dmean, stage_gradient(w, dw, NORM), s->dx, s->mean, s->r, stage_weight(w, NORM), G, d);
    for (int i = 0; i < G * T; i++)
        for (int j = 0; j < d; j++) io->dh[(size_t)i * (size_t)d + (size_t)j] += s->dmean[(i / T) * d + j] / (float)T;
}

/* Token by token z is there already. */
static void step(const struct stage_step *io, const struct stage_weights *w, void *buffers, char *caches) {
    (void)io, (void)w, (void)buffers, (void)caches;
}

const struct stage_kind encoder_stage = {.name = "encoder",
                                         .fits_latents = true,
                                         .state_size = sizeof(struct state),
                                         .declare = declare,
                                         .flops = flops,
                                         .lay_out = lay_out,
                                         .forward = forward,
                                         .backward = backward,
                                         .step = step};
