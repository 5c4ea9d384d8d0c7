/* A small decoder with weights, tokens and latents, for finite differences of its whole backward pass. */
#ifndef SUPPORT_DECODER_RIG_H
#define SUPPORT_DECODER_RIG_H

#include <math.h>

#include "support/gradients.h"

#include "math/vector.h"
#include "model/decoder.h"

enum { SEQUENCES = 2, LENGTH = 11, TOKENS = SEQUENCES * LENGTH };

static const struct ltm_model_config grouped = {.dim = 24,
                                                .layers = 3,
                                                .heads = 4,
                                                .kv_heads = 2,
                                                .ffn_multiple = 8,
                                                .sequence = 12,
                                                .window = 4,
                                                .vocab = 29,
                                                .latents = 6};

/* Latents that the upper layers alone read. */
static inline struct ltm_model_config upper(int from) {
    struct ltm_model_config c = grouped;
    c.latent_from = from;
    return c;
}

struct setting {
    struct decoder *decoder;
    struct decoder_pass *pass;
    int32_t tokens[TOKENS], targets[TOKENS];
    float *z, nll[TOKENS];
    size_t latents; /* of all sequences */
};

static const uint32_t numbers[SEQUENCES] = {7, 8};

/* Weights far larger than initial ones, so that every path carries a gradient worth checking. */
static inline struct setting set_up(const struct ltm_model_config *config) {
    struct setting s = {0};
    assert_int_equal(decoder_create(&s.decoder, config, NULL), LTM_OK);
    assert_int_equal(decoder_pass_create(&s.pass, s.decoder, SEQUENCES, LENGTH, true, NULL), LTM_OK);
    decoder_drop_out(s.pass, &(struct decoder_dropout){.seed = 3, .step = 5, .sequences = numbers});
    float *random = test_normal(s.decoder->plan.table.size, 1, 0.2f);
    for (int i = 0; i < s.decoder->plan.table.count; i++) {
        const struct weight *w = &s.decoder->plan.table.weights[i];
        for (size_t j = 0; j < (size_t)w->rows * (size_t)w->columns; j++)
            s.decoder->weights[w->offset + j] = random[w->offset + j] + (w->rank == 1 ? 1.0f : 0.0f);
    }
    free(random);
    for (int i = 0; i < TOKENS; i++) {
        s.tokens[i] = (i * 17 + 3) % config->vocab;
        s.targets[i] = (i * 5 + 1) % config->vocab;
    }
    s.latents = (size_t)SEQUENCES * (size_t)config->latents * (size_t)config->dim;
    s.z = test_normal(s.latents, 2, 1);
    return s;
}

static inline void tear_down(struct setting *s) {
    decoder_pass_free(s->pass);
    decoder_free(s->decoder);
    free(s->z);
}

static inline double total_nll(void *user) {
    struct setting *s = user;
    double sum = 0;
    decoder_begin(s->pass, s->tokens, s->targets, SEQUENCES, LENGTH);
    decoder_score(s->pass, s->z, s->nll);
    for (int i = 0; i < TOKENS; i++) sum += s->nll[i];
    return sum;
}

/* A step that moves the loss about as much whatever the size of its gradient: where that is small, the loss must rise above its
 * rounding; where it is large, the loss is curved too (a normed key that is near 0, say). */
static inline float step_of(const struct weight *w, const float *gradient) {
    const double size = sqrt(vector_sum_squares(gradient + w->offset, weight_size(w)));
    return (float)fmin(fmax(3e-3 / size, 3e-4), 2e-2);
}

/* Of all sizes, and every third one 0. */
static inline void fill_weights(float *weights) {
    for (int i = 0; i < TOKENS; i++) weights[i] = i % 3 ? 0.25f * (float)(i % 7) : 0.0f;
}

#endif
