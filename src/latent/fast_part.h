/* Fast steps from parts of the text (fast.text_parts): a sequence is cut into n contiguous parts, and a step takes n times the gradient
 * of one of them in place of that of all. Over the parts this gives the gradient of the whole text: a part is read behind as many
 * tokens as its states depend on, (window - 1) for each layer that runs; these count nothing themselves. */
#pragma once

#include "model/decoder.h"

struct fast_part {
    struct decoder_pass *pass; /* for a part and what is read before it; NULL: steps take the whole text */
    const struct ltm_model_config *model;
    int parts;
    const int32_t *all_tokens, *all_targets; /* (G, T), borrowed */
    int32_t *tokens, *targets;               /* (G, most of a part) */
    float *weights, *nll;
};

/* Allocates nothing if fast->text_parts is 1 or the decoder has no posteriors to fit. The decoder must outlive it. */
ltm_status fast_part_create(struct fast_part *part, const struct decoder *decoder, const struct ltm_fast_config *fast,
                            const int32_t *tokens, const int32_t *targets, int sequences, int length,
                            struct ltm_error *error);
void fast_part_free(struct fast_part *part);
size_t fast_part_bytes(const struct plan *plan, const struct ltm_fast_config *fast, int sequences, int length,
                       bool in_bf16);

/* As decoder_prepare, for the groups of so many sequences. */
ltm_status fast_part_prepare(const struct fast_part *part, int sequences, int length, struct ltm_error *error);

/* As decoder_latent_gradient, by the i-th part; `loops` as for decoder_pass_loops. nll (G, T): n times that of the part, elsewhere 0. */
void fast_part_gradient(const struct fast_part *part, int i, int loops, const float *z, const float *weights,
                        float *nll, float *dz, int sequences, int length);

/* Tokens that a step reads, relative to all; 1 without parts. */
double fast_part_share(const struct ltm_model_config *model, const struct ltm_fast_config *fast);
