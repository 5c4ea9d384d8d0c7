/* A decoder whose core can run in loops, with the tokens, latents and gradients of a group. */
#ifndef TESTS_LOOPS_RIG_H
#define TESTS_LOOPS_RIG_H

#include "support/gradients.h"

#include "model/decoder.h"

enum { SEQUENCES = 2, LENGTH = 13, TOKENS = SEQUENCES * LENGTH, M = 1, DIM = 12 };

/* One layer before the core of two, and one behind it; a latent each, whose position does not depend on how many there are. */
static const struct ltm_model_config shape = {.dim = DIM,
                                              .layers = 4,
                                              .heads = 3,
                                              .kv_heads = 1,
                                              .ffn_multiple = 4,
                                              .sequence = LENGTH + 1,
                                              .window = 5,
                                              .vocab = 19,
                                              .latents = 3 * M,
                                              .latent_from = 1,
                                              .mix_input = 1,
                                              .value_residual = 1,
                                              .prelude = 1,
                                              .coda = 1};

struct setting {
    struct decoder *decoder;
    int32_t tokens[TOKENS];
    int32_t targets[TOKENS];
    float *z;
    float *dz;
    float nll[TOKENS];
    float *gradient;
};

static inline struct setting set_up(const struct ltm_model_config *config) {
    struct setting s = {0};
    assert_int_equal(decoder_create(&s.decoder, config, NULL), LTM_OK);
    const struct weight_table *table = &s.decoder->plan.table;
    float *random = test_normal(table->size, 1, 0.2f);
    for (int i = 0; i < table->count; i++)
        for (size_t j = 0; j < weight_size(&table->weights[i]); j++)
            s.decoder->weights[table->weights[i].offset + j] =
                random[table->weights[i].offset + j] + (table->weights[i].rank == 1 ? 1.0f : 0.0f);
    free(random);
    for (int i = 0; i < TOKENS; i++) {
        s.tokens[i] = (i * 7 + 3) % config->vocab;
        s.targets[i] = (i * 11 + 5) % config->vocab;
    }
    const size_t latents = (size_t)(SEQUENCES * config->latents * DIM);
    s.z = test_normal(latents, 2, 1);
    s.dz = test_zeros(latents);
    s.gradient = test_zeros(table->size);
    return s;
}

static inline void tear_down(struct setting *s) {
    decoder_free(s->decoder);
    free(s->z), free(s->dz), free(s->gradient);
}

static inline void run(struct setting *s) {
    struct decoder_pass *pass;
    assert_int_equal(decoder_pass_create(&pass, s->decoder, SEQUENCES, LENGTH, 1, NULL), LTM_OK);
    decoder_begin(pass, s->tokens, s->targets, SEQUENCES, LENGTH);
    decoder_latent_gradient(pass, s->z, NULL, s->nll, s->dz);
    decoder_weight_gradient(pass, s->z, NULL, s->nll, s->gradient);
    decoder_pass_free(pass);
}

#endif
