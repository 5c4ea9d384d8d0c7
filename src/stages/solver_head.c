#include "stages/solver_head.h"

#include <math.h>
#include <string.h>

#include "math/vector.h"

enum { E, W, B }; /* rows */

struct state {
    float *logits; /* (R, V): of cells; the backward pass leaves their gradient here */
    float *mean;   /* (G, d): of y over the cells */
    struct linear_call e;
};

_Static_assert(sizeof(struct state) <= STAGE_STATE_MOST, "union stage_unused holds it");

static void declare(struct weight_table *table, const struct ltm_model_config *c) {
    struct weight e = weight_matrix("output", c->vocab, c->dim, weight_even_std(c->dim));
    struct weight w = weight_gain("halt", c->dim);
    struct weight b = weight_gain("halt_bias", 1);
    e.optimiser = WEIGHT_ELEMENTWISE;
    w.init_value = 0;
    b.init_value = -5;
    weights_add(table, e, WEIGHT_PRODUCT);
    weights_add(table, w, WEIGHT_ALONE);
    weights_add(table, b, WEIGHT_ALONE);
}

static double flops(const struct ltm_model_config *c) { return 2.0 * c->vocab * c->dim; }

static void lay_out(void *state, struct arena *kept, struct arena *scratch, const struct stage_shape *shape) {
    struct state *s = state;
    (void)scratch;
    s->logits = ARENA_TAKE(kept, float, (size_t)shape_rows(shape) * (size_t)shape->config->vocab);
    s->mean = ARENA_TAKE(kept, float, (size_t)(shape->sequences * shape->config->dim));
}

static ltm_status prepare(void *state, const struct stage_weights *w, const struct stage_shape *shape,
                          struct bf16_work *work, bool training, struct ltm_error *error) {
    struct state *s = state;
    return linear_prepare(&s->e, work, &w->products[0], shape_rows(shape), false, training, error);
}

/* -log softmax(logits)[target] of one cell; *best = the likeliest. */
static float cell_nll(const float *logits, int V, int target, int32_t *best) {
    float sum = 0;
    *best = 0;
    for (int v = 1; v < V; v++)
        if (logits[v] > logits[*best]) *best = v;
    for (int v = 0; v < V; v++) sum += vector_exp1(logits[v] - logits[*best]);
    return logf(sum) - (logits[target] - logits[*best]);
}

void solver_head_forward(const struct stage_io *io, const struct stage_weights *w, void *state,
                         const struct solver_answers *answers) {
    const struct state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const int T = io->shape.length;
    const size_t d = (size_t)c->dim;
    linear_forward(&s->e, s->logits, io->in);
    memset(s->mean, 0, sizeof *s->mean * (size_t)io->shape.sequences * d);
    for (int g = 0; g < io->shape.sequences; g++) {
        float *mean = s->mean + (size_t)g * d;
        double nll = 0;
        answers->right[g] = 0;
        for (int i = g * T; i < (g + 1) * T; i++) {
            int32_t best;
            nll += cell_nll(s->logits + (size_t)i * (size_t)c->vocab, c->vocab, io->targets[i], &best);
            answers->right[g] += best == io->targets[i];
            if (answers->cells) answers->cells[i] = best;
            vector_add(mean, io->in + (size_t)i * d, d);
        }
        vector_scale(mean, 1.0f / (float)T, d);
        const float q = vector_dot(stage_weight(w, W), mean, d) + *stage_weight(w, B);
        answers->nll[g] = (float)(nll / T);
        answers->halt[g] = q;
        answers->halting[g] = 0.5f * (fmaxf(q, 0) + log1pf(expf(-fabsf(q))) - (answers->right[g] == T ? q : 0));
    }
}

/* Logits to their gradient, softmax(logits) - [target], times scale. */
static void cell_backward(float *logits, int V, int target, float scale) {
    const float most = vector_max(logits, (size_t)V);
    const float sum = vector_exp_sum(logits, most, (size_t)V);
    vector_scale(logits, scale / sum, (size_t)V);
    logits[target] -= scale;
}

void solver_head_givens(const struct stage_io *io, const struct stage_weights *w, void *state, const float *weights,
                        float *nll, float scale, float *dw) {
    const struct state *s = state;
    const int V = io->shape.config->vocab;
    linear_forward(&s->e, s->logits, io->in);
    for (int i = 0; i < shape_rows(&io->shape); i++) {
        float *logits = s->logits + (size_t)i * (size_t)V;
        int32_t best;
        nll[i] = cell_nll(logits, V, io->targets[i], &best);
        cell_backward(logits, V, io->targets[i], scale * weights[i]);
    }
    linear_backward(&s->e, io->dh, stage_gradient(w, dw, E), s->logits, io->in);
}

void solver_head_backward(const struct stage_io *io, const struct stage_weights *w, void *state,
                          const struct solver_answers *answers, float scale, float *dw) {
    const struct state *s = state;
    const struct ltm_model_config *c = io->shape.config;
    const int T = io->shape.length;
    const size_t d = (size_t)c->dim;
    for (int i = 0; i < shape_rows(&io->shape); i++)
        cell_backward(s->logits + (size_t)i * (size_t)c->vocab, c->vocab, io->targets[i], scale / (float)T);
    linear_backward(&s->e, io->dh, stage_gradient(w, dw, E), s->logits, io->in);
    for (int g = 0; g < io->shape.sequences; g++) {
        const float dq = 0.5f * scale * (vector_sigmoid1(answers->halt[g]) - (answers->right[g] == T ? 1 : 0));
        const float *mean = s->mean + (size_t)g * d;
        const float *halt = stage_weight(w, W);
        float *dhalt = stage_gradient(w, dw, W);
        for (size_t j = 0; j < d; j++) dhalt[j] += dq * mean[j];
        *stage_gradient(w, dw, B) += dq;
        for (int i = g * T; i < (g + 1) * T; i++)
            for (size_t j = 0; j < d; j++) io->dh[(size_t)i * d + j] += dq / (float)T * halt[j];
    }
}

const struct stage_kind solver_head_stage = {.name = "solver head",
                                             .state_size = sizeof(struct state),
                                             .declare = declare,
                                             .flops = flops,
                                             .lay_out = lay_out,
                                             .prepare = prepare};
