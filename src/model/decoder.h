/* The decoder p(x | z): a Transformer whose layers read a short window of past tokens and, by cross-attention, each its own part
 * of the latents z (DESIGN, section 3; paper, section 2.1).
 *
 * A `decoder` is a plan (model/plan.h) with weights, shared by all threads. A `decoder_pass` is one thread's workspace for a group of
 * sequences of equal length. The fast loop calls decoder_latent_gradient repeatedly for the same tokens: everything
 * before the first stage that reads z is computed once, by decoder_begin; the backward pass stops there too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "ltm/config.h"
#include "model/plan.h"
#include "nn/linear.h"

struct decoder {
    struct plan plan;
    float *weights;          /* (plan.table.size), owned as the rest of the plan and the tables, unless shared */
    float *rope;             /* (T_max, h): rotations of token positions */
    float *latent_rope;      /* (M, h): of latents, floor(T_max / N_z) apart */
    struct linear *products; /* [plan.table.product_count], always its own, with what is packed in them */
    bool in_bf16;            /* products over many rows */
    bool shared;             /* all but the plan and the products is another decoder's */
};

/* The shape must be valid (ltm_config_check) and vocab known; kv_heads may be auto. Weights are zero. */
ltm_status decoder_create(struct decoder **decoder, const struct ltm_model_config *config, struct ltm_error *error);
void decoder_free(struct decoder *decoder);

/* A second decoder like the first over weights of their own, which must outlive it as the first must; in fp32 at first. */
ltm_status decoder_share_over(struct decoder **shared, const struct decoder *decoder, float *weights,
                              struct ltm_error *error);

/* A second decoder over the weights of the first, which must outlive it: for products in another precision, in fp32 at first, and
 * with another number of the core's loops (0: the same), for which it has the weights (ltm_config_check of eval.loops). */
ltm_status decoder_share(struct decoder **shared, const struct decoder *decoder, int loops, struct ltm_error *error);

/* Products over many rows in bf16 from now on, in workspaces made after this. LTM_UNSUPPORTED where the build or the machine
 * has none; fp32 needs no call. Weights must be packed before their first use and whenever they have changed. */
ltm_status decoder_use_bf16(struct decoder *decoder, struct ltm_error *error);
ltm_status decoder_pack(struct decoder *decoder, int threads, struct ltm_error *error);

/* What decoder_use_bf16 allocates, in bytes. */
size_t decoder_packed_bytes(const struct plan *plan);

/* The weights of an application, for stages. */
struct stage_weights decoder_stage_weights(const struct decoder *decoder, int application);

/* LTM_NUMERIC for a non-finite result of the decoder, described by the sentence `what`: names a non-finite
 * weight, if there is one, or else adds the advice. */
ltm_status decoder_fail_nonfinite(const struct decoder *decoder, const char *what, const char *advice,
                                  struct ltm_error *error);

/* Let positions leave loops as `exit` says, in passes and streams that are made from now on. LTM_UNSUPPORTED where latents stream,
 * with model.memory, and in loops of model.order = AABB. */
ltm_status decoder_leave_early(struct decoder *decoder, struct ltm_exit_config exit, struct ltm_error *error);

/* LTM_UNSUPPORTED where latents stream, for what ("ltm probe") fits posteriors. */
ltm_status decoder_expect_fitted(const struct decoder *decoder, const char *what, struct ltm_error *error);

struct decoder_pass;

/* A workspace for up to `sequences` sequences of up to `length` tokens. gradients: 0 if no weight gradients are
 * computed; 1 if a block's gradient may be overwritten once taken; 2 if it may still be read while the next one is
 * computed. */
ltm_status decoder_pass_create(struct decoder_pass **pass, const struct decoder *decoder, int sequences, int length,
                               int gradients, struct ltm_error *error);
void decoder_pass_free(struct decoder_pass *pass);

const struct decoder *decoder_pass_decoder(const struct decoder_pass *pass);

/* The bytes that decoder_pass_create allocates. */
size_t decoder_pass_bytes(const struct plan *plan, int sequences, int length, int gradients, bool in_bf16);

/* Gradients of blocks that such a workspace has room for. */
int decoder_pass_gradients(const struct plan *plan, int gradients);

/* From the next decoder_begin on the passes drop out by model.dropout, until this is called again: the same entries in all passes
 * over a group, by the key's seed and slow step and each sequence's number. NULL, as at first: not at all. Only a workspace that
 * was made for gradients has room for it. */
struct decoder_dropout {
    uint64_t seed;
    uint32_t step;
    const uint32_t *sequences; /* (G), borrowed */
};
void decoder_drop_out(struct decoder_pass *pass, const struct decoder_dropout *dropout);

/* What latent prediction aims at in the next decoder_give_weight_gradient alone; borrowed. */
void decoder_aim(struct decoder_pass *pass, const struct latent_aim *aim);

/* Take G sequences of T tokens, (G, T) each, and compute what does not depend on z. */
void decoder_begin(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int sequences, int length);

/* The same of a piece of each sequence, which begins with its token `position`: nothing is known of what stands before. */
void decoder_begin_at(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int sequences,
                      int length, int position);

/* Where latents stream: take the next `length` tokens of each of the sequences, no more than the call before took. Self-attention sees the keys and
 * values that the last ones left, which get no gradient. Not more than T_max tokens in all. */
void decoder_continue(struct decoder_pass *pass, const int32_t *tokens, const int32_t *targets, int length);

/* From the next decoder_begin on memories (model.memory) stay as a sequence begins with them, or learn again: for scores alone. */
void decoder_rest_memory(struct decoder_pass *pass, bool rests);

/* Run so many of the core's loops, the last, until the next decoder_begin: for a cheaper fit of z, say. 0 = all that the plan runs, which
 * are the most. Only where it is another number is anything computed again. */
void decoder_pass_loops(struct decoder_pass *pass, int loops);

/* Products in bf16 are made for each shape when it is first met: here, beforehand, for a caller that can fail (LTM_MEMORY,
 * LTM_EXTERNAL), or by decoder_begin. If decoder_begin fails to, all results of the group are NaN, and
 * decoder_pass_status then says why. */
ltm_status decoder_prepare(struct decoder_pass *pass, int sequences, int length, struct ltm_error *error);
ltm_status decoder_pass_status(const struct decoder_pass *pass, struct ltm_error *error);

/* For the sequences of decoder_begin and z (G, N_z, d), NULL = all 0; nll (G, T) = -log p(x_t | x_<t, z), nats; NULL = the states
 * alone are made, without the output layer. */
void decoder_score(struct decoder_pass *pass, const float *z, float *nll);

/* Also dz (G, N_z, d) = the gradient of Σ weights ⊙ nll, weights (G, T) those of the tokens; NULL = 1 each. No weight
 * gradient is computed. */
void decoder_latent_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll, float *dz);

/* Also gradient (table.size) += the gradient of Σ weights ⊙ nll with respect to every weight of the decoder; weights (G, T), NULL = 1
 * each. `pass` must have been made for it. */
void decoder_weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                             float *gradient);

/* The taker of a group's gradients, block by block as the backward pass completes them, from the last to the first. */
struct gradient_taker {
    void *user;
    void (*take)(void *user, int block, const float *gradient); /* (the block's size) */
    void (*wait)(void *user, const float *gradient); /* until what was taken may be overwritten; NULL: it may at once */
};

/* Where the posteriors of decoder_begin's sequences start, (G, N_z, d) each; false where the model has no encoder that says so. */
bool decoder_start(const struct decoder_pass *pass, float *mu, float *logvar);

/* The same, given to `taker` in place of a sum. With `start`, which may be NULL, the encoder's weights have their gradient too. */
void decoder_give_weight_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll,
                                  const struct start_gradient *start, const struct gradient_taker *taker);

/* How many loops each position ran in the last decoder_score, (G, T), where plan.exit was set before the pass was made, without
 * gradients; else NULL: all that the plan runs. */
const int *decoder_depths(const struct decoder_pass *pass);

/* Where latents stream: the same of one chunk, with dz. The gradients of weights are added up from the decoder_begin on and given with
 * the sequences' last chunk. */
void decoder_chunk_gradient(struct decoder_pass *pass, const float *z, const float *weights, float *nll, float *dz,
                            const struct gradient_taker *taker, bool last);

/* The states that the last decoder_score put through the output layer, (G T, d): RMSNorm of what leaves the last layer. Valid
 * until the next call with this pass. */
const float *decoder_output(const struct decoder_pass *pass);
